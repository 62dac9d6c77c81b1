/**
 * Regular expressions that come from outside (auto-event sources, commands, provision watchers):
 * PCRE2 with bounds on pattern, time and memory, so that no text of a client can keep a thread
 * busy.
 */
#ifndef EDGE_PATTERN_H
#define EDGE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "edge/ctx.h"

struct edge_pattern;

enum edge_pattern_mode {
    EDGE_PATTERN_WHOLE,  /* the text as a whole (contract: POSIX full match) */
    EDGE_PATTERN_SEARCH, /* somewhere in the text (contract: watcher identifiers) */
};

/** INVALID with a text naming the pattern and the place in it. The pattern is immutable: any
 * thread. */
enum edge_status edge_pattern_create(struct edge_ctx *ctx, const char *text,
                                     enum edge_pattern_mode mode, struct edge_pattern **ret);
void edge_pattern_free(struct edge_pattern *p);

/** INVALID, with a text naming the pattern, where that cannot be found out within the bounds. */
enum edge_status edge_pattern_match(struct edge_ctx *ctx, const struct edge_pattern *p,
                                    const char *text, bool *ret);

/**
 * The first place at or behind @p from (bytes) where it matches: [*ret_start, *ret_end), *ret false where there is none.
 * INVALID as above.
 */
enum edge_status edge_pattern_find(struct edge_ctx *ctx, const struct edge_pattern *p,
                                   const char *text, size_t from, bool *ret, size_t *ret_start,
                                   size_t *ret_end);

/** Has @p text any character with a meaning in expressions? If not, comparing texts is enough. */
bool edge_pattern_is_plain(const char *text);

#endif
