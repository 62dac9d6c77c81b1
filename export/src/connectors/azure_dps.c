#include "azure_dps.h"

#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/clock.h"
#include "edge/json.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "tokens.h"

enum {
    ANSWER_MS = 30 * 1000,
    ALL_MS = 300 * 1000,
    RETRY_S = 3, /* where the service does not say */
    RETRY_MAX_S = 300,
    SECOND_MS = 1000,
    BODY_MAX = 64 << 10,
    STATUS_OK = 200,
    STATUS_LATER = 202,
    STATUS_DENIED = 400,
    STATUS_BUSY = 429,
    STATUS_BROKEN = 500,
    ASKING_QOS = 1,
    TEXT_SIZE = 256,
};
#define ANSWERS "$dps/registrations/res/"

struct dialogue {
    const struct azure_registration *r;
    struct mqtt *connector;
    struct edge_mqtt *client;
    unsigned asked; /* the number of the last question */

    struct edge_mutex lock;
    unsigned answered EDGE_GUARDED; /* of the last answer */
    int status EDGE_GUARDED;
    int64_t retry_s EDGE_GUARDED;
    struct edge_buf body EDGE_GUARDED;
    char refused[TEXT_SIZE] EDGE_GUARDED; /* the connection itself */
    char down[TEXT_SIZE] EDGE_GUARDED;
};

/* ---- what comes ---- */

static int64_t number_behind(const char *topic, const char *name, int64_t otherwise)
{
    const char *at = strstr(topic, name);
    return at ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static void on_received(void *state, const struct edge_mqtt_message *m)
{
    struct dialogue *d = state;
    if (strncmp(m->topic, ANSWERS, strlen(ANSWERS)) != 0 || m->size > BODY_MAX) {
        return;
    }
    {
        EDGE_LOCK(&d->lock);
        d->status = (int)strtol(m->topic + strlen(ANSWERS), NULL, 10);
        d->retry_s = number_behind(m->topic, "retry-after=", RETRY_S);
        d->retry_s = d->retry_s < 1 ? 1 : d->retry_s > RETRY_MAX_S ? RETRY_MAX_S : d->retry_s;
        d->body.len = 0;
        edge_buf_put(&d->body, m->payload, m->size);
        d->answered = (unsigned)number_behind(m->topic, "$rid=", 0);
    }
    mqtt_wake(d->connector);
}

static void on_changed(void *state, bool up, const char *reason)
{
    struct dialogue *d = state;
    const char *text = up || !reason ? "" : reason;
    {
        EDGE_LOCK(&d->lock);
        edge_text_fit(d->down, sizeof(d->down), text);
        edge_text_fit(d->refused, sizeof(d->refused),
                      strncmp(text, "refused: ", strlen("refused: ")) == 0 ? text : "");
    }
    mqtt_wake(d->connector);
}

static bool is_answered(void *arg)
{
    struct dialogue *d = arg;
    EDGE_LOCK(&d->lock);
    return d->answered == d->asked || d->refused[0];
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* ---- asking ---- */

/* @p tree: the answer; NULL, where it has no JSON. */
static enum edge_status take_answer(struct edge_ctx *ctx, struct dialogue *d, int *ret_status,
                                    int64_t *ret_retry_s, const cJSON **tree)
{
    EDGE_LOCK(&d->lock);
    if (d->refused[0]) {
        return edge_fail(ctx, EDGE_FORBIDDEN, "%s", d->refused);
    }
    if (d->answered != d->asked) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "no answer%s%s", d->down[0] ? ": " : "", d->down);
    }
    *ret_status = d->status;
    *ret_retry_s = d->retry_s;
    if (edge_json_parse(ctx, edge_buf_str(&d->body), d->body.len, NULL, tree) != EDGE_OK) {
        edge_ctx_clear(ctx);
        *tree = NULL;
    }
    return EDGE_OK;
}

static enum edge_status ask(struct edge_ctx *ctx, struct dialogue *d, const char *operation,
                            const cJSON **ret, int *ret_status, int64_t *ret_retry_s)
{
    struct edge_arena *a = &ctx->arena;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    d->asked++;
    struct edge_mqtt_message m = {.qos = ASKING_QOS};
    if (operation) {
        m.topic = edge_printf(
            a, "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=%u&operationId=%s",
            d->asked, token_url_escape(a, operation));
    } else {
        m.topic = edge_printf(a, "$dps/registrations/PUT/iotdps-register/?$rid=%u", d->asked);
        edge_buf_puts(&body, "{\"registrationId\":");
        edge_json_put_string(&body, d->r->id);
        edge_buf_putc(&body, '}');
        m.payload = body.data;
        m.size = body.len;
    }
    struct edge_mqtt_delivery delivery = {0};
    EDGE_TRY(edge_mqtt_publish(ctx, d->client, &m, &delivery));
    (void)mqtt_wait(d->connector, is_answered, d, edge_now_mono_ms() + ANSWER_MS);
    return take_answer(ctx, d, ret_status, ret_retry_s, ret);
}

static const char *text_of(const cJSON *tree, const char *name)
{
    const cJSON *member = tree ? edge_json_member(tree, name, true) : NULL;
    return cJSON_IsString(member) ? member->valuestring : "";
}

/* The service's own words: status, number and text, as they are there. */
static enum edge_status refusal(struct edge_ctx *ctx, int status, const cJSON *tree,
                                const char *text)
{
    int64_t code = 0;
    (void)(tree && edge_json_int(edge_json_member(tree, "errorCode", true), &code));
    bool later = status == STATUS_BUSY || status >= STATUS_BROKEN;
    return edge_fail(ctx, later ? EDGE_UNAVAILABLE : EDGE_FORBIDDEN, "%d%s%s, error %lld", status,
                     *text ? " " : "", text, (long long)code);
}

/* PENDING: ask again. */
static enum edge_status judge(struct edge_ctx *ctx, int status, const cJSON *tree,
                              struct azure_place *ret)
{
    const char *state = text_of(tree, "status");
    const cJSON *detail = tree ? edge_json_member(tree, "registrationState", true) : NULL;
    if (status >= STATUS_DENIED || !tree) {
        return refusal(ctx, status, tree, text_of(tree, "message"));
    }
    if (status == STATUS_LATER || strcmp(state, "assigning") == 0 ||
        strcmp(state, "unassigned") == 0) {
        return EDGE_PENDING;
    }
    if (status != STATUS_OK || strcmp(state, "assigned") != 0) {
        return refusal(ctx, status, detail,
                       edge_printf(&ctx->arena, "%s: %s", *state ? state : "no status",
                                   text_of(detail, "errorMessage")));
    }
    const char *hub = text_of(detail, "assignedHub"), *device = text_of(detail, "deviceId");
    if (!*hub || !*device || strlen(hub) >= sizeof(ret->hub) ||
        strlen(device) >= sizeof(ret->device) || strpbrk(device, "/+#")) {
        return edge_fail(ctx, EDGE_FORBIDDEN, "assigned to hub '%s' as device '%s'", hub, device);
    }
    edge_text_fit(ret->hub, sizeof(ret->hub), hub);
    edge_text_fit(ret->device, sizeof(ret->device), device);
    return EDGE_OK;
}

static enum edge_status converse(struct edge_ctx *ctx, struct dialogue *d, struct azure_place *ret)
{
    int64_t end_ms = edge_now_mono_ms() + ALL_MS, retry_s = 0;
    const char *operation = NULL;
    for (;;) {
        const cJSON *tree;
        int status = 0;
        EDGE_TRY(ask(ctx, d, operation, &tree, &status, &retry_s));
        enum edge_status st = judge(ctx, status, tree, ret);
        if (st != EDGE_PENDING) {
            return st;
        }
        const char *given = text_of(tree, "operationId");
        operation = *given ? edge_strdup(&ctx->arena, given) : operation;
        int64_t next_ms = edge_now_mono_ms() + retry_s * SECOND_MS;
        if (!operation || next_ms >= end_ms) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "it has not decided yet");
        }
        (void)mqtt_wait(d->connector, never, NULL, next_ms);
    }
}

/* ---- the connection ---- */

static enum edge_status credentials(struct edge_ctx *ctx, const struct azure_registration *r,
                                    struct edge_mqtt_config *config)
{
    struct edge_arena *a = &ctx->arena;
    struct mqtt_login unused = {0};
    int64_t from_s, until_s;
    const char *key;
    config->username =
        edge_printf(a, "%s/registrations/%s/api-version=2019-03-31", r->scope, r->id);
    if (r->x509) {
        return mqtt_certificate(ctx, r->stage, config);
    }
    EDGE_TRY(mqtt_secret(ctx, r->stage, "sharedaccesskey", &key));
    EDGE_TRY(mqtt_token_life(ctx, r->life_ms, &unused, &from_s, &until_s));
    config->ca = mqtt_secret_if_any(ctx, r->stage, "cacert");
    return token_sas(ctx, edge_printf(a, "%s/registrations/%s", r->scope, r->id), key, until_s,
                     "registration", &config->password);
}

enum edge_status azure_register(struct edge_ctx *ctx, const struct azure_registration *r,
                                struct mqtt_login *login, struct azure_place *ret)
{
    struct dialogue d = {.r = r, .connector = login->connector};
    struct edge_mqtt_config config = *login->config;
    config.host = r->host;
    config.client_id = r->id;
    config.will = NULL;
    config.held = false;
    config.state = &d;
    config.settled = NULL;
    config.received = on_received;
    config.changed = on_changed;
    EDGE_TRY(credentials(ctx, r, &config));
    edge_mutex_init(&d.lock);
    enum edge_status st = edge_mqtt_open(ctx, &config, &d.client);
    if (st == EDGE_OK) {
        edge_mqtt_subscribe(d.client, ANSWERS "#", ASKING_QOS);
        st = converse(ctx, &d, ret);
    }
    edge_mqtt_free(d.client);
    edge_buf_done(&d.body);
    edge_mutex_done(&d.lock);
    return edge_wrap(ctx, st, "registration '%s' at %s", r->id, r->host);
}
