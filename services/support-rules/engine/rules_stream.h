/** CREATE STREAM and CREATE TABLE, as they come over REST. */
#ifndef RULES_STREAM_H
#define RULES_STREAM_H

#include <stdbool.h>

#include "edge/ctx.h"

struct rules_stream_column {
    const char *name;
    const char *
        type; /* "bigint", "float", "string", "datetime", "boolean", "bytea", "array(...)", "struct(...)" */
};
struct rules_stream_option {
    const char *key, *value; /* as written, but for quotes */
};
struct rules_stream {
    bool table;
    const char *name;
    struct rules_stream_column *columns; /* none: the stream has no schema */
    size_t n_columns;
    struct rules_stream_option *options;
    size_t n_options;
};

/**
 * CREATE STREAM|TABLE name [(column type, ...)] WITH (key = value, ...). INVALID with line, column and what was expected;
 * options that are there twice are. All of it lives in the arena of @p ctx.
 */
enum edge_status rules_parse_stream(struct edge_ctx *ctx, const char *sql,
                                    struct rules_stream **ret);

/** An option by its name, in any case; NULL: not there. */
const char *rules_stream_option(const struct rules_stream *s, const char *key);

#endif
