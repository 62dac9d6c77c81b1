/* Topics: matching, levels, what may be published and subscribed to. */
#include <string.h>

#include "bus/bus_internal.h"
#include "suites.h"

static void test_patterns_match_as_mqtt_says(void)
{
    static const struct {
        const char *pattern, *topic;
        bool expect;
    } cases[] = {
        {"a/b/c",  "a/b/c",   true },
        {"a/b/c",  "a/b",     false},
        {"a/b",    "a/b/c",   false},
        {"a/b",    "a/bc",    false},
        {"a/bc",   "a/b",     false},
        {"a/+/c",  "a/b/c",   true },
        {"a/+/c",  "a//c",    true },
        {"a/+/c",  "a/b/d/c", false},
        {"a/+",    "a/b",     true },
        {"a/+",    "a/",      true },
        {"a/+",    "a",       false},
        {"+",      "a",       true },
        {"+/+",    "a/b",     true },
        {"+/+",    "/b",      true },
        {"/+",     "/b",      true },
        {"+",      "/b",      false},
        {"#",      "a",       true },
        {"#",      "a/b/c",   true },
        {"#",      "/",       true },
        {"a/#",    "a",       true },
        {"a/#",    "a/",      true },
        {"a/#",    "a/b/c",   true },
        {"a/#",    "ab",      false},
        {"a/b/#",  "a",       false},
        {"+/b/#",  "a/b",     true },
        {"+/b/#",  "a/b/c/d", true },
        {"a/+/#",  "a/b",     true },
        {"a/+/#",  "a",       false},
        {"#",      "$SYS/x",  false},
        {"+/x",    "$SYS/x",  false},
        {"$SYS/#", "$SYS/x",  true },
        {"a/$x",   "a/$x",    true },
        {"+/$x",   "a/$x",    true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool got = edge_topic_matches(cases[i].pattern, cases[i].topic);
        if (got != cases[i].expect) {
            printf("%s against %s: %d\n", cases[i].pattern, cases[i].topic, got);
        }
        CU_ASSERT_EQUAL(got, cases[i].expect);
    }
}

static void test_levels_are_split_and_decoded(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char **levels = NULL;
    CU_ASSERT_EQUAL(edge_topic_levels(&a, "edgex//d%2F1/%zz", true, &levels), 4);
    CU_ASSERT_STRING_EQUAL(levels[0], "edgex");
    CU_ASSERT_STRING_EQUAL(levels[1], "");
    CU_ASSERT_STRING_EQUAL(levels[2], "d/1");
    CU_ASSERT_STRING_EQUAL(levels[3], "%zz"); /* malformed: as it is */
    CU_ASSERT_EQUAL(edge_topic_levels(&a, "a/b%20c", false, &levels), 2);
    CU_ASSERT_STRING_EQUAL(levels[1], "b%20c");
    CU_ASSERT_EQUAL(edge_topic_levels(&a, "", true, &levels), 1);
    CU_ASSERT_STRING_EQUAL(levels[0], "");
    CU_ASSERT_EQUAL(edge_topic_levels(&a, "%FF%FE/%C3%BC", true, &levels), 2);
    CU_ASSERT_STRING_EQUAL(levels[0], "%FF%FE"); /* no UTF-8 */
    CU_ASSERT_STRING_EQUAL(levels[1], "\xc3\xbc");
    edge_arena_done(&a);
}

static void test_what_no_broker_takes_is_refused(void)
{
    static const char *const topics[] = {"",          "a/+/b",          "a/#",
                                         "a\nb",      "a\x7f",          "a\xff",
                                         "a\xc2\x80", "\xef\xbf\xbe/a", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(bus_topic_fault(topics[i]));
    }
    char deep[2 * BUS_MAX_LEVELS + 2], longest[BUS_MAX_TOPIC + 2];
    memset(deep, '/', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CU_ASSERT_PTR_NOT_NULL(bus_topic_fault(deep));
    CU_ASSERT_PTR_NOT_NULL(bus_topic_fault(longest));
    CU_ASSERT_PTR_NULL(bus_topic_fault(longest + 1));
    CU_ASSERT_PTR_NULL(bus_topic_fault("edgex/events/device/a//\xc3\xa4/%2B"));
}

static void test_wildcards_are_whole_levels(void)
{
    static const char *const bad[] = {"", "a+", "+a", "a/#/b", "a#", "#a", "a/+b/c", "##", "a/#/"};
    static const char *const good[] = {"+", "#", "a/+", "+/a/#", "+/+/+", "/#", "a/b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(edge_topic_pattern_fault(bad[i]));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_PTR_NULL(edge_topic_pattern_fault(good[i]));
    }
}

CU_TestInfo topic_tests[] = {
    {"patterns match as MQTT says",     test_patterns_match_as_mqtt_says    },
    {"levels are split and decoded",    test_levels_are_split_and_decoded   },
    {"what no broker takes is refused", test_what_no_broker_takes_is_refused},
    {"wildcards are whole levels",      test_wildcards_are_whole_levels     },
    CU_TEST_INFO_NULL,
};
