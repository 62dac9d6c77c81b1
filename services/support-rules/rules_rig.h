/** For tests: a rule, a script of rows and times, and what comes out as text. */
#ifndef RULES_RIG_H
#define RULES_RIG_H

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/json.h"
#include "engine/rules_program.h"

struct rules_case {
    const char *sql;
    /* Lines: "TIME [STREAM] OBJECT": a row; "TIME": the clock alone. */
    const char *script;
    const char *expect; /* a line for each message: its rows as JSON, or "! " and the reason */
    bool event_time;
    int64_t late_ms;
    struct rules_limits limits;
};

struct rules_rig {
    struct rules_engine *engine;
    struct rules_table *table; /* the source called "tab" */
    struct rules_program *program;
    struct edge_buf out;
    bool windows; /* tell their times too */
};

static inline void rules_rig_emit(void *state, struct rules_program *p,
                                  const struct rules_result *result)
{
    struct rules_rig *rig = state;
    (void)p;
    if (result->error) {
        edge_buf_printf(&rig->out, "! %s\n", result->error);
        return;
    }
    if (rig->windows) {
        edge_buf_printf(&rig->out, "%lld-%lld ", (long long)result->window_start,
                        (long long)result->window_end);
    }
    for (size_t i = 0; i < result->n; i++) {
        rules_put_json(&rig->out, &result->rows[i]);
    }
    edge_buf_putc(&rig->out, '\n');
}

static inline bool rules_rig_find(void *state, const char *name, struct rules_source *ret)
{
    struct rules_rig *rig = state;
    ret->table = strcmp(name, "tab") == 0 ? rig->table : NULL;
    return strcmp(name, "nowhere") != 0;
}

static inline enum edge_status rules_rig_start(struct edge_ctx *ctx, struct rules_rig *rig,
                                               const struct rules_case *c)
{
    if (!rig->engine) {
        rig->engine = rules_engine_create();
        rig->table = rules_table_create(rig->engine);
    }
    const struct rules_options options = {.id = "rule-1",
                                          .event_time = c->event_time,
                                          .late_tolerance_ms = c->late_ms,
                                          .limits = c->limits,
                                          .emit = rules_rig_emit,
                                          .state = rig,
                                          .find = rules_rig_find,
                                          .find_state = rig};
    return rules_program_create(ctx, rig->engine, c->sql, &options, &rig->program);
}

static inline struct rules_value rules_rig_object(struct edge_ctx *ctx, const char *text)
{
    const cJSON *json = NULL;
    enum edge_status st = edge_json_parse(ctx, text, strlen(text), NULL, &json);
    if (st != EDGE_OK) {
        printf("not JSON: %s: %s\n", text, edge_ctx_message(ctx, st));
        abort();
    }
    return rules_of_json(&ctx->arena, json);
}

static inline void rules_rig_line(struct rules_rig *rig, char *line)
{
    EDGE_CTX_SCOPE(ctx);
    char *at, stream[64] = "demo";
    int64_t ms = strtoll(line, &at, 10);
    at += strspn(at, " ");
    if (*at == '\0') {
        rules_engine_tick(rig->engine, ms);
        return;
    }
    if (*at != '{') {
        size_t len = strcspn(at, " ");
        snprintf(stream, sizeof(stream), "%.*s", (int)len, at);
        at += len + strspn(at + len, " ");
    }
    struct rules_value object = rules_rig_object(&ctx, at);
    if (strcmp(stream, "tab") == 0) {
        CU_ASSERT_TRUE(rules_table_put(rig->table, NULL, &object));
        return;
    }
    struct rules_row row;
    rules_row_of_object(rig->engine, &ctx.arena, stream, &object, ms, &row);
    rules_engine_tick(rig->engine, ms);
    rules_engine_push(rig->engine, &row, ms);
}

static inline void rules_rig_play(struct rules_rig *rig, const char *script)
{
    char *copy = edge_xstrdup(script), *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        rules_rig_line(rig, line);
    }
    free(copy);
}

static inline void rules_rig_end(struct rules_rig *rig)
{
    rules_program_free(rig->program);
    rules_table_free(rig->table);
    rules_engine_free(rig->engine);
    edge_buf_done(&rig->out);
    *rig = (struct rules_rig){0};
}

static inline bool rules_rig_same(const char *what, const char *got, const char *expect)
{
    if (strcmp(got, expect) != 0) {
        printf("\n%s\n  gives    %s\n  and not  %s\n", what, got, expect);
    }
    return strcmp(got, expect) == 0;
}

/** Play each; `windows`: lines begin with START-END. */
static inline void rules_rig_cases(const struct rules_case *cases, size_t n, bool windows)
{
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_rig rig = {.windows = windows};
        enum edge_status st = rules_rig_start(&ctx, &rig, &cases[i]);
        if (st == EDGE_OK) {
            rules_rig_play(&rig, cases[i].script);
        } else {
            edge_buf_printf(&rig.out, "refused: %s\n", edge_ctx_message(&ctx, st));
        }
        CU_ASSERT_TRUE(rules_rig_same(cases[i].sql, edge_buf_str(&rig.out), cases[i].expect));
        rules_rig_end(&rig);
    }
}

#define RULES_CASES(list, windows) rules_rig_cases(list, sizeof(list) / sizeof((list)[0]), windows)

#endif
