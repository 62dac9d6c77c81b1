/* Trying a statement over HTTP. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "edge/json.h"
#include "service_rig.h"
#include "suites.h"
#include "support_rules.h"

#define EVENT_AT(ms, value)                                                                        \
    "{\"apiVersion\":\"v3\",\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"deviceName\":"       \
    "\"pump-7\",\"profileName\":\"Pump\",\"sourceName\":\"t\",\"origin\":" ms                      \
    "000000,\"readings\":[{\"id\":\"0f7e8f9a-2c60-4a3d-8c3c-2f1f7b1f6f43\",\"origin\":" ms         \
    "000000,\"deviceName\":\"pump-7\",\"resourceName\":\"t\",\"profileName\":\"Pump\","            \
    "\"valueType\":\"Int64\",\"value\":\"" value "\"}]}"

static const char *messages(struct edge_ctx *ctx, const cJSON *answer, struct edge_buf *out)
{
    (void)ctx;
    out->len = 0;
    const cJSON *list = edge_json_member(answer, "messages", true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    edge_json_put(out, list);
    return edge_buf_str(out);
}

static void test_a_statement_is_tried(void)
{
    static const struct {
        const char *sql, *expect;
    } cases[] = {
        {"SELECT t, meta(deviceName) AS d FROM demo WHERE t > 30",
         "[{\"time\":5000,\"rows\":[{\"t\":9223372036854775807,\"d\":\"pump-7\"}]}]"},
        {"SELECT count(*) AS c FROM anything GROUP BY TUMBLINGWINDOW(ss, 10)",
         "[{\"time\":10000,\"rows\":[{\"c\":2}]}]"                                  },
        {"SELECT t + 1 AS x FROM demo WHERE t > 30",
         "[{\"time\":5000,\"rows\":[{\"x\":9223372036854775808}]}]"                 },
        {"SELECT t / 0 AS x FROM demo WHERE t < 30",
         "[{\"time\":1000,\"error\":\"division by zero\"}]"                         },
    };
    SERVICE_RIG(rig, &support_rules, "");
    struct edge_buf out = EDGE_BUF_INIT;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *body =
            edge_printf(&ctx.arena, "{\"sql\":\"%s\",\"events\":[%s,%s]}", cases[i].sql,
                        EVENT_AT("1000", "5"), EVENT_AT("5000", "9223372036854775807"));
        const cJSON *answer = service_rig_ask(&ctx, &rig, "POST", "/api/v3/rules/try", body, 200);
        const char *got = messages(&ctx, answer, &out);
        if (strcmp(got, cases[i].expect) != 0) {
            printf("%s gives %s\n", cases[i].sql, got);
        }
        CU_ASSERT_STRING_EQUAL(got, cases[i].expect);
    }
    edge_buf_done(&out);
}

static void test_faults_are_told(void)
{
    SERVICE_RIG(rig, &support_rules, "");
    EDGE_CTX_SCOPE(ctx);
    const cJSON *answer = service_rig_ask(&ctx, &rig, "POST", "/api/v3/rules/try",
                                          "{\"sql\":\"SELECT a FROM\"}", 400);
    const cJSON *text = edge_json_member(answer, "message", true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text->valuestring, "line 1, column 14: expected the name of a stream"));
    (void)service_rig_ask(&ctx, &rig, "POST", "/api/v3/rules/try", "{}", 400);
    (void)service_rig_ask(&ctx, &rig, "POST", "/api/v3/rules/try", "[", 400);
    (void)service_rig_ask(&ctx, &rig, "POST", "/api/v3/rules/try",
                          "{\"sql\":\"SELECT a FROM demo\",\"events\":[{}]}", 400);
}

CU_TestInfo rules_trial_tests[] = {
    {"a statement is tried", test_a_statement_is_tried},
    {"faults are told",      test_faults_are_told     },
    CU_TEST_INFO_NULL,
};
