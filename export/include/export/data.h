/**
 * What goes through a pipeline: an event, a metric, bytes, or a list of one of them, and what is known about it.
 * Immutable but for what a stage puts in its place; everything lives in the arena of the run's context.
 */
#ifndef EXPORT_DATA_H
#define EXPORT_DATA_H

#include "contracts/event.h"
#include "edge/ctx.h"

struct metric; /* edge/system_event.h */

enum export_kind {
    EXPORT_NOTHING,
    EXPORT_EVENT,
    EXPORT_ADD_EVENT, /* an AddEventRequest, made by WrapIntoEvent */
    EXPORT_METRIC,
    EXPORT_BYTES, /* with a content type; texts too */
    EXPORT_LIST,  /* of a batch */
};

/** As answers and plug-ins have them: event, addEventRequest, ... */
extern const char *const EXPORT_KIND_NAMES[];

struct export_data {
    enum export_kind kind;
    const struct event *event;       /* EVENT, ADD_EVENT */
    const struct metric *metric;     /* METRIC */
    struct edge_bytes bytes;         /* BYTES */
    const char *content_type;        /* BYTES: of them; NULL: not known */
    const struct export_data *items; /* LIST; BYTES: what they were merged of, if that is known */
    size_t n_items;
};

/** A value a URL or a topic may name in braces: {devicename}. Names are in lower case. */
struct export_value {
    const struct export_value *next;
    const char *name, *value;
};

/** One run of one message through one pipeline. Functions may read all, and change data, values and response. */
struct export_flow {
    struct edge_ctx *ctx; /* correlation id, arena, failure text */
    struct export_data data;
    const struct export_value *
        values; /* devicename profilename sourcename receivedtopic pipelineid, the functions' own */
    const char *input_content_type;
    int64_t origin_ns;
    struct edge_bytes response; /* of the trigger; data NULL: none */
    const char *response_content_type;
};

/** "a, b" as a list; blanks around entries are gone, empty ones left out. */
const char **export_list(struct edge_arena *a, const char *text, size_t *ret_n);
/** The value of @p name, in any case; NULL: there is none. */
const char *export_flow_value(const struct export_flow *flow, const char *name);
void export_flow_set(struct export_flow *flow, const char *name, const char *value);
/** @p text with each {name} replaced; INVALID where one has no value. The text itself where it has none. */
enum edge_status export_flow_format(const struct export_flow *flow, const char *text,
                                    const char **ret);
/**
 * As bytes, as exporters send it: bytes as they are, everything else as JSON (events with binary data
 * as CBOR), lists as a JSON array. *ret_type: of the bytes.
 */
enum edge_status export_data_bytes(struct edge_ctx *ctx, const struct export_data *data,
                                   struct edge_bytes *ret, const char **ret_type);
/** One run of bytes of its items, of which it stays known what they were. */
void export_data_merge(struct edge_ctx *ctx, struct export_data *data);
/** To be kept in a spool and made again: with its kind, so that the functions behind see what they would have. */
enum edge_status export_data_freeze(struct edge_ctx *ctx, const struct export_data *data,
                                    struct edge_bytes *ret, uint8_t *ret_kind,
                                    const char **ret_type);
enum edge_status export_data_thaw(struct edge_ctx *ctx, uint8_t kind, struct edge_bytes bytes,
                                  const char *content_type, struct export_data *ret);

#endif
