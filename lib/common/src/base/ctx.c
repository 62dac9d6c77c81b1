#include "edge/ctx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "edge/budget.h"
#include "edge/text.h"

static const char mark[] = "; ...";

void edge_ctx_done(struct edge_ctx *ctx)
{
    edge_ctx_clear(ctx);
    edge_arena_done(&ctx->arena);
}

void edge_ctx_clear(struct edge_ctx *ctx)
{
    edge_arena_done(&ctx->told.arena);
    ctx->told.joined = NULL;
    ctx->failure = NULL;
    ctx->busy = false;
}

/* ---- paying ------------------------------------------------------------------------------ */

enum {
    FREE_BYTES = 16 * 1024, /* most work needs less: it does not ask */
    STEP_BYTES = 64 * 1024,
};

/* In the context's arena. */
struct edge_account {
    struct edge_budget *budget;
    size_t held, used, arena; /* arena: of used */
};

static void settle(void *arg)
{
    struct edge_account *account = arg;
    (void)edge_budget_resize(account->budget, account->held, 0);
    edge_budget_unref(account->budget);
}

static struct edge_account *account_of(struct edge_ctx *ctx)
{
    if (!ctx->account) {
        ctx->account = edge_new(&ctx->arena, struct edge_account);
        ctx->account->budget = edge_budget_ref(ctx->budget);
        edge_defer(&ctx->arena, settle, ctx->account);
    }
    return ctx->account;
}

enum edge_status edge_ctx_charge(struct edge_ctx *ctx, size_t more)
{
    if (!ctx->budget) {
        return EDGE_OK;
    }
    struct edge_account *account = account_of(ctx);
    size_t used = account->used + more, most = edge_budget_most(ctx->budget);
    if (used > most) {
        return edge_fail(ctx, EDGE_TOO_LARGE,
                         "what was asked for takes more than %zu KB: ask for fewer at once",
                         most / 1024);
    }
    if (used > FREE_BYTES && used > account->held) {
        size_t wanted = most - used > STEP_BYTES ? used + STEP_BYTES : most;
        if (!edge_budget_resize(ctx->budget, account->held, wanted)) {
            enum edge_status st =
                edge_fail(ctx, EDGE_UNAVAILABLE, "too much memory is in use for requests");
            ctx->busy = true;
            return st;
        }
        account->held = wanted;
    }
    account->used = used;
    return EDGE_OK;
}

void edge_ctx_uncharge(struct edge_ctx *ctx, size_t less)
{
    if (ctx->account) {
        ctx->account->used -= less;
    }
}

enum edge_status edge_ctx_charge_arena(struct edge_ctx *ctx)
{
    size_t grown = ctx->arena.used - edge_ctx_charged_arena(ctx);
    EDGE_TRY(edge_ctx_charge(ctx, grown));
    if (ctx->account) {
        ctx->account->arena += grown;
    }
    return EDGE_OK;
}

size_t edge_ctx_charged_arena(const struct edge_ctx *ctx)
{
    return ctx->account ? ctx->account->arena : 0;
}

/* ---- asking ------------------------------------------------------------------------------ */

static struct edge_link *innermost(const struct edge_ctx *ctx)
{
    struct edge_link *link = ctx->failure;
    while (link && link->cause) {
        link = link->cause;
    }
    return link;
}

bool edge_ctx_is_full(const struct edge_ctx *ctx)
{
    const struct edge_link *reason = innermost(ctx);
    size_t len = reason ? strlen(reason->text) : 0, n = strlen(mark);
    return len > EDGE_REASONS_MAX && strcmp(reason->text + len - n, mark) == 0;
}

const char *edge_ctx_outermost(const struct edge_ctx *ctx, enum edge_status st)
{
    const struct edge_link *link = ctx->failure;
    while (link && !*link->text) {
        link = link->cause;
    }
    return link ? link->text : edge_status_text(st);
}

static const char *join(struct edge_arena *a, const struct edge_link *first)
{
    size_t size = 1;
    for (const struct edge_link *link = first; link; link = link->cause) {
        size += strlen(link->text) + strlen(" -> ");
    }
    char *text = edge_alloc(a, size, 1), *at = text;
    for (const struct edge_link *link = first; link; link = link->cause) {
        at = stpcpy(at, link->text);
        at = link->cause ? stpcpy(at, " -> ") : at;
    }
    return text;
}

const char *edge_ctx_message(struct edge_ctx *ctx, enum edge_status st)
{
    if (!ctx->failure) {
        return edge_status_text(st);
    }
    if (!ctx->told.joined) {
        ctx->told.joined =
            ctx->failure->cause ? join(&ctx->told.arena, ctx->failure) : ctx->failure->text;
    }
    return ctx->told.joined;
}

/* ---- telling ----------------------------------------------------------------------------- */

/* No more of a long text is made than is kept. */
static const char *bounded(struct edge_arena *a, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static const char *bounded(struct edge_arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    size_t size = n < EDGE_LINK_MAX ? (size_t)n + 1 : EDGE_LINK_MAX + 1;
    char *text = edge_alloc(a, size, 1);
    vsnprintf(text, size, fmt, again);
    va_end(again);
    if (n > EDGE_LINK_MAX) {
        edge_text_mark_cut(text, EDGE_LINK_MAX);
    }
    return text;
}

static struct edge_link *link_make(struct edge_ctx *ctx, const char *text)
{
    struct edge_link *link = edge_new(&ctx->told.arena, struct edge_link);
    link->text = text;
    return link;
}

static void add_reason(struct edge_ctx *ctx, const char *text)
{
    struct edge_link *reason = innermost(ctx);
    if (!reason) {
        ctx->failure = link_make(ctx, text);
    } else if (strlen(reason->text) < EDGE_REASONS_MAX) {
        reason->text = edge_printf(&ctx->told.arena, "%s; %s", reason->text, text);
    } else if (!edge_ctx_is_full(ctx)) {
        reason->text = edge_printf(&ctx->told.arena, "%s%s", reason->text, mark);
    }
    ctx->told.joined = NULL;
}

enum edge_status edge_fail(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
{
    if (edge_ctx_is_full(ctx)) {
        return st;
    }
    va_list args;
    va_start(args, fmt);
    add_reason(ctx, bounded(&ctx->told.arena, fmt, args));
    va_end(args);
    return st;
}

enum edge_status edge_fail_at(struct edge_ctx *ctx, enum edge_status st, const char *key,
                              const char *fmt, ...)
{
    /* A hostile body may have 100,000 faults: spell out what fits into the message, no more. */
    if (edge_ctx_is_full(ctx)) {
        return st;
    }
    struct edge_arena *a = &ctx->told.arena;
    va_list args;
    va_start(args, fmt);
    (void)edge_fail(ctx, st, "%s %s", key, bounded(a, fmt, args));
    va_end(args);
    struct edge_fault *fault = edge_new(a, struct edge_fault);
    struct edge_link *reason = innermost(ctx);
    *fault = (struct edge_fault){reason->faults, edge_strdup(a, key)};
    reason->faults = fault;
    return st;
}

const struct edge_fault *edge_ctx_faults(const struct edge_ctx *ctx)
{
    const struct edge_link *reason = innermost(ctx);
    return reason ? reason->faults : NULL;
}

static size_t count(const struct edge_link *link)
{
    size_t n = 0;
    for (; link; link = link->cause) {
        n++;
    }
    return n;
}

enum edge_status edge_wrap(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
{
    if (st == EDGE_OK || st == EDGE_PENDING || count(ctx->failure) >= EDGE_LINKS_MAX) {
        return st;
    }
    if (!ctx->failure) {
        ctx->failure = link_make(ctx, edge_status_text(st));
    }
    va_list args;
    va_start(args, fmt);
    struct edge_link *link = link_make(ctx, bounded(&ctx->told.arena, fmt, args));
    va_end(args);
    link->cause = ctx->failure;
    ctx->failure = link;
    ctx->told.joined = NULL;
    return st;
}

enum edge_status edge_pass(struct edge_ctx *ctx, enum edge_status st, struct edge_ctx *from)
{
    if (st == EDGE_OK || st == EDGE_PENDING) {
        return st;
    }
    ctx->busy |= from->busy;
    if (ctx->failure) {
        return edge_fail(ctx, st, "%s", edge_ctx_message(from, st));
    }
    struct edge_link **end = &ctx->failure;
    for (const struct edge_link *link = from->failure; link; link = link->cause) {
        *end = link_make(ctx, edge_strdup(&ctx->told.arena, link->text));
        end = &(*end)->cause;
    }
    return st;
}
