/* Asserting on answers: apart from platform.c, which programs without CUnit use too. */
#include <stdio.h>

#include "platform.h"
#include "suites.h"

const cJSON *expect(struct edge_ctx *ctx, const struct platform *p, enum platform_service service,
                    const char *method, const char *target, const char *body, int code)
{
    const cJSON *answer = NULL;
    int got = call(ctx, p, service, method, target, body, &answer);
    if (got != code) {
        struct edge_buf text = EDGE_BUF_INIT;
        if (answer) {
            edge_json_put(&text, answer);
        }
        fprintf(stderr, "%s %s: %d instead of %d: %.500s\n", method, target, got, code,
                edge_buf_str(&text));
        edge_buf_done(&text);
    }
    CU_ASSERT_EQUAL(got, code);
    return answer;
}
