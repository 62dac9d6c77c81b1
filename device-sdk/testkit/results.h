/** Results of the kit, in its arena. */
#ifndef DEVSDK_TESTKIT_RESULTS_H
#define DEVSDK_TESTKIT_RESULTS_H

#include "testkit.h"

struct device_profile;

const devsdk_test_result *kit_result(devsdk_test *t, int status, const char *text);
const devsdk_test_result *kit_result_event(devsdk_test *t, const struct event *e);
const devsdk_test_result *kit_result_found(devsdk_test *t, const devsdk_test_found *found,
                                           size_t n);
/** Its resources as what was found. */
const devsdk_test_result *kit_result_profile(devsdk_test *t, const struct device_profile *p);

enum edge_status kit_answer_tree(struct edge_ctx *ctx, const struct edge_http_response *res,
                                 const cJSON **ret);
/** Status and text of an answer: of a batch, of the first item that failed. */
int kit_verdict(struct edge_ctx *ctx, const struct edge_http_response *res, const char **ret_text);

#endif
