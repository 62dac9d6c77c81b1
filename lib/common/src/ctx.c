#include "edge/ctx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void edge_ctx_done(struct edge_ctx *ctx)
{
    edge_arena_done(&ctx->arena);
}

void edge_ctx_clear(struct edge_ctx *ctx)
{
    ctx->message_len = 0;
    ctx->message[0] = '\0';
}

const char *edge_ctx_message(const struct edge_ctx *ctx, enum edge_status st)
{
    return ctx->message_len > 0 ? ctx->message : edge_status_text(st);
}

/* Cut at a whole UTF-8 character: the text goes into JSON. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return len;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return len - (start - 1) < need ? start - 1 : len;
}

static void append(struct edge_ctx *ctx, const char *text)
{
    size_t room = sizeof(ctx->message) - ctx->message_len - 1;
    size_t len = strlen(text);
    if (len > room) {
        len = whole_characters(text, room);
    }
    memcpy(ctx->message + ctx->message_len, text, len);
    ctx->message_len += len;
    ctx->message[ctx->message_len] = '\0';
}

enum edge_status edge_fail(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
{
    char text[sizeof(ctx->message)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    text[whole_characters(text, strlen(text))] = '\0';
    if (ctx->message_len > 0) {
        append(ctx, "; ");
    }
    append(ctx, text);
    return st;
}

enum edge_status edge_wrap(struct edge_ctx *ctx, enum edge_status st, const char *fmt, ...)
{
    if (st == EDGE_OK || st == EDGE_PENDING) {
        return st;
    }
    char before[sizeof(ctx->message)], text[sizeof(ctx->message)];
    snprintf(before, sizeof(before), "%s", edge_ctx_message(ctx, st));
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    edge_ctx_clear(ctx);
    append(ctx, text);
    append(ctx, " -> ");
    append(ctx, before);
    return st;
}
