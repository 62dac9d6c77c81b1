/* USM: keys of the RFCs, messages of net-snmp, and none that was touched. */
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_usm.h"
#include "suites.h"
#include "test_snmp_captures.h"

static const uint8_t RFC_ENGINE[12] = {[11] = 2};

static bool is_key(const struct snmp_key *key, const char *hex)
{
    uint8_t bytes[SNMP_KEY_MAX];
    size_t n = capture_bytes(hex, bytes);
    return snmp_view_equal(snmp_view(key->bytes, key->n), snmp_view(bytes, n));
}

/* RFC 3414 A.3, password maplesyrup. */
static void test_keys_of_the_rfc(void)
{
    static const struct {
        uint8_t auth;
        const char *master, *localised;
    } cases[] = {
        {SNMP_AUTH_MD5, "9faf3283884e92834ebc9847d8edd963",         "526f5eed9fcce26f8964c2930787d82b"},
        {SNMP_AUTH_SHA, "9fb5cc0381497b3793528939ff788d5d79145211",
         "6695febc9288e36282235fc7151f128497b38f3f"                                                   },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_key master, key;
        CU_ASSERT_TRUE(snmp_master_key(cases[i].auth, snmp_view("maplesyrup", 10), &master));
        CU_ASSERT_TRUE(is_key(&master, cases[i].master));
        CU_ASSERT_TRUE(
            snmp_localise(cases[i].auth, &master, snmp_view(RFC_ENGINE, sizeof(RFC_ENGINE)), &key));
        CU_ASSERT_TRUE(is_key(&key, cases[i].localised));
    }
}

/* draft-reeder-snmpv3-usm-3desede, B: how short keys are made longer, as far as 24 and 32 bytes. */
static void test_keys_of_reeders_draft(void)
{
    static const struct {
        uint8_t auth, priv;
        const char *key;
    } cases[] = {
        {SNMP_AUTH_MD5, SNMP_PRIV_AES256_REEDER,
         "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12"        },
        {SNMP_AUTH_SHA, SNMP_PRIV_AES256_REEDER,
         "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9c"        },
        {SNMP_AUTH_SHA, SNMP_PRIV_AES192_REEDER,
         "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78"                        },
        {SNMP_AUTH_SHA, SNMP_PRIV_AES,           "6695febc9288e36282235fc7151f1284"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_key master, key;
        CU_ASSERT_TRUE(snmp_master_key(cases[i].auth, snmp_view("maplesyrup", 10), &master));
        CU_ASSERT_TRUE(snmp_localise_priv(cases[i].auth, cases[i].priv, &master,
                                          snmp_view(RFC_ENGINE, sizeof(RFC_ENGINE)), &key));
        CU_ASSERT_TRUE(is_key(&key, cases[i].key));
    }
}

static void keys_make(struct snmp_keys *keys, uint8_t auth, uint8_t priv, struct snmp_view engine)
{
    struct snmp_key master;
    *keys = (struct snmp_keys){.auth = auth, .priv = priv};
    if (auth != SNMP_AUTH_NONE) {
        CU_ASSERT_TRUE(snmp_master_key(auth, snmp_view("authpass12", 10), &master));
        CU_ASSERT_TRUE(snmp_localise(auth, &master, engine, &keys->auth_key));
    }
    if (priv != SNMP_PRIV_NONE) {
        CU_ASSERT_TRUE(snmp_master_key(auth, snmp_view("privpass12", 10), &master));
        CU_ASSERT_TRUE(snmp_localise_priv(auth, priv, &master, engine, &keys->priv_key));
    }
}

static const struct {
    const char *hex;
    uint8_t auth, priv;
} AGENTS[] = {
    {V3_MD5_DES,       SNMP_AUTH_MD5,    SNMP_PRIV_DES   },
    {V3_SHA_AES,       SNMP_AUTH_SHA,    SNMP_PRIV_AES   },
    {V3_SHA512_AES256, SNMP_AUTH_SHA512, SNMP_PRIV_AES256},
};

static void test_answers_of_net_snmp(void)
{
    for (size_t i = 0; i < sizeof(AGENTS) / sizeof(AGENTS[0]); i++) {
        uint8_t buf[512], clear[512];
        struct snmp_view whole = snmp_view(buf, capture_bytes(AGENTS[i].hex, buf));
        struct snmp_message m;
        struct snmp_keys keys;
        struct snmp_binding b;
        CU_ASSERT_TRUE_FATAL(snmp_message_of(whole, &m));
        keys_make(&keys, AGENTS[i].auth, AGENTS[i].priv, m.engine_id);
        CU_ASSERT_EQUAL_FATAL(snmp_open(&keys, whole, &m, clear), SNMP_OPENED);
        CU_ASSERT_EQUAL(m.pdu.type, SNMP_RESPONSE);
        CU_ASSERT_TRUE(snmp_take_binding(&m.pdu.bindings, &b));
        CU_ASSERT_EQUAL(b.value.tag, SNMP_TIMETICKS);
    }
}

/* No bit of a signed message may change. */
static void test_every_bit_counts(void)
{
    for (size_t i = 0; i < sizeof(AGENTS) / sizeof(AGENTS[0]); i++) {
        uint8_t buf[512], clear[512];
        struct snmp_view whole = snmp_view(buf, capture_bytes(AGENTS[i].hex, buf));
        struct snmp_message m;
        struct snmp_keys keys;
        CU_ASSERT_TRUE_FATAL(snmp_message_of(whole, &m));
        keys_make(&keys, AGENTS[i].auth, AGENTS[i].priv, m.engine_id);
        for (size_t bit = 0; bit < whole.n * 8; bit++) {
            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (snmp_message_of(whole, &m)) {
                CU_ASSERT_NOT_EQUAL(snmp_open(&keys, whole, &m, clear), SNMP_OPENED);
            }
            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static struct snmp_view pdu_of(uint8_t *buf, size_t size, unsigned n)
{
    static const uint8_t up[] = {0x2b, 6, 1, 2, 1, 1, 3, 0};
    struct snmp_view oids[32];
    for (unsigned i = 0; i < n; i++) {
        oids[i] = snmp_view(up, sizeof(up));
    }
    struct snmp_out out = snmp_out(buf, size);
    snmp_put_request(&out, SNMP_GET, 7, 0, oids, n);
    return snmp_written(&out);
}

static void test_what_is_sealed_opens(void)
{
    const struct snmp_view engine = snmp_view(RFC_ENGINE, sizeof(RFC_ENGINE));
    for (unsigned auth = SNMP_AUTH_NONE; auth < SNMP_AUTHS; auth++) {
        for (unsigned priv = SNMP_PRIV_NONE; priv < SNMP_PRIVS; priv++) {
            if (auth == SNMP_AUTH_NONE && priv != SNMP_PRIV_NONE) {
                continue;
            }
            struct snmp_keys keys;
            keys_make(&keys, (uint8_t)auth, (uint8_t)priv, engine);
            for (unsigned n = 0; n < 9; n++) { /* all paddings of DES */
                uint8_t pdu[512], buf[1024], clear[1024];
                const struct snmp_message head = {
                    .id = 4711,
                    .boots = 3,
                    .time = 99,
                    .engine_id = engine,
                    .user = snmp_view("bert", 4),
                    .context_name = snmp_view("bridge1", n % 8),
                    .flags = (uint8_t)((auth ? SNMP_FLAG_AUTH : 0) | (priv ? SNMP_FLAG_PRIV : 0)),
                };
                struct snmp_out out = snmp_out(buf, sizeof(buf));
                struct snmp_view view = pdu_of(pdu, sizeof(pdu), n);
                struct snmp_message m;
                CU_ASSERT_TRUE_FATAL(snmp_seal(&keys, &head, view, 42, &out));
                CU_ASSERT_TRUE_FATAL(snmp_message_of(snmp_written(&out), &m));
                CU_ASSERT_EQUAL(snmp_open(&keys, snmp_written(&out), &m, clear), SNMP_OPENED);
                CU_ASSERT_EQUAL(m.pdu.n_bindings, n);
                CU_ASSERT_EQUAL(m.pdu.id, 7);
                CU_ASSERT_TRUE(snmp_view_equal(m.context_name, head.context_name));
                CU_ASSERT_TRUE(snmp_view_equal(m.context_engine_id, engine));
            }
        }
    }
}

/* Less security than a user has is not taken, but for reports. */
static void test_less_security_is_refused(void)
{
    const struct snmp_view engine = snmp_view(RFC_ENGINE, sizeof(RFC_ENGINE));
    struct snmp_keys keys, weaker;
    keys_make(&keys, SNMP_AUTH_SHA, SNMP_PRIV_AES, engine);
    uint8_t pdu[128], buf[512], clear[512];
    for (unsigned flags = 0; flags <= SNMP_FLAG_AUTH; flags++) {
        const struct snmp_message head = {
            .id = 1, .flags = (uint8_t)flags, .engine_id = engine, .user = snmp_view("bert", 4)};
        struct snmp_out out = snmp_out(buf, sizeof(buf));
        struct snmp_message m;
        weaker = keys;
        CU_ASSERT_TRUE(snmp_seal(&weaker, &head, pdu_of(pdu, sizeof(pdu), 1), 1, &out));
        CU_ASSERT_TRUE(snmp_message_of(snmp_written(&out), &m));
        CU_ASSERT_EQUAL(snmp_open(&keys, snmp_written(&out), &m, clear), SNMP_OPEN_UNSIGNED);
        m.pdu.type = SNMP_REPORT;
        CU_ASSERT_EQUAL(snmp_open(&keys, snmp_written(&out), &m, clear), SNMP_OPENED);
    }
}

static void test_another_password_is_forgery(void)
{
    uint8_t buf[512], clear[512];
    struct snmp_view whole = snmp_view(buf, capture_bytes(V3_SHA_AES, buf));
    struct snmp_message m;
    struct snmp_keys keys;
    CU_ASSERT_TRUE_FATAL(snmp_message_of(whole, &m));
    keys_make(&keys, SNMP_AUTH_SHA, SNMP_PRIV_AES, m.engine_id);
    keys.auth_key.bytes[0] ^= 1;
    CU_ASSERT_EQUAL(snmp_open(&keys, whole, &m, clear), SNMP_OPEN_FORGED);
    keys.auth_key.bytes[0] ^= 1;
    keys.priv_key.bytes[0] ^= 1;
    CU_ASSERT_EQUAL(snmp_open(&keys, whole, &m, clear), SNMP_OPEN_UNREADABLE);
}

static void test_a_buffer_too_small(void)
{
    const struct snmp_view engine = snmp_view(RFC_ENGINE, sizeof(RFC_ENGINE));
    struct snmp_keys keys;
    keys_make(&keys, SNMP_AUTH_SHA512, SNMP_PRIV_DES, engine);
    const struct snmp_message head = {.flags = SNMP_FLAG_AUTH | SNMP_FLAG_PRIV,
                                      .engine_id = engine,
                                      .user = snmp_view("bert", 4)};
    uint8_t pdu[128];
    struct snmp_view view = pdu_of(pdu, sizeof(pdu), 2);
    size_t least = 0;
    for (size_t size = 1; size < 512; size++) {
        uint8_t *buf = malloc(size);
        struct snmp_out out = snmp_out(buf, size);
        bool fits = snmp_seal(&keys, &head, view, 1, &out);
        least = fits && least == 0 ? size : least;
        CU_ASSERT_EQUAL(fits, least > 0 && size >= least);
        free(buf);
    }
    CU_ASSERT_TRUE(least > 150);
}

CU_TestInfo snmp_usm_tests[] = {
    {"keys of the RFC",             test_keys_of_the_rfc            },
    {"keys of Reeder's draft",      test_keys_of_reeders_draft      },
    {"answers of net-snmp",         test_answers_of_net_snmp        },
    {"every bit counts",            test_every_bit_counts           },
    {"what is sealed opens",        test_what_is_sealed_opens       },
    {"less security is refused",    test_less_security_is_refused   },
    {"another password is forgery", test_another_password_is_forgery},
    {"a buffer too small",          test_a_buffer_too_small         },
    CU_TEST_INFO_NULL,
};
