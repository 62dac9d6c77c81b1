/* The driver against a peer that lies, stutters, floods and sleeps: never a wrong value, and nobody else waits. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "codec/snmp_usm.h"
#include "device_snmp.h"
#include "devsdk/test.h"
#include "suites.h"
#include "udp_peer.h"
#include "wait.h"

enum mode {
    HONEST,
    SILENT,
    DIES,            /* after the first answer */
    LOSE_FIRST,      /* of every two */
    FROM_ELSEWHERE,  /* from another port first, with a wrong value */
    WRONG_ID,        /* first, with a wrong value */
    WRONG_COMMUNITY, /* the same */
    WRONG_VERSION,   /* the same */
    REQUEST_BACK,    /* what was asked, instead of an answer */
    TWICE,
    LATE,      /* the answer to the one before */
    TRUNCATED, /* at every byte, then whole */
    GARBAGE,   /* then the answer */
    OTHER_OIDS,
    SWAPPED, /* the bindings */
    FEWER,
    MORE,
    BIG_ABOVE_3,
    BIG_ALWAYS,
    GEN_ERR_AT_2, /* of those asked, as long as there are two */
    GEN_ERR_NOBODY,
    INDEX_OUT,
    CIRCLE,     /* walks: the same object again and again */
    FALLING,    /* walks: OIDs go down */
    ENDLESS,    /* walks: always one more */
    EMPTY,      /* no bindings */
    REPORTS,    /* v3: another engine in each report */
    LATE_CLOCK, /* v3: out of the time window, unsigned, for ever */
    FORGED,     /* v3: an answer without a signature */
};

enum { BINDINGS = 128, HELD = 2048 };

struct agent {
    struct udp_peer *peer;
    atomic_int mode;
    atomic_uint requests;
    uint8_t held[HELD]; /* of LATE */
    size_t n_held;
    atomic_uint serial;
};

/* An object's true value is its last number but one. */
static int64_t truth_of(const struct snmp_oid *oid)
{
    return oid->n > 1 ? oid->id[oid->n - 2] : 0;
}

struct answer {
    struct snmp_oid oids[BINDINGS];
    unsigned n;
    int64_t add; /* to the true values: a lie */
    int64_t status, index;
};

static void put_answer(struct snmp_out *out, const struct answer *a, int32_t id)
{
    size_t end = out->at;
    for (unsigned i = a->n; i-- > 0;) {
        uint8_t bytes[SNMP_OID_BYTES];
        struct snmp_value value = {SNMP_INTEGER, .i = truth_of(&a->oids[i]) + a->add};
        snmp_put_binding(out, snmp_view(bytes, snmp_oid_bytes(&a->oids[i], bytes)), &value);
    }
    snmp_put_pdu(out, SNMP_RESPONSE, id, a->status, a->index, end);
}

static struct snmp_view message(uint8_t *buf, size_t size, const struct answer *a, int version,
                                struct snmp_view community, int32_t id)
{
    struct snmp_out out = snmp_out(buf, size);
    size_t end = out.at;
    put_answer(&out, a, id);
    snmp_put_message(&out, version, community, end);
    return snmp_written(&out);
}

static void read_oids(const struct snmp_pdu *pdu, struct answer *ret)
{
    struct snmp_view list = pdu->bindings;
    struct snmp_binding b;
    ret->n = 0;
    while (ret->n < BINDINGS && snmp_take_binding(&list, &b)) {
        (void)snmp_oid_of(b.oid, &ret->oids[ret->n++]);
    }
}

/* A walk has one object; what is next to it is up to the mode. */
static void step(struct agent *g, int mode, struct answer *a)
{
    struct snmp_oid *oid = &a->oids[0];
    if (mode == CIRCLE) {
        return; /* itself */
    }
    if (mode == FALLING) {
        oid->n = 9;
        oid->id[8] = 1000 - g->serial++;
    } else if (mode == ENDLESS) {
        a->n = 20;
        for (unsigned i = 0; i < 20; i++) {
            a->oids[i] = *oid;
            a->oids[i].n = 9;
            a->oids[i].id[8] = g->serial++;
        }
    } else {
        oid->id[oid->n - 1] += 1000; /* out of the tree */
        oid->n = 4;
        oid->id[3] = 9;
    }
}

static void twist(int mode, const struct snmp_message *m, struct answer *a)
{
    unsigned asked = a->n;
    switch (mode) {
    case OTHER_OIDS:
        a->oids[asked - 1].id[a->oids[asked - 1].n - 1]++;
        break;
    case SWAPPED:
        if (asked > 1) {
            struct snmp_oid first = a->oids[0];
            a->oids[0] = a->oids[1];
            a->oids[1] = first;
        }
        break;
    case FEWER:
        a->n--;
        break;
    case MORE:
        a->oids[a->n++] = a->oids[0];
        break;
    case EMPTY:
        a->n = 0;
        break;
    case BIG_ABOVE_3:
        a->status = asked > 3 ? SNMP_TOO_BIG : 0;
        break;
    case BIG_ALWAYS:
        a->status = SNMP_TOO_BIG;
        break;
    case GEN_ERR_AT_2:
        a->status = asked > 1 ? SNMP_GEN_ERR : 0;
        a->index = asked > 1 ? 2 : 0;
        break;
    case GEN_ERR_NOBODY:
        a->status = truth_of(&a->oids[0]) == 1 || asked > 1 ? SNMP_GEN_ERR : 0;
        break;
    case INDEX_OUT:
        a->status = SNMP_GEN_ERR;
        a->index = 99;
        break;
    default:
        break;
    }
    (void)m;
}

static void send_lie(struct agent *g, int mode, const struct snmp_message *m,
                     const struct answer *a, unsigned index, const struct sockaddr_in *from)
{
    uint8_t buf[8192];
    struct answer lie = *a;
    lie.add = 666;
    bool id = mode == WRONG_ID;
    struct snmp_view community = mode == WRONG_COMMUNITY ? snmp_view("publik", 6) : m->community;
    int version = mode == WRONG_VERSION ? SNMP_V1 : m->version;
    struct snmp_view bytes =
        message(buf, sizeof(buf), &lie, version, community, id ? m->pdu.id ^ 1 : m->pdu.id);
    udp_peer_send(g->peer, mode == FROM_ELSEWHERE ? index ^ 1 : index, bytes.p, bytes.n, from);
}

/* Before the answer. False: there is none. */
static bool prelude(struct agent *g, int mode, struct snmp_view whole, const struct snmp_message *m,
                    const struct answer *a, unsigned index, const struct sockaddr_in *from)
{
    uint8_t buf[8192];
    struct snmp_view bytes = message(buf, sizeof(buf), a, m->version, m->community, m->pdu.id);
    switch (mode) {
    case SILENT:
        return false;
    case DIES:
        return g->serial++ == 0;
    case LOSE_FIRST:
        return g->serial++ % 2 == 1;
    case FROM_ELSEWHERE:
    case WRONG_ID:
    case WRONG_COMMUNITY:
    case WRONG_VERSION:
        send_lie(g, mode, m, a, index, from);
        return true;
    case REQUEST_BACK:
        udp_peer_send(g->peer, index, whole.p, whole.n, from);
        return true;
    case TWICE:
        udp_peer_send(g->peer, index, bytes.p, bytes.n, from);
        return true;
    case TRUNCATED:
        for (size_t n = 0; n < bytes.n; n++) {
            udp_peer_send(g->peer, index, bytes.p, n, from);
        }
        return true;
    case GARBAGE:
        for (int i = 0; i < 50; i++) {
            uint8_t noise[64];
            for (size_t k = 0; k < sizeof(noise); k++) {
                noise[k] = (uint8_t)rand();
            }
            udp_peer_send(g->peer, index, noise, sizeof(noise), from);
        }
        return true;
    default:
        return true;
    }
}

/* The answer of a v3 engine that has no keys: reports and forgeries are all it can. */
static void answer_v3(struct agent *g, int mode, const struct snmp_message *m, unsigned index,
                      const struct sockaddr_in *from)
{
    static const uint8_t unknown[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0},
                         late[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, 2, 0};
    uint8_t engine[8] = {0x80, 0, 0, 1, 5, 1, 2, 3}, pdu[512], buf[2048];
    struct snmp_keys none = {0};
    struct snmp_out inner = snmp_out(pdu, sizeof(pdu)), out = snmp_out(buf, sizeof(buf));
    bool is_probe = m->engine_id.n == 0;
    size_t end = inner.at;
    engine[7] = 3;
    if (mode == REPORTS) {
        engine[7] = (uint8_t)(g->serial++ & 0xff);
    }
    if (mode == FORGED && !is_probe) {
        struct answer a = {
            .n = 1, .oids[0] = {10, {1, 3, 6, 1, 4, 1, 1, 1, 1, 0}}
        };
        put_answer(&inner, &a, m->id);
    } else {
        struct snmp_view oid = is_probe || mode == REPORTS ? snmp_view(unknown, sizeof(unknown))
                                                           : snmp_view(late, sizeof(late));
        snmp_put_binding(&inner, oid, &(struct snmp_value){SNMP_COUNTER32, .u = 1});
        snmp_put_pdu(&inner, SNMP_REPORT, m->pdu.id, 0, 0, end);
    }
    const struct snmp_message head = {.id = m->id,
                                      .boots = 1,
                                      .time = g->serial++,
                                      .engine_id = snmp_view(engine, sizeof(engine)),
                                      .user = m->user};
    if (snmp_seal(&none, &head, snmp_written(&inner), 0, &out)) {
        struct snmp_view bytes = snmp_written(&out);
        udp_peer_send(g->peer, index, bytes.p, bytes.n, from);
    }
}

static void on_request(struct udp_peer *p, void *arg, unsigned index, const uint8_t *bytes,
                       size_t n, const struct sockaddr_in *from)
{
    struct agent *g = arg;
    struct snmp_message m;
    struct answer a = {0};
    uint8_t buf[8192];
    int mode = atomic_load(&g->mode);
    g->peer = p;
    atomic_fetch_add(&g->requests, 1);
    if (!snmp_message_of(snmp_view(bytes, n), &m)) {
        CU_FAIL("a request that is none");
        return;
    }
    if (m.version == SNMP_V3) {
        answer_v3(g, mode, &m, index, from);
        return;
    }
    read_oids(&m.pdu, &a);
    if (m.pdu.type == SNMP_GETBULK || m.pdu.type == SNMP_GETNEXT) {
        step(g, mode, &a);
    }
    twist(mode, &m, &a);
    if (!prelude(g, mode, snmp_view(bytes, n), &m, &a, index, from)) {
        return;
    }
    struct snmp_view answer = message(buf, sizeof(buf), &a, m.version, m.community, m.pdu.id);
    if (mode == LATE) {
        struct snmp_view before = snmp_view(g->held, g->n_held);
        uint8_t copy[HELD];
        memcpy(copy, before.p, before.n);
        memcpy(g->held, answer.p, answer.n);
        g->n_held = answer.n;
        answer = snmp_view(copy, before.n);
        memmove(buf, copy, before.n);
        answer.p = buf;
    }
    if (answer.n > 0) {
        udp_peer_send(p, index, answer.p, answer.n, from);
    }
}

/* ---- the bench ------------------------------------------------------------------------------ */

static const char CONFIG[] =
    "Writable:\n  LogLevel: WARN\n  InsecureSecrets:\n"
    "    v3: {SecretName: v3, SecretData: {authPassword: authpass12, privPassword: privpass12}}\n"
    "Driver: {MaxRows: 50}\n";

struct bench {
    struct agent agent;
    struct udp_peer *peer;
    devsdk_test *t;
    const char *expected_log;
};

static void bench_done(struct bench *b)
{
    CU_ASSERT_EQUAL(devsdk_test_stop(b->t), 0);
    udp_peer_free(b->peer);
    char *text = capture_end();
    CU_ASSERT_TRUE(capture_count(text, "said once") <= 2);
    free(text);
}

static void profile_make(devsdk_test *t, unsigned resources)
{
    char text[32768];
    size_t n = (size_t)snprintf(text, sizeof(text), "name: lies\ndeviceResources:\n");
    for (unsigned i = 0; i < resources; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "- {name: R%u, attributes: {oid: 1.3.6.1.4.1.1.1.%u.0}, properties: "
                              "{valueType: Int32, readWrite: RW}}\n",
                              i, i);
    }
    n += (size_t)snprintf(text + n, sizeof(text) - n,
                          "- {name: Table, attributes: {oid: 1.3.6.1.4.1.1.1, walk: true}, "
                          "properties: {valueType: Object, readWrite: R}}\n"
                          "deviceCommands:\n- name: All\n  readWrite: RW\n  resourceOperations: [");
    for (unsigned i = 0; i < resources; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{deviceResource: R%u}",
                              i > 0 ? ", " : "", i);
    }
    snprintf(text + n, sizeof(text) - n, "]\n");
    CU_ASSERT_EQUAL_FATAL(devsdk_test_profile(t, text), 201);
}

static void add(struct bench *b, const char *name, unsigned port, const char *more)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{name: %s, profileName: lies, protocols: {SNMP: {Address: 127.0.0.1, Port: %u, "
             "Timeout: 250ms, Retries: 3%s}}}",
             name, udp_peer_port(b->peer, port), more);
    CU_ASSERT_EQUAL(devsdk_test_device(b->t, text), 201);
}

static void bench_make(struct bench *b, unsigned ports)
{
    memset(b, 0, sizeof(*b));
    capture_start();
    b->peer = udp_peer_start(ports, on_request, &b->agent);
    b->t = devsdk_test_start(&device_snmp, CONFIG);
    profile_make(b->t, 10);
    add(b, "agent", 0, "");
}

#define BENCH(name, ports)                                                                         \
    __attribute__((cleanup(bench_done))) struct bench name;                                        \
    bench_make(&(name), ports);

static void set_mode(struct bench *b, enum mode mode)
{
    atomic_store(&b->agent.mode, mode);
}

/* All that is read is true. */
static void all_true(const devsdk_test_result *r, size_t n)
{
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL(r->n, n);
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->readings[i].value, r->readings[i].resource + 1) != 0) {
            printf("%s is %s\n", r->readings[i].resource, r->readings[i].value);
            CU_FAIL("a wrong value");
        }
    }
}

static void test_lies_are_not_believed(void)
{
    BENCH(b, 2);
    static const enum mode modes[] = {HONEST,          LOSE_FIRST,    FROM_ELSEWHERE, WRONG_ID,
                                      WRONG_COMMUNITY, WRONG_VERSION, REQUEST_BACK,   TWICE,
                                      TRUNCATED,       GARBAGE,       BIG_ABOVE_3};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        set_mode(&b, modes[i]);
        for (int k = 0; k < 3; k++) {
            all_true(devsdk_test_read(b.t, "agent", "All", NULL), 10);
        }
    }
}

static void test_wrong_answers_are_refused(void)
{
    BENCH(b, 2);
    static const enum mode modes[] = {OTHER_OIDS, SWAPPED, FEWER, MORE, EMPTY};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        set_mode(&b, modes[i]);
        const devsdk_test_result *r = devsdk_test_read(b.t, "agent", "All", NULL);
        CU_ASSERT_EQUAL(r->status, 500);
        CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "other objects than asked for"));
        CU_ASSERT_EQUAL(r->n, 0);
    }
    set_mode(&b, HONEST);
    all_true(devsdk_test_read(b.t, "agent", "All", NULL), 10);
}

/* The answer to the last request comes to this one: its id is another. */
static void test_late_answers_are_dropped(void)
{
    BENCH(b, 2);
    set_mode(&b, LATE);
    for (int i = 0; i < 3; i++) {
        char resource[16];
        snprintf(resource, sizeof(resource), "R%d", i);
        const devsdk_test_result *r = devsdk_test_read(b.t, "agent", resource, NULL);
        /* The second asking brings the answer to the first one, which has the same id. */
        all_true(r, 1);
    }
}

static void test_refusals_take_their_own_only(void)
{
    BENCH(b, 2);
    set_mode(&b, GEN_ERR_AT_2);
    const devsdk_test_result *r = devsdk_test_read(b.t, "agent", "All", NULL);
    all_true(r, 1); /* each asking blames its second one */
    set_mode(&b, GEN_ERR_NOBODY);
    r = devsdk_test_read(b.t, "agent", "All", NULL);
    all_true(r, 9); /* R1 is found out by halves */
    CU_ASSERT_PTR_NULL(devsdk_test_value(r, "R1"));
    set_mode(&b, INDEX_OUT);
    r = devsdk_test_read(b.t, "agent", "All", NULL);
    CU_ASSERT_TRUE(r->status == 500 && strstr(r->text, "genErr"));
    set_mode(&b, BIG_ALWAYS);
    r = devsdk_test_read(b.t, "agent", "All", NULL);
    CU_ASSERT_TRUE(r->status == 500 && strstr(r->text, "tooBig"));
    CU_ASSERT_TRUE(atomic_load(&b.agent.requests) < 120);
}

/* It goes while it is read: what came until then is no answer to the question. */
static void test_gone_amid_a_read(void)
{
    BENCH(b, 2);
    add(&b, "small", 0, ", MaxOids: 3");
    for (int i = 0; i < 2; i++) {
        b.agent.serial = 0; /* nothing is under way */
        set_mode(&b, DIES);
        const devsdk_test_result *r = devsdk_test_read(b.t, "small", "All", NULL);
        CU_ASSERT_TRUE(r->status == 500 && strstr(r->text, "no answer from 127.0.0.1"));
        CU_ASSERT_EQUAL(r->n, 0);
        CU_ASSERT_TRUE(b.agent.serial > 1);
        set_mode(&b, HONEST);
        all_true(devsdk_test_read(b.t, "small", "All", NULL), 10);
    }
}

static void test_walks_that_do_not_end(void)
{
    BENCH(b, 2);
    static const struct {
        enum mode mode;
        const char *words;
    } cases[] = {
        {CIRCLE,  "do not rise"      },
        {FALLING, "do not rise"      },
        {ENDLESS, "more than 50 rows"},
        {EMPTY,   "without an object"},
        {SILENT,  "no answer"        },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_mode(&b, cases[i].mode);
        const devsdk_test_result *r = devsdk_test_read(b.t, "agent", "Table", NULL);
        CU_ASSERT_EQUAL(r->status, 500);
        CU_ASSERT_PTR_NOT_NULL(strstr(r->text, cases[i].words));
    }
    CU_ASSERT_TRUE(atomic_load(&b.agent.requests) < 60);
    set_mode(&b, HONEST);
    const devsdk_test_result *r = devsdk_test_read(b.t, "agent", "Table", NULL);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Table"), "{}");
}

static void test_engines_that_lie(void)
{
    BENCH(b, 2);
    static const enum mode modes[] = {REPORTS, LATE_CLOCK, FORGED};
    add(&b, "v3", 0, ", Version: 3, SecurityName: bert, SecretName: v3");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        set_mode(&b, modes[i]);
        unsigned before = atomic_load(&b.agent.requests);
        const devsdk_test_result *r = devsdk_test_read(b.t, "v3", "R1", NULL);
        CU_ASSERT_EQUAL(r->status, 500);
        CU_ASSERT_EQUAL(r->n, 0);
        CU_ASSERT_TRUE(atomic_load(&b.agent.requests) - before < 12);
    }
}

static void *read_silent(void *arg)
{
    struct bench *b = arg;
    const devsdk_test_result *r = devsdk_test_read(b->t, "silent", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "no answer from 127.0.0.1"));
    return NULL;
}

static void on_nothing(struct udp_peer *p, void *arg, unsigned index, const uint8_t *bytes,
                       size_t n, const struct sockaddr_in *from)
{
    (void)p, (void)arg, (void)index, (void)bytes, (void)n, (void)from;
}

/* While one waits for a silent agent, the others are read a hundred times. */
static void test_a_silent_agent_delays_itself_alone(void)
{
    BENCH(b, 2);
    struct udp_peer *silent = udp_peer_start(1, on_nothing, NULL);
    char text[256];
    pthread_t thread;
    snprintf(text, sizeof(text),
             "{name: silent, profileName: lies, protocols: {SNMP: {Address: 127.0.0.1, Port: %u, "
             "Timeout: 1s, Retries: 1}}}",
             udp_peer_port(silent, 0));
    CU_ASSERT_EQUAL(devsdk_test_device(b.t, text), 201);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_silent, &b), 0);
    for (int i = 0; i < 1000 && udp_peer_count(silent) == 0; i++) {
        all_true(devsdk_test_read(b.t, "agent", "R1", NULL), 1);
    }
    CU_ASSERT_TRUE(udp_peer_count(silent) > 0);
    for (int i = 0; i < 100; i++) {
        all_true(devsdk_test_read(b.t, "agent", "All", NULL), 10);
    }
    CU_ASSERT_TRUE(udp_peer_count(silent) <= 2);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(udp_peer_count(silent), 2); /* asked twice, as Retries says */
    udp_peer_free(silent);
}

/* ---- many ------------------------------------------------------------------------------------ */

enum { MANY = 1000, READERS = 4 };

struct reader {
    struct bench *b;
    unsigned first;
    atomic_bool *ends;
    unsigned n, failed;
};

static void *read_many(void *arg)
{
    struct reader *r = arg;
    for (unsigned i = r->first; !atomic_load(r->ends) || i < MANY; i += READERS) {
        char name[16];
        snprintf(name, sizeof(name), "d%u", i % MANY);
        const devsdk_test_result *result = devsdk_test_read(r->b->t, name, "R7", NULL);
        if (result->status == 200) {
            r->n++;
            if (strcmp(devsdk_test_value(result, "R7"), "7") != 0) {
                CU_FAIL("a wrong value");
            }
        } else if (result->status != 404) { /* removed */
            r->failed++;
        }
    }
    return NULL;
}

/* A thousand agents on a thousand ports; a hundred of them go while they are read. */
static void test_a_thousand_devices(void)
{
    BENCH(b, MANY);
    pthread_t threads[READERS];
    struct reader readers[READERS];
    atomic_bool ends = false;
    for (unsigned i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d%u", i);
        add(&b, name, i, "");
    }
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.b = &b, .first = i, .ends = &ends};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
    }
    for (unsigned i = 0; i < MANY; i += 10) {
        char name[16];
        snprintf(name, sizeof(name), "d%u", i);
        CU_ASSERT_EQUAL(devsdk_test_remove(b.t, name), 200);
    }
    atomic_store(&ends, true);
    unsigned n = 0, failed = 0;
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        n += readers[i].n;
        failed += readers[i].failed;
    }
    CU_ASSERT_TRUE(n >= MANY * 9 / 10);
    CU_ASSERT_EQUAL(failed, 0);
}

CU_TestInfo snmp_hostile_tests[] = {
    {"lies are not believed",              test_lies_are_not_believed             },
    {"wrong answers are refused",          test_wrong_answers_are_refused         },
    {"late answers are dropped",           test_late_answers_are_dropped          },
    {"refusals take their own only",       test_refusals_take_their_own_only      },
    {"walks that do not end",              test_walks_that_do_not_end             },
    {"gone amid a read",                   test_gone_amid_a_read                  },
    {"engines that lie",                   test_engines_that_lie                  },
    {"a silent agent delays itself alone", test_a_silent_agent_delays_itself_alone},
    {"a thousand devices",                 test_a_thousand_devices                },
    CU_TEST_INFO_NULL,
};
