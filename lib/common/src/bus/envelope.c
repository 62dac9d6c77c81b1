/*
 * The envelope of messages on the wire (contract 11.2): JSON, or CBOR as a whole. A payload is
 * native JSON, or base64 of CBOR (always) or of JSON (edge_wire_forms). Readers take every
 * form.
 */
#include "edge/message.h"

#include <string.h>

#include "edge/cbor.h"
#include "edge/json.h"
#include "edge/text.h"
#include "message.h"

/* Nodes for an event of 25 MB; the envelope is one level more than its payload. */
enum { MAX_DEPTH = 32, MAX_NODES = 1000 * 1000 };
static const struct edge_json_limits ENVELOPE_LIMITS = {BUS_MAX_ENVELOPE, MAX_DEPTH + 1, MAX_NODES};
static const struct edge_json_limits PAYLOAD_LIMITS = {BUS_MAX_ENVELOPE, MAX_DEPTH, MAX_NODES};

struct envelope {
    const char *api_version, *received_topic, *correlation_id, *request_id, *content_type;
    int64_t error_code;
    struct edge_pair *params;
    size_t n_params;
    const struct edge_message *message; /* going out: whose payload it is */
    const cJSON *payload;               /* come in */
};

static void payload_encode(const void *obj, struct edge_encoder *enc);
static enum edge_status payload_find(const cJSON *json, void *obj, struct edge_scope *at);

/* clang-format off */
static const struct edge_field pair_fields[] = {
    EDGE_FIELD(struct edge_pair, key, "key", "Name of the parameter.", .flags = EDGE_KEY),
    EDGE_FIELD(struct edge_pair, value, "value", "Its text.", .flags = EDGE_VALUE | EDGE_EMIT_EMPTY | EDGE_SCALAR),
};
static const struct edge_dto PAIR = EDGE_DTO(struct edge_pair, "QueryParam", pair_fields);

#define F(m, ...) EDGE_FIELD(struct envelope, m, __VA_ARGS__)
static const struct edge_field envelope_fields[] = {
    F(api_version, "apiVersion", "v3.", .flags = EDGE_EMIT_EMPTY),
    F(received_topic, "receivedTopic", "Empty, but to who asked from outside.", .flags = EDGE_EMIT_EMPTY),
    F(correlation_id, "correlationID", "Of the HTTP request it all began with.", .flags = EDGE_EMIT_EMPTY),
    F(request_id, "requestID", "Of requests and their answers.", .flags = EDGE_EMIT_EMPTY),
    F(error_code, "errorCode", "1: the payload is an error text.", .flags = EDGE_EMIT_EMPTY, .max = INT32_MAX),
    F(content_type, "contentType", "Of the payload.", .flags = EDGE_EMIT_EMPTY),
    EDGE_MAP(struct envelope, params, "queryParams", "As of an HTTP request.", &PAIR),
};
#undef F
static const struct edge_dto ENVELOPE = EDGE_DTO(struct envelope, "Envelope", envelope_fields,
    .encode_more = payload_encode, .decode_more = payload_find);
/* clang-format on */

struct edge_wire_forms edge_wire_forms;

/* ---- out --------------------------------------------------------------------------------- */

static void put_base64(struct edge_encoder *enc, const void *bytes, size_t size)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    edge_put_string(enc, "payload", edge_base64_encode(&a, bytes, size));
    edge_arena_done(&a);
}

static void put_payload_base64(struct edge_encoder *enc, const struct edge_message *m)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf raw = EDGE_BUF_INIT;
    bool cbor = edge_media_is(m->content_type, "application/cbor");
    if (m->object) {
        edge_dto_encode(m->dto, m->object, cbor ? EDGE_CBOR : EDGE_JSON, &raw);
    } else if (cbor) {
        edge_cbor_put(&raw, m->json);
    } else {
        edge_json_put(&raw, m->json);
    }
    put_base64(enc, raw.data, raw.len);
}

static void payload_encode(const void *obj, struct edge_encoder *enc)
{
    const struct edge_message *m = ((const struct envelope *)obj)->message;
    bool json = enc->encoding == EDGE_JSON;
    bool base64 = json && edge_wire_forms.base64_payloads;
    bool cbor_inside = json && edge_media_is(m->content_type, "application/cbor");
    if (m->text && base64) {
        put_base64(enc, m->text, strlen(m->text));
    } else if (m->text) {
        edge_put_string(enc, "payload", m->text);
    } else if (!m->object && (!m->json || cJSON_IsNull(m->json))) {
        edge_put_null(enc, "payload");
    } else if (base64 || cbor_inside || cJSON_IsString(m->json)) {
        put_payload_base64(enc, m); /* bare strings too: receivers take every string for base64 */
    } else if (m->object) {
        edge_put_object(enc, "payload", m->dto, m->object);
    } else {
        edge_put_tree(enc, "payload", m->json);
    }
}

void edge_envelope_encode(const struct edge_message *m, struct edge_buf *out)
{
    bool cbor = edge_wire_forms.cbor_envelopes;
    bool same_form = cbor && edge_media_is(m->content_type, "application/json"); /* contract 11.2 */
    const struct envelope env = {
        .api_version = "v3",
        .received_topic = m->received_topic,
        .correlation_id = m->correlation_id,
        .request_id = m->request_id,
        .content_type = same_form ? "application/cbor" : m->content_type,
        .error_code = m->error_code,
        .params = m->params,
        .n_params = m->n_params,
        .message = m,
    };
    edge_dto_encode(&ENVELOPE, &env, cbor ? EDGE_CBOR : EDGE_JSON, out);
}

/* ---- in ---------------------------------------------------------------------------------- */

static enum edge_status payload_find(const cJSON *json, void *obj, struct edge_scope *at)
{
    struct envelope *env = obj;
    const cJSON *payload = edge_json_member(json, "payload", false);
    if (!payload && !env->api_version) {
        return edge_scope_fail(at, NULL, "is none: no apiVersion, no payload");
    }
    env->payload = cJSON_IsNull(payload) ? NULL : payload;
    return EDGE_OK;
}

/* Brokers carry both forms: a CBOR map (or a tag before it) never starts like JSON does. */
static bool looks_like_cbor(const unsigned char *bytes, size_t size)
{
    return size > 0 && bytes[0] >= 0xa0 && bytes[0] <= 0xdb;
}

static enum edge_status parse(struct edge_ctx *ctx, const void *bytes, size_t size, bool cbor,
                              const struct edge_json_limits *limits, const cJSON **ret)
{
    return cbor ? edge_cbor_parse(ctx, bytes, size, limits, ret)
                : edge_json_parse(ctx, bytes, size, limits, ret);
}

/* An error text is plain, or base64 where the sender puts everything in base64. Words are seldom
 * both base64 and, decoded, clean text. */
static const char *text_payload(struct edge_ctx *ctx, const char *payload)
{
    const void *bytes = NULL;
    size_t size = 0;
    if (!edge_base64_decode(&ctx->arena, payload, &bytes, &size) || size == 0 ||
        !edge_utf8_valid(bytes, size)) {
        return payload;
    }
    const char *text = edge_strndup(&ctx->arena, bytes, size);
    for (const char *c = text; c < text + size; c++) {
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t') {
            return payload;
        }
    }
    return text;
}

static enum edge_status string_payload(struct edge_ctx *ctx, const struct envelope *env,
                                       struct edge_message *m)
{
    const void *bytes = NULL;
    size_t size = 0;
    if (!edge_base64_decode(&ctx->arena, env->payload->valuestring, &bytes, &size)) {
        m->json = env->payload; /* no EdgeX peer sends that; let the reader judge */
        return EDGE_OK;
    }
    bool cbor = edge_media_is(m->content_type, "application/cbor");
    enum edge_status st = parse(ctx, bytes, size, cbor, &PAYLOAD_LIMITS, &m->json);
    if (st == EDGE_OK && cJSON_IsNull(m->json)) {
        m->json = NULL;
    }
    return edge_wrap(ctx, st, "payload");
}

static enum edge_status payload_decode(struct edge_ctx *ctx, const struct envelope *env,
                                       struct edge_message *m)
{
    bool string = cJSON_IsString(env->payload);
    if (string && (m->error_code != 0 || edge_media_is(m->content_type, "text/plain"))) {
        m->text = text_payload(ctx, env->payload->valuestring);
        return EDGE_OK;
    }
    if (m->error_code != 0) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
        if (env->payload) {
            edge_json_put(&text, env->payload);
        }
        m->text = edge_strdup(&ctx->arena, edge_buf_str(&text));
        return EDGE_OK;
    }
    if (string) {
        return string_payload(ctx, env, m);
    }
    m->json = env->payload;
    return EDGE_OK;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text && text[0] != '\0' ? text : otherwise;
}

/* A parameter that is null is none. */
static size_t drop_nulls(struct edge_pair *params, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (params[i].value) {
            params[kept++] = params[i];
        }
    }
    return kept;
}

static enum edge_status fill(struct edge_ctx *ctx, const struct bus_message *from,
                             struct edge_message *m)
{
    const cJSON *tree = NULL;
    struct envelope env = {0};
    EDGE_TRY(parse(ctx, from->wire, from->wire_size, looks_like_cbor(from->wire, from->wire_size),
                   &ENVELOPE_LIMITS, &tree));
    enum edge_status st = edge_dto_decode(ctx, &ENVELOPE, tree, &env);
    m->api_version = text_or(env.api_version, "");
    m->received_topic = text_or(env.received_topic, "");
    m->correlation_id = text_or(env.correlation_id, "");
    m->request_id = text_or(env.request_id, "");
    m->content_type = text_or(env.content_type, "application/json");
    EDGE_TRY(st); /* who asked can be told: what members are sound are known by now */
    m->error_code = (unsigned)env.error_code;
    m->params = env.params;
    m->n_params = drop_nulls(env.params, env.n_params);
    return payload_decode(ctx, &env, m);
}

enum edge_status bus_message_open(struct edge_ctx *ctx, struct edge_message *m)
{
    struct bus_message *priv = bus_message_of(m);
    if (!priv->wire) {
        return EDGE_OK;
    }
    /* What is parsed belongs to the message: it borrows a context to fill its own arena. */
    struct edge_ctx own = {.log = ctx->log, .arena = priv->arena};
    enum edge_status st = fill(&own, priv, m);
    priv->arena = own.arena;
    priv->wire = NULL;
    if (st != EDGE_OK) {
        st = edge_fail(ctx, EDGE_INVALID, "message envelope: %s", edge_ctx_message(&own, st));
        edge_ctx_clear(&own);
        m->fault = *m->request_id ? edge_strdup(&priv->arena, edge_ctx_message(ctx, st)) : NULL;
        m->json = NULL;
        m->n_params = 0;
    }
    return st;
}

enum edge_status edge_envelope_decode(struct edge_ctx *ctx, const char *topic, const void *bytes,
                                      size_t size, struct edge_message **ret)
{
    struct edge_message *m = bus_message_from_wire(topic, strlen(topic), bytes, size);
    enum edge_status st = bus_message_open(ctx, m);
    if (st != EDGE_OK) {
        edge_message_unref(m);
        return st;
    }
    *ret = m;
    return EDGE_OK;
}
