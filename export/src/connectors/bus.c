/**
 * BusExport: events to the message bus of another gateway, as a device service there would publish them: MQTTExport with
 * topic and payload of its own. An event says where it began and how many gateways it has passed (tags origin-gw and
 * hops), so that gateways that send to each other end.
 */
#include "connectors.h"
#include "mqtt_client.h"

#include <string.h>

#include "contracts/event.h"
#include "edge/buf.h"
#include "edge/cbor.h"
#include "edge/json.h"
#include "edge/message.h"
#include "edge/service.h"
#include "edge/text.h"

enum { HOPS_MAX = 64, LEVELS = 5 };

static const char ORIGIN[] = "origin-gw", HOPS[] = "hops";

struct bus_stage {
    struct mqtt_stage mqtt;
    const char *gateway, *peer, *prefix, *base_topic;
    int64_t max_hops;
};

static const char *const VERSIONS[] = {"3.1.1", "5", NULL};

/* clang-format off */
static const struct export_param params[] = {
    {"BrokerAddress", "Of the other gateway: scheme://host:port; tcp, mqtt, ssl, tls, mqtts.", EXPORT_P_TEXT},
    {"Gateway", "The name of this one, which no other has.", EXPORT_P_TEXT},
    {"Peer", "The name of the other one: what began there is not sent back. Empty: it finds out.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"NamePrefix", "In front of names of devices and profiles that begin here; {gw} is Gateway. Empty: none.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"BaseTopic", "Of the other one's bus.", EXPORT_P_TEXT, .def = "edgex"},
    {"MaxHops", "An event that passes more gateways goes no further.", EXPORT_P_COUNT, .def = "8", .min = 1, .max = HOPS_MAX},
    {"ClientId", "Each client of a broker has its own.", EXPORT_P_TEXT},
    {"SecretName", "username password clientcert clientkey cacert, as AuthMode needs them.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"AuthMode", "What the broker wants to see.", EXPORT_P_ONE_OF, .def = "none", .names = EDGE_AUTH_MODES},
    {"Qos", "1 or 2.", EXPORT_P_COUNT, .def = "1", .min = 1, .max = 2},
    {"Version", "Of MQTT.", EXPORT_P_ONE_OF, .def = "5", .names = VERSIONS},
    {"SkipVerify", "Do not look at the broker's certificate.", EXPORT_P_BOOL, .def = "false"},
    {"ConnectTimeout", "Of one attempt.", EXPORT_P_DURATION, .def = "5s"},
    {"KeepAlive", "Without a word so long, the broker is asked.", EXPORT_P_DURATION, .def = "10s"},
    {"MaxReconnectInterval", "Between two attempts, at most.", EXPORT_P_DURATION, .def = "2m"},
    {"AckTimeout", "Without an acknowledgement so long: connect anew, send again.", EXPORT_P_DURATION, .def = "30s"},
    {"MaxMessageSize", "Bytes the broker takes; larger ones are put aside unsent. 0: what MQTT has room for.", EXPORT_P_COUNT, .def = "0"},
    {"PersistOnError", "Keep what could not be sent, and send it later.", EXPORT_P_BOOL, .def = "false"},
    {NULL},
};
/* clang-format on */

/* ---- an event on its way ---- */

static bool is_named(const struct event *e)
{
    return e->device_name && *e->device_name && e->profile_name && *e->profile_name &&
           e->source_name && *e->source_name;
}

static enum edge_status event_of(struct edge_ctx *ctx, const struct export_message *m,
                                 struct event *ret)
{
    const cJSON *tree;
    struct add_event_request request = {0};
    const char *bytes = m->payload;
    bool cbor = m->content_type && edge_media_is(m->content_type, "application/cbor");
    if (!cbor && (m->size == 0 || *bytes != '{')) {
        return edge_fail(ctx, EDGE_INVALID, "this is no event");
    }
    EDGE_TRY(cbor ? edge_cbor_parse(ctx, m->payload, m->size, NULL, &tree)
                  : edge_json_parse(ctx, bytes, m->size, NULL, &tree));
    if (edge_json_member(tree, "event", false)) {
        EDGE_TRY(edge_dto_decode(ctx, &ADD_EVENT_REQUEST, tree, &request));
        *ret = request.event;
    } else {
        EDGE_TRY(edge_dto_decode(ctx, &EVENT, tree, ret));
    }
    return is_named(ret)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "the event does not name device, profile and source");
}

static int64_t hops_of(const cJSON *tags)
{
    const cJSON *tag = tags ? edge_json_member(tags, HOPS, false) : NULL;
    int64_t hops = 0;
    if (tag && !edge_json_int(tag, &hops) && cJSON_IsString(tag)) {
        (void)edge_int_parse(tag->valuestring, &hops);
    }
    return hops > 0 ? hops : 0;
}

/* NULL: here. */
static const char *origin_of(const cJSON *tags)
{
    const cJSON *tag = tags ? edge_json_member(tags, ORIGIN, false) : NULL;
    return cJSON_IsString(tag) && *tag->valuestring ? tag->valuestring : NULL;
}

static const cJSON *tags_with(struct edge_ctx *ctx, const cJSON *tags, const char *origin,
                              int64_t hops)
{
    cJSON *all = edge_json_object(ctx);
    for (const cJSON *tag = tags ? tags->child : NULL; tag; tag = tag->next) {
        if (tag->string && strcmp(tag->string, ORIGIN) != 0 && strcmp(tag->string, HOPS) != 0) {
            cJSON_AddItemToObject(all, tag->string, cJSON_Duplicate(tag, true));
        }
    }
    cJSON_AddStringToObject(all, ORIGIN, origin);
    cJSON_AddNumberToObject(all, HOPS, (double)hops);
    return all;
}

static void put_prefix(struct edge_arena *a, const char *prefix, struct event *e)
{
    e->device_name = edge_printf(a, "%s%s", prefix, e->device_name);
    e->profile_name = edge_printf(a, "%s%s", prefix, e->profile_name);
    for (size_t i = 0; i < e->n_readings; i++) {
        struct reading *r = &e->readings[i];
        r->device_name = r->device_name ? edge_printf(a, "%s%s", prefix, r->device_name) : NULL;
        r->profile_name = r->profile_name ? edge_printf(a, "%s%s", prefix, r->profile_name) : NULL;
    }
}

/* ".../events/<device or core>/<service>/<profile>/<device>/<source>" as it came, else made from what the event says. */
static const char *topic_of(struct edge_arena *a, const struct bus_stage *s,
                            const struct export_message *m, const struct event *e,
                            const char *prefix)
{
    static const char EVENTS[] = "/events/";
    struct export_flow flow = {.values = m->values};
    const char *received = export_flow_value(&flow, "receivedtopic");
    const char *at = received ? strstr(received, EVENTS) : NULL;
    const char *levels[LEVELS];
    size_t n = 0;
    for (at = at ? at + sizeof(EVENTS) - 1 : NULL; at && n < LEVELS; n++) {
        size_t len = strcspn(at, "/");
        levels[n] = edge_strndup(a, at, len);
        at = at[len] ? at + len + 1 : NULL;
    }
    if (n == LEVELS && !at) {
        return edge_printf(a, "%s%s%s/%s/%s%s/%s%s/%s", s->base_topic, EVENTS, levels[0], levels[1],
                           prefix, levels[2], prefix, levels[3], levels[4]);
    }
    return edge_printf(a, "%s%sdevice/%s/%s/%s/%s", s->base_topic, EVENTS,
                       edge_name_level(a, s->mqtt.host->service, false),
                       edge_name_level(a, e->profile_name, false),
                       edge_name_level(a, e->device_name, false),
                       edge_name_level(a, e->source_name, false));
}

static void put_envelope(struct edge_ctx *ctx, const struct event *e,
                         const struct export_message *m, struct edge_mqtt_message *out)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    struct add_event_request request = {.base = {.api_version = EDGE_API_VERSION}, .event = *e};
    struct edge_message *envelope = edge_message_create(0);
    envelope->correlation_id = m->correlation_id ? m->correlation_id : "";
    envelope->content_type =
        event_encoding(e) == EDGE_CBOR ? "application/cbor" : "application/json";
    envelope->dto = &ADD_EVENT_REQUEST;
    envelope->object = &request;
    edge_envelope_encode(envelope, &b);
    edge_message_unref(envelope);
    out->payload = edge_strndup(&ctx->arena, b.data, b.len);
    out->size = b.len;
    out->content_type = edge_wire_forms.cbor_envelopes ? "application/cbor" : "application/json";
}

static enum edge_status bus_compose(struct edge_ctx *ctx, const struct mqtt_stage *stage,
                                    void *memory, const struct export_message *m,
                                    struct edge_mqtt_message *out)
{
    const struct bus_stage *s = (const struct bus_stage *)stage;
    struct event event = {0};
    (void)memory;
    EDGE_TRY(event_of(ctx, m, &event));
    const char *origin = origin_of(event.tags), *prefix = origin ? "" : s->prefix;
    int64_t hops = hops_of(event.tags) + 1;
    if (hops > s->max_hops ||
        (origin && (strcmp(origin, s->gateway) == 0 || strcmp(origin, s->peer) == 0))) {
        return EDGE_OK; /* without a topic: it goes no further */
    }
    if (*prefix) {
        put_prefix(&ctx->arena, prefix, &event);
    }
    event.tags = tags_with(ctx, event.tags, origin ? origin : s->gateway, hops);
    out->topic = topic_of(&ctx->arena, s, m, &event, prefix);
    put_envelope(ctx, &event, m, out);
    return EDGE_OK;
}

/* ---- compiling ---- */

static bool has_param(const struct export_param *table, const char *name)
{
    while (table->name && strcmp(table->name, name) != 0) {
        table++;
    }
    return table->name;
}

static enum edge_status compile_mqtt(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_host *host, const struct export_params *p,
                                     struct mqtt_stage *ret)
{
    struct edge_named_text given[sizeof(params) / sizeof(params[0]) + 1];
    struct export_params checked;
    size_t n = 0;
    void *mqtt;
    given[n++] = (struct edge_named_text){"Topic", "is made for each"};
    for (const struct export_param *row = params; row->name; row++) {
        if (has_param(export_mqtt.params, row->name)) {
            given[n++] = (struct edge_named_text){row->name, export_params_text(p, row->name)};
        }
    }
    EDGE_TRY(export_params_check(ctx, a, &export_mqtt, p->function, given, n, &checked));
    EDGE_TRY(export_mqtt.compile(ctx, a, host, &checked, &mqtt));
    *ret = *(const struct mqtt_stage *)mqtt;
    ret->topic = NULL;
    ret->compose = bus_compose;
    return EDGE_OK;
}

static enum edge_status take_prefix(struct edge_ctx *ctx, struct edge_arena *a, const char *text,
                                    struct bus_stage *s)
{
    struct export_flow flow = {.ctx = ctx};
    export_flow_set(&flow, "gw", s->gateway);
    EDGE_TRY(edge_wrap(ctx, export_flow_format(&flow, text, &s->prefix), "parameter NamePrefix"));
    s->prefix = edge_strdup(a, s->prefix);
    const char *fault = edge_name_fault(a, edge_printf(a, "%sx", s->prefix));
    if (!fault && strcmp(edge_name_level(a, s->prefix, false), s->prefix) != 0) {
        fault = "cannot stand in a topic as it is";
    }
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID, "parameter NamePrefix: '%s' %s", s->prefix, fault);
    }
    return EDGE_OK;
}

static enum edge_status bus_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_host *host, const struct export_params *p,
                                    void **ret)
{
    struct bus_stage *s = edge_new(a, struct bus_stage);
    s->gateway = edge_strdup(a, export_params_text(p, "Gateway"));
    s->peer = edge_strdup(a, export_params_text(p, "Peer"));
    s->base_topic = edge_strdup(a, export_params_text(p, "BaseTopic"));
    s->max_hops = export_params_count(p, "MaxHops");
    if (strpbrk(s->base_topic, "+#{")) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter BaseTopic must have neither wildcards nor placeholders");
    }
    EDGE_TRY(take_prefix(ctx, a, export_params_text(p, "NamePrefix"), s));
    *ret = s;
    return compile_mqtt(ctx, a, host, p, &s->mqtt);
}

const struct export_function export_bus = {
    .name = "BusExport",
    .doc = "Events to the message bus of another gateway.",
    .params = params,
    .compile = bus_compile,
    .connector = &mqtt_connector,
};
