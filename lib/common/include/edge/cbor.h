/**
 * The CBOR door: bytes to the same tree the JSON door makes, so that one decoder serves both. Byte
 * strings become base64 strings; indefinite lengths, all float widths and non-text keys (turned to
 * text) are accepted; tags are dropped; long integers stay exact; the limits of the JSON door hold.
 */
#ifndef EDGE_CBOR_H
#define EDGE_CBOR_H

#include "edge/json.h"

enum edge_status edge_cbor_parse(struct edge_ctx *ctx, const void *bytes, size_t size,
                                 const struct edge_json_limits *limits, const cJSON **ret);

/** Append the tree as CBOR (integers minimal, reals as float64, definite lengths). */
void edge_cbor_put(struct edge_buf *out, const cJSON *tree);

#endif
