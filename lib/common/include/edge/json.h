/**
 * The JSON door. Nobody calls cJSON_Parse or cJSON_Print: cJSON loses integers above 2^53, cuts
 * strings at \u0000, accepts trailing text, 1e999, leading zeros and broken UTF-8. The door is strict
 * (RFC 8259) and reads in one pass without recursion.
 *
 * A parsed tree keeps integers beyond 15 digits as cJSON_Raw nodes holding their digits; all other
 * numbers are cJSON_Number. Of equal keys the last stays. The characters a C string cannot hold,
 * \u0000 and lone surrogates, become U+FFFD, so that nothing hides behind them.
 *
 * Parsed and cloned trees live in an arena and are read-only: never cJSON_Delete them, and put them
 * into trees made by hand as references (cJSON_AddItemReferenceToObject) or as cJSON_Duplicate.
 */
#ifndef EDGE_JSON_H
#define EDGE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "edge/buf.h"
#include "edge/ctx.h"

/** What a text may hold; 0 means the default in brackets. */
struct edge_json_limits {
    size_t bytes; /* [32 MiB] */
    size_t depth; /* [32], at most 1000 */
    size_t nodes; /* [200 000] */
};

/**
 * Parse the whole of @p text (trailing text is refused). INVALID with a text that names the byte,
 * counted from 0; an empty text says "EOF" (contract 2.5); TOO_LARGE beyond limits->bytes. @p limits
 * may be NULL. @p text is not needed afterwards.
 */
enum edge_status edge_json_parse(struct edge_ctx *ctx, const char *text, size_t len,
                                 const struct edge_json_limits *limits, const cJSON **ret);

/** Member of an object; NULL if absent. Unless @p exact, case is ignored and the last match wins. */
const cJSON *edge_json_member(const cJSON *object, const char *key, bool exact);

/** Exact integers of a number node (Number or Raw). False where it is not one, or out of range. */
bool edge_json_int(const cJSON *node, int64_t *ret);
bool edge_json_uint(const cJSON *node, uint64_t *ret);
bool edge_json_real(const cJSON *node, double *ret);
static inline bool edge_json_is_number(const cJSON *node)
{
    return cJSON_IsNumber(node) || cJSON_IsRaw(node);
}

/** Append a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void edge_json_put_string(struct edge_buf *out, const char *s);
/** Append a number in the form of contract 2.2; NaN and infinities become null. */
void edge_json_put_real(struct edge_buf *out, double v);
/** Append the tree as compact JSON, keys in their order. */
void edge_json_put(struct edge_buf *out, const cJSON *tree);

/** Deep copy in @p a: outlives the tree it was made from. */
const cJSON *edge_json_clone(struct edge_arena *a, const cJSON *tree);

/** A tree made by hand (rare): an empty object to fill with cJSON_Add...; deleted with the arena. */
cJSON *edge_json_object(struct edge_ctx *ctx);

#endif
