/** Events and metrics as lines of InfluxDB's protocol. */
#ifndef EXPORT_LINE_PROTOCOL_H
#define EXPORT_LINE_PROTOCOL_H

#include "edge/buf.h"
#include "export/data.h"

struct line_format {
    const char *measurement; /* of events; NULL: their profile */
    struct edge_named_text *tags;
    size_t n_tags;
    bool has_unsigned; /* the peer knows unsigned integers */
    int64_t unit_ns;   /* of times; 0: 1 */
};

/** ",name=value", escaped; nothing where one of them is empty. */
void line_put_tag(struct edge_buf *b, const char *name, const char *value);
/**
 * Append @p data to @p b, the number of lines to @p ret_n. A metric is one line, with its numbers as floats. An event is
 * a line for all readings of the same time, with a field each: integers, floats, truths and texts as such, arrays and
 * objects as the text of their JSON; binary data, null readings, NaN and infinities are left out, and nothing may be left.
 */
enum edge_status line_put(struct edge_ctx *ctx, struct edge_buf *b, const struct line_format *f,
                          const struct export_data *data, size_t *ret_n);

#endif
