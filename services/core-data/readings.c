/* Readings over HTTP: found, counted, aggregated. */
#include <string.h>
#include <strings.h>

#include "edge/base.h"
#include "edge/clock.h"
#include "state.h"

/* ---- aggregates --------------------------------------------------------------------------------
 */

struct aggregate_row {
    const char *device_name, *resource_name, *profile_name;
    unsigned value_type;
    const cJSON *value;
};
struct aggregate_response {
    const char *api_version;
    int64_t status_code;
    const char *aggregate_func;
    struct aggregate_row *readings;
    size_t n_readings;
};
struct resource_names {
    const char **names;
    size_t n_names;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct aggregate_row, m, __VA_ARGS__)
static const struct edge_field aggregate_fields[] = {
    F(device_name, "deviceName", "Device.", .flags = EDGE_EMIT_EMPTY),
    F(resource_name, "resourceName", "Resource.", .flags = EDGE_EMIT_EMPTY),
    F(profile_name, "profileName", "Profile.", .flags = EDGE_EMIT_EMPTY),
    F(value_type, "valueType", "Of the value.", .flags = EDGE_EMIT_EMPTY, .names = VALUE_TYPES),
    F(value, "value", "The aggregate, a number; \"\" where no reading is one."),
};
#undef F
static const struct edge_dto AGGREGATE = EDGE_DTO(struct aggregate_row, "Aggregate", aggregate_fields);

static const struct edge_field response_fields[] = {
    EDGE_FIELD(struct aggregate_response, api_version, "apiVersion", "v3.", .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct aggregate_response, status_code, "statusCode", "200.", .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct aggregate_response, aggregate_func, "aggregateFunc", "As it was asked for.", .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct aggregate_response, readings, "readings", "One of each resource and type.", &AGGREGATE, .flags = EDGE_EMIT_EMPTY),
};
const struct edge_dto AGGREGATE_RESPONSE = EDGE_DTO(struct aggregate_response, "AggregateResponse", response_fields);

static const struct edge_field resource_names_fields[] = {
    EDGE_LIST(struct resource_names, names, "resourceNames", "Only readings of these; none: of all.", NULL),
};
const struct edge_dto RESOURCE_NAMES = EDGE_DTO(struct resource_names, "ResourceNames", resource_names_fields);
/* clang-format on */

const char *const AGGREGATES[] = {
    [AGGREGATE_MIN] = "min", [AGGREGATE_MAX] = "max",     [AGGREGATE_SUM] = "sum",
    [AGGREGATE_AVG] = "avg", [AGGREGATE_COUNT] = "count", NULL,
};

static enum edge_status parse_aggregate(struct edge_ctx *ctx, const char *name,
                                        enum event_aggregate *ret)
{
    for (unsigned i = 0; AGGREGATES[i]; i++) {
        if (strcasecmp(AGGREGATES[i], name) == 0) {
            *ret = (enum event_aggregate)i;
            return EDGE_OK;
        }
    }
    return edge_fail(ctx, EDGE_INVALID, "invalid aggregate function specified");
}

static struct aggregate_row row_of(struct edge_arena *a, const struct event_group *g)
{
    /* The number is a text already, of more digits than a double has. */
    cJSON *value = edge_new(a, cJSON);
    *value = (cJSON){.type = cJSON_Raw, .valuestring = (char *)(uintptr_t)g->value};
    return (struct aggregate_row){g->device, g->resource, g->profile, g->value_type, value};
}

static enum edge_status reply_aggregate(struct edge_call *call, const struct data_query *query,
                                        const char *name)
{
    struct core_data *data = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    enum event_aggregate how = AGGREGATE_MIN;
    EDGE_TRY(parse_aggregate(ctx, name, &how));
    struct event_group *groups = NULL;
    size_t n = 0;
    int64_t patience_ms = data->rt->request_timeout_ms;
    int64_t deadline_ms = patience_ms > 0 ? edge_now_mono_ms() + patience_ms : 0;
    EDGE_TRY(
        event_store_aggregate(ctx, data->store, &query->filter, how, deadline_ms, &groups, &n));
    int64_t n_wanted = 0;
    EDGE_TRY(edge_page_check(ctx, &query->page, (int64_t)n, &n_wanted));

    struct aggregate_response response = {
        EDGE_API_VERSION, 200, name,
        edge_new_n(&ctx->arena, struct aggregate_row, (size_t)n_wanted), (size_t)n_wanted};
    for (size_t i = 0; i < response.n_readings; i++) {
        response.readings[i] = row_of(&ctx->arena, &groups[(size_t)query->page.offset + i]);
    }
    return edge_reply_dto(call, &AGGREGATE_RESPONSE, &response);
}

/* ---- lists -------------------------------------------------------------------------------------
 */

/* A list on its way out. */
struct reading_list {
    struct event_rows rows;
    bool numeric;
};

static enum edge_status put_readings(struct edge_call *call, bool *ret_done)
{
    struct core_data *data = edge_call_state(call);
    struct reading_list *list = edge_call_source_arg(call);
    EDGE_CTX_SCOPE(turn);
    struct reading *readings = NULL;
    size_t n = 0;
    if (list->rows.at < list->rows.n) {
        EDGE_TRY(data_reserve(call));
        enum edge_status st =
            event_store_next_readings(&turn, data->store, &list->rows, DATA_PIECE, &readings, &n);
        if (st != EDGE_OK) {
            return edge_fail(edge_call_ctx(call), st, "%s", edge_ctx_message(&turn, st));
        }
    }
    for (size_t i = 0; i < n; i++) {
        edge_reply_list_item(call);
        edge_dto_encode(list->numeric ? &READING_NUMERIC : &READING, &readings[i], EDGE_JSON,
                        edge_reply_body(call));
    }
    *ret_done = list->rows.at == list->rows.n;
    return *ret_done ? edge_reply_list_close(call) : EDGE_OK;
}

static enum edge_status reply_readings(struct edge_call *call, const struct data_query *query)
{
    struct core_data *data = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *aggregate = edge_call_query(call, "aggregateFunc");
    if (aggregate && *aggregate) {
        return reply_aggregate(call, query, aggregate);
    }
    int64_t total = 0, n_wanted = query->page.limit;
    if (query->want_total) {
        EDGE_TRY(event_store_count_readings(ctx, data->store, &query->filter, &total));
        EDGE_TRY(edge_page_check(ctx, &query->page, total, &n_wanted));
    }
    struct reading_list *list = edge_new(&ctx->arena, struct reading_list);
    list->numeric = query->numeric;
    if (n_wanted > 0) {
        EDGE_TRY(event_store_find_readings(ctx, data->store, &query->filter, query->page.offset,
                                           n_wanted, &list->rows));
    }
    edge_reply_list_open(call, "readings", total);
    edge_reply_stream(call, put_readings, list);
    return EDGE_OK;
}

/* Parts of the path a route has. */
enum { BY_DEVICE = 1 << 0, BY_RESOURCE = 1 << 1, BY_TIME = 1 << 2 };

static enum edge_status parse_path(struct edge_call *call, unsigned parts, struct data_query *ret)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    EDGE_TRY(data_query_parse(call, parts & BY_TIME, ret));
    if (parts & BY_DEVICE) {
        ret->filter.device = edge_call_param(call, "name");
    }
    if (parts & BY_RESOURCE) {
        const char **names = edge_new_n(&ctx->arena, const char *, 1);
        names[0] = edge_call_param(call, "resourceName");
        ret->filter.resources = names;
        ret->filter.n_resources = 1;
    }
    return EDGE_OK;
}

static enum edge_status readings_by(struct edge_call *call, unsigned parts)
{
    struct data_query query;
    EDGE_TRY(parse_path(call, parts, &query));
    return reply_readings(call, &query);
}

enum edge_status readings_all(struct edge_call *call)
{
    return readings_by(call, 0);
}

enum edge_status readings_by_device(struct edge_call *call)
{
    return readings_by(call, BY_DEVICE);
}

enum edge_status readings_by_resource(struct edge_call *call)
{
    return readings_by(call, BY_RESOURCE);
}

enum edge_status readings_by_time(struct edge_call *call)
{
    return readings_by(call, BY_TIME);
}

enum edge_status readings_by_resource_and_time(struct edge_call *call)
{
    return readings_by(call, BY_RESOURCE | BY_TIME);
}

enum edge_status readings_by_device_and_resource(struct edge_call *call)
{
    return readings_by(call, BY_DEVICE | BY_RESOURCE);
}

enum edge_status readings_by_device_resource_and_time(struct edge_call *call)
{
    return readings_by(call, BY_DEVICE | BY_RESOURCE | BY_TIME);
}

/* {"resourceNames":["a","b"]} in the body of a GET; an absent or empty list is all of them. */
static enum edge_status resources_in_body(struct edge_call *call, struct event_filter *filter)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    size_t size = 0;
    (void)edge_call_body(call, &size);
    if (size == 0) {
        return EDGE_OK;
    }
    const cJSON *tree = NULL;
    EDGE_TRY(edge_call_json(call, &tree));
    const cJSON *list = edge_json_member(tree, "resourceNames", false), *name = NULL;
    if (!list || cJSON_IsNull(list)) {
        return EDGE_OK;
    }
    const char **names = edge_new_n(&ctx->arena, const char *, (size_t)cJSON_GetArraySize(list));
    bool sound = cJSON_IsArray(list);
    cJSON_ArrayForEach(name, list)
    {
        sound = sound && cJSON_IsString(name);
        names[filter->n_resources++] = sound ? name->valuestring : "";
    }
    if (!sound) {
        return edge_fail(ctx, EDGE_INVALID,
                         "query criteria [resourceNames] not in expected format");
    }
    filter->resources = names;
    return EDGE_OK;
}

enum edge_status readings_by_device_and_time(struct edge_call *call)
{
    struct data_query query;
    EDGE_TRY(parse_path(call, BY_DEVICE | BY_TIME, &query));
    const char *aggregate = edge_call_query(call, "aggregateFunc");
    if (!aggregate || !*aggregate) {
        EDGE_TRY(resources_in_body(call, &query.filter));
    }
    return reply_readings(call, &query);
}

static enum edge_status reply_count(struct edge_call *call, const char *device)
{
    struct core_data *data = edge_call_state(call);
    const struct event_filter filter = {.device = device, EVENT_FILTER_ALL};
    int64_t n = 0;
    EDGE_TRY(event_store_count_readings(edge_call_ctx(call), data->store, &filter, &n));
    return data_reply_count(call, n);
}

enum edge_status readings_count(struct edge_call *call)
{
    return reply_count(call, NULL);
}

enum edge_status readings_count_by_device(struct edge_call *call)
{
    return reply_count(call, edge_call_param(call, "name"));
}
