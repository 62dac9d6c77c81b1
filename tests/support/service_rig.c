/* A host of one service, and questions to its route table. */
#include "service_rig.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

void service_rig_make(struct service_rig *r, const struct edge_service *service, const char *yaml)
{
    static const struct {
        const char *name, *member;
    } sections[] = {
        {"Writable:",   "LogLevel: ERROR"},
        {"Service:",    "Port: 0"        },
        {"MessageBus:", "Type: memory"   },
    };
    *r = (struct service_rig){.service = service};
    scratch_make(&r->dir);
    char path[128];
    snprintf(path, sizeof(path), "%s/configuration.yaml", r->dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (!strstr(yaml, sections[i].name)) { /* a section stands once */
            fprintf(f, "%s\n  %s\n", sections[i].name, sections[i].member);
        }
    }
    fputs(yaml, f);
    fclose(f);
}

enum edge_status service_rig_start(struct edge_ctx *ctx, struct service_rig *r, const char *flag)
{
    char *argv[] = {(char *)"test", (char *)"-cd",           r->dir.path, (char *)"--data",
                    r->dir.path,    (char *)(uintptr_t)flag, NULL};
    EDGE_TRY(edge_host_start(ctx, &r->service, 1, flag ? 6 : 5, argv, &r->host));
    r->rt = edge_host_runtime(r->host, r->service->name);
    return EDGE_OK;
}

void service_rig_stop(struct service_rig *r)
{
    if (r->rt) {
        edge_host_stop(r->host);
        r->rt = NULL;
    }
}

void service_rig_done(struct service_rig *r)
{
    service_rig_stop(r);
    scratch_done(&r->dir);
}

void service_rig_up(struct service_rig *r, const struct edge_service *service, const char *yaml)
{
    EDGE_CTX_SCOPE(ctx);
    service_rig_make(r, service, yaml);
    enum edge_status st = service_rig_start(&ctx, r, NULL);
    if (st != EDGE_OK) {
        fprintf(stderr, "%s: %s\n", service->name, edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

static struct edge_http_response answer_of(struct edge_ctx *ctx, struct service_rig *r,
                                           const char *method, const char *target, const char *body,
                                           int code)
{
    struct edge_http_request req = {.method = method,
                                    .target = target,
                                    .body = body ? body : "",
                                    .body_size = body ? strlen(body) : 0};
    struct edge_http_response res = {0};
    edge_http_call(r->rt->http, ctx, &req, &res);
    if (res.code != code) {
        fprintf(stderr, "%s %.200s: %d instead of %d: %.500s\n", method, target, res.code, code,
                res.body);
    }
    CU_ASSERT_EQUAL(res.code, code);
    return res;
}

const cJSON *service_rig_ask(struct edge_ctx *ctx, struct service_rig *r, const char *method,
                             const char *target, const char *body, int code)
{
    struct edge_http_response res = answer_of(ctx, r, method, target, body, code);
    const cJSON *tree = NULL;
    if (res.body_size > 0) {
        CU_ASSERT_EQUAL(edge_json_parse(ctx, res.body, res.body_size, NULL, &tree), EDGE_OK);
    }
    return tree;
}

const char *service_rig_text(struct edge_ctx *ctx, struct service_rig *r, const char *method,
                             const char *target, const char *body, int code)
{
    return answer_of(ctx, r, method, target, body, code).body;
}
