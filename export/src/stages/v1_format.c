/*
 * V1Format: an event as EdgeX 1 had it, in the formats of its registrations, byte for byte as its Go encoders wrote them.
 * An event of today has one time, in nanoseconds; those of then had several, in milliseconds: created and origin are
 * that one, pushed and modified are none.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edge/buf.h"
#include "edge/clock.h"
#include "edge/json.h"
#include "edge/text.h"
#include "line_protocol.h"
#include "stages.h"

enum { NS_PER_MS = 1000000 };
enum format {
    F_JSON,
    F_XML,
    F_SERIALIZED,
    F_IOTCORE,
    F_AZURE,
    F_AWS,
    F_CSV,
    F_THINGSBOARD,
    F_NOOP,
    F_INFLUXDB,
};
#define FORMATS                                                                                    \
    "JSON", "XML", "SERIALIZED", "IOTCORE_JSON", "AZURE_JSON", "AWS_JSON", "CSV",                  \
        "THINGSBOARD_JSON", "NOOP"
const char *const EXPORT_V1_FORMATS[] = {FORMATS, NULL};
static const char *const ALL_FORMATS[] = {FORMATS, "INFLUXDB", NULL}; /* one is a destination's */

struct v1_format {
    unsigned format;
};

/* ---- JSON as Go writes it -------------------------------------------------------------------- */

static void put_string(struct edge_buf *b, const char *text)
{
    edge_buf_putc(b, '"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            edge_buf_printf(b, "\\%c", *c);
        } else if (*c == '\n') {
            edge_buf_puts(b, "\\n");
        } else if (*c == '\r') {
            edge_buf_puts(b, "\\r");
        } else if (*c == '\t') {
            edge_buf_puts(b, "\\t");
        } else if (*c < ' ' || *c == '<' || *c == '>' || *c == '&') {
            edge_buf_printf(b, "\\u%04x", *c);
        } else if (strncmp((const char *)c, "\xe2\x80", 2) == 0 && (c[2] == 0xa8 || c[2] == 0xa9)) {
            edge_buf_printf(b, "\\u20%02x", c[2] - 0x80);
            c += 2;
        } else {
            edge_buf_putc(b, (char)*c);
        }
    }
    edge_buf_putc(b, '"');
}

/* omitempty: what is empty is not there. */
static void put_text(struct edge_buf *b, char *comma, const char *name, const char *text)
{
    if (text && *text) {
        edge_buf_printf(b, "%c\"%s\":", *comma, name);
        put_string(b, text);
        *comma = ',';
    }
}

static void put_number(struct edge_buf *b, char *comma, const char *name, int64_t n)
{
    if (n != 0) {
        edge_buf_printf(b, "%c\"%s\":%lld", *comma, name, (long long)n);
        *comma = ',';
    }
}

static const char *value_of(struct edge_arena *a, const struct reading *r)
{
    if (r->object) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
        edge_json_put(&b, r->object);
        return edge_strndup(a, b.data, b.len);
    }
    return r->value && !r->is_null ? r->value : "";
}

static const char *binary_of(struct edge_arena *a, const struct reading *r)
{
    return r->binary.size > 0 ? edge_base64_encode(a, r->binary.data, r->binary.size) : NULL;
}

static void put_json_reading(struct edge_arena *a, struct edge_buf *b, const struct reading *r)
{
    char comma = '{';
    int64_t ms = r->origin / NS_PER_MS;
    put_text(b, &comma, "id", r->id);
    put_number(b, &comma, "created", ms);
    put_number(b, &comma, "origin", ms);
    put_text(b, &comma, "device", r->device_name);
    put_text(b, &comma, "name", r->resource_name);
    put_text(b, &comma, "value", value_of(a, r));
    put_text(b, &comma, "binaryValue", binary_of(a, r));
    edge_buf_puts(b, comma == '{' ? "{}" : "}");
}

static void put_json(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    char comma = '{';
    int64_t ms = e->origin / NS_PER_MS;
    put_text(b, &comma, "id", e->id);
    put_text(b, &comma, "device", e->device_name);
    put_number(b, &comma, "created", ms);
    put_number(b, &comma, "origin", ms);
    for (size_t i = 0; i < e->n_readings; i++) {
        if (i == 0) {
            edge_buf_printf(b, "%c\"readings\":[", comma);
        } else {
            edge_buf_putc(b, ',');
        }
        put_json_reading(a, b, &e->readings[i]);
    }
    edge_buf_puts(b, e->n_readings > 0 ? "]}" : comma == '{' ? "{}" : "}");
}

/* ---- XML: the structs of then, empty members too ----------------------------------------------- */

static void put_xml_reading(struct edge_arena *a, struct edge_buf *b, const struct reading *r)
{
    int64_t ms = r->origin / NS_PER_MS;
    const char *binary = binary_of(a, r);
    edge_buf_puts(b, "<Readings>");
    stage_xml_text(b, "Id", r->id);
    stage_xml_number(b, "Pushed", 0);
    stage_xml_number(b, "Created", ms);
    stage_xml_number(b, "Origin", ms);
    stage_xml_number(b, "Modified", 0);
    stage_xml_text(b, "Device", r->device_name);
    stage_xml_text(b, "Name", r->resource_name);
    stage_xml_text(b, "Value", value_of(a, r));
    if (binary) {
        stage_xml_text(b, "BinaryValue", binary);
    }
    edge_buf_puts(b, "</Readings>");
}

static void put_xml(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    int64_t ms = e->origin / NS_PER_MS;
    edge_buf_puts(b, "<Event>");
    stage_xml_text(b, "ID", e->id);
    stage_xml_number(b, "Pushed", 0);
    stage_xml_text(b, "Device", e->device_name);
    stage_xml_number(b, "Created", ms);
    stage_xml_number(b, "Modified", 0);
    stage_xml_number(b, "Origin", ms);
    for (size_t i = 0; i < e->n_readings; i++) {
        put_xml_reading(a, b, &e->readings[i]);
    }
    edge_buf_puts(b, "</Event>");
}

/* ---- CSV: a line for each reading ------------------------------------------------------------- */

static void put_cell(struct edge_buf *b, const char *text, char end)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    edge_buf_puts(b, quoted ? "\"" : "");
    for (; *text; text++) {
        edge_buf_puts(b, *text == '"' ? "\"" : "");
        edge_buf_putc(b, *text);
    }
    edge_buf_puts(b, quoted ? "\"" : "");
    edge_buf_putc(b, end);
}

static void put_csv(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        const char *binary = binary_of(a, r);
        edge_buf_printf(b, "%lld,", (long long)(r->origin / NS_PER_MS));
        put_cell(b, r->device_name, ',');
        put_cell(b, r->resource_name, ',');
        put_cell(b, binary ? binary : value_of(a, r), '\n');
    }
}

/* ---- objects with a member for each reading ---------------------------------------------------- */

/* By name, as Go sorts a map's keys; of equal names the last one stays. */
struct named {
    const char *name, *value;
    size_t at;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

typedef void put_value(struct edge_buf *b, const char *text);

static void put_members(struct edge_arena *a, struct edge_buf *b, const struct event *e,
                        put_value *put)
{
    struct named *list = edge_new_n(a, struct named, e->n_readings);
    bool comma = false;
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        const char *binary = binary_of(a, r);
        list[i] = (struct named){r->resource_name, binary ? binary : value_of(a, r), i};
    }
    qsort(list, e->n_readings, sizeof(*list), by_name);
    edge_buf_putc(b, '{');
    for (size_t i = 0; i < e->n_readings; i++) {
        if (i + 1 < e->n_readings && strcmp(list[i].name, list[i + 1].name) == 0) {
            continue;
        }
        edge_buf_puts(b, comma ? "," : "");
        put_string(b, list[i].name);
        edge_buf_putc(b, ':');
        put(b, list[i].value);
        comma = true;
    }
    edge_buf_putc(b, '}');
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* What Go's ParseFloat takes, without the words for what is no number. */
static bool is_number(const char *text, double *ret)
{
    const char *at = text + (*text == '+' || *text == '-');
    size_t whole = digits(at), part = 0;
    at += whole;
    if (*at == '.') {
        part = digits(at + 1);
        at += 1 + part;
    }
    if (whole + part == 0) {
        return false;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        if (digits(at) == 0) {
            return false;
        }
        at += digits(at);
    }
    *ret = strtod(text, NULL);
    return *at == '\0' && isfinite(*ret);
}

/* By trial: a number, a truth, a text. */
static void put_typed(struct edge_buf *b, const char *text)
{
    static const char *const truths[] = {"t", "T", "true", "TRUE", "True"};
    static const char *const lies[] = {"f", "F", "false", "FALSE", "False"};
    double number;
    if (is_number(text, &number)) {
        edge_json_put_real(b, number);
        return;
    }
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        if (strcmp(text, truths[i]) == 0 || strcmp(text, lies[i]) == 0) {
            edge_buf_puts(b, strcmp(text, truths[i]) == 0 ? "true" : "false");
            return;
        }
    }
    put_string(b, text);
}

static void put_aws(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    edge_buf_puts(b, "{\"state\":{\"reported\":");
    put_members(a, b, e, put_typed);
    edge_buf_puts(b, "}}");
}

static void put_thingsboard(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    edge_buf_putc(b, '{');
    put_string(b, e->device_name);
    edge_buf_printf(b, ":[{\"ts\":%lld,\"values\":", (long long)(e->origin / NS_PER_MS));
    put_members(a, b, e, put_string);
    edge_buf_puts(b, "}]}");
}

/* ---- Azure ------------------------------------------------------------------------------------ */

static void put_now(struct edge_buf *b)
{
    enum { SECOND = 1000, TEXT_MAX = 32 };
    int64_t ms = edge_now_ms();
    time_t s = (time_t)(ms / SECOND);
    struct tm tm;
    char text[TEXT_MAX] = "";
    gmtime_r(&s, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    edge_buf_printf(b, "\"%s.%03dZ\"", text, (int)(ms % SECOND));
}

static void put_azure(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    static const char never[] = "\"0001-01-01T00:00:00Z\"";
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    put_json(a, &body, e);
    edge_buf_printf(b, "{\"id\":\"%s\",\"sequenceNumber\":0,\"To\":\"\",\"CreationTimeUtc\":",
                    edge_uuid_make(a));
    put_now(b);
    edge_buf_printf(b, ",\"ExpiryTimeUtc\":%s,\"EnqueuedTime\":%s,\"CorrelationId\":\"%s\"", never,
                    never, edge_uuid_make(a));
    edge_buf_printf(b, ",\"userId\":\"%lld\",\"ack\":0,\"connectionDeviceId\":",
                    (long long)(e->origin / NS_PER_MS));
    put_string(b, e->device_name);
    edge_buf_puts(b, ",\"connectionDeviceGenerationId\":\"\",\"connectionAuthMethod\":"
                     "{\"scope\":\"\",\"type\":\"\",\"issuer\":\"\"},\"body\":\"");
    edge_base64_put(b, body.data, body.len);
    edge_buf_puts(b, "\",\"properties\":{}}");
}

/* ---- InfluxDB: points of the readings that are numbers, a line each -------------------------- */

/*
 * The time is the reading's, where then it was that of sending: what is sent again is the same point.
 */
static void put_points(struct edge_buf *b, const struct event *e)
{
    enum { NS_PER_US = 1000 };
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        long long ms = (long long)(r->origin / NS_PER_MS);
        double value;
        if (!r->value || r->is_null || !is_number(r->value, &value)) {
            continue;
        }
        edge_buf_puts(b, "readings");
        line_put_tag(b, "device", r->device_name);
        line_put_tag(b, "event_id", e->id);
        line_put_tag(b, "resource_name", r->resource_name);
        edge_buf_printf(b, " created=%lldi,origin=%lldi,value=", ms, ms);
        edge_json_put_real(b, value);
        edge_buf_printf(b, " %lld\n", (long long)(r->origin / NS_PER_US));
    }
}

/* ---- the function ----------------------------------------------------------------------------- */

static const char *put_event(enum format format, struct edge_arena *a, struct edge_buf *b,
                             const struct event *e)
{
    switch (format) {
    case F_XML:
        put_xml(a, b, e);
        return "application/xml";
    case F_CSV:
        put_csv(a, b, e);
        return "text/csv";
    case F_AZURE:
        put_azure(a, b, e);
        break;
    case F_AWS:
        put_aws(a, b, e);
        break;
    case F_THINGSBOARD:
        put_thingsboard(a, b, e);
        break;
    case F_INFLUXDB:
        put_points(b, e);
        return "text/plain; charset=utf-8";
    case F_NOOP:
        break;
    case F_JSON:
    case F_SERIALIZED:
    case F_IOTCORE:
        put_json(a, b, e);
        break;
    }
    return "application/json";
}

static enum export_verdict run(const void *stage, struct export_flow *flow)
{
    const struct v1_format *f = stage;
    if (flow->data.kind != EXPORT_EVENT) {
        return stage_wants(flow, "an event");
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    const char *type = put_event((enum format)f->format, &flow->ctx->arena, &b, flow->data.event);
    if (f->format == F_INFLUXDB && b.len == 0) {
        return EXPORT_STOP; /* no numbers */
    }
    stage_put(flow, b.data ? b.data : "", b.len, type);
    flow->response_content_type = type;
    return EXPORT_GO_ON;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)ctx;
    (void)host;
    struct v1_format *f = edge_new(a, struct v1_format);
    f->format = export_params_choice(params, "Format");
    *ret = f;
    return EDGE_OK;
}

static const struct export_param params[] = {
    {"Format",
     "JSON, SERIALIZED, IOTCORE_JSON (the same), XML, AZURE_JSON, AWS_JSON, THINGSBOARD_JSON, CSV "
     "(a line a reading: time in ms, device, name, value), NOOP (nothing) or INFLUXDB (points of numbers, "
     "in us).", EXPORT_P_ONE_OF, .names = ALL_FORMATS},
    {0},
};

const struct export_function export_v1_format = {
    .name = "V1Format",
    .doc = "An event as one of EdgeX 1, in one of the formats of its registrations.",
    .params = params,
    .compile = compile,
    .run = run,
};
