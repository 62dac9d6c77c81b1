#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "edge/log.h"
#include "edge/thread.h"

enum { CODE_OK = 200, CODE_MULTI = 207, CODE_TOO_MANY = 429, CODE_STOPPING = 503 };

struct job {
    struct edge_arena arena;
    struct export_command command;
};

struct export_commands {
    const struct export_host *host;
    const struct edge_log *log;
    export_command_done *done;
    void *arg;
    pthread_t thread;

    struct edge_mutex lock;
    struct edge_cond changed EDGE_GUARDED;
    struct job jobs[COMMANDS_MAX] EDGE_GUARDED; /* a ring */
    unsigned first EDGE_GUARDED, n EDGE_GUARDED;
    bool stopping EDGE_GUARDED;
};

/* ---- executing ---- */

const char *export_command_message(struct edge_arena *a, const char *text)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    edge_buf_puts(&b, "{\"message\":");
    edge_json_put_string(&b, text);
    edge_buf_putc(&b, '}');
    return edge_strndup(a, b.data, b.len);
}

static void execute(struct export_commands *q, struct edge_ctx *ctx, const struct export_command *c)
{
    int code = 0;
    const char *body = NULL;
    ctx->log = q->log;
    enum edge_status st =
        q->host->command ? q->host->command(q->host->state, ctx, &ctx->arena, c->device, c->name,
                                            c->values, &code, &body)
                         : edge_fail(ctx, EDGE_UNSUPPORTED, "this service executes no commands");
    if (st != EDGE_OK) {
        code = edge_status_http(st);
        body = export_command_message(&ctx->arena, edge_ctx_message(ctx, st));
    } else if (!body || !*body || strlen(body) > COMMAND_BYTES_MAX) {
        body = export_command_message(&ctx->arena, body && *body ? "the answer is too large" : "");
    }
    edge_log_info(ctx, "command from outside", "device", c->device, "command", c->name, "code",
                  edge_printf(&ctx->arena, "%d", code), NULL);
    q->done(q->arg, ctx, c, code, body);
}

/* False: stopping. */
static bool next(struct export_commands *q, struct job *ret)
{
    EDGE_LOCK(&q->lock);
    while (q->n == 0 && !q->stopping) {
        edge_cond_wait(&q->changed, &q->lock);
    }
    if (q->stopping) {
        return false;
    }
    *ret = q->jobs[q->first];
    q->first = (q->first + 1) % COMMANDS_MAX;
    q->n--;
    return true;
}

static void *commands_run(void *arg)
{
    struct export_commands *q = arg;
    struct job job;
    while (next(q, &job)) {
        EDGE_CTX_SCOPE(ctx);
        execute(q, &ctx, &job.command);
        edge_arena_done(&job.arena);
    }
    return NULL;
}

/* ---- the queue ---- */

struct export_commands *export_commands_start(const struct export_host *host,
                                              const struct edge_log *log, export_command_done *done,
                                              void *arg)
{
    struct export_commands *q = edge_xalloc(1, sizeof(*q));
    q->host = host;
    q->log = log;
    q->done = done;
    q->arg = arg;
    edge_mutex_init(&q->lock);
    edge_cond_init(&q->changed);
    q->thread = edge_thread_start("commands", commands_run, q);
    return q;
}

/* 0: it is in the queue. */
static int put(struct export_commands *q, const struct export_command *c)
{
    EDGE_LOCK(&q->lock);
    if (q->stopping || q->n == COMMANDS_MAX) {
        return q->stopping ? CODE_STOPPING : CODE_TOO_MANY;
    }
    struct job *job = &q->jobs[(q->first + q->n) % COMMANDS_MAX];
    *job = (struct job){0};
    job->command = (struct export_command){
        .device = edge_strdup(&job->arena, c->device),
        .name = edge_strdup(&job->arena, c->name),
        .values = c->values ? edge_strdup(&job->arena, c->values) : NULL,
        .tag = edge_strdup(&job->arena, c->tag),
    };
    q->n++;
    edge_cond_signal(&q->changed);
    return 0;
}

void export_commands_add(struct export_commands *q, const struct export_command *c)
{
    int refused = put(q, c);
    if (refused) {
        EDGE_CTX_SCOPE(ctx);
        q->done(q->arg, &ctx, c, refused,
                export_command_message(
                    &ctx.arena, refused == CODE_TOO_MANY ? "too many commands wait" : "stopping"));
    }
}

void export_commands_stop(struct export_commands *q)
{
    if (!q) {
        return;
    }
    {
        EDGE_LOCK(&q->lock);
        q->stopping = true;
        edge_cond_signal(&q->changed);
    }
    pthread_join(q->thread, NULL);
    {
        EDGE_LOCK(&q->lock);
        for (; q->n > 0; q->n--) {
            edge_arena_done(&q->jobs[q->first].arena);
            q->first = (q->first + 1) % COMMANDS_MAX;
        }
    }
    edge_cond_done(&q->changed);
    edge_mutex_done(&q->lock);
    free(q);
}

/* ---- what clouds say ---- */

static const char *text_of(struct edge_arena *a, const cJSON *tree)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    edge_json_put(&b, tree);
    return edge_strndup(a, b.data, b.len);
}

enum edge_status export_command_read(struct edge_ctx *ctx, const void *payload, size_t size,
                                     struct export_command *ret)
{
    static const struct edge_json_limits limits = {.bytes = COMMAND_BYTES_MAX};
    const cJSON *tree;
    EDGE_TRY(edge_json_parse(ctx, payload, size, &limits, &tree));
    const cJSON *device = edge_json_member(tree, "device", true);
    const cJSON *name = edge_json_member(tree, "command", true);
    const cJSON *values = edge_json_member(tree, "values", true);
    if (!cJSON_IsString(device) || !*device->valuestring || !cJSON_IsString(name) ||
        !*name->valuestring) {
        return edge_fail(ctx, EDGE_INVALID, "device and command must be texts");
    }
    if (values && !cJSON_IsObject(values)) {
        return edge_fail(ctx, EDGE_INVALID, "values must be an object");
    }
    ret->device = device->valuestring;
    ret->name = name->valuestring;
    ret->values = values ? text_of(&ctx->arena, values) : NULL;
    return EDGE_OK;
}

void export_commands_add_settings(struct export_commands *q, const cJSON *wanted,
                                  const cJSON *known, const char *tag)
{
    const cJSON *device, *command;
    wanted = cJSON_IsObject(wanted) ? wanted : NULL;
    cJSON_ArrayForEach(device, wanted)
    {
        if (!cJSON_IsObject(device)) {
            continue;
        }
        const cJSON *there = known ? edge_json_member(known, device->string, true) : NULL;
        cJSON_ArrayForEach(command, device)
        {
            EDGE_CTX_SCOPE(ctx);
            const cJSON *same = there ? edge_json_member(there, command->string, true) : NULL;
            const struct export_command c = {device->string, command->string,
                                             text_of(&ctx.arena, command), tag};
            if (cJSON_IsObject(command) && *c.device && *c.name &&
                !(same && strcmp(text_of(&ctx.arena, same), c.values) == 0)) {
                export_commands_add(q, &c);
            }
        }
    }
}

static void put_place(struct edge_buf *b, const char *before, const struct export_command *c)
{
    edge_buf_puts(b, before);
    edge_json_put_string(b, c->device);
    edge_buf_puts(b, ":{");
    edge_json_put_string(b, c->name);
    edge_buf_putc(b, ':');
}

const char *export_command_report(struct edge_arena *a, const struct export_command *c, int code,
                                  const char *body)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    edge_buf_putc(&b, '{');
    if (code >= CODE_OK && code <= CODE_MULTI) {
        put_place(&b, "\"devices\":{", c);
        edge_buf_puts(&b, c->values);
        put_place(&b, "}},\"errors\":{", c);
        edge_buf_puts(&b, "null");
    } else {
        put_place(&b, "\"errors\":{", c);
        edge_buf_printf(&b, "{\"code\":%d,\"answer\":", code);
        edge_json_put_string(&b, body);
        edge_buf_putc(&b, '}');
    }
    edge_buf_puts(&b, "}}}");
    return edge_strndup(a, b.data, b.len);
}
