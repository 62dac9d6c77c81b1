/* What only a broker can do to the bus: be absent, die, freeze, refuse, carry anything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus_behaviour.h"
#include "edge/text.h"

/* ---- brokers come and go ----------------------------------------------------------------- */

static void test_it_may_start_before_the_broker(void)
{
    enum { N = 500 };
    struct ear ear;
    ear_init(&ear);
    struct lab lab = lab_mqtt(broker_prepare(NULL));
    struct edge_bus_config config = lab_config(&lab, "early");
    struct edge_bus *bus = lab_open(&config);
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, bus, "t/#", ear_counts, &ear, 0), EDGE_OK);
    for (int i = 0; i < N; i++) {
        char id[16];
        snprintf(id, sizeof(id), "0:%d", i);
        bus_say(bus, "t/x", id);
    }
    CU_ASSERT_FALSE(edge_bus_connected(bus));
    CU_ASSERT_FALSE(edge_bus_wait_connected(bus, edge_now_mono_ms() + 50));
    CU_ASSERT_EQUAL(ear_n(&ear), 0);
    if (broker_restart(lab.broker)) {
        CU_ASSERT(edge_bus_wait_connected(bus, edge_now_mono_ms() + BUS_SOON_MS));
        CU_ASSERT(ear_wait(&ear, N));
        CU_ASSERT_EQUAL(ear.gaps + ear.disorder, 0);
    }
    edge_bus_close(bus, 1000);
    lab_done(&lab);
    ear_done(&ear);
}

/* What was said after hundreds of events is there before them. */
static void test_events_hold_up_nobody(void)
{
    enum { N = 400 };
    struct ear ear;
    ear_init(&ear);
    struct lab lab = lab_mqtt(broker_prepare(NULL));
    struct edge_bus_config config = lab_config(&lab, "full");
    config.event_qos = 1;
    struct edge_bus *bus = lab_open(&config);
    EDGE_CTX_SCOPE(ctx);
    bus_listen(bus, "t/#", ear_hears, &ear, 0);
    for (int i = 0; i < N; i++) {
        struct edge_message *m = edge_message_create(0);
        edge_message_topic(m, "t/event");
        m->is_event = true;
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, bus, m), EDGE_OK);
        edge_message_unref(m);
    }
    bus_say(bus, "t/question", "");
    bus_say(bus, "t/answer", "");
    if (broker_restart(lab.broker)) {
        CU_ASSERT(ear_wait(&ear, N + 2));
        CU_ASSERT_NSTRING_EQUAL(ear.topics, "t/question t/answer t/event ", 28);
    }
    edge_bus_close(bus, 1000);
    lab_done(&lab);
    ear_done(&ear);
}

struct talker {
    struct edge_bus *bus;
    atomic_bool stop;
    unsigned said;
};

static void *talk(void *arg)
{
    struct talker *t = arg;
    while (!t->stop) {
        char id[16];
        snprintf(id, sizeof(id), "0:%u", t->said++);
        bus_say(t->bus, "t/x", id);
        nanosleep(&(struct timespec){.tv_nsec = 200 * 1000}, NULL);
    }
    return NULL;
}

static enum edge_status answer(void *bus, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct edge_message *a = edge_message_create(0);
    edge_message_topic(a, "response/server/%s", m->request_id);
    enum edge_status st = edge_bus_publish(ctx, bus, a);
    edge_message_unref(a);
    return st;
}

static enum edge_status request(struct edge_bus *bus, int64_t patience_ms)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = edge_message_create(0), *got = NULL;
    edge_message_topic(m, "serve/x");
    m->request_id = edge_uuid_make(edge_message_arena(m));
    enum edge_status st =
        edge_bus_request(&ctx, bus, m, "response/server", edge_now_mono_ms() + patience_ms, &got);
    if (st == EDGE_OK) {
        CU_ASSERT_STRING_EQUAL(got->request_id, ""); /* the topic says whose it is */
        edge_message_unref(got);
    }
    edge_message_unref(m);
    return st;
}

static bool connected(void *bus)
{
    return edge_bus_connected(bus);
}

static bool disconnected(void *bus)
{
    return !edge_bus_connected(bus);
}

static void killed_under_load(struct lab *lab, int qos)
{
    struct ear ear;
    ear_init(&ear);
    struct edge_bus_config config = lab_config(lab, "a");
    config.qos = qos;
    config.max_outgoing = 1000 * 1000;
    struct edge_bus *speaker = lab_open(&config);
    config.service = "b";
    struct edge_bus *listener = lab_open(&config);
    bus_listen(listener, "t/#", ear_counts, &ear, 0);
    bus_listen(listener, "serve/+", answer, listener, 0);
    lab_ready(listener);
    lab_ready(speaker);
    CU_ASSERT_EQUAL(request(speaker, BUS_SOON_MS), EDGE_OK);
    struct talker talker = {.bus = speaker};
    pthread_t thread = edge_thread_start("talker", talk, &talker);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(ear_wait(&ear, ear_n(&ear) + 100));
        broker_kill(lab->broker);
        CU_ASSERT(wait_until(disconnected, speaker, BUS_SOON_MS));
        CU_ASSERT(wait_until(disconnected, listener, BUS_SOON_MS));
        CU_ASSERT_EQUAL(request(speaker, 100), EDGE_UNAVAILABLE);
        CU_ASSERT_FATAL(broker_restart(lab->broker));
        /* The listener first, so that what waited for the broker finds it there; either may be. */
        CU_ASSERT(wait_until(connected, listener, BUS_SOON_MS));
        CU_ASSERT(wait_until(connected, speaker, BUS_SOON_MS));
        CU_ASSERT_EQUAL(request(speaker, BUS_SOON_MS), EDGE_OK);
    }
    talker.stop = true;
    pthread_join(thread, NULL);
    edge_bus_close(speaker, 5000);
    unsigned before = ear_n(&ear);
    printf("(said %u, heard %u) ", talker.said, before);
    CU_ASSERT(before > 300);
    CU_ASSERT_EQUAL(lab_dropped(lab), 0);
    edge_bus_close(listener, 1000);
    if (qos == 0) {
        CU_ASSERT_EQUAL(ear.disorder, 0);
    }
    ear_done(&ear);
}

static void kill_at_qos_0(struct lab *lab)
{
    killed_under_load(lab, 0);
}

static void kill_at_qos_1(struct lab *lab)
{
    killed_under_load(lab, 1);
}

static void test_a_killed_broker_is_found_again(void)
{
    lab_run_mqtt(kill_at_qos_0, NULL);
}

static void test_a_killed_broker_is_found_again_at_qos_1(void)
{
    lab_run_mqtt(kill_at_qos_1, NULL);
}

/* Everything is heard that was published while nobody was connected. */
static void outage(struct lab *lab)
{
    enum { N = 2000 };
    struct ear ear;
    ear_init(&ear);
    struct edge_bus *bus = lab_connect(lab, "bus");
    bus_listen(bus, "t/#", ear_counts, &ear, 0);
    lab_ready(bus);
    broker_stop(lab->broker);
    CU_ASSERT(wait_until(disconnected, bus, BUS_SOON_MS));
    for (int i = 0; i < N; i++) {
        char id[16];
        snprintf(id, sizeof(id), "0:%d", i);
        bus_say(bus, "t/x", id);
    }
    CU_ASSERT_FATAL(broker_restart(lab->broker));
    CU_ASSERT(ear_wait(&ear, N));
    CU_ASSERT_EQUAL(ear.gaps + ear.disorder, 0);
    edge_bus_close(bus, 1000);
    ear_done(&ear);
}

static void test_nothing_is_lost_while_the_broker_is_away(void)
{
    lab_run_mqtt(outage, NULL);
}

static void test_what_waits_for_the_broker_is_bounded(void)
{
    enum { N = 100, BOUND = 10 };
    struct ear ear;
    ear_init(&ear);
    struct lab lab = lab_mqtt(broker_prepare(NULL));
    struct edge_bus_config config = lab_config(&lab, "early");
    config.max_outgoing = BOUND;
    struct edge_bus *bus = lab_open(&config);
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, bus, "t/#", ear_hears, &ear, 0), EDGE_OK);
    for (int i = 0; i < N; i++) {
        char topic[16];
        snprintf(topic, sizeof(topic), "t/%d", i);
        bus_say(bus, topic, "");
    }
    CU_ASSERT_EQUAL(lab_dropped(&lab), N - BOUND);
    if (broker_restart(lab.broker)) {
        CU_ASSERT(ear_wait(&ear, BOUND));
        CU_ASSERT_STRING_EQUAL(ear.topics, "t/90 t/91 t/92 t/93 t/94 t/95 t/96 t/97 t/98 t/99 ");
    }
    edge_bus_close(bus, 1000);
    lab_done(&lab);
    ear_done(&ear);
}

static void test_closing_without_a_broker_ends_in_time(void)
{
    struct lab lab = lab_mqtt(broker_prepare(NULL));
    struct edge_bus_config config = lab_config(&lab, "lonely");
    struct edge_bus *bus = lab_open(&config);
    bus_say(bus, "t/x", "");
    int64_t before = edge_now_mono_ms();
    edge_bus_close(bus, 20 * 1000); /* it is given a last chance, and not all the time */
    CU_ASSERT(edge_now_mono_ms() - before < 3000);
    CU_ASSERT_EQUAL(lab_dropped(&lab), 1);
    lab_done(&lab);
}

/* A broker that is there and does nothing: publishers go on, closing ends. */
static void frozen(struct lab *lab)
{
    enum { N = 3000, SIZE = 4000 };
    struct ear ear;
    ear_init(&ear);
    struct edge_bus *bus = lab_connect(lab, "bus"), *listener = lab_connect(lab, "listener");
    bus_listen(listener, "t/#", ear_hears, &ear, 0);
    lab_ready(listener);
    lab_ready(bus);
    char *text = edge_xalloc(1, SIZE + 1);
    memset(text, 'x', SIZE);
    broker_freeze(lab->broker);
    for (int i = 0; i < N; i++) { /* more than the sockets hold */
        bus_say(bus, "t/x", text);
    }
    broker_thaw(lab->broker);
    CU_ASSERT(ear_wait(&ear, N));
    broker_freeze(lab->broker);
    for (int i = 0; i < N; i++) {
        bus_say(bus, "t/x", text);
    }
    int64_t before = edge_now_mono_ms();
    edge_bus_close(bus, 100);
    CU_ASSERT(edge_now_mono_ms() - before < 5000);
    CU_ASSERT(lab_dropped(lab) > 0);
    broker_thaw(lab->broker);
    edge_bus_close(listener, 1000);
    free(text);
    ear_done(&ear);
}

static void test_a_frozen_broker_blocks_nobody(void)
{
    lab_run_mqtt(frozen, NULL);
}

/* ---- foreign bytes ----------------------------------------------------------------------- */

static void garbage(struct lab *lab)
{
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        BYTES(""),
        BYTES("{"),
        BYTES("hello"),
        BYTES("[1,2,3]"),
        BYTES("{\"payload\":{},\"contentType\":null}"), /* fine: JSON is meant */
        BYTES("{\"apiVersion\":\"v3\",\"payload\":\"AAAA\"}"),
        BYTES("\0\0\0\0"),
        BYTES("\xff\xff\xff\xff"),
        BYTES("\xbf\x61"),
        BYTES("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("{\"errorCode\":18446744073709551616,\"payload\":1}"),
    };
    struct ear ear, all;
    ear_init(&ear);
    ear_init(&all);
    struct edge_bus *bus = lab_connect(lab, "bus");
    bus_listen(bus, "t/good", ear_hears, &ear, 0);
    bus_listen(bus, "t/#", ear_hears, &all, 0);
    lab_ready(bus);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT(broker_publish_raw(lab->broker, "t/bad", cases[i].bytes, cases[i].size));
    }
    static const char good[] = "{\"apiVersion\":\"v3\",\"correlationID\":\"ok\",\"payload\":{}}";
    CU_ASSERT(broker_publish_raw(lab->broker, "t/good", good, sizeof(good) - 1));
    CU_ASSERT(ear_wait(&ear, 1));
    CU_ASSERT_STRING_EQUAL(ear.last, "ok");
    CU_ASSERT(ear_wait(&all, 2));
    CU_ASSERT_STRING_EQUAL(all.topics, "t/bad t/good ");
    edge_bus_close(bus, 1000);
    ear_done(&ear);
    ear_done(&all);
}

static void test_garbage_is_refused_and_nothing_else(void)
{
    lab_run_mqtt(garbage, NULL);
}

static enum edge_status hear_fault(void *ear, struct edge_ctx *ctx, const struct edge_message *m)
{
    if (m->fault && strstr(m->fault, "queryParams.a must be a single value") &&
        strcmp(m->request_id, "r1") == 0) {
        return ear_hears(ear, ctx, m);
    }
    return EDGE_OK;
}

/* Who answers requests hears of unsound ones; nobody else does. */
static void unsound_requests(struct lab *lab)
{
    static const char bad[] = "{\"requestID\":\"r1\",\"payload\":1,\"queryParams\":{\"a\":[]}}";
    static const char good[] = "{\"correlationID\":\"ok\",\"payload\":1}";
    struct ear faults, others;
    ear_init(&faults);
    ear_init(&others);
    struct edge_bus *bus = lab_connect(lab, "bus");
    bus_listen(bus, "t/ask", hear_fault, &faults, EDGE_SUB_REQUESTS);
    bus_listen(bus, "t/wait", hear_fault, &faults, EDGE_SUB_REQUESTS | EDGE_SUB_WAITS);
    bus_listen(bus, "t/#", ear_hears, &others, 0);
    lab_ready(bus);
    CU_ASSERT(broker_publish_raw(lab->broker, "t/ask", bad, sizeof(bad) - 1));
    CU_ASSERT(broker_publish_raw(lab->broker, "t/wait", bad, sizeof(bad) - 1));
    CU_ASSERT(broker_publish_raw(lab->broker, "t/other", bad, sizeof(bad) - 1));
    CU_ASSERT(broker_publish_raw(lab->broker, "t/good", good, sizeof(good) - 1));
    CU_ASSERT(ear_wait(&others, 1));
    CU_ASSERT_STRING_EQUAL(others.topics, "t/good ");
    CU_ASSERT(ear_wait(&faults, 2));
    edge_bus_close(bus, 1000);
    ear_done(&faults);
    ear_done(&others);
}

static void test_unsound_requests_reach_who_answers(void)
{
    lab_run_mqtt(unsound_requests, NULL);
}

static enum edge_status answer_garbage(void *broker, struct edge_ctx *ctx,
                                       const struct edge_message *m)
{
    const char *topic = edge_printf(&ctx->arena, "response/server/%s", m->request_id);
    return broker_publish_raw(broker, topic, "{oops", 5) ? EDGE_OK : EDGE_INTERNAL;
}

static void garbage_answer(struct lab *lab)
{
    struct edge_bus *bus = lab_connect(lab, "bus");
    bus_listen(bus, "serve/+", answer_garbage, lab->broker, 0);
    lab_ready(bus);
    CU_ASSERT_EQUAL(request(bus, BUS_SOON_MS), EDGE_REMOTE);
    edge_bus_close(bus, 1000);
}

static void test_a_garbage_answer_fails_the_request(void)
{
    lab_run_mqtt(garbage_answer, NULL);
}

static struct edge_message *text_message(size_t size)
{
    struct edge_message *m = edge_message_create(size);
    char *text = edge_alloc(edge_message_arena(m), size + 1, 1);
    memset(text, 'x', size);
    m->text = text;
    m->content_type = "text/plain";
    edge_message_topic(m, "t/text");
    return m;
}

static void large(struct lab *lab)
{
    enum { SIZE = 8 * 1000 * 1000 };
    EDGE_CTX_SCOPE(ctx);
    struct ear ear;
    ear_init(&ear);
    struct edge_bus *bus = lab_connect(lab, "bus");
    bus_listen(bus, "t/#", ear_hears, &ear, 0);
    lab_ready(bus);
    struct edge_message *m = text_message(SIZE);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, bus, m), EDGE_OK);
    }
    edge_message_unref(m);
    CU_ASSERT(ear_wait(&ear, 3));
    edge_bus_close(bus, 1000);
    ear_done(&ear);
}

static void test_large_messages_pass(void)
{
    lab_run_mqtt(large, NULL);
}

/* A command whose asker has given up must not be obeyed when the way is free again. */
static void stale(struct lab *lab)
{
    EDGE_CTX_SCOPE(ctx);
    struct ear commands, ear;
    ear_init(&commands);
    ear_init(&ear);
    struct edge_bus *client = lab_connect(lab, "client"), *server = lab_connect(lab, "server");
    bus_listen(server, "serve/+", ear_hears, &commands, 0);
    bus_listen(server, "t/#", ear_hears, &ear, 0);
    lab_ready(server);
    lab_ready(client);
    CU_ASSERT_EQUAL(request(client, 1000), EDGE_UNAVAILABLE); /* heard, and not answered */
    CU_ASSERT(ear_wait(&commands, 1));
    broker_freeze(lab->broker);
    struct edge_message *m = text_message(20 * 1000 * 1000); /* more than the sockets hold */
    CU_ASSERT_EQUAL(edge_bus_publish(&ctx, client, m), EDGE_OK);
    edge_message_unref(m);
    CU_ASSERT_EQUAL(request(client, 100), EDGE_UNAVAILABLE);
    broker_thaw(lab->broker);
    bus_say(client, "t/end", "");
    CU_ASSERT(ear_wait(&ear, 2));
    CU_ASSERT_EQUAL(ear_n(&commands), 1);
    edge_bus_close(client, 1000);
    edge_bus_close(server, 1000);
    ear_done(&commands);
    ear_done(&ear);
}

static void test_stale_commands_are_not_sent(void)
{
    lab_run_mqtt(stale, NULL);
}

/* A broker that hangs up on a message does so again when it is sent again. */
static void unbearable(struct lab *lab)
{
    EDGE_CTX_SCOPE(ctx);
    struct ear ear;
    ear_init(&ear);
    struct edge_bus_config config = lab_config(lab, "bus");
    config.qos = 1;
    struct edge_bus *bus = lab_open(&config);
    bus_listen(bus, "t/#", ear_hears, &ear, 0);
    lab_ready(bus);
    struct edge_message *m = text_message(10 * 1000);
    CU_ASSERT_EQUAL(edge_bus_publish(&ctx, bus, m), EDGE_OK);
    edge_message_unref(m);
    bus_say(bus, "t/small", "");
    CU_ASSERT(ear_wait(&ear, 1));
    CU_ASSERT_STRING_EQUAL(ear.topics, "t/small ");
    CU_ASSERT_EQUAL(lab_dropped(lab), 1);
    edge_bus_close(bus, 1000);
    ear_done(&ear);
}

static void test_an_unbearable_message_is_given_up(void)
{
    lab_run_mqtt(unbearable, "max_packet_size 5000\n");
}

/* ---- doors ------------------------------------------------------------------------------- */

static void locked_door(struct lab *lab)
{
    struct edge_bus_config config = lab_config(lab, "stranger");
    config.username = "nobody";
    config.password = "wrong";
    struct edge_bus *bus = lab_open(&config);
    CU_ASSERT_FALSE(edge_bus_wait_connected(bus, edge_now_mono_ms() + 500));
    edge_bus_close(bus, 0);
}

static void test_refused_credentials_are_no_connection(void)
{
    lab_run_mqtt(locked_door, "allow_anonymous false\n");
}

static void twins(struct lab *lab)
{
    struct ear ear;
    ear_init(&ear);
    struct edge_bus_config config = lab_config(lab, "twin");
    config.client_id = "twin";
    struct edge_bus *one = lab_open(&config);
    bus_listen(one, "t/#", ear_hears, &ear, 0);
    lab_ready(one);
    struct edge_bus *two = lab_open(&config);
    CU_ASSERT(wait_until(disconnected, one, BUS_SOON_MS)); /* the broker keeps the later one */
    edge_bus_close(two, 100);
    CU_ASSERT(wait_until(connected, one, 2 * BUS_SOON_MS));
    bus_say(one, "t/x", "");
    CU_ASSERT(ear_wait(&ear, 1));
    edge_bus_close(one, 1000);
    ear_done(&ear);
}

static void test_a_twin_takes_over_and_leaves_again(void)
{
    lab_run_mqtt(twins, NULL);
}

static void test_tls_believes_the_right_certificate_only(void)
{
    struct lab lab = lab_mqtt(broker_prepare(BROKER_TLS));
    char ca[128];
    snprintf(ca, sizeof(ca), "%s/ca.pem", broker_folder(lab.broker));
    if (!broker_certify(lab.broker) || !broker_restart(lab.broker)) {
        CU_FAIL("no openssl, or mosquitto without TLS");
    } else {
        struct ear ear;
        ear_init(&ear);
        struct edge_bus_config config = lab_config(&lab, "secret");
        config.protocol = "ssl";
        config.host = "localhost";
        struct edge_bus *stranger = lab_open(&config);
        CU_ASSERT_FALSE(edge_bus_wait_connected(stranger, edge_now_mono_ms() + 500));
        config.ca = ca;
        config.host = "127.0.0.1"; /* not the name in the certificate */
        struct edge_bus *misled = lab_open(&config);
        CU_ASSERT_FALSE(edge_bus_wait_connected(misled, edge_now_mono_ms() + 500));
        config.host = "localhost";
        struct edge_bus *bus = lab_open(&config);
        bus_listen(bus, "t/#", ear_hears, &ear, 0);
        lab_ready(bus);
        bus_say(bus, "t/x", "");
        CU_ASSERT(ear_wait(&ear, 1));
        edge_bus_close(stranger, 0);
        edge_bus_close(misled, 0);
        edge_bus_close(bus, 1000);
        ear_done(&ear);
    }
    lab_done(&lab);
}

/* Hears on which thread, and what before. */
struct witness {
    struct ear ear;
    char at_once[16], queued[16];
    unsigned n_at_once, n_when_queued;
};

static enum edge_status sees_at_once(void *state, struct edge_ctx *ctx,
                                     const struct edge_message *m)
{
    (void)ctx;
    (void)m;
    struct witness *w = state;
    EDGE_LOCK(&w->ear.lock);
    w->n_at_once++;
    pthread_getname_np(pthread_self(), w->at_once, sizeof(w->at_once));
    return EDGE_OK;
}

static enum edge_status sees_queued(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct witness *w = state;
    {
        EDGE_LOCK(&w->ear.lock);
        w->n_when_queued = w->n_at_once;
        pthread_getname_np(pthread_self(), w->queued, sizeof(w->queued));
    }
    return ear_hears(&w->ear, ctx, m);
}

static void test_some_are_told_before_the_broker_is(void)
{
    struct witness w = {0};
    ear_init(&w.ear);
    struct lab lab = lab_mqtt(broker_start(NULL));
    struct edge_bus *bus = lab_connect(&lab, "witness");
    bus_listen(bus, "t/#", sees_at_once, &w, EDGE_SUB_AT_ONCE);
    bus_listen(bus, "+/x", sees_queued, &w, 0);
    lab_ready(bus);
    bus_say(bus, "t/x", "");
    CU_ASSERT(ear_wait(&w.ear, 1));
    CU_ASSERT_EQUAL(w.n_when_queued, 1);
    CU_ASSERT_EQUAL(w.n_at_once, 1);
    CU_ASSERT_STRING_NOT_EQUAL(w.at_once, w.queued);
    edge_bus_close(bus, 1000);
    lab_done(&lab);
    ear_done(&w.ear);
}

static void test_a_session_keeps_what_comes_meanwhile(void)
{
    enum { N = 5, MINUTE_S = 60 };
    struct ear ear;
    ear_init(&ear);
    struct lab lab = lab_mqtt(broker_start(NULL));
    struct edge_bus_config config = lab_config(&lab, "sleeper");
    config.client_id = "sleeper";
    config.session_s = MINUTE_S;
    config.qos = 1;
    struct edge_bus *bus = lab_open(&config);
    bus_listen(bus, "t/#", ear_hears, &ear, EDGE_SUB_AT_ONCE);
    lab_ready(bus);
    edge_bus_close(bus, 1000);
    config.client_id = "speaker";
    config.session_s = 0;
    struct edge_bus *speaker = lab_open(&config);
    lab_ready(speaker);
    for (int i = 0; i < N; i++) {
        bus_say(speaker, "t/x", "");
    }
    edge_bus_close(speaker, BUS_SOON_MS); /* the broker has them */
    CU_ASSERT_EQUAL(ear_n(&ear), 0);
    config.client_id = "sleeper";
    config.session_s = MINUTE_S;
    config.held = true; /* they come with the connection */
    bus = lab_open(&config);
    bus_listen(bus, "t/#", ear_hears, &ear, EDGE_SUB_AT_ONCE);
    edge_bus_release(bus);
    CU_ASSERT(ear_wait(&ear, N));
    edge_bus_close(bus, 1000);
    lab_done(&lab);
    ear_done(&ear);
}

CU_TestInfo bus_broker_tests[] = {
    {"it may start before the broker",           test_it_may_start_before_the_broker          },
    {"events hold up nobody",                    test_events_hold_up_nobody                   },
    {"a killed broker is found again",           test_a_killed_broker_is_found_again          },
    {"a killed broker is found again, QoS 1",    test_a_killed_broker_is_found_again_at_qos_1 },
    {"nothing is lost while the broker is away", test_nothing_is_lost_while_the_broker_is_away},
    {"what waits for the broker is bounded",     test_what_waits_for_the_broker_is_bounded    },
    {"closing without a broker ends in time",    test_closing_without_a_broker_ends_in_time   },
    {"a frozen broker blocks nobody",            test_a_frozen_broker_blocks_nobody           },
    {"garbage is refused and nothing else",      test_garbage_is_refused_and_nothing_else     },
    {"unsound requests reach who answers",       test_unsound_requests_reach_who_answers      },
    {"a garbage answer fails the request",       test_a_garbage_answer_fails_the_request      },
    {"large messages pass",                      test_large_messages_pass                     },
    {"stale commands are not sent",              test_stale_commands_are_not_sent             },
    {"an unbearable message is given up",        test_an_unbearable_message_is_given_up       },
    {"refused credentials are no connection",    test_refused_credentials_are_no_connection   },
    {"a twin takes over and leaves again",       test_a_twin_takes_over_and_leaves_again      },
    {"some are told before the broker is",       test_some_are_told_before_the_broker_is      },
    {"a session keeps what comes meanwhile",     test_a_session_keeps_what_comes_meanwhile    },
    {"TLS believes the right certificate only",  test_tls_believes_the_right_certificate_only },
    CU_TEST_INFO_NULL,
};
