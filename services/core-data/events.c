/* Events over HTTP: taken in (durable before they are acknowledged), found, counted, removed. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "edge/cbor.h"
#include "edge/clock.h"
#include "edge/message.h"
#include "edge/text.h"
#include "state.h"

enum { ENVELOPE_BYTES = 1024 }; /* of a message, beside its payload; topics have no part in it */

/* ---- in ----------------------------------------------------------------------------------------
 */

/* A call that waits for the event store. */
struct waiting {
    struct event_job job;
    struct edge_call *call;
    const struct core_data *data;
};

static bool is_blank(const char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    return *text == '\0';
}

static bool is_cbor(struct edge_call *call)
{
    return edge_media_is(edge_call_header(call, "Content-Type"), "application/cbor");
}

static enum edge_status check_size(struct edge_call *call, const struct core_data *data)
{
    const struct data_config *config = data->rt->config;
    size_t size = 0;
    (void)edge_call_body(call, &size);
    if (config->max_event_size > 0 && size > (uint64_t)config->max_event_size * 1024) {
        return edge_fail(edge_call_ctx(call), EDGE_TOO_LARGE, "request size exceed %" PRId64 " KB",
                         config->max_event_size);
    }
    return EDGE_OK;
}

static enum edge_status decode_request(struct edge_call *call, struct add_event_request *ret)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const cJSON *tree = NULL;
    if (is_cbor(call)) {
        size_t size = 0;
        const void *body = edge_call_body(call, &size);
        EDGE_TRY(edge_cbor_parse(ctx, body, size, NULL, &tree));
    } else {
        EDGE_TRY(edge_call_json(call, &tree));
    }
    return edge_dto_decode(ctx, &ADD_EVENT_REQUEST, tree, ret);
}

static const char *topic_name(struct edge_call *call, const struct core_data *data,
                              const char *param)
{
    const char *name = edge_call_param(call, param);
    bool escape = data->rt->base->service.enable_name_field_escape;
    return edge_name_level(&edge_call_ctx(call)->arena, name, escape);
}

/* MaxEventSize holds for the encoded envelope too. It is measured only where it may be larger: no
 * request becomes four times its size. */
static enum edge_status check_envelope(struct edge_call *call, const struct core_data *data,
                                       const struct edge_message *m)
{
    const struct data_config *config = data->rt->config;
    uint64_t limit = (uint64_t)config->max_event_size * 1024;
    size_t size = 0;
    (void)edge_call_body(call, &size);
    if (limit == 0 || size + ENVELOPE_BYTES < limit / 4) {
        return EDGE_OK;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf envelope = EDGE_BUF_INIT;
    edge_envelope_encode(m, &envelope);
    if (envelope.len > limit) {
        return edge_fail(edge_call_ctx(call), EDGE_TOO_LARGE,
                         "its message of %zu bytes exceeds %" PRId64 " KB", envelope.len,
                         config->max_event_size);
    }
    return EDGE_OK;
}

static void message_drop(struct edge_message **m)
{
    edge_message_unref(*m);
}

static enum edge_status pass_on(struct edge_call *call, const struct core_data *data,
                                const char *topic, const struct add_event_request *request)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    EDGE_CLEANUP(message_drop) struct edge_message *m = edge_message_create(0);
    struct edge_arena *arena = edge_message_arena(m);
    edge_message_topic(m, "%s", topic);
    m->correlation_id = edge_strdup(arena, ctx->correlation_id);
    m->content_type =
        is_cbor(call) || edge_wire_forms.cbor_events ? "application/cbor" : "application/json";
    m->dto = &ADD_EVENT_REQUEST;
    m->object = edge_dto_clone(&ADD_EVENT_REQUEST, arena, request);
    EDGE_TRY(check_envelope(call, data, m));
    return edge_bus_publish(ctx, data->rt->bus, m);
}

/* Pass a posted event on to who listens, in the encoding it came in (contract 5.4); that nobody can
 * hear it stops nothing. */
static void announce(struct edge_call *call, const struct core_data *data,
                     const struct add_event_request *request)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct edge_runtime *rt = data->rt;
    const char *topic =
        edge_printf(&ctx->arena, "%s/events/core/%s/%s/%s/%s", rt->base_topic,
                    topic_name(call, data, "serviceName"), topic_name(call, data, "profileName"),
                    topic_name(call, data, "deviceName"), topic_name(call, data, "sourceName"));
    if (!edge_bus_wanted(rt->bus, topic)) {
        return;
    }
    enum edge_status st = pass_on(call, data, topic, request);
    if (st != EDGE_OK) {
        edge_log_error(ctx, "event not passed on", "topic", topic, "reason",
                       edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
    }
}

static enum edge_status check_path(struct edge_call *call, const struct event *event)
{
    const struct {
        const char *param, *value;
    } pairs[] = {
        {"profileName", event->profile_name},
        {"deviceName",  event->device_name },
        {"sourceName",  event->source_name },
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *in_path = edge_call_param(call, pairs[i].param);
        const char *in_body = pairs[i].value ? pairs[i].value : "";
        if (strcmp(in_path, in_body) != 0) {
            return edge_fail(edge_call_ctx(call), EDGE_INVALID, "event's %s %s mismatches %s",
                             pairs[i].param, in_body, in_path);
        }
    }
    return EDGE_OK;
}

/* By the store's writer, after the commit (or its failure). */
static void waiting_done(struct event_job *job, enum edge_status st, const char *why)
{
    struct waiting *w = (struct waiting *)job;
    if (st == EDGE_OK && job->kind == EVENT_ADD) {
        data_count_persisted(w->data, job->event);
    }
    if (st == EDGE_NOT_FOUND && job->kind == EVENT_REMOVE_ID) {
        st = edge_fail(edge_call_ctx(w->call), st, "no event with id '%s' found", job->id);
    } else if (st != EDGE_OK) {
        st = edge_fail(edge_call_ctx(w->call), st, "%s", why);
    }
    edge_call_finish(w->call, st);
}

/* The reply is there already; it goes out when the job is durable. */
static enum edge_status wait_for(struct edge_call *call, const struct event_job *job)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct core_data *data = edge_call_state(call);
    struct waiting *w = edge_new(&ctx->arena, struct waiting);
    *w = (struct waiting){.job = *job, .call = call, .data = data};
    w->job.done = waiting_done;
    EDGE_TRY(event_store_submit(ctx, data->store, &w->job, 0));
    return EDGE_PENDING;
}

enum edge_status event_add(struct edge_call *call)
{
    struct core_data *data = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    if (is_blank(edge_call_param(call, "serviceName"))) {
        return edge_fail(ctx, EDGE_INVALID, "blank service name is not allowed");
    }
    EDGE_TRY(check_size(call, data));
    struct add_event_request *request = edge_new(&ctx->arena, struct add_event_request);
    EDGE_TRY(decode_request(call, request));
    EDGE_TRY(edge_call_reserve(call, ctx->arena.used)); /* no guess any more, until it is durable */
    edge_call_set_request_id(call, request->base.request_id);
    announce(call, data, request);
    EDGE_TRY(check_path(call, &request->event));
    EDGE_TRY(edge_reply_id(call, request->event.id));
    if (!data_persists(data)) {
        return EDGE_OK;
    }
    return wait_for(call, &(struct event_job){.kind = EVENT_ADD, .event = &request->event});
}

/* ---- out ---------------------------------------------------------------------------------------
 */

enum edge_status event_get(struct edge_call *call)
{
    struct core_data *data = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *wanted = edge_call_param(call, "id");
    char id[EDGE_UUID_SIZE];
    if (!edge_uuid_parse(wanted, id)) {
        return edge_fail(ctx, EDGE_INVALID, "fail to parse id as an UUID");
    }
    EDGE_TRY(data_reserve(call));
    struct event event;
    enum edge_status st = event_store_get(ctx, data->store, id, &event);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, st, "no event with id '%s' found", wanted);
    }
    EDGE_TRY(st);
    return edge_reply_object(call, "event", data_wants_numbers(call) ? &EVENT_NUMERIC : &EVENT,
                             &event);
}

/* A list on its way out. */
struct event_list {
    struct event_rows rows;
    bool numeric;
};

static enum edge_status put_events(struct edge_call *call, bool *ret_done)
{
    struct core_data *data = edge_call_state(call);
    struct event_list *list = edge_call_source_arg(call);
    EDGE_CTX_SCOPE(turn);
    struct event *events = NULL;
    size_t n = 0;
    if (list->rows.at < list->rows.n) {
        EDGE_TRY(data_reserve(call));
        enum edge_status st =
            event_store_next_events(&turn, data->store, &list->rows, DATA_PIECE, &events, &n);
        if (st != EDGE_OK) {
            return edge_fail(edge_call_ctx(call), st, "%s", edge_ctx_message(&turn, st));
        }
    }
    for (size_t i = 0; i < n; i++) {
        edge_reply_list_item(call);
        edge_dto_encode(list->numeric ? &EVENT_NUMERIC : &EVENT, &events[i], EDGE_JSON,
                        edge_reply_body(call));
    }
    *ret_done = list->rows.at == list->rows.n;
    return *ret_done ? edge_reply_list_close(call) : EDGE_OK;
}

static enum edge_status reply_events(struct edge_call *call, const struct data_query *query)
{
    struct core_data *data = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    int64_t total = 0, n_wanted = query->page.limit;
    if (query->want_total) {
        EDGE_TRY(event_store_count_events(ctx, data->store, &query->filter, &total));
        EDGE_TRY(edge_page_check(ctx, &query->page, total, &n_wanted));
    }
    struct event_list *list = edge_new(&ctx->arena, struct event_list);
    list->numeric = query->numeric;
    if (n_wanted > 0) {
        EDGE_TRY(event_store_find_events(ctx, data->store, &query->filter, query->page.offset,
                                         n_wanted, &list->rows));
    }
    edge_reply_list_open(call, "events", total);
    edge_reply_stream(call, put_events, list);
    return EDGE_OK;
}

enum edge_status events_all(struct edge_call *call)
{
    struct data_query query;
    EDGE_TRY(data_query_parse(call, false, &query));
    return reply_events(call, &query);
}

enum edge_status events_by_device(struct edge_call *call)
{
    struct data_query query;
    EDGE_TRY(data_query_parse(call, false, &query));
    query.filter.device = edge_call_param(call, "name");
    return reply_events(call, &query);
}

enum edge_status events_by_time(struct edge_call *call)
{
    struct data_query query;
    EDGE_TRY(data_query_parse(call, true, &query));
    return reply_events(call, &query);
}

static enum edge_status reply_count(struct edge_call *call, const char *device)
{
    struct core_data *data = edge_call_state(call);
    const struct event_filter filter = {.device = device, EVENT_FILTER_ALL};
    int64_t n = 0;
    EDGE_TRY(event_store_count_events(edge_call_ctx(call), data->store, &filter, &n));
    return data_reply_count(call, n);
}

enum edge_status events_count(struct edge_call *call)
{
    return reply_count(call, NULL);
}

enum edge_status events_count_by_device(struct edge_call *call)
{
    return reply_count(call, edge_call_param(call, "name"));
}

/* ---- away --------------------------------------------------------------------------------------
 */

enum edge_status event_delete(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    char id[EDGE_UUID_SIZE];
    if (!edge_uuid_parse(edge_call_param(call, "id"), id)) {
        return edge_fail(ctx, EDGE_INVALID, "Failed to parse ID as an UUID");
    }
    EDGE_TRY(edge_reply_base(call, 200, NULL));
    return wait_for(
        call, &(struct event_job){.kind = EVENT_REMOVE_ID, .id = edge_strdup(&ctx->arena, id)});
}

/* 202 once it is noted durably: it will happen, whatever happens. */
enum edge_status events_delete_by_device(struct edge_call *call)
{
    const char *name = edge_call_param(call, "name");
    if (is_blank(name)) {
        return edge_fail(edge_call_ctx(call), EDGE_INVALID, "blank device name is not allowed");
    }
    EDGE_TRY(edge_reply_base(call, 202, NULL));
    return wait_for(call,
                    &(struct event_job){
                        .kind = EVENT_REMOVE, .removal = {.device = name, .cutoff = INT64_MAX}
    });
}

enum edge_status events_delete_by_age(struct edge_call *call)
{
    int64_t age = 0;
    if (!edge_int_parse(edge_call_param(call, "age"), &age) || age < 0) {
        return edge_fail(edge_call_ctx(call), EDGE_INVALID, "age format parsing failed");
    }
    struct core_data *data = edge_call_state(call);
    int64_t now = age_clock_now(edge_call_ctx(call), &data->clock);
    EDGE_TRY(edge_reply_base(call, 202, NULL));
    return wait_for(call,
                    &(struct event_job){.kind = EVENT_REMOVE, .removal = {.cutoff = now - age}});
}
