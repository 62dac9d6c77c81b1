#include "bus_behaviour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/json.h"
#include "edge/text.h"

/* ---- the lab ----------------------------------------------------------------------------- */

struct lab lab_mqtt(struct broker *broker)
{
    return (struct lab){
        .broker = broker,
        .pool = edge_pool_create("test", 8, 1000),
        .metrics = edge_metrics_create("test"),
        .log = edge_log_create("test"),
    };
}

void lab_run_mqtt(void (*test)(struct lab *), const char *more)
{
    struct broker *broker = broker_start(more);
    struct lab lab = lab_mqtt(broker);
    test(&lab);
    lab_done(&lab);
}

void lab_done(struct lab *lab)
{
    edge_pool_free(lab->pool);
    edge_metrics_free(lab->metrics);
    edge_bus_hub_free(lab->hub);
    broker_free(lab->broker);
    edge_log_free(lab->log);
}

struct edge_bus_config lab_config(const struct lab *lab, const char *service)
{
    return (struct edge_bus_config){
        .type = lab->hub ? "memory" : "mqtt",
        .service = service,
        .protocol = "tcp",
        .host = "127.0.0.1",
        .port = lab->broker ? broker_port(lab->broker) : 0,
        .hub = lab->hub,
        .pool = lab->pool,
        .metrics = lab->metrics,
        .log = lab->log,
    };
}

struct edge_bus *lab_open(const struct edge_bus_config *config)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus *bus = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, config, &bus), EDGE_OK);
    return bus;
}

void lab_ready(struct edge_bus *bus)
{
    CU_ASSERT_FATAL(edge_bus_wait_connected(bus, edge_now_mono_ms() + BUS_SOON_MS));
    CU_ASSERT(edge_bus_connected(bus));
}

struct edge_bus *lab_connect(const struct lab *lab, const char *service)
{
    struct edge_bus_config config = lab_config(lab, service);
    return lab_open(&config);
}

uint64_t lab_dropped(const struct lab *lab)
{
    return edge_counter_get(edge_counter(lab->metrics, "BusMessagesDropped", ""));
}

void bus_listen(struct edge_bus *bus, const char *pattern, edge_bus_handler *handler, void *state,
                unsigned flags)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL_FATAL(edge_bus_subscribe(&ctx, bus, pattern, handler, state, flags), EDGE_OK);
}

static struct edge_message *message_on(const char *topic, const char *correlation_id)
{
    struct edge_message *m = edge_message_create(0);
    edge_message_topic(m, "%s", topic);
    m->correlation_id = edge_strdup(edge_message_arena(m), correlation_id);
    return m;
}

static enum edge_status try_say(struct edge_bus *bus, const char *topic, const char *correlation_id)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = message_on(topic, correlation_id);
    enum edge_status st = edge_bus_publish(&ctx, bus, m);
    edge_message_unref(m);
    return st;
}

void bus_say(struct edge_bus *bus, const char *topic, const char *correlation_id)
{
    CU_ASSERT_EQUAL(try_say(bus, topic, correlation_id), EDGE_OK);
}

/* ---- ears -------------------------------------------------------------------------------- */

void ear_init(struct ear *ear)
{
    memset(ear, 0, sizeof(*ear));
    edge_mutex_init(&ear->lock);
    edge_cond_init(&ear->heard);
}

void ear_done(struct ear *ear)
{
    edge_cond_done(&ear->heard);
    edge_mutex_done(&ear->lock);
}

enum edge_status ear_hears(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)ctx;
    struct ear *ear = state;
    EDGE_LOCK(&ear->lock);
    ear->n++;
    snprintf(ear->last, sizeof(ear->last), "%s", m->correlation_id);
    size_t len = strlen(ear->topics);
    snprintf(ear->topics + len, sizeof(ear->topics) - len, "%s ", m->topic);
    edge_cond_broadcast(&ear->heard);
    return EDGE_OK;
}

enum edge_status ear_counts(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct ear *ear = state;
    int64_t publisher = m->correlation_id[0] - '0', number = 0;
    if (!edge_int_parse(m->correlation_id + 2, &number) || publisher < 0 || publisher > 7) {
        return edge_fail(ctx, EDGE_INVALID, "odd correlation id");
    }
    EDGE_LOCK(&ear->lock);
    ear->disorder += number < ear->next[publisher];
    ear->gaps += number > ear->next[publisher];
    ear->next[publisher] = number + 1;
    ear->n++;
    edge_cond_broadcast(&ear->heard);
    return EDGE_OK;
}

unsigned ear_n(struct ear *ear)
{
    EDGE_LOCK(&ear->lock);
    return ear->n;
}

bool ear_wait(struct ear *ear, unsigned n)
{
    int64_t deadline = edge_now_mono_ms() + BUS_SOON_MS;
    EDGE_LOCK(&ear->lock);
    while (ear->n < n) {
        if (!edge_cond_wait_until(&ear->heard, &ear->lock, deadline)) {
            printf("heard %u of %u\n", ear->n, n);
            return false;
        }
    }
    return true;
}

/* ---- hearing ----------------------------------------------------------------------------- */

struct speaker {
    struct edge_bus *bus;
    unsigned id, n;
    atomic_uint said;
};

static void *speak(void *arg)
{
    struct speaker *s = arg;
    for (unsigned i = 0; i < s->n; i++) {
        char id[32], topic[32];
        snprintf(id, sizeof(id), "%u:%u", s->id, i);
        snprintf(topic, sizeof(topic), "t/%u/%u", s->id, i % 3);
        if (try_say(s->bus, topic, id) != EDGE_OK) {
            break;
        }
        s->said++;
    }
    return NULL;
}

void behave_order(struct lab *lab)
{
    enum { PUBLISHERS = 3, EACH = 3000 };
    struct ear ear;
    ear_init(&ear);
    struct edge_bus *listener = lab_connect(lab, "listener");
    bus_listen(listener, "t/#", ear_counts, &ear, 0);
    struct edge_bus *speaker = lab_connect(lab, "speaker");
    lab_ready(listener);
    lab_ready(speaker);
    struct speaker speakers[PUBLISHERS];
    pthread_t threads[PUBLISHERS];
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        speakers[i] = (struct speaker){.bus = speaker, .id = i, .n = EACH};
        threads[i] = edge_thread_start("speaker", speak, &speakers[i]);
    }
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(speakers[i].said, EACH);
    }
    CU_ASSERT(ear_wait(&ear, PUBLISHERS * EACH));
    edge_bus_close(speaker, 1000);
    edge_bus_close(listener, 1000);
    CU_ASSERT_EQUAL(ear.n, PUBLISHERS * EACH);
    CU_ASSERT_EQUAL(ear.disorder, 0);
    CU_ASSERT_EQUAL(ear.gaps, 0);
    CU_ASSERT_EQUAL(lab_dropped(lab), 0);
    ear_done(&ear);
}

void behave_patterns(struct lab *lab)
{
    static const struct {
        const char *pattern, *expect;
    } ears[] = {
        {"e/a/b",   "e/a/b "                          },
        {"e/+/b",   "e/a/b e/x/b "                    },
        {"e/#",     "e/a/b e/x/b e/a e e/a/b/c "      },
        {"e/a/#",   "e/a/b e/a e/a/b/c "              },
        {"e/a/+",   "e/a/b "                          },
        {"+/a/b",   "e/a/b f/a/b "                    },
        {"e/a/b",   "e/a/b "                          },
        {"#",       "e/a/b e/x/b e/a e e/a/b/c f/a/b "},
        {"nothing", ""                                },
    };
    static const char *const topics[] = {"e/a/b", "e/x/b", "e/a", "e", "e/a/b/c", "f/a/b"};
    enum { N = sizeof(ears) / sizeof(ears[0]) };
    struct ear heard[N], last;
    struct edge_bus *own = lab_connect(lab, "own"), *other = lab_connect(lab, "other");
    for (size_t i = 0; i < N; i++) {
        ear_init(&heard[i]);
        bus_listen(i % 2 ? own : other, ears[i].pattern, ear_hears, &heard[i], 0);
    }
    ear_init(&last);
    bus_listen(own, "last", ear_hears, &last, 0);
    bus_listen(other, "last", ear_hears, &last, 0);
    lab_ready(own);
    lab_ready(other);
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        bus_say(own, topics[i], "");
    }
    bus_say(own, "last", "");
    CU_ASSERT(ear_wait(&last, 2));
    edge_bus_close(own, 1000);
    edge_bus_close(other, 1000);
    for (size_t i = 0; i < N; i++) {
        size_t len = strlen(ears[i].expect);
        bool all = strcmp(ears[i].pattern, "#") == 0;
        if (strncmp(heard[i].topics, ears[i].expect, len) != 0) {
            printf("%s heard %s\n", ears[i].pattern, heard[i].topics);
        }
        CU_ASSERT_NSTRING_EQUAL(heard[i].topics, ears[i].expect, len);
        CU_ASSERT_STRING_EQUAL(heard[i].topics + len, all ? "last " : "");
        ear_done(&heard[i]);
    }
    ear_done(&last);
}

/* ---- content ----------------------------------------------------------------------------- */

struct thing {
    const char *name;
    int64_t origin;
    uint64_t large;
    struct edge_bytes bytes;
};
/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct thing, m, __VA_ARGS__)
static const struct edge_field thing_fields[] = {
    F(name, "name", "Name.", .flags = EDGE_REQUIRED),
    F(origin, "origin", "ns.", .flags = EDGE_REQUIRED),
    F(large, "large", "Any.", .flags = EDGE_REQUIRED),
    F(bytes, "bytes", "Bytes."),
};
#undef F
/* clang-format on */
static const struct edge_dto THING = EDGE_DTO(struct thing, "Thing", thing_fields);

struct seen {
    struct ear ear;
    bool same;
    const void *object;
};

static enum edge_status look(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct seen *seen = state;
    const struct thing *t = NULL;
    const cJSON *tree = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &THING, (const void **)&t));
    EDGE_TRY(edge_message_tree(ctx, m, &tree));
    int64_t origin = 0;
    seen->same =
        strcmp(t->name, "p\xc3\xbcmp \"1\"") == 0 && t->origin == 1754470001000000001 &&
        t->large == UINT64_MAX && t->bytes.size == 3 && memcmp(t->bytes.data, "\0\1\2", 3) == 0 &&
        edge_json_int(edge_json_member(tree, "origin", true), &origin) && origin == t->origin &&
        strcmp(ctx->correlation_id, "corr") == 0 && strcmp(m->request_id, "req") == 0 &&
        m->n_params == 1 && strcmp(edge_message_param(m, "ds-pushevent"), "true") == 0 &&
        !edge_message_param(m, "other");
    seen->object = t;
    return ear_hears(&seen->ear, ctx, m);
}

void behave_content(struct lab *lab)
{
    EDGE_CTX_SCOPE(ctx);
    static const struct thing thing = {
        "p\xc3\xbcmp \"1\"", 1754470001000000001, UINT64_MAX, {"\0\1\2", 3}
    };
    static struct edge_pair param = {"ds-pushevent", "true"};
    struct seen seen = {0};
    ear_init(&seen.ear);
    struct edge_bus *a = lab_connect(lab, "a"), *b = lab_connect(lab, "b");
    bus_listen(b, "x/y", look, &seen, 0);
    lab_ready(a);
    lab_ready(b);
    static const char *const types[] = {"application/json", "application/cbor"};
    for (unsigned i = 0; i < 2; i++) {
        seen.same = false;
        struct edge_message *m = message_on("x/y", "corr");
        m->request_id = "req";
        m->params = &param;
        m->n_params = 1;
        m->content_type = types[i];
        m->dto = &THING;
        m->object = &thing;
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, a, m), EDGE_OK);
        edge_message_unref(m);
        CU_ASSERT(ear_wait(&seen.ear, i + 1));
        CU_ASSERT(seen.same);
        CU_ASSERT_EQUAL(seen.object == &thing, lab->hub != NULL);
    }
    CU_ASSERT_EQUAL(edge_bus_wanted(a, "x/y"), true);
    CU_ASSERT_EQUAL(edge_bus_wanted(a, "x/z"), lab->hub == NULL);
    edge_bus_close(a, 1000);
    edge_bus_close(b, 1000);
    ear_done(&seen.ear);
}

/* ---- requests ---------------------------------------------------------------------------- */

struct asker {
    struct edge_bus *bus;
    const char *topic;
    unsigned id;
    int64_t patience_ms;
    enum edge_status status;
    bool right;
    unsigned error_code;
};

static void *ask(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    struct asker *a = arg;
    char id[EDGE_UUID_SIZE];
    edge_uuid_new(id);
    struct edge_message *m = message_on(a->topic, "c"), *answer = NULL;
    m->request_id = edge_strdup(edge_message_arena(m), id);
    a->status = edge_bus_request(&ctx, a->bus, m, "response/server",
                                 edge_now_mono_ms() + a->patience_ms, &answer);
    if (a->status == EDGE_OK) {
        a->right = strcmp(answer->request_id, id) == 0;
        a->error_code = answer->error_code;
        edge_message_unref(answer);
    } else {
        printf("request: %s\n", edge_ctx_message(&ctx, a->status));
    }
    edge_message_unref(m);
    return NULL;
}

static struct edge_message *answer_to(const struct edge_message *m, const char *id)
{
    struct edge_message *answer = edge_message_create(0);
    edge_message_topic(answer, "response/server/%s", id);
    answer->request_id = edge_strdup(edge_message_arena(answer), id);
    answer->correlation_id = edge_strdup(edge_message_arena(answer), m->correlation_id);
    return answer;
}

static enum edge_status serve(void *bus, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct edge_message *answer = answer_to(m, m->request_id);
    enum edge_status st = edge_bus_publish(ctx, bus, answer);
    edge_message_unref(answer);
    return st;
}

void behave_requests(struct lab *lab)
{
    enum { ASKERS = 100 };
    struct edge_bus *server = lab_connect(lab, "server"), *client = lab_connect(lab, "client");
    bus_listen(server, "serve/+", serve, server, EDGE_SUB_WAITS);
    lab_ready(server);
    struct asker *askers = edge_xalloc(ASKERS, sizeof(*askers));
    pthread_t threads[ASKERS];
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){client, "serve/x", i, BUS_SOON_MS, EDGE_INTERNAL, false, 0};
        threads[i] = edge_thread_start("asker", ask, &askers[i]);
    }
    unsigned right = 0;
    for (unsigned i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], NULL);
        right += askers[i].status == EDGE_OK && askers[i].right;
    }
    CU_ASSERT_EQUAL(right, ASKERS);
    free(askers);
    edge_bus_close(client, 1000);
    edge_bus_close(server, 1000);
}

static enum edge_status serve_thrice(void *bus, struct edge_ctx *ctx, const struct edge_message *m)
{
    static const char *const ids[] = {"11111111-2222-4333-8444-555555555555", NULL, NULL};
    for (int i = 0; i < 3; i++) {
        struct edge_message *answer = answer_to(m, ids[i] ? ids[i] : m->request_id);
        enum edge_status st = edge_bus_publish(ctx, bus, answer);
        edge_message_unref(answer);
        EDGE_TRY(st);
    }
    return EDGE_OK;
}

void behave_foreign_answers(struct lab *lab)
{
    struct edge_bus *server = lab_connect(lab, "server"), *client = lab_connect(lab, "client");
    bus_listen(server, "serve/+", serve_thrice, server, 0);
    lab_ready(server);
    for (unsigned i = 0; i < 50; i++) {
        struct asker asker = {client, "serve/x", i, BUS_SOON_MS, EDGE_INTERNAL, false, 0};
        ask(&asker);
        CU_ASSERT_EQUAL(asker.status, EDGE_OK);
        CU_ASSERT(asker.right);
    }
    edge_bus_close(client, 1000);
    edge_bus_close(server, 1000);
}

static enum edge_status serve_error(void *bus, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct edge_message *answer = answer_to(m, m->request_id);
    answer->error_code = 1;
    answer->content_type = "text/plain";
    answer->text = "device 'D1' is locked";
    enum edge_status st = edge_bus_publish(ctx, bus, answer);
    edge_message_unref(answer);
    return st;
}

void behave_error_answer(struct lab *lab)
{
    struct edge_bus *server = lab_connect(lab, "server"), *client = lab_connect(lab, "client");
    bus_listen(server, "serve/+", serve_error, server, 0);
    lab_ready(server);
    struct asker asker = {client, "serve/x", 0, BUS_SOON_MS, EDGE_INTERNAL, false, 0};
    ask(&asker);
    CU_ASSERT_EQUAL(asker.status, EDGE_OK);
    CU_ASSERT_EQUAL(asker.error_code, 1);
    edge_bus_close(client, 1000);
    edge_bus_close(server, 1000);
}

void behave_no_answer(struct lab *lab)
{
    enum { PATIENCE_MS = 200 };
    struct edge_bus *client = lab_connect(lab, "client");
    struct asker asker = {client, "nobody/hears", 0, PATIENCE_MS, EDGE_OK, false, 0};
    int64_t before = edge_now_mono_ms();
    ask(&asker);
    CU_ASSERT_EQUAL(asker.status, EDGE_UNAVAILABLE);
    CU_ASSERT(edge_now_mono_ms() - before >= PATIENCE_MS);
    edge_bus_close(client, 1000);
}

/* ---- full queues ------------------------------------------------------------------------- */

static enum edge_status pass(void *gate, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)ctx;
    (void)m;
    gate_pass(gate);
    return EDGE_OK;
}

void behave_busy_asker(struct lab *lab)
{
    struct gate *gate = gate_create();
    struct edge_bus *server = lab_connect(lab, "server"), *client = lab_connect(lab, "client");
    bus_listen(server, "serve/+", serve, server, 0);
    bus_listen(client, "flood", pass, gate, 0);
    lab_ready(server);
    lab_ready(client);
    for (int i = 0; i < 200; i++) {
        bus_say(server, "flood", "");
    }
    CU_ASSERT(gate_wait_for(gate, 1));
    struct asker asker = {client, "serve/x", 0, BUS_SOON_MS, EDGE_INTERNAL, false, 0};
    ask(&asker);
    CU_ASSERT_EQUAL(asker.status, EDGE_OK);
    gate_open(gate);
    edge_bus_close(client, 1000);
    edge_bus_close(server, 1000);
    gate_free(gate);
}

struct slow_ear {
    struct ear ear;
    long nap_ns;
};

static enum edge_status hear_slowly(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct slow_ear *slow = state;
    nanosleep(&(struct timespec){.tv_nsec = slow->nap_ns}, NULL);
    return ear_counts(&slow->ear, ctx, m);
}

static struct edge_bus *narrow(struct lab *lab, size_t max_queued)
{
    struct edge_bus_config config = lab_config(lab, "narrow");
    config.max_queued = max_queued;
    return lab_open(&config);
}

void behave_slow_handler(struct lab *lab)
{
    enum { N = 500 };
    struct slow_ear slow = {.nap_ns = 100 * 1000};
    ear_init(&slow.ear);
    struct edge_bus *listener = narrow(lab, 5);
    bus_listen(listener, "t/#", hear_slowly, &slow, 0);
    struct edge_bus *bus = lab_connect(lab, "speaker");
    lab_ready(listener);
    lab_ready(bus);
    struct speaker speaker = {.bus = bus, .n = N};
    speak(&speaker);
    CU_ASSERT(ear_wait(&slow.ear, N));
    CU_ASSERT_EQUAL(slow.ear.gaps + slow.ear.disorder, 0);
    CU_ASSERT_EQUAL(lab_dropped(lab), 0);
    edge_bus_close(bus, 1000);
    edge_bus_close(listener, 1000);
    ear_done(&slow.ear);
}

static bool some_dropped(void *lab)
{
    return lab_dropped(lab) > 0;
}

void behave_stuck_handler(struct lab *lab)
{
    enum { N = 500, BOUND = 10 };
    struct gate *gate = gate_create();
    struct ear ear;
    ear_init(&ear);
    struct edge_bus *listener = narrow(lab, BOUND);
    bus_listen(listener, "t/#", pass, gate, 0);
    bus_listen(listener, "t/#", ear_counts, &ear, 0);
    struct edge_bus *bus = lab_connect(lab, "speaker");
    lab_ready(listener);
    lab_ready(bus);
    struct speaker speaker = {.bus = bus, .n = N};
    int64_t before = edge_now_mono_ms();
    speak(&speaker); /* in process: waits once, then loses the rest quickly */
    CU_ASSERT(edge_now_mono_ms() - before < BUS_SOON_MS);
    CU_ASSERT(wait_until(some_dropped, lab, BUS_SOON_MS));
    gate_open(gate);
    bus_say(bus, "t/end", "7:0");
    while (ear_n(&ear) + lab_dropped(lab) < N + 1) {
        CU_ASSERT_FATAL(edge_now_mono_ms() - before < 3 * BUS_SOON_MS);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    CU_ASSERT_EQUAL(ear_n(&ear) + lab_dropped(lab), N + 1);
    CU_ASSERT_EQUAL(ear.disorder, 0);
    edge_bus_close(bus, 1000);
    edge_bus_close(listener, 1000);
    gate_free(gate);
    ear_done(&ear);
}

struct echo {
    struct edge_bus *bus;
    struct ear ear;
};

/* Every "t/..." makes three on "echo". */
static enum edge_status triple(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct echo *echo = state;
    for (int i = 0; i < 3; i++) {
        struct edge_message *copy = message_on("echo", m->correlation_id);
        enum edge_status st = edge_bus_publish(ctx, echo->bus, copy);
        edge_message_unref(copy);
        EDGE_TRY(st);
    }
    return EDGE_OK;
}

void behave_self_filling(struct lab *lab)
{
    enum { N = 100, BOUND = 8 };
    struct echo echo;
    ear_init(&echo.ear);
    echo.bus = narrow(lab, BOUND);
    bus_listen(echo.bus, "t/#", triple, &echo, 0);
    bus_listen(echo.bus, "echo", ear_hears, &echo.ear, 0);
    struct edge_bus *bus = lab_connect(lab, "speaker");
    lab_ready(echo.bus);
    lab_ready(bus);
    struct speaker speaker = {.bus = bus, .n = N};
    int64_t before = edge_now_mono_ms();
    speak(&speaker);
    while (ear_n(&echo.ear) + lab_dropped(lab) < 3 * N) {
        CU_ASSERT_FATAL(edge_now_mono_ms() - before < BUS_SOON_MS);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    CU_ASSERT(ear_n(&echo.ear) >= N);
    edge_bus_close(bus, 1000);
    edge_bus_close(echo.bus, 1000);
    ear_done(&echo.ear);
}

void behave_full_pool(struct lab *lab)
{
    enum { N = 300 };
    struct slow_ear slow = {.nap_ns = 200 * 1000};
    ear_init(&slow.ear);
    struct edge_pool *pool = edge_pool_create("tiny", 1, 2);
    struct edge_bus_config config = lab_config(lab, "pooled");
    config.pool = pool;
    struct edge_bus *listener = lab_open(&config);
    bus_listen(listener, "t/#", hear_slowly, &slow, EDGE_SUB_WAITS);
    struct edge_bus *bus = lab_connect(lab, "speaker");
    lab_ready(listener);
    lab_ready(bus);
    struct speaker speaker = {.bus = bus, .n = N};
    speak(&speaker);
    CU_ASSERT(ear_wait(&slow.ear, N));
    CU_ASSERT_EQUAL(lab_dropped(lab), 0);
    edge_bus_close(bus, 1000);
    edge_bus_close(listener, 1000);
    edge_pool_free(pool);
    ear_done(&slow.ear);
}

/* ---- closing ----------------------------------------------------------------------------- */

static bool all_arrived(void *lab)
{
    const struct lab *l = lab;
    return edge_counter_get(edge_counter(l->metrics, "BusMessagesReceived", "")) >= 200;
}

void behave_close_delivers(struct lab *lab)
{
    enum { N = 200 };
    struct slow_ear slow = {.nap_ns = 1000 * 1000};
    ear_init(&slow.ear);
    struct edge_bus *listener = lab_connect(lab, "listener"), *bus = lab_connect(lab, "speaker");
    bus_listen(listener, "t/#", hear_slowly, &slow, 0);
    lab_ready(listener);
    lab_ready(bus);
    struct speaker speaker = {.bus = bus, .n = N};
    speak(&speaker);
    CU_ASSERT(wait_until(all_arrived, lab, BUS_SOON_MS));
    CU_ASSERT(ear_n(&slow.ear) < N);
    edge_bus_close(bus, 1000);
    edge_bus_close(listener, BUS_SOON_MS);
    CU_ASSERT_EQUAL(ear_n(&slow.ear), N);
    CU_ASSERT_EQUAL(lab_dropped(lab), 0);
    ear_done(&slow.ear);
}

static void *open_soon(void *gate)
{
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
    gate_open(gate);
    return NULL;
}

void behave_close_gives_up(struct lab *lab)
{
    enum { N = 200 };
    struct gate *gate = gate_create();
    struct edge_bus *listener = lab_connect(lab, "listener"), *bus = lab_connect(lab, "speaker");
    bus_listen(listener, "t/#", pass, gate, 0);
    lab_ready(listener);
    lab_ready(bus);
    struct speaker speaker = {.bus = bus, .n = N};
    speak(&speaker);
    CU_ASSERT(wait_until(all_arrived, lab, BUS_SOON_MS));
    CU_ASSERT(gate_wait_for(gate, 1));
    pthread_t opener = edge_thread_start("opener", open_soon, gate);
    edge_bus_close(listener, 20); /* the handler at the gate is waited for, the rest is not */
    pthread_join(opener, NULL);
    edge_bus_close(bus, 1000);
    CU_ASSERT_EQUAL(lab_dropped(lab), N - 1);
    gate_free(gate);
}

static void *speak_until_closed(void *arg)
{
    struct speaker *s = arg;
    enum edge_status st = EDGE_OK;
    while (st == EDGE_OK) {
        st = try_say(s->bus, "t/x", "0:0");
        s->said++;
    }
    CU_ASSERT_EQUAL(st, EDGE_UNAVAILABLE);
    return NULL;
}

static bool spoke(void *arg)
{
    return ((struct speaker *)arg)->said > 100;
}

void behave_close_amid(struct lab *lab)
{
    enum { SPEAKERS = 3, GUESTS = 5 };
    struct ear ear;
    ear_init(&ear);
    struct speaker speakers[SPEAKERS];
    struct edge_bus *guests[GUESTS];
    pthread_t threads[SPEAKERS];
    for (unsigned i = 0; i < SPEAKERS; i++) {
        speakers[i] = (struct speaker){.bus = lab_connect(lab, "speaker"), .id = i};
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        guests[i] = lab_connect(lab, "guest");
        bus_listen(guests[i], "t/#", ear_hears, &ear, 0);
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        lab_ready(guests[i]);
    }
    for (unsigned i = 0; i < SPEAKERS; i++) {
        threads[i] = edge_thread_start("speaker", speak_until_closed, &speakers[i]);
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        CU_ASSERT(ear_wait(&ear, ear_n(&ear) + 1));
        edge_bus_close(guests[i], 100);
    }
    for (unsigned i = 0; i < SPEAKERS; i++) {
        CU_ASSERT(wait_until(spoke, &speakers[i], BUS_SOON_MS));
        edge_bus_stop(speakers[i].bus, 100);
        pthread_join(threads[i], NULL);
        edge_bus_close(speakers[i].bus, 100);
    }
    ear_done(&ear);
}

void behave_nonsense(struct lab *lab)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus *bus = lab_connect(lab, "bus");
    CU_ASSERT_EQUAL(try_say(bus, "a/+/b", ""), EDGE_INVALID);
    CU_ASSERT_EQUAL(try_say(bus, "", ""), EDGE_INVALID);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, bus, "a/#/b", ear_hears, NULL, 0), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "topic pattern 'a/#/b' has a wildcard that is not a whole level");
    struct edge_message *m = message_on("a", ""), *answer = NULL;
    CU_ASSERT_EQUAL(edge_bus_request(&ctx, bus, m, "r", edge_now_mono_ms(), &answer), EDGE_INVALID);
    m->request_id = "x/y";
    CU_ASSERT_EQUAL(edge_bus_request(&ctx, bus, m, "r", edge_now_mono_ms(), &answer), EDGE_INVALID);
    edge_message_unref(m);
    edge_bus_close(bus, 1000);
    edge_bus_close(NULL, 0);
}
