/* The MQTT client against a real broker: that it comes back, what it says of each message, and why it fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "edge/buf.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/mqtt.h"
#include "edge/thread.h"
#include "ports.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 30 * 1000, N_FATES = EDGE_MQTT_UNSENT + 1 };

/* What a client has told us. */
struct diary {
    struct edge_mutex lock;
    unsigned n_received EDGE_GUARDED, n_heard EDGE_GUARDED;
    unsigned fates[N_FATES] EDGE_GUARDED;
    void *token EDGE_GUARDED; /* the last one settled */
    char text[256] EDGE_GUARDED, reason[256] EDGE_GUARDED, refusal[128] EDGE_GUARDED;
    char why[128] EDGE_GUARDED; /* of the last fate */
    bool up EDGE_GUARDED;
};

static void received(void *state, const struct edge_mqtt_message *m)
{
    struct diary *d = state;
    EDGE_LOCK(&d->lock);
    d->n_received++;
    int n = snprintf(d->text, sizeof(d->text), "%s %.*s%s", m->topic, (int)m->size,
                     m->size ? (const char *)m->payload : "", m->retained ? " retained" : "");
    if (m->content_type) {
        n += snprintf(d->text + n, sizeof(d->text) - (size_t)n, " %s %s %.*s %u", m->content_type,
                      m->response_topic ? m->response_topic : "-", (int)m->correlation_size,
                      m->correlation ? (const char *)m->correlation : "", m->expiry_s > 0);
    }
    for (size_t i = 0; i < m->n_properties; i++) {
        n += snprintf(d->text + n, sizeof(d->text) - (size_t)n, " %s=%s", m->properties[i].name,
                      m->properties[i].value);
    }
}

static void settled(void *state, void *token, enum edge_mqtt_fate fate, const char *reason)
{
    struct diary *d = state;
    EDGE_LOCK(&d->lock);
    d->fates[fate]++;
    d->token = token;
    snprintf(d->why, sizeof(d->why), "%s", reason);
}

static void subscribed(void *state, const char *pattern, const char *refusal)
{
    struct diary *d = state;
    EDGE_LOCK(&d->lock);
    d->n_heard += !refusal;
    if (refusal) {
        snprintf(d->refusal, sizeof(d->refusal), "%s: %s", pattern, refusal);
    }
}

static void changed(void *state, bool up, const char *reason)
{
    struct diary *d = state;
    EDGE_LOCK(&d->lock);
    d->up = up;
    snprintf(d->reason, sizeof(d->reason), "%s", reason ? reason : "");
}

static void diary_done(struct diary *d)
{
    edge_mutex_done(&d->lock);
}

#define DIARY(name)                                                                                \
    EDGE_CLEANUP(diary_done) struct diary name = {0};                                              \
    edge_mutex_init(&name.lock)

/* ---- waiting for an entry ------------------------------------------------------------------- */

struct entry {
    struct diary *d;
    enum edge_mqtt_fate fate;
    unsigned n;
    const char *text;
};

static bool has_received(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return e->d->n_received >= e->n;
}

static bool has_settled(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return e->d->fates[e->fate] >= e->n;
}

static bool has_reason(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return strstr(e->d->reason, e->text) != NULL;
}

static bool has_refusal(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return strstr(e->d->refusal, e->text) != NULL;
}

static unsigned n_received(struct diary *d)
{
    EDGE_LOCK(&d->lock);
    return d->n_received;
}

static bool wait_received(struct diary *d, unsigned n)
{
    return wait_until(has_received, &(struct entry){.d = d, .n = n}, SOON_MS);
}

static bool has_text(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return strcmp(e->d->text, e->text) == 0;
}

static bool wait_text(struct diary *d, const char *text)
{
    return wait_until(has_text, &(struct entry){.d = d, .text = text}, SOON_MS);
}

static bool wait_settled(struct diary *d, enum edge_mqtt_fate fate, unsigned n)
{
    bool ok = wait_until(has_settled, &(struct entry){.d = d, .fate = fate, .n = n}, SOON_MS);
    if (!ok) {
        EDGE_LOCK(&d->lock);
        printf("fate %d: %u of %u (%s)\n", (int)fate, d->fates[fate], n, d->why);
    }
    return ok;
}

static bool wait_reason(struct diary *d, const char *text)
{
    bool ok = wait_until(has_reason, &(struct entry){.d = d, .text = text}, SOON_MS);
    if (!ok) {
        EDGE_LOCK(&d->lock);
        printf("reason: '%s', not '%s'\n", d->reason, text);
    }
    return ok;
}

static bool is_not_connected(void *m)
{
    return !edge_mqtt_connected(m);
}

/* ---- clients --------------------------------------------------------------------------------- */

static struct edge_mqtt_config config_for(uint16_t port, struct diary *d, const char *id)
{
    return (struct edge_mqtt_config){
        .protocol = "tcp",
        .host = "127.0.0.1",
        .port = port,
        .client_id = id,
        .retry_first_ms = 20,
        .retry_last_ms = 100,
        .state = d,
        .received = received,
        .settled = settled,
        .subscribed = subscribed,
        .changed = changed,
    };
}

static struct edge_mqtt *client_open(const struct edge_mqtt_config *c)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt *m = NULL;
    enum edge_status st = edge_mqtt_open(&ctx, c, &m);
    if (st != EDGE_OK) {
        printf("%s\n", edge_ctx_message(&ctx, st));
        abort();
    }
    return m;
}

static struct edge_mqtt *client_up(const struct edge_mqtt_config *c, const char *pattern)
{
    struct edge_mqtt *m = client_open(c);
    if (pattern) {
        edge_mqtt_subscribe(m, pattern, 1);
    }
    CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    return m;
}

static enum edge_status say(struct edge_mqtt *m, const char *topic, const char *text, int qos)
{
    EDGE_CTX_SCOPE(ctx);
    return edge_mqtt_publish(&ctx, m,
                             &(struct edge_mqtt_message){
                                 .topic = topic, .payload = text, .size = strlen(text), .qos = qos},
                             NULL);
}

static void expect_text(struct diary *d, const char *text)
{
    EDGE_LOCK(&d->lock);
    CU_ASSERT_STRING_EQUAL(d->text, text);
    if (strcmp(d->text, text) != 0) {
        printf("got '%s', not '%s'\n", d->text, text);
    }
}

static void with_broker(void (*test)(struct broker *), const char *more)
{
    struct broker *b = broker_start(more);
    test(b);
    broker_free(b);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void every_qos(struct broker *b)
{
    for (int version = 4; version <= 5; version++) {
        DIARY(d);
        struct edge_mqtt_config c = config_for(broker_port(b), &d, "one");
        c.version = version;
        struct edge_mqtt *m = client_up(&c, "t/#");
        edge_mqtt_subscribe(m, "t/+", 1); /* matches too, and still each message comes once */
        CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
        for (int qos = 0; qos <= 2; qos++) {
            char text[16];
            snprintf(text, sizeof(text), "q%d", qos);
            CU_ASSERT_EQUAL(say(m, "t/x", text, qos), EDGE_OK);
            CU_ASSERT_TRUE(wait_received(&d, (unsigned)qos + 1));
        }
        CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_SENT, 3));
        expect_text(&d, "t/x q2");
        CU_ASSERT_EQUAL(edge_mqtt_connections(m), 1);
        edge_mqtt_free(m);
        CU_ASSERT_EQUAL(d.n_received, 3);
        CU_ASSERT_EQUAL(d.n_heard, 2);
    }
}

static void test_messages_pass_at_every_qos(void)
{
    with_broker(every_qos, NULL);
}

/* Leaving: what was asked for and is no longer wanted does not come, not after a new connection either; asking again
 * brings what is retained once more. */
static void leaving(struct broker *b)
{
    DIARY(d);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "one");
    c.all = true;
    struct edge_mqtt *m = client_up(&c, "a");
    unsigned n_came;
    edge_mqtt_subscribe(m, "b", 1);
    edge_mqtt_subscribe(m, "end", 1);
    CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    edge_mqtt_unsubscribe(m, "a");
    edge_mqtt_unsubscribe(m, "a");
    edge_mqtt_unsubscribe(m, "never heard of");
    edge_mqtt_subscribe(m, "c", 1); /* the broker takes both in their order */
    CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    do { /* until the broker has heard: two of three come */
        unsigned before = n_received(&d);
        CU_ASSERT_EQUAL(say(m, "a", "1", 1), EDGE_OK);
        CU_ASSERT_EQUAL(say(m, "b", "1", 1), EDGE_OK);
        CU_ASSERT_EQUAL(say(m, "end", "1", 1), EDGE_OK);
        CU_ASSERT_TRUE_FATAL(wait_text(&d, "end 1"));
        n_came = n_received(&d) - before;
        CU_ASSERT_EQUAL(say(m, "end", "2", 1), EDGE_OK);
        CU_ASSERT_TRUE_FATAL(wait_text(&d, "end 2"));
    } while (n_came > 2);
    CU_ASSERT_EQUAL(n_came, 2);
    broker_kill(b);
    CU_ASSERT_TRUE(wait_until(is_not_connected, m, SOON_MS));
    edge_mqtt_unsubscribe(m, "b"); /* nobody is there to be told */
    broker_restart(b);
    edge_mqtt_retry(m);
    CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    unsigned known = n_received(&d);
    CU_ASSERT_EQUAL(say(m, "a", "2", 1), EDGE_OK);
    CU_ASSERT_EQUAL(say(m, "b", "2", 1), EDGE_OK);
    CU_ASSERT_EQUAL(say(m, "c", "2", 1), EDGE_OK);
    CU_ASSERT_TRUE(wait_received(&d, known + 1));
    expect_text(&d, "c 2");
    edge_mqtt_subscribe(m, "a", 1);
    edge_mqtt_unsubscribe(m, "a");
    edge_mqtt_subscribe(m, "a", 1); /* the last word counts */
    CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    CU_ASSERT_EQUAL(say(m, "a", "3", 1), EDGE_OK);
    CU_ASSERT_TRUE(wait_received(&d, known + 2));
    expect_text(&d, "a 3");
    CU_ASSERT_EQUAL(say(m, "a", "3", 1), EDGE_OK); /* not a copy: two of the same are two */
    CU_ASSERT_TRUE(wait_received(&d, known + 3));
    edge_mqtt_free(m);
}

static void test_patterns_are_left(void)
{
    with_broker(leaving, NULL);
}

static void properties_pass(struct broker *b)
{
    DIARY(d);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "five");
    c.version = 5;
    struct edge_mqtt *m = client_up(&c, "t/#");
    const struct edge_mqtt_property all[] = {
        {"id",    "7"},
        {"id",    "8"},
        {"empty", "" }
    };
    const struct edge_mqtt_message out = {
        .topic = "t/x",
        .payload = "{}",
        .size = 2,
        .qos = 1,
        .content_type = "application/json",
        .response_topic = "answers/1",
        .correlation = "abc",
        .correlation_size = 3,
        .properties = all,
        .n_properties = 3,
        .expiry_s = 60,
    };
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, m, &out, &(struct edge_mqtt_delivery){.token = &d}),
                    EDGE_OK);
    CU_ASSERT_TRUE(wait_received(&d, 1));
    expect_text(&d, "t/x {} application/json answers/1 abc 1 id=7 id=8 empty=");
    CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_SENT, 1));
    edge_mqtt_free(m);
    CU_ASSERT_PTR_EQUAL(d.token, &d);
}

static void test_properties_pass_both_ways(void)
{
    with_broker(properties_pass, NULL);
}

static void will_is_said(struct broker *b)
{
    DIARY(ear);
    DIARY(d);
    struct edge_mqtt_config c = config_for(broker_port(b), &ear, "ear");
    struct edge_mqtt *hears = client_up(&c, "wills/#");
    const struct edge_mqtt_message will = {
        .topic = "wills/one", .payload = "gone", .size = 4, .qos = 1, .retained = true};
    c = config_for(broker_port(b), &d, "mortal");
    c.will = &will;
    struct edge_mqtt *m = client_up(&c, NULL);
    c.will = NULL;
    struct edge_mqtt *twin = client_up(&c, NULL); /* the broker throws out the first */
    CU_ASSERT_TRUE(wait_received(&ear, 1));
    expect_text(&ear, "wills/one gone");
    edge_mqtt_free(m);
    edge_mqtt_free(twin);
    edge_mqtt_free(hears);
}

static void test_a_last_will_is_said(void)
{
    with_broker(will_is_said, NULL);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void test_what_waits_is_bounded(void)
{
    for (unsigned displace = 0; displace <= 1; displace++) {
        DIARY(d);
        struct edge_mqtt_config c = config_for(test_port(), &d, "full");
        c.max_outgoing = 3;
        c.displace = displace == 1;
        struct edge_mqtt *m = client_open(&c);
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL(say(m, "t", "x", 1), EDGE_OK);
        }
        CU_ASSERT_EQUAL(say(m, "t", "x", 1), displace ? EDGE_OK : EDGE_UNAVAILABLE);
        CU_ASSERT_EQUAL(d.fates[EDGE_MQTT_DISPLACED], displace);
        edge_mqtt_stop(m, 0);
        CU_ASSERT_EQUAL(d.fates[EDGE_MQTT_UNSENT], 3);
        CU_ASSERT_EQUAL(say(m, "t", "x", 1), EDGE_UNAVAILABLE);
        edge_mqtt_free(m);
    }
}

static void frozen_window(struct broker *b)
{
    DIARY(d);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "window");
    c.window = 4;
    c.max_outgoing = 10;
    struct edge_mqtt *m = client_up(&c, NULL);
    broker_freeze(b);
    enum edge_status st = EDGE_OK;
    unsigned n = 0;
    for (; st == EDGE_OK && n <= 20; n++) { /* four of them under way, or not yet */
        st = say(m, "t", "x", 1);
    }
    CU_ASSERT_EQUAL(st, EDGE_UNAVAILABLE);
    CU_ASSERT_TRUE(n - 1 >= 10 && n - 1 <= 14);
    CU_ASSERT_EQUAL(d.fates[EDGE_MQTT_SENT], 0);
    broker_thaw(b);
    CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_SENT, n - 1));
    edge_mqtt_free(m);
}

static void test_a_window_is_kept(void)
{
    with_broker(frozen_window, NULL);
}

static void too_large(struct broker *b)
{
    static const char bytes[2000];
    DIARY(d);
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "large");
    struct edge_mqtt_message out = {
        .topic = "t", .payload = bytes, .size = sizeof(bytes), .qos = 1};
    c.version = 5;
    c.max_message = 1500;
    struct edge_mqtt *m = client_up(&c, NULL);
    CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, m, &out, NULL), EDGE_TOO_LARGE);
    out.size = 1200; /* ours, but not the broker's */
    CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, m, &out, NULL), EDGE_OK);
    CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_REFUSED, 1));
    out.size = 900;
    CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, m, &out, NULL), EDGE_OK);
    CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_SENT, 1));
    CU_ASSERT_EQUAL(edge_mqtt_connections(m), 1);
    edge_mqtt_free(m);
}

static void test_what_is_too_large_is_said_so(void)
{
    with_broker(too_large, "max_packet_size 1000\n");
}

/* A broker hangs up on whoever sends such a topic, and again after each reconnect. */
static void unheard_of(struct broker *b)
{
    static const char *const topics[] = {"a/\xc2\x85", "a/\xef\xbf\xbf", "a/\x01", "a/\xff"};
    DIARY(d);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "c");
    struct edge_mqtt *m = client_up(&c, "a/#");
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        CU_ASSERT_EQUAL(say(m, topics[i], "x", 1), EDGE_INVALID);
    }
    CU_ASSERT_EQUAL(say(m, "a/\xc3\xa4", "good", 1), EDGE_OK);
    CU_ASSERT_TRUE(wait_received(&d, 1));
    CU_ASSERT_TRUE(edge_mqtt_connected(m));
    edge_mqtt_free(m);
}

static void test_topics_no_broker_takes_are_refused(void)
{
    with_broker(unheard_of, NULL);
}

static void test_what_has_expired_is_not_sent(void)
{
    DIARY(d);
    EDGE_CTX_SCOPE(ctx);
    struct broker *b = broker_start(NULL);
    if (b) {
        struct edge_mqtt_config c = config_for(broker_port(b), &d, "late");
        c.held = true;
        struct edge_mqtt *m = client_open(&c);
        const struct edge_mqtt_message out = {.topic = "t", .payload = "x", .size = 1};
        CU_ASSERT_EQUAL(
            edge_mqtt_publish(&ctx, m, &out,
                              &(struct edge_mqtt_delivery){.expires_ms = edge_now_mono_ms() - 1}),
            EDGE_OK);
        CU_ASSERT_EQUAL(edge_mqtt_connections(m), 0);
        edge_mqtt_release(m);
        CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_EXPIRED, 1));
        edge_mqtt_free(m);
    }
    broker_free(b);
}

/* ---- brokers that are away --------------------------------------------------------------------- */

static void test_an_absent_broker_is_waited_for(void)
{
    DIARY(d);
    struct broker *b = broker_prepare(NULL);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "early");
    struct edge_mqtt *m = client_open(&c);
    edge_mqtt_subscribe(m, "t/#", 1);
    CU_ASSERT_EQUAL(say(m, "t/x", "early", 1), EDGE_OK);
    CU_ASSERT_TRUE(wait_reason(&d, "Connection refused"));
    if (broker_restart(b)) {
        CU_ASSERT_TRUE(wait_received(&d, 1)); /* after its subscription, so it is heard */
    }
    edge_mqtt_free(m);
    broker_free(b);
}

/* It would wait for ten minutes. */
static void test_a_pause_may_be_cut_short(void)
{
    DIARY(d);
    struct broker *b = broker_prepare(NULL);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "patient");
    c.retry_first_ms = c.retry_last_ms = 600 * 1000;
    struct edge_mqtt *m = client_open(&c);
    CU_ASSERT_TRUE(wait_reason(&d, "Connection refused"));
    if (broker_restart(b)) {
        edge_mqtt_retry(m);
        CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    }
    edge_mqtt_free(m);
    broker_free(b);
}

/* Either it was under way, or it waited and is sent now. */
static bool both_are_settled(void *arg)
{
    struct diary *d = arg;
    EDGE_LOCK(&d->lock);
    return d->fates[EDGE_MQTT_BROKE] + d->fates[EDGE_MQTT_SENT] == 2;
}

static void killed(struct broker *b)
{
    DIARY(d);
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "patient");
    struct edge_mqtt *m = client_up(&c, "t/#");
    broker_freeze(b); /* so that nothing is acknowledged */
    const struct edge_mqtt_message out = {.topic = "t/once", .payload = "x", .size = 1, .qos = 1};
    CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, m, &out, &(struct edge_mqtt_delivery){.once = true}),
                    EDGE_OK);
    CU_ASSERT_EQUAL(say(m, "t/again", "y", 1), EDGE_OK);
    broker_kill(b);
    CU_ASSERT_TRUE(wait_until(is_not_connected, m, SOON_MS));
    CU_ASSERT_TRUE(broker_restart(b));
    CU_ASSERT_TRUE(wait_received(&d, 1));
    CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_SENT, 1));
    CU_ASSERT_TRUE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + SOON_MS));
    CU_ASSERT_TRUE(edge_mqtt_connections(m) >= 2);
    CU_ASSERT_TRUE(wait_until(both_are_settled, &d, SOON_MS));
    edge_mqtt_free(m);
    CU_ASSERT_EQUAL(d.fates[EDGE_MQTT_BROKE] + d.fates[EDGE_MQTT_SENT], 2);
}

static void test_a_killed_broker_is_found_again(void)
{
    with_broker(killed, NULL);
}

static void unacknowledged(struct broker *b)
{
    DIARY(d);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "hasty");
    c.ack_timeout_ms = 200;
    struct edge_mqtt *m = client_up(&c, "t/#");
    broker_freeze(b);
    CU_ASSERT_EQUAL(say(m, "t/x", "x", 1), EDGE_OK);
    CU_ASSERT_TRUE(wait_reason(&d, "no acknowledgement"));
    broker_thaw(b);
    CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_SENT, 1));
    edge_mqtt_free(m);
}

static void test_what_is_not_acknowledged_in_time_is_sent_anew(void)
{
    with_broker(unacknowledged, NULL);
}

static void session_is_kept(struct broker *b)
{
    for (int version = 4; version <= 5; version++) {
        DIARY(d);
        DIARY(other);
        struct edge_mqtt_config c = config_for(broker_port(b), &d, version == 5 ? "five" : "four");
        c.version = version;
        c.session_s = 600;
        edge_mqtt_free(client_up(&c, "kept/#"));
        struct edge_mqtt_config o = config_for(broker_port(b), &other, "other");
        struct edge_mqtt *says = client_up(&o, NULL);
        CU_ASSERT_EQUAL(say(says, "kept/x", "meanwhile", 1), EDGE_OK);
        CU_ASSERT_TRUE(wait_settled(&other, EDGE_MQTT_SENT, 1));
        struct edge_mqtt *m = client_open(&c);
        CU_ASSERT_TRUE(wait_received(&d, 1));
        edge_mqtt_free(m);
        edge_mqtt_free(says);
    }
}

static void test_a_session_is_kept(void)
{
    with_broker(session_is_kept, NULL);
}

static void test_a_stop_while_connecting_ends_in_time(void)
{
    DIARY(d);
    struct broker *b = broker_start(NULL);
    broker_freeze(b); /* takes the connection and says nothing */
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "leaving");
    struct edge_mqtt *m = client_open(&c);
    CU_ASSERT_EQUAL(say(m, "t", "x", 1), EDGE_OK);
    int64_t start = edge_now_mono_ms();
    edge_mqtt_stop(m, edge_now_mono_ms() + SOON_MS);
    CU_ASSERT_TRUE(edge_now_mono_ms() - start < 10 * 1000);
    CU_ASSERT_EQUAL(d.fates[EDGE_MQTT_UNSENT], 1);
    edge_mqtt_free(m);
    broker_thaw(b);
    broker_free(b);
}

/* ---- doors ------------------------------------------------------------------------------------- */

static void locked_door(struct broker *b)
{
    for (int version = 4; version <= 5; version++) {
        DIARY(d);
        struct edge_mqtt_config c = config_for(broker_port(b), &d, "stranger");
        c.version = version;
        c.username = "nobody";
        c.password = "wrong";
        c.retry_refused_ms = 60 * 1000;
        struct edge_mqtt *m = client_open(&c);
        CU_ASSERT_TRUE(wait_reason(&d, "refused: "));
        edge_mqtt_free(m);
    }
}

static void test_refused_credentials_are_said_so(void)
{
    with_broker(locked_door, "allow_anonymous false\n");
}

static void test_an_unknown_host_is_said_so(void)
{
    DIARY(d);
    struct edge_mqtt_config c = config_for(1883, &d, "lost");
    c.host = "nowhere.invalid";
    struct edge_mqtt *m = client_open(&c);
    CU_ASSERT_TRUE(wait_reason(&d, "cannot resolve 'nowhere.invalid'"));
    edge_mqtt_free(m);
}

/* The broker's plugin, of which an access list refuses publishers only. The shell looks for it: where this
 * program is emulated, it sees another machine's folders, the broker does not. */
static void test_what_rules_forbid_is_said_so(void)
{
    struct broker *b = broker_ruled();
    if (b) {
        DIARY(d);
        struct edge_mqtt_config c = config_for(broker_port(b), &d, "five");
        c.version = 5;
        struct edge_mqtt *m = client_up(&c, "closed/#");
        edge_mqtt_subscribe(m, "open/#", 1);
        CU_ASSERT_TRUE(wait_until(
            has_refusal, &(struct entry){.d = &d, .text = "closed/#: Not authorized"}, SOON_MS));
        CU_ASSERT_EQUAL(say(m, "closed/x", "x", 1), EDGE_OK);
        CU_ASSERT_TRUE(wait_settled(&d, EDGE_MQTT_REFUSED, 1));
        CU_ASSERT_EQUAL(say(m, "open/x", "x", 1), EDGE_OK);
        CU_ASSERT_TRUE(wait_received(&d, 1));
        edge_mqtt_free(m);
        CU_ASSERT_STRING_EQUAL(d.text, "open/x x");
    }
    broker_free(b);
}

/* ---- TLS --------------------------------------------------------------------------------------- */

static void over_tls(struct broker *b)
{
    DIARY(d);
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt_config c = config_for(broker_port(b), &d, "secret");
    c.protocol = "mqtts";
    c.host = "localhost";
    struct edge_mqtt *m = client_open(&c);
    CU_ASSERT_TRUE(wait_reason(&d, "certificate verify failed"));
    edge_mqtt_free(m);
    c.ca = edge_printf(&ctx.arena, "%s/ca.pem", broker_folder(b));
    m = client_open(&c); /* no certificate of its own */
    CU_ASSERT_FALSE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + 300));
    edge_mqtt_free(m);
    c.ca = broker_file(&ctx.arena, b, "ca.pem"); /* texts, as secrets hold them */
    c.cert = broker_file(&ctx.arena, b, "cli.pem");
    c.key = broker_file(&ctx.arena, b, "cli.key");
    c.alpn = "mqtt";
    m = client_up(&c, "t/#");
    CU_ASSERT_EQUAL(say(m, "t/x", "x", 1), EDGE_OK);
    CU_ASSERT_TRUE(wait_received(&d, 1));
    edge_mqtt_free(m);
    c.host = "127.0.0.1"; /* not the name in the certificate */
    m = client_open(&c);
    CU_ASSERT_FALSE(edge_mqtt_wait_connected(m, edge_now_mono_ms() + 300));
    edge_mqtt_free(m);
    c.ca = NULL;
    c.skip_cert_verify = true;
    edge_mqtt_free(client_up(&c, NULL));
}

static void test_tls_knows_who_is_who(void)
{
    struct broker *b = broker_prepare(BROKER_TLS "require_certificate true\n");
    if (broker_certify(b) && broker_restart(b)) {
        over_tls(b);
    } else {
        CU_FAIL("no openssl, or mosquitto without TLS");
    }
    broker_free(b);
}

/* ---- addresses ---------------------------------------------------------------------------------- */

static void test_addresses_are_read(void)
{
    static const struct {
        const char *url, *protocol, *host;
        uint16_t port;
        enum edge_status st;
    } cases[] = {
        {"tcp://localhost:1883",     "tcp",   "localhost",      1883,  EDGE_OK         },
        {"mqtts://broker.example",   "mqtts", "broker.example", 8883,  EDGE_OK         },
        {"mqtt://[::1]:18830",       "mqtt",  "::1",            18830, EDGE_OK         },
        {"localhost:1883",           NULL,    NULL,             0,     EDGE_INVALID    },
        {"tcp://:1883",              NULL,    NULL,             0,     EDGE_INVALID    },
        {"tcp://localhost:99999",    NULL,    NULL,             0,     EDGE_INVALID    },
        {"tcp://localhost:1883/way", NULL,    NULL,             0,     EDGE_INVALID    },
        {"ws://localhost:8080",      NULL,    NULL,             0,     EDGE_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *protocol = NULL, *host = NULL;
        uint16_t port = 0;
        CU_ASSERT_EQUAL(edge_mqtt_url(&ctx, &ctx.arena, cases[i].url, &protocol, &host, &port),
                        cases[i].st);
        CU_ASSERT_EQUAL(port, cases[i].port);
        if (cases[i].st == EDGE_OK && protocol && host) {
            CU_ASSERT_STRING_EQUAL(protocol, cases[i].protocol);
            CU_ASSERT_STRING_EQUAL(host, cases[i].host);
        }
    }
}

CU_TestInfo mqtt_tests[] = {
    {"messages pass at every QoS",                    test_messages_pass_at_every_qos          },
    {"patterns are left",                             test_patterns_are_left                   },
    {"MQTT 5 properties pass both ways",              test_properties_pass_both_ways           },
    {"a last will is said",                           test_a_last_will_is_said                 },
    {"what waits is bounded",                         test_what_waits_is_bounded               },
    {"a window is kept",                              test_a_window_is_kept                    },
    {"what is too large is said so",                  test_what_is_too_large_is_said_so        },
    {"topics no broker takes are refused",            test_topics_no_broker_takes_are_refused  },
    {"what has expired is not sent",                  test_what_has_expired_is_not_sent        },
    {"an absent broker is waited for",                test_an_absent_broker_is_waited_for      },
    {"a pause may be cut short",                      test_a_pause_may_be_cut_short            },
    {"a killed broker is found again",                test_a_killed_broker_is_found_again      },
    {"what is not acknowledged in time is sent anew",
     test_what_is_not_acknowledged_in_time_is_sent_anew                                        },
    {"a session is kept",                             test_a_session_is_kept                   },
    {"a stop while connecting ends in time",          test_a_stop_while_connecting_ends_in_time},
    {"refused credentials are said so",               test_refused_credentials_are_said_so     },
    {"an unknown host is said so",                    test_an_unknown_host_is_said_so          },
    {"what rules forbid is said so",                  test_what_rules_forbid_is_said_so        },
    {"TLS knows who is who",                          test_tls_knows_who_is_who                },
    {"addresses are read",                            test_addresses_are_read                  },
    CU_TEST_INFO_NULL,
};
