/**
 * The CBOR door: bytes to the same tree the JSON door makes, so that one decoder serves both. Byte
 * strings become base64 strings; indefinite lengths, all float widths and non-text keys (turned to
 * text) are accepted; tags are dropped; undefined, NaN and infinities become null; 64-bit integers
 * stay exact; texts must be UTF-8; of equal keys the last stays; the limits of the JSON door hold, and the context's
 * budget pays for the tree.
 */
#ifndef EDGE_CBOR_H
#define EDGE_CBOR_H

#include "edge/json.h"

/**
 * Parse all of @p bytes, one item. INVALID with a text that names the byte, counted from 0; no bytes
 * at all say "EOF"; TOO_LARGE beyond limits->bytes. @p limits may be NULL.
 */
enum edge_status edge_cbor_parse(struct edge_ctx *ctx, const void *bytes, size_t size,
                                 const struct edge_json_limits *limits, const cJSON **ret);

/**
 * Append the tree as CBOR: integers minimal, reals as float64, definite lengths. Integers beyond 64
 * bits become reals.
 */
void edge_cbor_put(struct edge_buf *out, const cJSON *tree);

#endif
