/**
 * Structured log in logfmt on standard error:
 *     level=INFO ts=2026-08-06T10:11:12.123456789Z app=core-data correlation-id=.. msg="..."
 * key=value A constant sentence, then key and value pairs, then NULL. error: someone must act;
 * warn: went on without; info: a state changed; debug and trace: the rest. Never secrets. Any
 * thread.
 */
#ifndef EDGE_LOG_H
#define EDGE_LOG_H

#include <stdbool.h>

struct edge_ctx;

enum edge_log_level {
    EDGE_LOG_TRACE,
    EDGE_LOG_DEBUG,
    EDGE_LOG_INFO,
    EDGE_LOG_WARN,
    EDGE_LOG_ERROR
};

/** Where a service's lines go. Create one per service; it outlives all that logs to it. */
struct edge_log *edge_log_create(const char *app);
void edge_log_free(struct edge_log *log);
/** Any thread, while others log. INFO at first. */
void edge_log_set_level(struct edge_log *log, enum edge_log_level level);
/** TRACE DEBUG INFO WARN ERROR, any case. */
bool edge_log_level_parse(const char *text, enum edge_log_level *ret);

/**
 * Keys are bare words; a value is quoted and escaped where needed, cut where it is too long. A NULL
 * value is shown as "" and ends the list. More than 20 equal warnings or errors in a second are
 * counted, and the count is logged later (suppressed=n).
 */
void edge_log_write(const struct edge_ctx *ctx, enum edge_log_level level, const char *msg, ...)
    __attribute__((sentinel));
bool edge_log_enabled(const struct edge_ctx *ctx, enum edge_log_level level);

/* ctx says who speaks (ctx->log) and for which request; NULL: the process itself. */
#define edge_log_at_(ctx, level, ...)                                                              \
    do {                                                                                           \
        if (edge_log_enabled((ctx), (level))) {                                                    \
            edge_log_write((ctx), (level), __VA_ARGS__);                                           \
        }                                                                                          \
    } while (0)
#define edge_log_error(ctx, ...) edge_log_at_((ctx), EDGE_LOG_ERROR, __VA_ARGS__)
#define edge_log_warn(ctx, ...)  edge_log_at_((ctx), EDGE_LOG_WARN, __VA_ARGS__)
#define edge_log_info(ctx, ...)  edge_log_at_((ctx), EDGE_LOG_INFO, __VA_ARGS__)
#define edge_log_debug(ctx, ...) edge_log_at_((ctx), EDGE_LOG_DEBUG, __VA_ARGS__)
#define edge_log_trace(ctx, ...) edge_log_at_((ctx), EDGE_LOG_TRACE, __VA_ARGS__)

#endif
