/* Is another service of our name, or with our client id, at the broker? */
#include "presence.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "edge/text.h"
#include "instance.h"

enum {
    SLICE_MS = 50,    /* how soon a stop is noticed */
    ANSWER_MS = 2000, /* for our question to come back, and for who is there to answer it */
    CONNECT_MS = 200,
    WHO_SIZE = 400,
    N_SIGNS = 3, /* of life, from who was here before us: a late last will is one */
};

#define ASKING "asking"
#define HERE   "here"
#define AWAY   "away"

struct sign {
    const char *service_name, *instance_id, *client_id, *state, *host;
    int64_t pid, since;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct sign, m, __VA_ARGS__)
static const struct edge_field sign_fields[] = {
    F(service_name, "serviceName", "Service key.", .flags = EDGE_REQUIRED),
    F(instance_id, "instanceId", "Made at each start.", .flags = EDGE_REQUIRED),
    F(client_id, "clientId", "Its MQTT client id.", .flags = EDGE_EMIT_EMPTY),
    F(state, "state", "asking, here or away.", .flags = EDGE_REQUIRED),
    F(host, "host", "Machine it runs on.", .flags = EDGE_EMIT_EMPTY),
    F(pid, "pid", "Process there.", .flags = EDGE_EMIT_EMPTY),
    F(since, "since", "When it was started, ns.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
/* clang-format on */
static const struct edge_dto SIGN = EDGE_DTO(struct sign, "Presence", sign_fields);

static struct edge_message *sign_make(const struct presence *p, const char *state)
{
    char host[128] = "";
    gethostname(host, sizeof(host) - 1);
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    struct sign *sign = edge_new(a, struct sign);
    *sign = (struct sign){
        .service_name = edge_strdup(a, p->inst->rt.name),
        .instance_id = edge_strdup(a, p->id),
        .client_id = edge_strdup(a, p->config.client_id ? p->config.client_id : ""),
        .state = state,
        .host = edge_strdup(a, host),
        .pid = getpid(),
        .since = p->since,
    };
    m->topic = edge_strdup(a, p->topic);
    m->correlation_id = edge_uuid_make(a);
    m->dto = &SIGN;
    m->object = sign;
    return m;
}

/* Somebody else's, that cannot be at the broker together with us? */
static bool collides(const struct presence *p, const struct sign *sign)
{
    bool same_id = p->config.client_id && *p->config.client_id && sign->client_id &&
                   strcmp(sign->client_id, p->config.client_id) == 0;
    return strcmp(sign->instance_id, p->id) != 0 &&
           (same_id || strcmp(sign->service_name, p->inst->rt.name) == 0);
}

static enum edge_status sign_read(struct edge_ctx *ctx, const struct edge_message *m,
                                  const struct sign **ret)
{
    const void *object = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &SIGN, &object));
    *ret = object;
    return EDGE_OK;
}

static void describe(const struct presence *p, const struct sign *sign, char *out, size_t size)
{
    const char *host = sign->host ? sign->host : "";
    if (strcmp(sign->service_name, p->inst->rt.name) == 0) {
        snprintf(out, size, "another %s is at this message broker (host %s, pid %lld)",
                 p->inst->rt.name, host, (long long)sign->pid);
    } else {
        snprintf(out, size,
                 "another service with MQTT client id %s, %s, is at this message broker (host %s, "
                 "pid %lld)",
                 p->config.client_id, sign->service_name, host, (long long)sign->pid);
    }
}

static enum edge_status refuse(struct edge_ctx *ctx, const char *who)
{
    return edge_fail(ctx, EDGE_CONFLICT,
                     "%s; stop it, or give this one another name and MessageBus.Optional.ClientId "
                     "(replicas are not supported yet)",
                     who);
}

/* ---- who is here --------------------------------------------------------------------------- */

static bool is_older(const struct presence *p, const struct sign *sign)
{
    return sign->since != p->since ? sign->since < p->since : strcmp(sign->instance_id, p->id) < 0;
}

/* Does who was here before us live, as we see from it again and again? */
static bool must_yield(struct presence *p, const struct sign *sign)
{
    if (strcmp(sign->state, ASKING) == 0 || !is_older(p, sign)) {
        return false;
    }
    if (strcmp(p->rival, sign->instance_id) != 0) {
        snprintf(p->rival, sizeof(p->rival), "%s", sign->instance_id);
        p->n_signs = 0;
    }
    return ++p->n_signs == N_SIGNS;
}

/* Told again to who asks, and where a predecessor's last will came late. */
static enum edge_status here_heard(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct presence *p = state;
    const struct sign *sign;
    EDGE_TRY(sign_read(ctx, m, &sign));
    if (!collides(p, sign)) {
        return EDGE_OK;
    }
    if (strcmp(sign->state, ASKING) != 0) {
        registry_doubt(&p->inst->registry);
    }
    if (must_yield(p, sign)) {
        char who[WHO_SIZE];
        describe(p, sign, who, sizeof(who));
        enum edge_status st = refuse(ctx, who);
        host_fail(p->inst->host, st, edge_ctx_message(ctx, st));
        edge_ctx_clear(ctx);
    } else if (strcmp(sign->state, HERE) != 0) {
        edge_bus_announce(p->inst->rt.bus);
    }
    return EDGE_OK;
}

/* ---- who asks ------------------------------------------------------------------------------ */

struct question {
    const struct presence *p;
    struct edge_mutex lock;
    struct edge_cond changed;
    bool came_back EDGE_GUARDED; /* from the broker: what comes now was said after it */
    bool somebody EDGE_GUARDED;  /* was there before us, or asked before us */
    bool answered EDGE_GUARDED;  /* and lives */
    char who[WHO_SIZE] EDGE_GUARDED;
};

static enum edge_status answer_heard(void *state, struct edge_ctx *ctx,
                                     const struct edge_message *m)
{
    struct question *q = state;
    const struct sign *sign;
    EDGE_TRY(sign_read(ctx, m, &sign));
    EDGE_LOCK(&q->lock);
    if (strcmp(sign->instance_id, q->p->id) == 0) {
        q->came_back = true;
    } else if (collides(q->p, sign)) {
        bool away = strcmp(sign->state, AWAY) == 0, here = strcmp(sign->state, HERE) == 0;
        q->somebody = q->came_back ? q->somebody && !away : q->somebody || !away;
        if (q->came_back && here) {
            q->answered = true;
            describe(q->p, sign, q->who, sizeof(q->who));
        }
    }
    edge_cond_broadcast(&q->changed);
    return EDGE_OK;
}

static bool wait_connected(const struct presence *p, struct edge_bus *bus, int64_t deadline_ms)
{
    while (!edge_runtime_stopping(&p->inst->rt) && edge_now_mono_ms() < deadline_ms) {
        if (edge_bus_wait_connected(bus, edge_now_mono_ms() + SLICE_MS)) {
            return true;
        }
    }
    return false;
}

static bool is_undecided(const struct question *q) EDGE_REQUIRES(q->lock)
{
    return !q->answered && (!q->came_back || q->somebody);
}

/* Is a living one there? */
static bool wait_answer(struct question *q)
{
    int64_t deadline_ms = edge_now_mono_ms() + ANSWER_MS;
    EDGE_LOCK(&q->lock);
    while (is_undecided(q) && edge_now_mono_ms() < deadline_ms &&
           !edge_runtime_stopping(&q->p->inst->rt)) {
        int64_t slice_ms = edge_now_mono_ms() + SLICE_MS;
        edge_cond_wait_until(&q->changed, &q->lock,
                             slice_ms < deadline_ms ? slice_ms : deadline_ms);
    }
    if (!q->came_back && !edge_runtime_stopping(&q->p->inst->rt)) {
        struct edge_ctx ctx = {.log = q->p->inst->rt.log};
        edge_log_warn(&ctx,
                      "the message broker passes nothing on: no telling whether another service of "
                      "this name runs",
                      "topic", q->p->topic, NULL);
    }
    return q->answered;
}

/* And did not say that it left: it is dead, or held up. */
static bool somebody_was_there(struct question *q)
{
    EDGE_LOCK(&q->lock);
    return q->somebody;
}

static enum edge_status publish_question(struct edge_ctx *ctx, const struct presence *p,
                                         struct edge_bus *bus)
{
    struct edge_message *question = sign_make(p, ASKING);
    enum edge_status st = edge_bus_publish(ctx, bus, question);
    edge_message_unref(question);
    return st;
}

static enum edge_status ask_at(struct edge_ctx *ctx, struct edge_bus *bus, struct question *q)
{
    const struct presence *p = q->p;
    const char *pattern = edge_printf(&ctx->arena, "%s/presence/+", p->inst->rt.base_topic);
    EDGE_TRY(edge_bus_subscribe(ctx, bus, pattern, answer_heard, q, 0));
    if (!wait_connected(p, bus, INT64_MAX)) {
        return EDGE_OK; /* stopping */
    }
    EDGE_TRY(publish_question(ctx, p, bus));
    if (wait_answer(q)) {
        EDGE_LOCK(&q->lock);
        return refuse(ctx, q->who);
    }
    if (somebody_was_there(q)) {
        registry_wait(&p->inst->registry);
    }
    /* A broker that kept things for us sends them at once: before anybody has subscribed, nobody would have them. */
    while (p->config.session_s > 0 && !p->subscribed && edge_runtime_sleep(&p->inst->rt, 1)) {
    }
    if (!edge_runtime_stopping(&p->inst->rt)) {
        edge_bus_release(p->inst->rt.bus);
        /* As long as this connection stands, paho sees the other one at once. */
        (void)wait_connected(p, p->inst->rt.bus, edge_now_mono_ms() + CONNECT_MS);
    }
    return EDGE_OK;
}

/* Under a client id of its own, and gone afterwards. */
static enum edge_status ask(struct edge_ctx *ctx, const struct presence *p, struct question *q)
{
    char uuid[EDGE_UUID_SIZE];
    edge_uuid_new(uuid);
    const char *name = p->config.client_id ? p->config.client_id : p->inst->rt.name;
    struct edge_bus_config config = p->config;
    config.client_id = edge_printf(&ctx->arena, "%s-%.8s", name, uuid);
    config.here = config.away = NULL;
    config.held = false;
    config.retained = true; /* the question stays for who is just about to connect */
    config.metrics = NULL;
    struct edge_bus *bus;
    EDGE_TRY(edge_bus_open(ctx, &config, &bus));
    enum edge_status st = ask_at(ctx, bus, q);
    edge_bus_close(bus, 0);
    return st;
}

static void *presence_main(void *arg)
{
    struct presence *p = arg;
    EDGE_CTX_SCOPE(ctx);
    ctx.log = p->inst->rt.log;
    struct question q = {.p = p};
    edge_mutex_init(&q.lock);
    edge_cond_init(&q.changed);
    enum edge_status st = ask(&ctx, p, &q);
    edge_cond_done(&q.changed);
    edge_mutex_done(&q.lock);
    if (st != EDGE_OK) {
        host_fail(p->inst->host, st, edge_ctx_message(&ctx, st));
    }
    return NULL;
}

void presence_subscribed(struct presence *p)
{
    p->subscribed = true;
}

/* ---- life ---------------------------------------------------------------------------------- */

void presence_prepare(struct presence *p, struct edge_instance *inst,
                      struct edge_bus_config *config)
{
    if (strcmp(config->type, "mqtt") != 0) {
        return;
    }
    struct edge_arena *a = &inst->ctx.arena;
    const struct edge_runtime *rt = &inst->rt;
    p->inst = inst;
    p->id = edge_uuid_make(a);
    p->since = edge_origin_ns();
    p->topic = edge_printf(a, "%s/presence/%s", rt->base_topic, edge_name_level(a, rt->name, true));
    p->config = *config;
    config->here = sign_make(p, HERE);
    config->away = sign_make(p, AWAY);
    config->held = true;
}

enum edge_status presence_start(struct edge_ctx *ctx, struct presence *p)
{
    if (!p->inst) {
        return EDGE_OK;
    }
    const struct edge_runtime *rt = &p->inst->rt;
    const char *pattern = edge_printf(&ctx->arena, "%s/presence/+", rt->base_topic);
    EDGE_TRY(edge_bus_subscribe(ctx, rt->bus, pattern, here_heard, p, 0));
    p->thread = edge_thread_start("presence", presence_main, p);
    p->running = true;
    return EDGE_OK;
}

void presence_stop(struct presence *p)
{
    if (p->running) {
        pthread_join(p->thread, NULL);
        p->running = false;
    }
}
