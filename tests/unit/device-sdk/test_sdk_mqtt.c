/* The MQTT client of drivers against a real broker: whom it calls back, what it keeps, what it drops and says so. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker.h"
#include "devsdk/mqtt.h"
#include "devsdk/test.h"
#include "edge/thread.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 30 * 1000 };

/* ---- a service, of a driver that does nothing ------------------------------------------------------------- */

static devsdk_service *service;

static devsdk_result start(devsdk_service *svc)
{
    service = svc;
    return DEVSDK_OK;
}

static devsdk_result read_nothing(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    (void)r;
    return DEVSDK_OK;
}

static const devsdk_driver idle = {.abi = DEVSDK_ABI,
                                   .name = "device-idle",
                                   .version = "1",
                                   .port = 59950,
                                   .start = start,
                                   .read = read_nothing};

/* ---- what a client has told us ----------------------------------------------------------------------------- */

struct diary {
    struct edge_mutex lock;
    unsigned n_received EDGE_GUARDED, n_heard EDGE_GUARDED,
        fates[DEVSDK_MQTT_UNSENT + 1] EDGE_GUARDED;
    bool up EDGE_GUARDED, overlap EDGE_GUARDED;
    int inside EDGE_GUARDED;
    char text[256] EDGE_GUARDED, reason[256] EDGE_GUARDED, refusal[128] EDGE_GUARDED;
    struct gate *gate; /* who receives waits at it; NULL: nobody */
};

static void enter(struct diary *d)
{
    EDGE_LOCK(&d->lock);
    d->overlap |= d->inside++ > 0;
}

static void leave(struct diary *d)
{
    EDGE_LOCK(&d->lock);
    d->inside--;
}

static void received(void *arg, const devsdk_mqtt_message *m)
{
    struct diary *d = arg;
    enter(d);
    if (d->gate) {
        gate_pass(d->gate);
    }
    {
        EDGE_LOCK(&d->lock);
        d->n_received++;
        snprintf(d->text, sizeof(d->text), "%s %.*s q%u%s %s %s %.*s", m->topic, (int)m->n,
                 (const char *)m->payload, m->qos, m->retained ? " retained" : "",
                 m->content_type ? m->content_type : "-",
                 m->response_topic ? m->response_topic : "-", (int)m->correlation_n,
                 m->correlation ? (const char *)m->correlation : "");
    }
    leave(d);
}

static void sent(void *arg, void *token, devsdk_mqtt_fate fate, const char *reason)
{
    struct diary *d = arg;
    (void)reason;
    enter(d);
    {
        EDGE_LOCK(&d->lock);
        d->fates[fate] += token == d;
    }
    leave(d);
}

static void subscribed(void *arg, const char *filter, const char *refusal)
{
    struct diary *d = arg;
    enter(d);
    {
        EDGE_LOCK(&d->lock);
        d->n_heard += !refusal;
        if (refusal) {
            snprintf(d->refusal, sizeof(d->refusal), "%s: %s", filter, refusal);
        }
    }
    leave(d);
}

static void changed(void *arg, bool up, const char *reason)
{
    struct diary *d = arg;
    enter(d);
    {
        EDGE_LOCK(&d->lock);
        d->up = up;
        snprintf(d->reason, sizeof(d->reason), "%s", reason ? reason : "");
    }
    leave(d);
}

struct entry {
    struct diary *d;
    unsigned n;
    int fate;
    const char *text;
};

static bool has_received(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return e->d->n_received >= e->n;
}

static bool has_fate(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return e->d->fates[e->fate] >= e->n;
}

static bool is_up(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return e->d->up == (e->n == 1);
}

static bool has_reason(void *arg)
{
    struct entry *e = arg;
    EDGE_LOCK(&e->d->lock);
    return strstr(e->d->reason, e->text) || strstr(e->d->refusal, e->text);
}

static bool wait_received(struct diary *d, unsigned n)
{
    return wait_until(has_received, &(struct entry){.d = d, .n = n}, SOON_MS);
}

static bool wait_fate(struct diary *d, devsdk_mqtt_fate fate, unsigned n)
{
    return wait_until(has_fate, &(struct entry){.d = d, .fate = (int)fate, .n = n}, SOON_MS);
}

static bool wait_up(struct diary *d, bool up)
{
    return wait_until(is_up, &(struct entry){.d = d, .n = up}, SOON_MS);
}

static bool wait_reason(struct diary *d, const char *text)
{
    bool ok = wait_until(has_reason, &(struct entry){.d = d, .text = text}, SOON_MS);
    if (!ok) {
        EDGE_LOCK(&d->lock);
        printf("'%s', '%s', not '%s'\n", d->reason, d->refusal, text);
    }
    return ok;
}

static void expect_text(struct diary *d, const char *text)
{
    EDGE_LOCK(&d->lock);
    CU_ASSERT_STRING_EQUAL(d->text, text);
    if (strcmp(d->text, text) != 0) {
        printf("got '%s', not '%s'\n", d->text, text);
    }
}

/* ---- one scene: a service, a broker, a client ---------------------------------------------------------------- */

struct scene {
    devsdk_test *kit;
    struct broker *broker;
    struct diary diary;
    devsdk_mqtt_config config;
};

static void *nothing(void *arg)
{
    return arg;
}

static void scene_make(struct scene *s, const char *broker_config)
{
    pthread_join(edge_thread_start("first", nothing, NULL),
                 NULL);                      /* the thread sanitizer's own comes with it */
    s->broker = broker_start(broker_config); /* first: the kit looks for descriptors left open */
    s->kit = devsdk_test_start(&idle, NULL);
    edge_mutex_init(&s->diary.lock);
    s->config = (devsdk_mqtt_config){.host = "127.0.0.1",
                                     .port = broker_port(s->broker),
                                     .retry_first_ms = 20,
                                     .retry_last_ms = 100,
                                     .arg = &s->diary,
                                     .received = received,
                                     .sent = sent,
                                     .subscribed = subscribed,
                                     .changed = changed};
}

static void scene_done(struct scene *s)
{
    {
        EDGE_LOCK(&s->diary.lock);
        CU_ASSERT_FALSE(s->diary.overlap);
    }
    broker_free(s->broker);
    CU_ASSERT_EQUAL(devsdk_test_stop(s->kit), 0); /* no thread, no descriptor, no memory left */
    edge_mutex_done(&s->diary.lock);
}

static devsdk_mqtt *client(struct scene *s, const char *filter)
{
    char why[128] = "";
    devsdk_mqtt *m = devsdk_mqtt_open(service, &s->config, why, sizeof(why));
    if (!m) {
        printf("%s\n", why);
        abort();
    }
    if (filter) {
        CU_ASSERT_EQUAL(devsdk_mqtt_subscribe(m, filter, 2), DEVSDK_OK);
    }
    return m;
}

static devsdk_result say(devsdk_mqtt *m, const char *topic, const char *text, unsigned qos,
                         void *token)
{
    return devsdk_mqtt_publish(
        m,
        &(devsdk_mqtt_message){
            .topic = topic, .payload = text, .n = strlen(text), .qos = (uint8_t)qos},
        0, token);
}

static bool is_connected(void *m)
{
    return devsdk_mqtt_connected(m);
}

static void wait_connected(devsdk_mqtt *m)
{
    CU_ASSERT_TRUE(wait_until(is_connected, m, SOON_MS));
}

/* ---- tests ---------------------------------------------------------------------------------------------------- */

static void test_messages_pass(void)
{
    for (unsigned version = 4; version <= 5; version++) {
        struct scene s = {0};
        scene_make(&s, NULL);
        s.config.version = version;
        devsdk_mqtt *m = client(&s, "t/#");
        wait_connected(m);
        CU_ASSERT_TRUE(wait_up(&s.diary, true));
        for (unsigned qos = 0; qos <= 2; qos++) {
            CU_ASSERT_EQUAL(say(m, "t/x", "same", qos, &s.diary), DEVSDK_OK);
            CU_ASSERT_TRUE(wait_received(&s.diary, qos + 1)); /* each, though they are alike */
        }
        CU_ASSERT_TRUE(wait_fate(&s.diary, DEVSDK_MQTT_SENT, 3));
        const devsdk_mqtt_message out = {.topic = "t/5",
                                         .payload = "\0b",
                                         .n = 2,
                                         .retained = true,
                                         .content_type = "text/plain",
                                         .response_topic = "back",
                                         .correlation = "77",
                                         .correlation_n = 2};
        CU_ASSERT_EQUAL(devsdk_mqtt_publish(m, &out, 0, NULL), DEVSDK_OK);
        CU_ASSERT_TRUE(wait_received(&s.diary, 4));
        devsdk_mqtt_unsubscribe(m, "t/#");
        CU_ASSERT_EQUAL(devsdk_mqtt_subscribe(m, "t/5", 0), DEVSDK_OK);
        CU_ASSERT_TRUE(wait_received(&s.diary, 5));
        expect_text(&s.diary,
                    version == 5 ? "t/5  q0 retained text/plain back 77" : "t/5  q0 retained - - ");
        devsdk_mqtt_close(m);
        scene_done(&s);
    }
}

static void test_a_restarted_broker_is_found_again(void)
{
    struct scene s = {0};
    scene_make(&s, NULL);
    devsdk_mqtt *m = client(&s, "t/+");
    CU_ASSERT_TRUE(wait_up(&s.diary, true));
    broker_kill(s.broker);
    CU_ASSERT_TRUE(wait_up(&s.diary, false));
    CU_ASSERT_TRUE(wait_reason(&s.diary, "refused")); /* by the system: nobody listens */
    CU_ASSERT_FALSE(devsdk_mqtt_connected(m));
    CU_ASSERT_EQUAL(say(m, "t/x", "kept", 1, &s.diary), DEVSDK_OK);
    CU_ASSERT_EQUAL(
        devsdk_mqtt_publish(m, &(devsdk_mqtt_message){.topic = "t/x"}, devsdk_now_ms(), &s.diary),
        DEVSDK_OK);
    broker_restart(s.broker);
    CU_ASSERT_TRUE(wait_received(&s.diary, 1));
    expect_text(&s.diary, "t/x kept q1 - - ");
    CU_ASSERT_TRUE(wait_fate(&s.diary, DEVSDK_MQTT_SENT, 1));
    CU_ASSERT_TRUE(wait_fate(&s.diary, DEVSDK_MQTT_EXPIRED, 1));
    devsdk_mqtt_close(m);
    scene_done(&s);
}

static void test_what_is_not_sent_is_told_at_the_end(void)
{
    struct scene s = {0};
    scene_make(&s, NULL);
    broker_stop(s.broker);
    s.config.max_waiting = 2;
    devsdk_mqtt *m = client(&s, NULL);
    CU_ASSERT_EQUAL(say(m, "t/x", "1", 1, &s.diary), DEVSDK_OK);
    CU_ASSERT_EQUAL(say(m, "t/x", "2", 0, NULL), DEVSDK_OK);
    CU_ASSERT_EQUAL(say(m, "t/x", "3", 1, &s.diary), DEVSDK_BUSY);
    devsdk_mqtt_close(m);
    CU_ASSERT_EQUAL(s.diary.fates[DEVSDK_MQTT_UNSENT], 1);
    scene_done(&s);
}

static void test_who_takes_slowly_holds_up_himself(void)
{
    struct scene s = {0}, other = {0};
    scene_make(&s, NULL);
    s.diary.gate = gate_create();
    s.config.max_unread = 10;
    s.config.max_message = 100;
    s.config.client_id = "slow";
    devsdk_mqtt *slow = client(&s, "t/+");
    edge_mutex_init(&other.diary.lock);
    other.config = s.config;
    other.config.client_id = "quick";
    other.config.arg = &other.diary;
    other.config.max_unread = 1000;
    devsdk_mqtt *quick = client(&other, "t/+");
    wait_connected(slow);
    wait_connected(quick);
    say(quick, "t/x", "0", 1, NULL);
    CU_ASSERT_TRUE(gate_wait_for(s.diary.gate, 1)); /* it waits in received() */
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(say(quick, "t/x", "0", 1, NULL), DEVSDK_OK);
    }
    CU_ASSERT_TRUE(wait_received(&other.diary, 51));
    char large[102];
    memset(large, 'x', sizeof(large));
    CU_ASSERT_EQUAL(
        devsdk_mqtt_publish(quick, &(devsdk_mqtt_message){"t/x", large, 101, 1}, 0, &other.diary),
        DEVSDK_OK);
    CU_ASSERT_TRUE(wait_fate(&other.diary, DEVSDK_MQTT_SENT, 1));
    say(quick, "t/x", "end", 1, NULL);
    CU_ASSERT_TRUE(wait_received(&other.diary, 52));
    CU_ASSERT_EQUAL(devsdk_mqtt_dropped(quick), 1);
    gate_open(s.diary.gate);
    CU_ASSERT_TRUE(wait_received(&s.diary, 11));
    CU_ASSERT_EQUAL(devsdk_mqtt_dropped(slow), 42);
    devsdk_mqtt_close(slow);
    devsdk_mqtt_close(quick);
    gate_free(s.diary.gate);
    s.diary.gate = NULL;
    edge_mutex_done(&other.diary.lock);
    scene_done(&s);
}

static void test_refusals_are_said(void)
{
    struct scene s = {0};
    scene_make(&s, "allow_anonymous false\n");
    devsdk_mqtt *m = client(&s, NULL);
    CU_ASSERT_TRUE(wait_reason(&s.diary, "refused: not authorized"));
    devsdk_mqtt_close(m);
    scene_done(&s);

    struct scene ruled = {0};
    scene_make(&ruled, NULL);
    broker_free(ruled.broker);
    ruled.broker = broker_ruled();
    ruled.config.port = broker_port(ruled.broker);
    m = client(&ruled, "closed/#");
    devsdk_mqtt_subscribe(m, "open/#", 0);
    CU_ASSERT_TRUE(wait_reason(&ruled.diary, "closed/#: "));
    wait_connected(m); /* and the others are heard */
    devsdk_mqtt_close(m);
    CU_ASSERT_EQUAL(ruled.diary.n_heard, 1);
    scene_done(&ruled);
}

static void test_other_credentials_are_taken(void)
{
    struct scene s = {0};
    scene_make(&s, NULL);
    broker_free(s.broker);
    s.broker = broker_prepare("allow_anonymous false\npassword_file %s/users\n");
    char command[512];
    snprintf(command, sizeof(command),
             "touch %s/users && mosquitto_passwd -b %s/users me secret && chmod 644 %s/users",
             broker_folder(s.broker), broker_folder(s.broker), broker_folder(s.broker));
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT(cert-env33-c) */
    CU_ASSERT_TRUE(broker_restart(s.broker));
    s.config.port = broker_port(s.broker);
    s.config.username = "me";
    s.config.password = "other";
    devsdk_mqtt *m = client(&s, NULL);
    CU_ASSERT_TRUE(wait_reason(&s.diary, "refused: not authorized"));
    devsdk_mqtt_login(m, "me", "secret");
    wait_connected(m);
    devsdk_mqtt_close(m);
    scene_done(&s);
}

static void test_tls_and_a_will(void)
{
    struct scene s = {0};
    scene_make(&s, NULL);
    broker_free(s.broker);
    s.broker = broker_prepare(BROKER_TLS "require_certificate true\n");
    if (!broker_certify(s.broker)) {
        printf("SKIPPED: no openssl\n");
        scene_done(&s);
        return;
    }
    CU_ASSERT_TRUE(broker_restart(s.broker));
    char ca[256], cert[256], key[256];
    snprintf(ca, sizeof(ca), "%s/ca.pem", broker_folder(s.broker));
    snprintf(cert, sizeof(cert), "%s/cli.pem", broker_folder(s.broker));
    snprintf(key, sizeof(key), "%s/cli.key", broker_folder(s.broker));
    s.config.scheme = "mqtts";
    s.config.host = "localhost";
    s.config.port = broker_port(s.broker);
    s.config.ca = ca;
    devsdk_mqtt *m = client(&s, NULL);
    CU_ASSERT_TRUE(wait_reason(&s.diary, "TLS"));
    devsdk_mqtt_close(m);
    s.config.cert = cert;
    s.config.key = key;
    s.config.will = &(devsdk_mqtt_message){.topic = "t/will", .payload = "gone", .n = 4, .qos = 1};
    m = client(&s, "t/+");
    wait_connected(m);
    say(m, "t/x", "1", 0, NULL);
    CU_ASSERT_TRUE(wait_received(&s.diary, 1));
    devsdk_mqtt_close(m);
    scene_done(&s);
}

/* Whatever KeepAlive is: TCP looks for who is gone without a word. */
static void test_who_is_gone_is_looked_for(void)
{
    struct scene s = {0};
    scene_make(&s, NULL);
    s.config.keep_alive_s = 3600;
    devsdk_mqtt *m = client(&s, NULL);
    wait_connected(m);
    int n = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof(peer);
        if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != broker_port(s.broker)) {
            continue;
        }
        int keeps = 0, gives_up = 0;
        size = sizeof(int);
        CU_ASSERT_EQUAL(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keeps, &size), 0);
        CU_ASSERT_EQUAL(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gives_up, &size), 0);
        CU_ASSERT_EQUAL(keeps, 1);
        CU_ASSERT_EQUAL(gives_up, 120000);
        n++;
    }
    CU_ASSERT_EQUAL(n, 1);
    devsdk_mqtt_close(m);
    scene_done(&s);
}

static void test_what_no_broker_takes_is_refused(void)
{
    struct scene s = {0};
    scene_make(&s, NULL);
    char why[128] = "";
    s.config.host = NULL;
    CU_ASSERT_PTR_NULL(devsdk_mqtt_open(service, &s.config, why, sizeof(why)));
    CU_ASSERT_STRING_EQUAL(why, "an MQTT broker needs a host");
    s.config.host = "localhost";
    s.config.scheme = "ws";
    CU_ASSERT_PTR_NULL(devsdk_mqtt_open(service, &s.config, why, sizeof(why)));
    CU_ASSERT_STRING_EQUAL(why, "MQTT protocol 'ws' is not supported");
    s.config.scheme = NULL;
    devsdk_mqtt *m = client(&s, NULL);
    CU_ASSERT_EQUAL(devsdk_mqtt_subscribe(m, "a+", 0), DEVSDK_INVALID);
    CU_ASSERT_EQUAL(devsdk_mqtt_subscribe(m, "a", 3), DEVSDK_INVALID);
    CU_ASSERT_EQUAL(say(m, "a/#", "", 0, NULL), DEVSDK_INVALID);
    CU_ASSERT_EQUAL(say(m, "", "", 0, NULL), DEVSDK_INVALID);
    CU_ASSERT_EQUAL(say(m, "a", "", 3, NULL), DEVSDK_INVALID);
    devsdk_mqtt_close(m);
    devsdk_mqtt_close(NULL);
    CU_ASSERT_TRUE(devsdk_mqtt_matches("a/+/#", "a/b/c/d"));
    CU_ASSERT_FALSE(devsdk_mqtt_matches("a/+", "a/b/c"));
    scene_done(&s);
}

CU_TestInfo sdk_mqtt_tests[] = {
    {"messages pass",                       test_messages_pass                      },
    {"a restarted broker is found again",   test_a_restarted_broker_is_found_again  },
    {"what is not sent is told at the end", test_what_is_not_sent_is_told_at_the_end},
    {"who takes slowly holds up himself",   test_who_takes_slowly_holds_up_himself  },
    {"refusals are said",                   test_refusals_are_said                  },
    {"other credentials are taken",         test_other_credentials_are_taken        },
    {"TLS, and a will",                     test_tls_and_a_will                     },
    {"who is gone is looked for",           test_who_is_gone_is_looked_for          },
    {"what no broker takes is refused",     test_what_no_broker_takes_is_refused    },
    CU_TEST_INFO_NULL,
};
