/*
 * What a cloud says, a topic up to the end of the line and a payload behind it: AzureExport and AWSExport take commands,
 * settings and answers from it, or pass it over. There is no line: nothing is said back.
 */
#include "connectors/mqtt_client.h"
#include "fuzz_functions.h"

static enum edge_status no_secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                  const char *name, const char *key, const char **ret)
{
    (void)state, (void)a, (void)ret;
    return edge_fail(ctx, EDGE_NOT_FOUND, "no secret %s with %s", name, key);
}

static enum edge_status execute(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                const char *device, const char *command, const char *values,
                                int *ret_code, const char **ret_body)
{
    (void)state, (void)ctx;
    *ret_code = *device == 'a' ? 200 : 404;
    *ret_body = edge_strdup(a, values ? values : command);
    return EDGE_OK;
}

static bool settle(void *queue, void *token, const struct export_outcome *outcome)
{
    (void)queue, (void)token, (void)outcome;
    return true;
}

static void line(void *queue, enum export_line state, const char *reason)
{
    (void)queue, (void)state, (void)reason;
}

struct peer {
    const struct mqtt_stage *stage;
    void *connector;
};

static struct peer make(struct edge_arena *a, const char *function,
                        const struct edge_named_text *given, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    static const struct export_host host = {
        .secret = no_secret, .service = "fuzz", .command = execute};
    const struct export_connector_env env = {
        .host = &host, .name = "fuzz", .settle = settle, .line = line};
    const struct export_function *f = export_function_find(function);
    struct export_params params;
    struct peer peer;
    void *stage = NULL;
    assert(export_params_check(&ctx, a, f, function, given, n, &params) == EDGE_OK);
    assert(f->compile(&ctx, a, &host, &params, &stage) == EDGE_OK);
    assert(f->connector->open(&ctx, stage, &env, &peer.connector) == EDGE_OK);
    peer.stage = stage;
    return peer;
}

static struct peer *peers(void)
{
    static const struct edge_named_text azure[] = {
        {"Host",       "h"   },
        {"DeviceId",   "d"   },
        {"SecretName", "s"   },
        {"Commands",   "true"}
    };
    static const struct edge_named_text aws[] = {
        {"Endpoint",   "h"   },
        {"Thing",      "d"   },
        {"SecretName", "s"   },
        {"Commands",   "true"},
        {"Shadow",     "true"}
    };
    static struct edge_arena arena;
    static struct peer made[2];
    if (!made[0].stage) {
        made[0] = make(&arena, "AzureExport", azure, 4);
        made[1] = make(&arena, "AWSExport", aws, 5);
    }
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    EDGE_CTX_SCOPE(ctx);
    const struct peer *peer = &peers()[data[0] % 2];
    const char *text = (const char *)data + 1, *end = memchr(text, '\n', size - 1);
    size_t len = end ? (size_t)(end - text) : size - 1;
    const struct edge_mqtt_message m = {
        .topic = edge_strndup(&ctx.arena, text, len),
        .payload = end ? end + 1 : text + len,
        .size = end ? size - 2 - len : 0,
    };
    peer->stage->received(peer->connector, peer->stage, &m);
    return 0;
}
