/* The tables and the life cycle. */
#include "device_mqtt.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "codec/mqtt_path.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_value.h"
#include "mqtt_driver.h"

static const char *const auth_modes[] = {"none", "usernamepassword", "clientcert", "cacert", NULL};
static const char *const versions[] = {"3.1.1", "5", NULL};

/* clang-format off */
#define F(m, name, kind, ...) DEVSDK_FIELD(struct mqtt_config, m, name, kind, __VA_ARGS__)
static const devsdk_field config[] = {
    F(where.schema, "Schema", DEVSDK_STRING, .def = "tcp", .help = "tcp or mqtt; ssl, tls or mqtts"),
    F(where.host, "Host", DEVSDK_STRING, .def = "localhost", .help = "the broker's"),
    F(where.port, "Port", DEVSDK_U16, .def = "1883", .min = 1, .max = 65535),
    F(where.qos, "Qos", DEVSDK_I8, .def = "0", .max = 2, .help = "of subscriptions and commands"),
    F(where.keep_alive_s, "KeepAlive", DEVSDK_U16, .def = "3600", .unit = "s", .min = 1, .max = 65535),
    F(where.client_id, "ClientId", DEVSDK_STRING, .def = "device-mqtt"),
    F(credentials_retry_s, "CredentialsRetryTime", DEVSDK_U32, .def = "120", .unit = "s", .help = "taken; credentials are waited for as long as it takes"),
    F(credentials_wait_s, "CredentialsRetryWait", DEVSDK_U32, .def = "1", .unit = "s", .help = "taken; they are noticed when they come"),
    F(connect_retries, "ConnEstablishingRetry", DEVSDK_U32, .def = "10", .help = "taken; the broker is tried as long as it takes"),
    F(retry_s, "ConnRetryWaitTime", DEVSDK_U32, .def = "5", .unit = "s", .max = 86400, .help = "longest pause between attempts"),
    F(where.auth, "AuthMode", DEVSDK_U8, .def = "none", .one_of = auth_modes),
    F(where.credentials, "CredentialsName", DEVSDK_STRING, .def = "credentials", .help = "secret with username, password, cacert, clientcert, clientkey"),
    F(where.incoming, "IncomingTopic", DEVSDK_STRING, .def = "incoming/data/#", .help = "readings; empty: none"),
    F(where.response, "ResponseTopic", DEVSDK_STRING, .def = "command/response/#", .help = "answers"),
    F(fetch_interval_ms, "Writable.ResponseFetchInterval", DEVSDK_U32, .def = "500", .unit = "ms", .min = 1, .max = 600000, .help = "an answer is waited for five times as long"),
    F(where.version, "Version", DEVSDK_U8, .def = "3.1.1", .one_of = versions),
    F(where.ca, "CaCert", DEVSDK_STRING, .help = "file; else the secret's cacert, else whom the system trusts"),
    F(where.cert, "ClientCert", DEVSDK_STRING, .help = "file; else the secret's clientcert"),
    F(where.key, "ClientKey", DEVSDK_STRING, .help = "file; else the secret's clientkey"),
    F(where.skip_verify, "SkipCertVerify", DEVSDK_BOOL, .def = "false"),
    F(listen_s, "DiscoveryListen", DEVSDK_U32, .def = "5s", .unit = "s", .max = 3600, .help = "a discovery waits so long for unknown devices to be heard"),
    {0},
};
#undef F

#define F(m, name, kind, ...) DEVSDK_FIELD(struct mqtt_address, m, name, kind, __VA_ARGS__)
static const devsdk_field address[] = {
    F(command_topic, "CommandTopic", DEVSDK_STRING, .help = "commands go to <CommandTopic>/<resource>/get|set/<uuid>"),
    F(read_topic, "ReadTopic", DEVSDK_STRING, .help = "what the device publishes by itself; {device}, {resource}, + and # may be in it"),
    F(max_age_ms, "MaxAge", DEVSDK_U32, .def = "0", .unit = "ms", .help = "older values of ReadTopic are not read; 0: any age will do"),
    F(where.host, "Host", DEVSDK_STRING, .help = "a broker of its own; without it that of the configuration, and none of the following"),
    F(where.schema, "Schema", DEVSDK_STRING, .help = "tcp"),
    F(where.port, "Port", DEVSDK_U16, .help = "1883, 8883 with TLS"),
    F(where.client_id, "ClientId", DEVSDK_STRING, .help = "the configured one and a number of the broker"),
    F(where.keep_alive_s, "KeepAlive", DEVSDK_U16, .def = "60", .unit = "s", .min = 1, .max = 65535),
    F(where.auth, "AuthMode", DEVSDK_U8, .def = "none", .one_of = auth_modes),
    F(where.credentials, "CredentialsName", DEVSDK_STRING, .help = "the configured one"),
    F(where.version, "Version", DEVSDK_U8, .def = "3.1.1", .one_of = versions),
    F(where.ca, "CaCert", DEVSDK_STRING, .help = "file"),
    F(where.cert, "ClientCert", DEVSDK_STRING, .help = "file"),
    F(where.key, "ClientKey", DEVSDK_STRING, .help = "file"),
    F(where.skip_verify, "SkipCertVerify", DEVSDK_BOOL, .def = "false"),
    F(where.incoming, "IncomingTopic", DEVSDK_STRING, .help = "the configured one"),
    F(where.response, "ResponseTopic", DEVSDK_STRING, .help = "the configured one"),
    F(where.qos, "Qos", DEVSDK_I8, .def = "-1", .min = -1, .max = 2, .help = "of its commands, and of its broker's subscriptions; -1: the configured one"),
    {0},
};
#undef F

#define F(m, name, kind, ...) DEVSDK_FIELD(struct mqtt_attribute, m, name, kind, __VA_ARGS__)
static const devsdk_field attributes[] = {
    F(read_topic, "ReadTopic", DEVSDK_STRING, .help = "instead of the device's; {device}, {resource}, + and # may be in it"),
    F(json_path, "JsonPath", DEVSDK_STRING, .help = "where in the payload: $.a.b[0]; without it the whole, or its member of the resource's name"),
    F(write_topic, "WriteTopic", DEVSDK_STRING, .help = "written there, without an answer; {device}, {resource}"),
    F(write_payload, "WritePayload", DEVSDK_STRING, .help = "with {value} (JSON), {text}, {resource}, {device}; without it {text}"),
    F(retain, "Retain", DEVSDK_BOOL, .def = "false", .help = "of what is written to WriteTopic"),
    F(qos, "Qos", DEVSDK_I8, .def = "-1", .min = -1, .max = 2, .help = "of commands and writes; -1: the device's"),
    {0},
};
#undef F
/* clang-format on */

/* ---- what tables cannot say -------------------------------------------------------------------------------- */

static bool given(const char *text)
{
    return text && *text;
}

static devsdk_result refuse(char *why, size_t size, const char *key, const char *text,
                            const char *fault)
{
    snprintf(why, size, "%s: '%s' %s", key, text, fault);
    return DEVSDK_INVALID;
}

static devsdk_result check_attr(const devsdk_point *p, void *attr, char *why, size_t size)
{
    (void)p;
    const struct mqtt_attribute *a = attr;
    const char *fault = NULL;
    if (given(a->read_topic) && (fault = mqtt_topic_form_fault(a->read_topic, true)) != NULL) {
        return refuse(why, size, "ReadTopic", a->read_topic, fault);
    }
    if (given(a->json_path) && (fault = mqtt_path_fault(a->json_path)) != NULL) {
        return refuse(why, size, "JsonPath", a->json_path, fault);
    }
    if (given(a->write_topic) && (fault = mqtt_topic_form_fault(a->write_topic, false)) != NULL) {
        return refuse(why, size, "WriteTopic", a->write_topic, fault);
    }
    if (given(a->write_payload) && (fault = mqtt_form_fault(a->write_payload)) != NULL) {
        return refuse(why, size, "WritePayload", a->write_payload, fault);
    }
    if (!given(a->write_topic) && (given(a->write_payload) || a->retain)) {
        snprintf(why, size, "%s: needs a WriteTopic", a->retain ? "Retain" : "WritePayload");
        return DEVSDK_INVALID;
    }
    return DEVSDK_OK;
}

static const char *schema_fault(const char *schema)
{
    static const char *const known[] = {"tcp", "mqtt", "ssl", "tls", "mqtts"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(schema, known[i]) == 0) {
            return NULL;
        }
    }
    return "is none of tcp, mqtt, ssl, tls, mqtts";
}

static devsdk_result check_where(const struct mqtt_where *w, char *why, size_t size)
{
    const char *fault;
    if (given(w->schema) && (fault = schema_fault(w->schema)) != NULL) {
        return refuse(why, size, "Schema", w->schema, fault);
    }
    if (given(w->incoming) && (fault = mqtt_filter_fault(w->incoming)) != NULL) {
        return refuse(why, size, "IncomingTopic", w->incoming, fault);
    }
    if (given(w->response) && (fault = mqtt_filter_fault(w->response)) != NULL) {
        return refuse(why, size, "ResponseTopic", w->response, fault);
    }
    return DEVSDK_OK;
}

static devsdk_result check_addr(const char *protocol, void *addr, char *why, size_t size)
{
    (void)protocol;
    const struct mqtt_address *a = addr;
    const char *fault;
    if (given(a->command_topic) && (fault = mqtt_topic_fault(a->command_topic)) != NULL) {
        return refuse(why, size, "CommandTopic", a->command_topic, fault);
    }
    if (given(a->read_topic) && (fault = mqtt_topic_form_fault(a->read_topic, true)) != NULL) {
        return refuse(why, size, "ReadTopic", a->read_topic, fault);
    }
    const struct mqtt_where *w = &a->where;
    bool own = w->port || given(w->schema) || given(w->client_id) || given(w->credentials) ||
               w->auth != MQTT_AUTH_NONE || given(w->incoming) || given(w->response);
    if (!given(w->host) && own) {
        snprintf(why, size, "Host: is missing, but there is a key of a broker of its own");
        return DEVSDK_INVALID;
    }
    return check_where(w, why, size);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static devsdk_result start(devsdk_service *svc)
{
    struct mqtt_service *s = devsdk_service_data(svc);
    const struct mqtt_config *c = devsdk_config(svc);
    char why[256];
    s->svc = svc;
    pthread_mutex_init(&s->lock, NULL);
    if (check_where(&c->where, why, sizeof(why)) != DEVSDK_OK) {
        devsdk_log(svc, DEVSDK_ERROR, "MQTTBrokerInfo: %s", why);
        return DEVSDK_INVALID;
    }
    return DEVSDK_OK;
}

static void stop(devsdk_service *svc)
{
    struct mqtt_service *s = devsdk_service_data(svc);
    dmqtt_brokers_close(s);
    pthread_mutex_destroy(&s->lock);
}

static devsdk_result added(devsdk_device *dev)
{
    struct mqtt_device *d = devsdk_data(dev);
    char why[256];
    struct mqtt_broker *b =
        dmqtt_broker_of(devsdk_service_data(devsdk_of(dev)), devsdk_addr(dev), why, sizeof(why));
    if (!b) {
        devsdk_log(devsdk_of(dev), DEVSDK_ERROR, "%s: %s", devsdk_name(dev), why);
        return DEVSDK_INVALID;
    }
    {
        MQTT_LOCK(&b->lock); /* its messages may come already */
        d->broker = b;
    }
    dmqtt_listen_update(dev);
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    struct mqtt_device *d = devsdk_data(dev);
    if (!d->broker) { /* added() has failed */
        return;
    }
    dmqtt_listen_end(dev);
    dmqtt_broker_put(d->broker);
}

/* What came last may have come from another place of the payload. */
static void updated(devsdk_device *dev)
{
    dmqtt_listen_update(dev);
    dmqtt_forget_last(dev);
}

static void secrets_changed(devsdk_service *svc)
{
    dmqtt_brokers_log_in(devsdk_service_data(svc));
}

/* ---- devices nobody knows, heard on the incoming topic ------------------------------------------------------------ */

static void report(const char *key, void *value, void *arg)
{
    (void)value;
    static const char prefix[] = "device ";
    devsdk_scan *scan = arg;
    if (strncmp(key, prefix, sizeof(prefix) - 1) == 0) {
        devsdk_report(scan, &(devsdk_found){.name = key + sizeof(prefix) - 1,
                                            .protocol = "mqtt",
                                            .description = "heard on the incoming topic",
                                            .addr = &(struct mqtt_address){.where = {.qos = -1}}});
    }
}

static devsdk_result discover(devsdk_service *svc, devsdk_scan *scan)
{
    static const struct timespec pause = {.tv_nsec = 50000000};
    const struct mqtt_config *c = devsdk_config(svc);
    char why[256];
    struct mqtt_broker *b =
        dmqtt_broker_of(devsdk_service_data(svc), &(struct mqtt_address){0}, why, sizeof(why));
    if (!b) {
        return devsdk_scan_fail(scan, DEVSDK_LINK, "%s", why);
    }
    int64_t until_ms = devsdk_now_ms() + (int64_t)c->listen_s * 1000;
    while (!devsdk_cancelled(scan) && devsdk_now_ms() < until_ms) {
        nanosleep(&pause, NULL);
    }
    {
        MQTT_LOCK(&b->lock);
        mqtt_map_each(&b->heard, report, scan);
    }
    dmqtt_broker_put(b);
    return DEVSDK_OK;
}

const devsdk_driver device_mqtt = {
    .abi = DEVSDK_ABI,
    .name = "device-mqtt",
    .version = "4.0.0",
    .doc = "devices behind an MQTT broker",
    .port = 59982,
    .protocols = (const devsdk_protocol[]){{"mqtt", address}, {0}},
    .attributes = attributes,
    .config = config,
    .config_section = "MQTTBrokerInfo",
    .addr_size = sizeof(struct mqtt_address),
    .attr_size = sizeof(struct mqtt_attribute),
    .config_size = sizeof(struct mqtt_config),
    .device_size = sizeof(struct mqtt_device),
    .service_size = sizeof(struct mqtt_service),
    .start = start,
    .stop = stop,
    .added = added,
    .removed = removed,
    .updated = updated,
    .read = dmqtt_read,
    .write = dmqtt_write,
    .discover = discover,
    .secrets_changed = secrets_changed,
    .check_attr = check_attr,
    .check_addr = check_addr,
};
