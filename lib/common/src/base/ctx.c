#include "edge/ctx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
