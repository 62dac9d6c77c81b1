/**
 * The YAML door (profiles, devices, configuration): one document to the tree the JSON door makes.
 * Plain scalars are typed as the YAML 1.2 core schema does (null, bool, int, float; yes, no, on and
 * off are strings), quoted and block ones are strings. What JSON cannot hold (.inf, .nan, numbers out
 * of range) stays a string. Keys are texts, whatever they look like; one that is there twice is an error.
 * Anchors, aliases and merge keys are taken, tags refused; the limits of the JSON door hold, and the
 * context's budget pays for the tree.
 *
 * A number or a boolean of YAML carries its text in valuestring (1.10, 007, True), so that a string
 * member can be fed `defaultValue: 1.10`. In trees from JSON valuestring of these is NULL.
 */
#ifndef EDGE_YAML_H
#define EDGE_YAML_H

#include "edge/buf.h"
#include "edge/json.h"

/**
 * INVALID with "line 12: ..." where it is malformed; TOO_LARGE beyond limits->bytes. A text without
 * a document (empty, or only comments) is null.
 */
enum edge_status edge_yaml_parse(struct edge_ctx *ctx, const char *text, size_t len,
                                 const struct edge_json_limits *limits, const cJSON **ret);

/** Append the tree as YAML in block style, for people; edge_yaml_parse() makes the same tree of it. */
void edge_yaml_put(struct edge_buf *out, const cJSON *tree);

#endif
