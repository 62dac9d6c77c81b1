/*
 * The log: one line of logfmt per event, one write(2) per line, to standard error. Values that came
 * from outside are quoted and escaped, so that nobody can forge a line or a terminal sequence. A
 * warning that repeats itself too fast is counted instead of written, and the count follows.
 */
#include "edge/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/text.h"
#include "edge/thread.h"

enum {
    LINE_SIZE = 4096,  /* PIPE_BUF: a line reaches a pipe whole or not at all */
    LINE_RESERVE = 32, /* kept for what ends a line that was cut */
    VALUE_MAX = 1536,  /* escaped bytes of one value */
    LONGEST_WORD = 100,
    SENTENCE_SIZE = 80,
    LIMIT_SLOTS = 16,
    LIMIT_PER_SECOND = 20,
};

/* How often one sentence was said in the current second. */
struct sentence {
    char text[SENTENCE_SIZE]; /* "": the slot is free */
    enum edge_log_level level;
    int64_t second;
    unsigned said;
    uint64_t suppressed;
};

struct limiter {
    struct edge_mutex lock;
    struct sentence sentences[LIMIT_SLOTS] EDGE_GUARDED;
    unsigned n_suppressing EDGE_GUARDED; /* slots with a count to tell */
};

struct edge_log {
    _Atomic int level;
    const char *app;
    struct limiter *limiter; /* NULL: unlimited */
};

struct line {
    size_t len;
    char text[LINE_SIZE];
};

static const char *const LEVELS[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};
enum { N_LEVELS = sizeof(LEVELS) / sizeof(LEVELS[0]) };

/* The process itself, where no service speaks. */
static const struct edge_log process_log = {.level = EDGE_LOG_INFO, .app = "edgex"};

static void flush_counts(struct edge_log *log, int64_t before_second);
static bool may_say(const struct edge_log *log, enum edge_log_level level, const char *msg);
static void line_open(struct line *line, const struct edge_log *log, enum edge_log_level level,
                      const char *correlation_id, const char *msg);
static void line_pair(struct line *line, const char *key, const char *value);
static void line_write(struct line *line);

struct edge_log *edge_log_create(const char *app)
{
    struct edge_log *log = edge_xalloc(1, sizeof(*log));
    atomic_init(&log->level, EDGE_LOG_INFO);
    log->app = edge_xstrdup(app);
    log->limiter = edge_xalloc(1, sizeof(*log->limiter));
    edge_mutex_init(&log->limiter->lock);
    return log;
}

void edge_log_free(struct edge_log *log)
{
    if (!log) {
        return;
    }
    flush_counts(log, INT64_MAX);
    edge_mutex_done(&log->limiter->lock);
    free(log->limiter);
    free((char *)log->app);
    free(log);
}

void edge_log_set_level(struct edge_log *log, enum edge_log_level level)
{
    atomic_store(&log->level, level);
}

bool edge_log_level_parse(const char *text, enum edge_log_level *ret)
{
    for (int i = 0; i < N_LEVELS; i++) {
        if (strcasecmp(text, LEVELS[i]) == 0) {
            *ret = (enum edge_log_level)i;
            return true;
        }
    }
    return false;
}

bool edge_log_enabled(const struct edge_ctx *ctx, enum edge_log_level level)
{
    const struct edge_log *log = ctx && ctx->log ? ctx->log : &process_log;
    return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void edge_log_write(const struct edge_ctx *ctx, enum edge_log_level level, const char *msg, ...)
{
    const struct edge_log *log = ctx && ctx->log ? ctx->log : &process_log;
    if (!may_say(log, level, msg)) {
        return;
    }
    struct line line;
    line_open(&line, log, level, ctx ? ctx->correlation_id : "", msg);
    va_list args;
    va_start(args, msg);
    for (const char *key = va_arg(args, const char *); key; key = va_arg(args, const char *)) {
        const char *value = va_arg(args, const char *);
        line_pair(&line, key, value ? value : "");
        if (!value) {
            break; /* it may have been the closing NULL of an odd list */
        }
    }
    va_end(args);
    line_write(&line);
}

/* ---- lines --------------------------------------------------------------------------------- */

static void put(struct line *line, const char *bytes, size_t n)
{
    if (LINE_SIZE - LINE_RESERVE - line->len >= n) {
        memcpy(line->text + line->len, bytes, n);
        line->len += n;
    }
}

static void puts_plain(struct line *line, const char *s)
{
    put(line, s, strlen(s));
}

/* Bytes of the character at @p s that may be shown as they are; 0: escape one byte. */
static size_t shown_bytes(const unsigned char *s)
{
    if (s[0] < 0x80) {
        return s[0] >= ' ' && s[0] != 0x7f && s[0] != '"' && s[0] != '\\';
    }
    bool control = s[0] == 0xc2 && s[1] < 0xa0; /* C1: terminals obey them */
    return control ? 0 : edge_utf8_char((const char *)s, strnlen((const char *)s, 4));
}

static size_t escape(unsigned char c, char text[8])
{
    switch (c) {
    case '"':
    case '\\':
        return (size_t)snprintf(text, 8, "\\%c", c);
    case '\n':
        return (size_t)snprintf(text, 8, "\\n");
    case '\r':
        return (size_t)snprintf(text, 8, "\\r");
    case '\t':
        return (size_t)snprintf(text, 8, "\\t");
    default:
        return (size_t)snprintf(text, 8, "\\x%02x", c);
    }
}

static void put_quoted(struct line *line, const char *value)
{
    size_t end = line->len + VALUE_MAX;
    if (end > LINE_SIZE - LINE_RESERVE) {
        end = LINE_SIZE - LINE_RESERVE;
    }
    line->text[line->len++] = '"'; /* these few bytes come from the reserve if need be */
    const unsigned char *s = (const unsigned char *)value;
    size_t word = line->len; /* where the last one begins: what does not fit is cut before it */
    while (*s) {
        char escaped[8];
        size_t take = shown_bytes(s);
        size_t n = take > 0 ? take : escape(*s, escaped);
        word = *s == ' ' || *s == ',' ? line->len : word;
        if (line->len + n > end) {
            line->len = line->len - word < LONGEST_WORD ? word : line->len;
            memcpy(line->text + line->len, "...", 3);
            line->len += 3;
            break;
        }
        memcpy(line->text + line->len, take > 0 ? (const char *)s : escaped, n);
        line->len += n;
        s += take > 0 ? take : 1;
    }
    line->text[line->len++] = '"';
}

static bool needs_quotes(const char *value)
{
    const unsigned char *s = (const unsigned char *)value;
    size_t n = 0;
    for (; s[n] && n < VALUE_MAX; n++) {
        if (s[n] <= ' ' || s[n] >= 0x7f || s[n] == '"' || s[n] == '=' || s[n] == '\\') {
            return true;
        }
    }
    return n == 0 || s[n];
}

static void line_pair(struct line *line, const char *key, const char *value)
{
    size_t key_len = strlen(key);
    if (line->len + key_len + 2 > LINE_SIZE - 2 * LINE_RESERVE) {
        return;
    }
    put(line, " ", 1);
    put(line, key, key_len);
    put(line, "=", 1);
    if (needs_quotes(value) || line->len + strlen(value) > LINE_SIZE - LINE_RESERVE) {
        put_quoted(line, value);
    } else {
        puts_plain(line, value);
    }
}

static void line_open(struct line *line, const struct edge_log *log, enum edge_log_level level,
                      const char *correlation_id, const char *msg)
{
    char ts[40];
    edge_rfc3339(edge_now_ns(), ts, sizeof(ts));
    line->len = 0;
    puts_plain(line, "level=");
    puts_plain(line, LEVELS[level]);
    line_pair(line, "ts", ts);
    line_pair(line, "app", log->app);
    if (correlation_id[0]) {
        line_pair(line, "correlation-id", correlation_id);
    }
    puts_plain(line, " msg=");
    put_quoted(line, msg);
}

static void line_write(struct line *line)
{
    line->text[line->len++] = '\n';
    size_t sent = 0;
    while (sent < line->len) {
        ssize_t n = write(STDERR_FILENO, line->text + sent, line->len - sent);
        if (n > 0) {
            sent += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            return; /* nobody is left to tell */
        }
    }
}

/* ---- repetition ---------------------------------------------------------------------------- */

static struct sentence *sentence_of(struct limiter *limiter, const char *msg, int64_t second)
    EDGE_REQUIRES(limiter->lock)
{
    struct sentence *vacant = NULL;
    for (size_t i = 0; i < LIMIT_SLOTS; i++) {
        struct sentence *s = &limiter->sentences[i];
        if (strncmp(s->text, msg, SENTENCE_SIZE - 1) == 0 && s->text[0]) {
            return s;
        }
        if (!vacant && s->second != second && s->suppressed == 0) {
            vacant = s;
        }
    }
    if (vacant) {
        *vacant = (struct sentence){.second = second};
        snprintf(vacant->text, SENTENCE_SIZE, "%s", msg);
    }
    return vacant; /* NULL: too many different ones at once, let it pass */
}

static bool may_say(const struct edge_log *log, enum edge_log_level level, const char *msg)
{
    if (!log->limiter) {
        return true;
    }
    int64_t second = edge_now_mono_ms() / 1000 + 1; /* never 0, which marks a fresh slot */
    flush_counts((struct edge_log *)log, second);
    if (level < EDGE_LOG_WARN) {
        return true;
    }
    struct limiter *limiter = log->limiter;
    EDGE_LOCK(&limiter->lock);
    struct sentence *s = sentence_of(limiter, msg, second);
    if (!s) {
        return true;
    }
    if (s->second != second) {
        s->second = second;
        s->said = 0;
    }
    if (++s->said <= LIMIT_PER_SECOND) {
        return true;
    }
    limiter->n_suppressing += s->suppressed == 0;
    s->suppressed++;
    s->level = level;
    return false;
}

/* One count out of the table whose second is over; false when there is none. */
static bool take_count(struct limiter *limiter, int64_t before_second, struct sentence *ret)
{
    EDGE_LOCK(&limiter->lock);
    if (limiter->n_suppressing == 0) {
        return false;
    }
    for (size_t i = 0; i < LIMIT_SLOTS; i++) {
        struct sentence *s = &limiter->sentences[i];
        if (s->suppressed > 0 && s->second < before_second) {
            *ret = *s;
            s->suppressed = 0;
            limiter->n_suppressing--;
            return true;
        }
    }
    return false;
}

static void flush_counts(struct edge_log *log, int64_t before_second)
{
    struct sentence s;
    while (take_count(log->limiter, before_second, &s)) {
        char count[24];
        snprintf(count, sizeof(count), "%llu", (unsigned long long)s.suppressed);
        struct line line;
        line_open(&line, log, s.level, "", s.text);
        line_pair(&line, "suppressed", count);
        line_write(&line);
    }
}
