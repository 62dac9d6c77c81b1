/* From the MessageBus section, whose details are texts, to a connection of the bus. */
#include <stddef.h>
#include <string.h>

#include "edge/log.h"
#include "edge/mqtt.h"
#include "edge/text.h"
#include "instance.h"

const char *const EDGE_AUTH_MODES[] = {"none", "usernamepassword", "clientcert", "cacert", NULL};

static bool given(const char *text)
{
    return text && *text;
}

/* Texts that their rows have checked. */
static int number(const char *text)
{
    int64_t value = 0;
    (void)(given(text) && edge_int_parse(text, &value));
    return (int)value;
}

static bool truth(const char *text)
{
    bool value = false;
    return given(text) && edge_bool_parse(text, &value) && value;
}

/* What each AuthMode takes from its secret, under official keys. */
static const struct {
    const char *mode, *key;
    size_t member; /* of struct edge_bus_config */
    bool must, pem;
} CREDENTIALS[] = {
    {"usernamepassword", "username",   offsetof(struct edge_bus_config, username), true,  false},
    {"usernamepassword", "password",   offsetof(struct edge_bus_config, password), false, false},
    {"usernamepassword", "cacert",     offsetof(struct edge_bus_config, ca),       false, true },
    {"clientcert",       "clientcert", offsetof(struct edge_bus_config, cert),     true,  true },
    {"clientcert",       "clientkey",  offsetof(struct edge_bus_config, key),      true,  true },
    {"clientcert",       "cacert",     offsetof(struct edge_bus_config, ca),       false, true },
    {"cacert",           "cacert",     offsetof(struct edge_bus_config, ca),       true,  true },
};

enum edge_status edge_broker_credentials(struct edge_ctx *ctx, struct edge_arena *a,
                                         const struct edge_broker_secret *from,
                                         struct edge_bus_config *c)
{
    for (size_t i = 0; i < sizeof(CREDENTIALS) / sizeof(CREDENTIALS[0]); i++) {
        const char **at = (const char **)(void *)((char *)c + CREDENTIALS[i].member);
        const char *key = CREDENTIALS[i].key;
        if (strcmp(CREDENTIALS[i].mode, from->auth_mode) != 0 || *at) {
            continue;
        }
        const char *value = secret_find(from->writable, from->metrics, from->secret_name, key);
        if (given(value) && CREDENTIALS[i].pem && !strstr(value, "-----BEGIN ")) {
            return edge_fail(ctx, EDGE_INVALID, "%s.AuthMode %s: %s of secret '%s' is no PEM",
                             from->section, from->auth_mode, key, from->secret_name);
        }
        if (!given(value) && CREDENTIALS[i].must) {
            return edge_fail(ctx, EDGE_INVALID,
                             "%s.AuthMode %s: no secret '%s' with %s in Writable.InsecureSecrets",
                             from->section, from->auth_mode, from->secret_name, key);
        }
        *at = given(value) ? edge_strdup(a, value) : NULL;
    }
    bool tls = false;
    if (strstr(from->auth_mode, "cert") && edge_mqtt_protocol(c->protocol, &tls) && !tls) {
        edge_log_warn(ctx, "no certificate is used, the protocol is not ssl, tls or mqtts",
                      "section", from->section, "protocol", c->protocol, NULL);
    }
    return EDGE_OK;
}

enum edge_status bus_options(struct edge_ctx *ctx, struct edge_arena *a,
                             const struct edge_base_config *base,
                             const struct edge_writable *writable, struct edge_metrics *metrics,
                             struct edge_bus_config *ret)
{
    const struct edge_bus_info *bus = &base->message_bus;
    const struct edge_bus_optional *o = &bus->optional;
    struct edge_bus_config c = {
        .type = bus->disabled ? "memory" : bus->type,
        .protocol = bus->protocol,
        .host = bus->host,
        .port = (uint16_t)bus->port,
        .client_id = o->client_id,
        .username = given(o->username) ? o->username : NULL,
        .password = given(o->password) ? o->password : NULL,
        .ca = given(o->ca_file) ? o->ca_file : NULL,
        .cert = given(o->cert_file) ? o->cert_file : NULL,
        .key = given(o->key_file) ? o->key_file : NULL,
        .metrics = metrics,
        .qos = number(o->qos),
        .event_qos = number(o->event_qos),
        .keep_alive_s = number(o->keep_alive),
        .connect_timeout_s = number(o->connect_timeout),
        .retained = truth(o->retained),
        .skip_cert_verify = truth(o->skip_cert_verify),
    };
    const struct edge_broker_secret secret = {
        .section = "MessageBus",
        .auth_mode = bus->auth_mode,
        .secret_name = bus->secret_name,
        .writable = writable,
        .metrics = metrics,
    };
    EDGE_TRY(edge_broker_credentials(ctx, a, &secret, &c));
    *ret = c;
    return EDGE_OK;
}
