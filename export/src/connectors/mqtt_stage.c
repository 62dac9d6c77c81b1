/** What the tables of MQTT destinations have in common: parameters, secrets, how long a token lives. */
#include <string.h>

#include "edge/clock.h"
#include "mqtt_client.h"

enum {
    ACK_MS = 30 * 1000,
    SECOND_MS = 1000,
    HOUR_MS = 3600 * 1000,
    SECONDS_MAX = 60000,
    SECONDS_MAX_MS = SECONDS_MAX * SECOND_MS,
    LIFE_MIN_MS = 2 * SECOND_MS,
    FRESH_PERCENT = 80,
    ALL = 100,
};

/* ---- parameters ---- */

static int milliseconds(const struct export_params *p, const char *name)
{
    int64_t ms = export_params_ms(p, name);
    return ms <= 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int seconds(const struct export_params *p, const char *name)
{
    int64_t ms = export_params_ms(p, name);
    return ms <= 0 ? 0 : ms > SECONDS_MAX_MS ? SECONDS_MAX : (int)((ms + 999) / 1000);
}

void mqtt_take_params(struct edge_arena *a, const struct export_host *host,
                      const struct export_params *p, struct mqtt_stage *s)
{
    s->host = host;
    s->secret_name = edge_strdup(a, export_params_text(p, "SecretName"));
    s->connect_timeout_s = seconds(p, "ConnectTimeout");
    s->keep_alive_s = seconds(p, "KeepAlive");
    s->retry_last_ms = milliseconds(p, "MaxReconnectInterval");
    s->ack_ms = milliseconds(p, "AckTimeout");
    s->ack_ms = s->ack_ms > 0 ? s->ack_ms : ACK_MS;
}

void mqtt_take_cloud(struct edge_arena *a, const struct export_host *host,
                     const struct export_params *p, const char *broker_host, struct mqtt_stage *s)
{
    mqtt_take_params(a, host, p, s);
    s->protocol = "ssl";
    s->broker_host = broker_host;
    s->port = (uint16_t)export_params_count(p, "Port");
    s->version = 4;
    s->qos = 1;
}

enum edge_status mqtt_check_keep_alive(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                       int least_s, int most_s)
{
    return s->keep_alive_s >= least_s && s->keep_alive_s <= most_s
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "parameter KeepAlive must be %ds to %ds", least_s,
                           most_s);
}

enum edge_status mqtt_take_life(struct edge_ctx *ctx, const struct export_params *p,
                                int64_t most_ms, int64_t *ret_ms)
{
    *ret_ms = export_params_ms(p, "TokenLife");
    return *ret_ms >= LIFE_MIN_MS && *ret_ms <= most_ms
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "parameter TokenLife must be 2s to %dh",
                           (int)(most_ms / HOUR_MS));
}

enum edge_status mqtt_take_level(struct edge_ctx *ctx, struct edge_arena *a,
                                 const struct export_params *p, const char *name, const char **ret)
{
    *ret = edge_strdup(a, export_params_text(p, name));
    return **ret && !strpbrk(*ret, "/+#")
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "parameter %s must be given, without / + #", name);
}

/* ---- secrets ---- */

enum edge_status mqtt_secret(struct edge_ctx *ctx, const struct mqtt_stage *s, const char *key,
                             const char **ret)
{
    return edge_wrap(ctx,
                     s->host->secret(s->host->state, ctx, &ctx->arena, s->secret_name, key, ret),
                     "secret '%s'", s->secret_name);
}

const char *mqtt_secret_if_any(struct edge_ctx *ctx, const struct mqtt_stage *s, const char *key)
{
    const char *value = NULL;
    if (mqtt_secret(ctx, s, key, &value) != EDGE_OK) {
        edge_ctx_clear(ctx);
        return NULL;
    }
    return value;
}

enum edge_status mqtt_certificate(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                  struct edge_mqtt_config *config)
{
    EDGE_TRY(mqtt_secret(ctx, s, "clientcert", &config->cert));
    EDGE_TRY(mqtt_secret(ctx, s, "clientkey", &config->key));
    config->ca = mqtt_secret_if_any(ctx, s, "cacert");
    return EDGE_OK;
}

enum edge_status mqtt_token_life(struct edge_ctx *ctx, int64_t life_ms, struct mqtt_login *login,
                                 int64_t *ret_from_s, int64_t *ret_until_s)
{
    if (edge_now_ns() < EDGE_TIME_WRITTEN) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "a token needs the time, and the clock is not set");
    }
    int64_t now_ms = edge_now_ms();
    *ret_from_s = now_ms / SECOND_MS;
    *ret_until_s = *ret_from_s + life_ms / SECOND_MS;
    int64_t left_ms = *ret_until_s * SECOND_MS - now_ms;
    login->renew_ms = edge_now_mono_ms() + left_ms / ALL * FRESH_PERCENT;
    return EDGE_OK;
}
