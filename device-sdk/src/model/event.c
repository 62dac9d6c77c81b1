/*
 * From what the driver set to the event on the bus (contract 10.2): transforms, assertion,
 * mappings, units, tags. The event is built once, in the arena of the message that carries it;
 * nothing is encoded here.
 */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "model.h"
#include "transform.h"
#include "value.h"

static void reading_be_text(struct reading *reading, const char *text)
{
    reading->value_type = VT_STRING;
    reading->value = text;
}

/* The value as the reading shows it; its text where it has one. */
static enum edge_status put_value(struct edge_ctx *ctx, struct edge_arena *a,
                                  const struct sdk_resource *resource, const devsdk_value *v,
                                  struct reading *reading)
{
    const cJSON *tree;
    const struct resource_properties *p = &resource->dto->properties;
    switch (v->type) {
    case DEVSDK_NULL:
        reading->is_null = true;
        return EDGE_OK;
    case DEVSDK_BINARY: {
        char *copy = edge_alloc(a, v->n + 1, 1);
        memcpy(copy, v->p, v->n);
        reading->binary = (struct edge_bytes){copy, v->n};
        reading->media_type = p->media_type && *p->media_type ? edge_strdup(a, p->media_type)
                                                              : "application/octet-stream";
        return EDGE_OK;
    }
    case DEVSDK_OBJECT:
        EDGE_TRY(edge_json_parse(ctx, v->p, v->n, NULL, &tree));
        reading->object = edge_json_clone(a, tree);
        return EDGE_OK;
    default:
        reading->value = sdk_value_text(a, p->value_type, v);
        return EDGE_OK;
    }
}

/* Compared as values of the type where the assertion is one: "1.5" holds for 1.5e+00. */
static bool asserted(const char *assertion, unsigned vt, const char *text)
{
    EDGE_CTX_SCOPE(scratch);
    devsdk_value v;
    if (strcmp(assertion, text) == 0) {
        return true;
    }
    return sdk_value_parse(&scratch, &scratch.arena, vt, assertion, &v) == EDGE_OK &&
           strcmp(sdk_value_text(&scratch.arena, vt, &v), text) == 0;
}

static enum edge_status check_assertion(struct edge_ctx *ctx, const struct devsdk_request *r,
                                        const struct sdk_resource *resource,
                                        const struct reading *reading)
{
    const struct resource_properties *p = &resource->dto->properties;
    if (!p->assertion || !*p->assertion || !reading->value ||
        asserted(p->assertion, reading->value_type, reading->value)) {
        return EDGE_OK;
    }
    sdk_note_assertion(r->dev->entry, resource->dto->name, false);
    return edge_fail(ctx, EDGE_INTERNAL, "assertion (%s) failed with value: %s", p->assertion,
                     reading->value);
}

static void apply_mappings(struct edge_arena *a, const struct sdk_resource *resource,
                           struct reading *reading)
{
    for (size_t i = 0; i < resource->n_mappings && reading->value; i++) {
        if (strcmp(resource->mappings[i].from, reading->value) == 0) {
            reading_be_text(reading, edge_strdup(a, resource->mappings[i].to));
            return;
        }
    }
}

static enum edge_status reading_make(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct devsdk_request *r, const struct sdk_item *item,
                                     struct reading *reading)
{
    const devsdk_service *svc = r->svc;
    const struct sdk_resource *resource = item->op.resource;
    const struct resource_properties *p = &resource->dto->properties;
    enum sdk_transformed outcome = item->state == SDK_TOO_LARGE ? SDK_OVERFLOW : SDK_SOUND;
    devsdk_value v = item->value;
    reading->value_type = p->value_type;
    if (outcome == SDK_SOUND && svc->config->device.data_transform) {
        outcome = sdk_transform_read(p, &v);
    }
    if (outcome != SDK_SOUND) {
        reading_be_text(reading, outcome == SDK_NAN ? "NaN" : "overflow");
    } else {
        EDGE_TRY(put_value(ctx, a, resource, &v, reading));
    }
    EDGE_TRY(check_assertion(ctx, r, resource, reading));
    apply_mappings(a, resource, reading);
    return EDGE_OK;
}

/* @p upper over @p lower; either may be NULL. */
static const cJSON *tags_merge(struct edge_ctx *ctx, struct edge_arena *a, const cJSON *lower,
                               const cJSON *upper)
{
    if (!lower || !upper) {
        const cJSON *only = lower ? lower : upper;
        return only ? edge_json_clone(a, only) : NULL;
    }
    cJSON *both = edge_json_object(ctx);
    for (const cJSON *tag = lower->child; tag; tag = tag->next) {
        if (!edge_json_member(upper, tag->string, true)) {
            cJSON_AddItemToObject(both, tag->string, cJSON_Duplicate(tag, true));
        }
    }
    for (const cJSON *tag = upper->child; tag; tag = tag->next) {
        cJSON_AddItemToObject(both, tag->string, cJSON_Duplicate(tag, true));
    }
    return edge_json_clone(a, both);
}

/* What the driver said of @p item (NULL: of the event), its last word on each; NULL: nothing. */
static const cJSON *tags_of(struct edge_ctx *ctx, const struct devsdk_request *r,
                            const struct sdk_item *item)
{
    cJSON *tags = NULL;
    for (const struct sdk_tag *t = r->tags; t; t = t->next) {
        if (t->item == item) {
            tags = tags ? tags : edge_json_object(ctx);
            if (!edge_json_member(tags, t->key, true)) {
                cJSON_AddStringToObject(tags, t->key, t->value);
            }
        }
    }
    return tags;
}

static void reading_name(struct edge_ctx *ctx, struct edge_arena *a, const struct devsdk_request *r,
                         const struct sdk_item *item, const struct event *event,
                         struct reading *reading)
{
    const struct device_resource *dto = item->op.resource->dto;
    reading->id = edge_uuid_make(a);
    reading->device_name = event->device_name;
    reading->profile_name = event->profile_name;
    reading->resource_name =
        strcmp(dto->name, event->source_name) == 0 ? event->source_name : edge_strdup(a, dto->name);
    reading->origin = item->origin != 0 ? item->origin : event->origin;
    if (dto->properties.units && *dto->properties.units &&
        sdk_writable(r->svc)->reading.reading_units) {
        reading->units = edge_strdup(a, dto->properties.units);
    }
    reading->tags = tags_merge(ctx, a, dto->tags, tags_of(ctx, r, item));
}

/* The command's tags, the device's over them, and the driver's over both. */
static const cJSON *event_tags(struct edge_ctx *ctx, struct edge_arena *a,
                               const struct devsdk_request *r)
{
    const cJSON *known =
        tags_merge(ctx, a, r->command ? r->command->tags : NULL, r->dev->dto->tags);
    const cJSON *own = tags_of(ctx, r, NULL);
    return own ? tags_merge(ctx, a, known, own) : known;
}

static enum edge_status build(struct edge_ctx *ctx, const struct devsdk_request *r,
                              struct edge_message *m)
{
    struct edge_arena *a = edge_message_arena(m);
    struct add_event_request *request = edge_new(a, struct add_event_request);
    struct event *event = &request->event;
    const devsdk_device *dev = r->dev;
    request->base.api_version = EDGE_API_VERSION;
    request->base.request_id = edge_uuid_make(a);
    event->api_version = EDGE_API_VERSION;
    event->id = edge_uuid_make(a);
    event->device_name = edge_strdup(a, dev->dto->name);
    event->profile_name = edge_strdup(a, dev->profile->dto->name);
    event->source_name = edge_strdup(a, r->source_name);
    event->origin = edge_origin_ns();
    event->readings = edge_new_n(a, struct reading, r->n_items);
    for (size_t i = 0; i < r->n_items; i++) {
        const struct sdk_item *item = &r->items[i];
        struct reading *reading = &event->readings[event->n_readings];
        if (item->state != SDK_UNSET) {
            reading_name(ctx, a, r, item, event, reading);
            EDGE_TRY(reading_make(ctx, a, r, item, reading));
            event->n_readings++;
        }
    }
    event->tags = event_tags(ctx, a, r);
    m->dto = &ADD_EVENT_REQUEST;
    m->object = request;
    m->correlation_id = r->correlation_id ? edge_strdup(a, r->correlation_id) : edge_uuid_make(a);
    m->request_id = "";
    m->is_event = true;
    m->content_type = event_encoding(event) == EDGE_CBOR ? "application/cbor" : "application/json";
    edge_message_topic(m, "%s/%s", dev->topic, sdk_topic_level(a, r->svc, r->source_name));
    return EDGE_OK;
}

/* All that is asserted holds. What was asked for is noted by whoever asked. */
static void note_assertions(const struct devsdk_request *r)
{
    for (size_t i = 0; i < r->n_items && r->pushed; i++) {
        const struct sdk_item *item = &r->items[i];
        const struct device_resource *resource = item->op.resource->dto;
        if (item->state != SDK_UNSET && resource->properties.assertion &&
            *resource->properties.assertion) {
            sdk_note_assertion(r->dev->entry, resource->name, true);
        }
    }
}

enum edge_status sdk_event_build(struct edge_ctx *ctx, const struct devsdk_request *r,
                                 struct edge_message **ret)
{
    enum { FIXED = 900, EACH = 300 };
    struct edge_message *m = edge_message_create(FIXED + EACH * r->n_items);
    enum edge_status st = build(ctx, r, m);
    if (st == EDGE_OK) {
        note_assertions(r);
    }
    if (st != EDGE_OK || sdk_event_of(m)->n_readings == 0) {
        edge_message_unref(m);
        m = NULL;
    }
    *ret = m;
    return st;
}

static bool is_too_large(devsdk_service *svc, const struct edge_message *m)
{
    const int64_t max_kb = svc->config->max_event_size;
    if (max_kb <= 0) {
        return false;
    }
    struct edge_buf text = EDGE_BUF_INIT;
    edge_envelope_encode(m, &text);
    bool large = text.len > (size_t)max_kb * 1024;
    edge_buf_done(&text);
    return large;
}

bool sdk_event_publish(devsdk_service *svc, const struct edge_message *m)
{
    if (is_too_large(svc, m)) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = svc->rt->log;
        edge_counter_add(svc->events_dropped, 1);
        edge_log_error(&ctx, "event larger than MaxEventSize, dropped", "topic", m->topic, NULL);
        return false;
    }
    return sdk_outbox_put(svc->outbox, m, sdk_event_of(m)->n_readings);
}
