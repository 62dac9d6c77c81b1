/* The clock of another engine, and what is made of messages that claim to come from it. */
#include <string.h>

#include "codec/snmp_remote.h"
#include "suites.h"

static const uint8_t ENGINE[] = {0x80, 0, 0x1f, 0x88, 5, 1, 2, 3},
                     OTHER[] = {0x80, 0, 0x1f, 0x88, 5, 9, 9};
static const int64_t SECOND = 1000;

static void meet(struct snmp_remote *r, uint32_t boots, uint32_t time, bool verified)
{
    CU_ASSERT_TRUE(snmp_remote_meet(r, snmp_view(ENGINE, sizeof(ENGINE)), boots, time, 0));
    r->verified = verified;
}

static void test_the_time_window(void)
{
    static const struct {
        bool verified;
        uint32_t boots, time;
        int64_t now_ms;
        bool taken;
    } cases[] = {
        {true,  5,         1000, 0,            true },
        {true,  5,         851,  0,            true },
        {true,  5,         850,  0,            true },
        {true,  5,         849,  0,            false}, /* older than the window */
        {true,  5,         1000, 150 * SECOND, true },
        {true,  5,         1000, 151 * SECOND, false}, /* our clock went on meanwhile */
        {true,  5,         9999, 0,            true }, /* theirs may be fast */
        {true,  6,         0,    0,            true }, /* it has booted */
        {true,  4,         5000, 0,            false}, /* from before it had */
        {true,  INT32_MAX, 0,    0,            false}, /* RFC 3414 2.2.2 */
        {false, 4,         1,    0,            true }, /* what we had was a guess */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_remote r = {0};
        meet(&r, 5, 1000, cases[i].verified);
        CU_ASSERT_EQUAL(snmp_remote_on_time(&r, cases[i].boots, cases[i].time, cases[i].now_ms),
                        cases[i].taken);
        if (cases[i].taken && cases[i].boots != 5) {
            CU_ASSERT_TRUE(r.verified && r.boots == cases[i].boots);
        }
    }
}

/* A message of an engine with a user's keys. */
struct talk {
    struct snmp_user user;
    struct snmp_remote far; /* with its keys, as the engine itself has them */
    uint8_t buf[1024], clear[1024];
};

static void talk_make(struct talk *t)
{
    memset(t, 0, sizeof(*t));
    t->user = (struct snmp_user){
        .name = "bert", .level = SNMP_AUTH_PRIV, .auth = SNMP_AUTH_SHA, .priv = SNMP_PRIV_AES};
    CU_ASSERT_TRUE(
        snmp_master_key(SNMP_AUTH_SHA, snmp_view("authpass12", 10), &t->user.auth_master));
    CU_ASSERT_TRUE(
        snmp_master_key(SNMP_AUTH_SHA, snmp_view("privpass12", 10), &t->user.priv_master));
    meet(&t->far, 0, 0, true);
    CU_ASSERT_TRUE(snmp_remote_key(&t->far, &t->user));
}

static struct snmp_view say(struct talk *t, uint8_t type, uint8_t flags, const uint8_t *engine,
                            size_t n, uint32_t boots, uint32_t time, uint32_t stat)
{
    uint8_t pdu[128];
    uint8_t stats[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, (uint8_t)stat, 0};
    struct snmp_out inner = snmp_out(pdu, sizeof(pdu)), out = snmp_out(t->buf, sizeof(t->buf));
    size_t end = inner.at;
    snmp_put_binding(&inner, snmp_view(stats, sizeof(stats)),
                     &(struct snmp_value){SNMP_COUNTER32, .u = 1});
    snmp_put_pdu(&inner, type, 7, 0, 0, end);
    const struct snmp_message head = {.id = 7,
                                      .flags = flags,
                                      .boots = boots,
                                      .time = time,
                                      .engine_id = snmp_view(engine, n),
                                      .user = snmp_view("bert", 4)};
    CU_ASSERT_TRUE(snmp_seal(&t->far.keys, &head, snmp_written(&inner), 1, &out));
    return snmp_written(&out);
}

static enum snmp_verdict judge(struct talk *t, struct snmp_remote *r, struct snmp_view whole,
                               int64_t now_ms)
{
    struct snmp_message m;
    CU_ASSERT_TRUE_FATAL(snmp_message_of(whole, &m));
    return snmp_remote_judge(r, &t->user, whole, &m, t->clear, now_ms);
}

enum { PLAIN = 0, SIGNED = SNMP_FLAG_AUTH, SEALED = SNMP_FLAG_AUTH | SNMP_FLAG_PRIV };
#define E ENGINE, sizeof(ENGINE)

static void test_a_conversation(void)
{
    struct talk t;
    struct snmp_remote r = {0};
    talk_make(&t);
    /* Who are you? Only a report will do. */
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_RESPONSE, PLAIN, E, 3, 50, 4), 0), SNMP_DROP);
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_REPORT, PLAIN, E, 3, 50, 4), 0), SNMP_AGAIN);
    CU_ASSERT_TRUE(r.id_n == sizeof(ENGINE) && r.boots == 3 && !r.verified);
    /* The same once more is no news. */
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_REPORT, PLAIN, E, 3, 50, 4), 0), SNMP_DROP);
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_RESPONSE, SEALED, E, 3, 51, 1), 0), SNMP_TAKE);
    CU_ASSERT_TRUE(r.verified);
    /* From the past; without its seal; without its signature; of another engine. */
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_RESPONSE, SEALED, E, 2, 51, 1), 0), SNMP_DROP);
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_RESPONSE, SIGNED, E, 3, 51, 1), 0), SNMP_DROP);
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_RESPONSE, PLAIN, E, 3, 51, 1), 0), SNMP_DROP);
    CU_ASSERT_EQUAL(
        judge(&t, &r, say(&t, SNMP_RESPONSE, SEALED, OTHER, sizeof(OTHER), 3, 51, 1), 0),
        SNMP_DROP);
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_GET, SEALED, E, 3, 51, 1), 0), SNMP_DROP);
    /* An unsigned clock is not believed any more, a signed one is. */
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_REPORT, PLAIN, E, 9, 1, 2), 0), SNMP_DROP);
    CU_ASSERT_EQUAL(r.boots, 3);
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_REPORT, SIGNED, E, 4, 1, 2), 0), SNMP_AGAIN);
    CU_ASSERT_TRUE(r.boots == 4 && r.time == 1);
    /* Another engine answers at this address: from the beginning. */
    CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_REPORT, PLAIN, OTHER, sizeof(OTHER), 1, 2, 4), 0),
                    SNMP_AGAIN);
    CU_ASSERT_TRUE(r.id_n == sizeof(OTHER) && !r.verified && !r.keyed);
}

static void test_reports_say_why(void)
{
    static const struct {
        uint32_t stat;
        enum snmp_verdict verdict;
    } cases[] = {
        {1, SNMP_REFUSED_LEVEL},
        {3, SNMP_REFUSED_USER },
        {5, SNMP_REFUSED_AUTH },
        {6, SNMP_REFUSED_PRIV },
        {7, SNMP_REFUSED_OTHER},
    };
    struct talk t;
    talk_make(&t);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_remote r = {0};
        meet(&r, 3, 50, true);
        CU_ASSERT_EQUAL(judge(&t, &r, say(&t, SNMP_REPORT, PLAIN, E, 3, 51, cases[i].stat), 0),
                        cases[i].verdict);
    }
}

static void test_ids_that_are_none(void)
{
    struct snmp_remote r = {0};
    uint8_t id[SNMP_ENGINE_ID_MAX + 1] = {0x80};
    CU_ASSERT_FALSE(snmp_remote_meet(&r, snmp_view(id, 4), 1, 1, 0));
    CU_ASSERT_FALSE(snmp_remote_meet(&r, snmp_view(id, sizeof(id)), 1, 1, 0));
    CU_ASSERT_EQUAL(r.id_n, 0);
    CU_ASSERT_TRUE(snmp_remote_meet(&r, snmp_view(id, SNMP_ENGINE_ID_MAX), 1, 1, 0));
}

CU_TestInfo snmp_remote_tests[] = {
    {"the time window",   test_the_time_window  },
    {"a conversation",    test_a_conversation   },
    {"reports say why",   test_reports_say_why  },
    {"ids that are none", test_ids_that_are_none},
    CU_TEST_INFO_NULL,
};
