/* From the MessageBus section, whose details are texts, to a connection of the bus. */
#include <string.h>

#include "edge/text.h"
#include "instance.h"

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

/* Credentials: from the secret for usernamepassword; certificates are files. */
static enum edge_status credentials(struct edge_ctx *ctx, const struct edge_bus_info *bus,
                                    const struct edge_writable *writable, struct edge_bus_config *c)
{
    const struct edge_bus_optional *o = &bus->optional;
    c->username = given(o->username) ? o->username : NULL;
    c->password = given(o->password) ? o->password : NULL;
    if (strcmp(bus->auth_mode, "usernamepassword") == 0) {
        if (!c->username) {
            c->username = secret_find(writable, c->metrics, bus->secret_name, "username");
        }
        if (!c->password) {
            c->password = secret_find(writable, c->metrics, bus->secret_name, "password");
        }
        return c->username ? EDGE_OK
                           : edge_fail(ctx, EDGE_INVALID,
                                       "MessageBus.AuthMode usernamepassword: no secret '%s' with "
                                       "a username in Writable.InsecureSecrets",
                                       bus->secret_name);
    }
    if (strcmp(bus->auth_mode, "clientcert") == 0 && !(c->cert && c->key)) {
        return edge_fail(ctx, EDGE_INVALID,
                         "MessageBus.AuthMode clientcert: needs MessageBus.Optional.CertFile and "
                         "KeyFile");
    }
    if (strcmp(bus->auth_mode, "cacert") == 0 && !c->ca) {
        return edge_fail(ctx, EDGE_INVALID,
                         "MessageBus.AuthMode cacert: needs MessageBus.Optional.CaFile");
    }
    return EDGE_OK;
}

enum edge_status bus_options(struct edge_ctx *ctx, const struct edge_base_config *base,
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
    EDGE_TRY(credentials(ctx, bus, writable, &c));
    *ret = c;
    return EDGE_OK;
}
