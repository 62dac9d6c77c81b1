/**
 * The YAML door (profiles, devices, configuration): one document to the tree the JSON door makes.
 * Plain scalars are typed as YAML 1.2 core does (null, bool, int, float), quoted ones are strings.
 * Anchors, aliases and tags are refused; the limits of the JSON door hold; duplicate keys: last wins.
 */
#ifndef EDGE_YAML_H
#define EDGE_YAML_H

#include "edge/json.h"

/** INVALID with "line 12: ..." where it is malformed. */
enum edge_status edge_yaml_parse(struct edge_ctx *ctx, const char *text, size_t len,
                                 const struct edge_json_limits *limits, const cJSON **ret);

#endif
