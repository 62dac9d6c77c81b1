/* POST .../rules/try: a statement over events that are posted with it, by the time these say. Nothing is kept or sent. */
#include "trial.h"

#include "engine/rules_program.h"

enum { MESSAGES_MAX = 1000, TICKS_MAX = 100 };

struct trial {
    const char *sql;
    bool event_time;
    int64_t late_tolerance;
    struct event *events;
    size_t n_events;
};

struct message {
    int64_t time;
    const cJSON *rows;
    const char *error;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct trial, m, __VA_ARGS__)
static const struct edge_field trial_fields[] = {
    F(sql, "sql", "The statement; events are on whatever streams it names.", .flags = EDGE_REQUIRED),
    F(event_time, "isEventTime", "Windows by the events' origins."),
    F(late_tolerance, "lateTolerance", "So many ms late an event may be.", .min = 0, .max = 86400000),
    EDGE_LIST(struct trial, events, "events", "In the order they come, each at its origin.", &EVENT),
};
#undef F
const struct edge_dto RULE_TRIAL = EDGE_DTO(struct trial, "RuleTrial", trial_fields);

#define F(m, ...) EDGE_FIELD(struct message, m, __VA_ARGS__)
static const struct edge_field message_fields[] = {
    F(time, "time", "When it came out, ms since 1970.", .flags = EDGE_EMIT_EMPTY),
    F(rows, "rows", "A list of objects."),
    F(error, "error", "Why a row, or a window, is in error."),
};
#undef F
const struct edge_dto RULE_MESSAGE = EDGE_DTO(struct message, "RuleMessage", message_fields);
/* clang-format on */

struct run {
    struct edge_call *call;
    size_t n;
};

static const cJSON *rows_of(struct edge_ctx *ctx, const struct rules_result *result)
{
    struct edge_buf text = EDGE_BUF_INIT;
    const cJSON *rows = NULL;
    const struct rules_value all = {
        .kind = RULES_ARRAY, .n = (uint32_t)result->n, .items = result->rows};
    rules_put_json(&text, &all);
    if (edge_json_parse(ctx, text.data, text.len, NULL, &rows) != EDGE_OK) {
        rows = NULL; /* too large to be shown */
    }
    edge_buf_done(&text);
    return rows;
}

static void show(void *state, struct rules_program *p, const struct rules_result *result)
{
    struct run *run = state;
    EDGE_CTX_SCOPE(ctx);
    (void)p;
    if (run->n++ >= MESSAGES_MAX) {
        return;
    }
    struct message message = {.time = result->now_ms, .error = result->error};
    if (!result->error) {
        message.rows = rows_of(&ctx, result);
        message.error = message.rows ? NULL : "the rows are too large to be shown";
    }
    edge_reply_list_item(run->call);
    edge_dto_encode(&RULE_MESSAGE, &message, EDGE_JSON, edge_reply_body(run->call));
}

/* Each event at its time, on every stream of the statement; then the windows that are open, as time goes on. */
static void play(struct rules_engine *e, struct rules_program *p, const struct trial *t)
{
    int64_t now = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_row row;
        const struct rules_event in = {.event = &t->events[i], .stream = "*"};
        rules_row_of_event(e, &ctx.arena, &in, &row);
        now = row.ts_ms > now ? row.ts_ms : now;
        rules_program_tick(p, now);
        rules_program_push_any(p, &row, now);
    }
    for (int i = 0; i < TICKS_MAX && rules_program_next_ms(p) != RULES_NEVER; i++) {
        rules_program_tick(p, rules_program_next_ms(p));
    }
}

enum edge_status rules_try(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct trial trial = {0};
    const cJSON *body;
    EDGE_TRY(edge_call_json(call, &body));
    EDGE_TRY(edge_dto_decode(ctx, &RULE_TRIAL, body, &trial));
    struct run run = {.call = call};
    const struct rules_options options = {.id = "trial",
                                          .event_time = trial.event_time,
                                          .late_tolerance_ms = trial.late_tolerance,
                                          .limits = {.joined = 10000},
                                          .emit = show,
                                          .state = &run};
    struct rules_engine *e = rules_engine_create();
    struct rules_program *p = NULL;
    enum edge_status st = rules_program_create(ctx, e, trial.sql, &options, &p);
    if (st == EDGE_OK) {
        edge_reply_list_open(call, "messages", -1);
        play(e, p, &trial);
        st = edge_reply_list_close(call);
    }
    rules_program_free(p);
    rules_engine_free(e);
    return st;
}
