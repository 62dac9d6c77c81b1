/* What queries of events and readings have in common: page, time range, form of the values. */
#include <inttypes.h>

#include "edge/base.h"
#include "edge/text.h"
#include "state.h"

static enum edge_status parse_range(struct edge_call *call, struct event_filter *filter)
{
    EDGE_TRY(edge_call_param_int(call, "start", &filter->start));
    EDGE_TRY(edge_call_param_int(call, "end", &filter->end));
    if (filter->end < filter->start) {
        return edge_fail(edge_call_ctx(call), EDGE_INVALID,
                         "end's value %" PRId64
                         " is not allowed to be less than start's value %" PRId64,
                         filter->end, filter->start);
    }
    return EDGE_OK;
}

enum edge_status data_reserve(struct edge_call *call)
{
    const struct core_data *data = edge_call_state(call);
    return edge_call_reserve(call, event_store_largest(data->store) * 5 / 2);
}

bool data_wants_numbers(struct edge_call *call)
{
    const char *text = edge_call_query(call, "numeric");
    bool numeric = false;
    return text && edge_bool_parse(text, &numeric) && numeric;
}

enum edge_status data_query_parse(struct edge_call *call, bool timed, struct data_query *ret)
{
    *ret = (struct data_query){.filter = {EVENT_FILTER_ALL}, .numeric = data_wants_numbers(call)};
    EDGE_TRY(edge_call_page(call, &ret->page));
    ret->want_total = ret->page.offset >= 0;
    if (!ret->want_total) {
        ret->page.offset = 0;
    }
    return timed ? parse_range(call, &ret->filter) : EDGE_OK;
}

/* ---- counts -------------------------------------------------------------------------------- */

struct count_response {
    const char *api_version;
    int64_t status_code, count;
};
/* clang-format off */
static const struct edge_field count_fields[] = {
    EDGE_FIELD(struct count_response, api_version, "apiVersion", "v3.", .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct count_response, status_code, "statusCode", "200.", .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct count_response, count, "count", "How many there are.", .flags = EDGE_EMIT_EMPTY),
};
/* clang-format on */
const struct edge_dto COUNT_RESPONSE =
    EDGE_DTO(struct count_response, "CountResponse", count_fields);

enum edge_status data_reply_count(struct edge_call *call, int64_t n)
{
    const struct count_response response = {EDGE_API_VERSION, 200, n};
    return edge_reply_dto(call, &COUNT_RESPONSE, &response);
}
