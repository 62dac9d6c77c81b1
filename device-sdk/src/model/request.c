/*
 * One read or write on its way through the lane, the driver and back. Whoever moves its phase on
 * (the worker, the driver's devsdk_done, the deadline's timer) owns what follows, so that it ends
 * once, whoever is first, and a late answer finds memory that is still there.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "model.h"
#include "value.h"

const struct sdk_onlooker *sdk_onlooker;

enum phase {
    QUEUED,  /* in the lane */
    RUNNING, /* in the driver's handler */
    PENDING, /* the handler has returned, the lane is held */
    DONE,
    EXPIRED
};

static bool move(struct devsdk_request *r, int from, int to)
{
    return atomic_compare_exchange_strong(&r->phase, &from, to);
}

static enum sdk_turn run(struct sdk_job *job, struct sdk_lane *lane);
static void expire(struct edge_timer *timer);

struct devsdk_request *sdk_request_create(devsdk_device *dev, const struct sdk_source *source,
                                          enum sdk_access access, sdk_request_done *done, void *arg)
{
    struct devsdk_request *r = edge_xalloc(1, sizeof(*r));
    devsdk_service *svc = dev->entry->svc;
    atomic_init(&r->refs, 1);
    atomic_init(&r->phase, QUEUED);
    r->job.run = run;
    r->timer.fn = expire;
    r->svc = svc;
    r->dev = sdk_device_ref(dev);
    r->access = access;
    r->source_name = edge_strdup(&r->arena, source->name);
    r->command = source->command;
    r->n_items = source->n_ops;
    r->items = edge_new_n(&r->arena, struct sdk_item, r->n_items);
    for (size_t i = 0; i < r->n_items; i++) {
        r->items[i].op = source->ops[i];
    }
    unsigned most = svc->driver->max_per_request;
    r->n_window = access == SDK_FOR_READ && most > 0 && most < r->n_items ? most : r->n_items;
    r->done = done;
    r->arg = arg;
    /* A little less than the caller waits, so that it hears our reason rather than its own. */
    int64_t timeout_ms = svc->rt->request_timeout_ms;
    const int64_t hour_ms = 3600000;
    r->deadline_ms = edge_now_mono_ms() + (timeout_ms > 0 ? timeout_ms * 9 / 10 : hour_ms);
    return r;
}

static void unref(struct devsdk_request *r)
{
    if (atomic_fetch_sub(&r->refs, 1) == 1) {
        sdk_device_unref(r->dev);
        edge_arena_done(&r->arena);
        free(r);
    }
}

void sdk_request_free(struct devsdk_request *r)
{
    unref(r);
}

/* ---- its end ------------------------------------------------------------------------------- */

/* It is over: whoever won tells the caller. */
static void conclude(struct devsdk_request *r, devsdk_result result)
{
    sdk_note_result(r->dev, result);
    r->done(r, result);
}

static void expire(struct edge_timer *timer)
{
    struct devsdk_request *r = EDGE_CONTAINER(timer, struct devsdk_request, timer);
    if (move(r, QUEUED, EXPIRED)) {
        conclude(r, DEVSDK_BUSY); /* it never came to the device */
    } else if (move(r, RUNNING, EXPIRED)) {
        conclude(r, DEVSDK_TIMEOUT); /* the lane is free when the handler returns */
    } else if (move(r, PENDING, EXPIRED)) {
        struct sdk_lane *lane = r->dev->lane;
        conclude(r, DEVSDK_TIMEOUT);
        sdk_lane_release(lane);
        unref(r); /* the lane's */
    }
    unref(r); /* the timer's */
}

static void arm(struct devsdk_request *r)
{
    atomic_fetch_add(&r->refs, 1);
    edge_timer_arm(r->svc->rt->timers, &r->timer, r->deadline_ms);
}

/* The phase is DONE: the deadline has nothing to say any more. */
static void disarm(struct devsdk_request *r)
{
    if (edge_timer_cancel(r->svc->rt->timers, &r->timer)) {
        unref(r);
    }
}

static bool has_more(const struct devsdk_request *r)
{
    return r->first + r->n_window < r->n_items;
}

static void next_window(struct devsdk_request *r)
{
    r->first += r->n_window;
    if (r->n_items - r->first < r->n_window) {
        r->n_window = r->n_items - r->first;
    }
}

void devsdk_done(devsdk_request *r, devsdk_result result)
{
    if (sdk_onlooker && !sdk_onlooker->answers(r)) {
        return;
    }
    if (result == DEVSDK_PENDING) {
        result = DEVSDK_INVALID;
    }
    if (r->pushed) {
        conclude(r, result);
        unref(r);
        return;
    }
    struct sdk_lane *lane = r->dev->lane;
    bool more = result == DEVSDK_OK && has_more(r);
    if (more) {
        next_window(r);
    }
    if (move(r, RUNNING, more ? QUEUED : DONE)) {
        if (!more) {
            disarm(r);
            conclude(r, result);
        }
    } else if (move(r, PENDING, more ? QUEUED : DONE)) {
        if (more) {
            sdk_lane_submit(lane, &r->job, SDK_CONTROL); /* goes on before anybody else */
        } else {
            disarm(r);
            conclude(r, result);
        }
        sdk_lane_release(lane);
        if (!more) {
            unref(r); /* the lane's */
        }
    }
    unref(r); /* the driver's */
}

void devsdk_drop(devsdk_request *r)
{
    assert(r->pushed);
    if (!sdk_onlooker || sdk_onlooker->answers(r)) {
        unref(r);
    }
}

/* ---- its turn ------------------------------------------------------------------------------ */

static devsdk_result call_driver(struct devsdk_request *r)
{
    const devsdk_driver *driver = r->svc->driver;
    for (size_t i = 0; i < r->n_items; i++) {
        const struct sdk_resource *resource = r->items[i].op.resource;
        if (resource->fault) {
            return devsdk_fail(r, DEVSDK_INVALID, "%s: %s", resource->dto->name, resource->fault);
        }
    }
    if (r->dev->fault) {
        return devsdk_fail(r, DEVSDK_INVALID, "%s", r->dev->fault);
    }
    const bool reads = r->access == SDK_FOR_READ;
    devsdk_result (*handler)(devsdk_device *, devsdk_request *) =
        reads ? driver->read : driver->write;
    edge_counter_add(reads ? r->svc->reads_executed : r->svc->writes_executed, 1);
    return handler ? handler(r->dev, r) : DEVSDK_UNSUPPORTED;
}

static void finish(struct devsdk_request *r, devsdk_result result)
{
    if (move(r, RUNNING, DONE)) {
        disarm(r);
        conclude(r, result);
    }
    unref(r); /* the lane's */
}

static enum sdk_turn run(struct sdk_job *job, struct sdk_lane *lane)
{
    (void)lane;
    struct devsdk_request *r = EDGE_CONTAINER(job, struct devsdk_request, job);
    while (move(r, QUEUED, RUNNING)) {
        devsdk_result result = sdk_life_begin(r->dev);
        if (result != DEVSDK_OK) {
            finish(r, devsdk_fail(r, result, "device %s is not ready", r->dev->dto->name));
            return SDK_NEXT;
        }
        atomic_fetch_add(&r->refs, 1); /* the driver's, until it is done */
        result = call_driver(r);
        if (result == DEVSDK_PENDING) {
            if (move(r, RUNNING, PENDING)) {
                return SDK_HELD;
            }
            continue; /* done already: more to read, or over */
        }
        unref(r);
        if (result == DEVSDK_OK && has_more(r)) {
            next_window(r);
            move(r, RUNNING, QUEUED);
            continue;
        }
        finish(r, result);
        return SDK_NEXT;
    }
    unref(r);
    return SDK_NEXT;
}

bool sdk_request_submit(struct devsdk_request *r, enum sdk_priority priority)
{
    arm(r);
    if (sdk_lane_submit(r->dev->lane, &r->job, priority)) {
        return true;
    }
    edge_counter_add(r->svc->requests_refused, 1);
    if (!move(r, QUEUED, DONE)) {
        unref(r); /* its deadline was faster: the caller has been told */
        return true;
    }
    disarm(r);
    unref(r);
    return false;
}

enum sdk_turn sdk_request_run_now(struct devsdk_request *r)
{
    arm(r);
    return run(&r->job, r->dev->lane);
}

/* ---- what the driver asks -------------------------------------------------------------------- */

static struct sdk_item *item_at(const devsdk_request *r, unsigned i)
{
    assert(i < r->n_window);
    return &r->items[r->first + i];
}

unsigned devsdk_count(const devsdk_request *r)
{
    return (unsigned)r->n_window;
}

const char *devsdk_resource(const devsdk_request *r, unsigned i)
{
    return item_at(r, i)->op.resource->dto->name;
}

const void *devsdk_attr(const devsdk_request *r, unsigned i)
{
    return item_at(r, i)->op.resource->point.attr;
}

devsdk_value devsdk_wanted(const devsdk_request *r, unsigned i)
{
    const struct sdk_item *item = item_at(r, i);
    if (r->access == SDK_FOR_WRITE) {
        return item->value;
    }
    return (devsdk_value){.type = item->op.resource->point.type,
                          .elem = item->op.resource->point.elem};
}

void devsdk_range(const devsdk_request *r, unsigned i, double *ret_min, double *ret_max)
{
    const struct resource_properties *p = &item_at(r, i)->op.resource->dto->properties;
    unsigned vt = value_type_is_array(p->value_type) && p->value_type != VT_OBJECT_ARRAY
                      ? value_type_element(p->value_type)
                      : p->value_type;
    *ret_min = 0;
    *ret_max = 1;
    if (value_type_is_integer(vt)) {
        int64_t min;
        uint64_t max;
        value_type_range(vt, &min, &max);
        *ret_min = (double)min;
        *ret_max = (double)max;
    } else if (value_type_is_float(vt)) {
        *ret_max = vt == VT_FLOAT32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
        *ret_min = -*ret_max;
    }
    *ret_min = p->minimum ? *p->minimum : *ret_min;
    *ret_max = p->maximum ? *p->maximum : *ret_max;
}

const char *devsdk_default(const devsdk_request *r, unsigned i)
{
    const char *text = item_at(r, i)->op.resource->dto->properties.default_value;
    return text && *text ? text : NULL;
}

const char *devsdk_media_type(const devsdk_request *r, unsigned i)
{
    const char *type = item_at(r, i)->op.resource->dto->properties.media_type;
    return type && *type ? type : NULL;
}

int64_t devsdk_deadline_ms(const devsdk_request *r)
{
    return r->deadline_ms;
}

const char *devsdk_option_at(const devsdk_request *r, unsigned i, const char **ret_value)
{
    if (i >= r->n_options) {
        return NULL;
    }
    *ret_value = r->options[i].value;
    return r->options[i].key;
}

const char *devsdk_option(const devsdk_request *r, const char *key)
{
    for (size_t i = 0; i < r->n_options; i++) {
        if (strcmp(r->options[i].key, key) == 0) {
            return r->options[i].value;
        }
    }
    return NULL;
}

/* ---- what the driver answers ----------------------------------------------------------------- */

devsdk_result devsdk_set(devsdk_request *r, unsigned i, devsdk_value v)
{
    struct sdk_item *item = item_at(r, i);
    devsdk_result result =
        sdk_value_fit(&r->arena, item->op.resource->dto->properties.value_type, &v, &item->value);
    if (result == DEVSDK_OK) {
        item->state = SDK_SET;
    } else if (result == DEVSDK_RANGE) {
        item->state = SDK_TOO_LARGE;
    }
    return result;
}

devsdk_result devsdk_set_int(devsdk_request *r, unsigned i, int64_t v)
{
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_I64, .i = v});
}

devsdk_result devsdk_set_uint(devsdk_request *r, unsigned i, uint64_t v)
{
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_U64, .u = v});
}

devsdk_result devsdk_set_float(devsdk_request *r, unsigned i, double v)
{
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_F64, .f = v});
}

devsdk_result devsdk_set_bool(devsdk_request *r, unsigned i, bool v)
{
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_BOOL, .b = v});
}

devsdk_result devsdk_set_string(devsdk_request *r, unsigned i, const char *text, size_t n)
{
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_STRING, .n = n, .p = text});
}

devsdk_result devsdk_set_null(devsdk_request *r, unsigned i)
{
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_NULL});
}

void devsdk_origin(devsdk_request *r, unsigned i, int64_t unix_ns)
{
    item_at(r, i)->origin = unix_ns;
}

void devsdk_tag(devsdk_request *r, unsigned i, const char *key, const char *value)
{
    struct sdk_tag *tag = edge_new(&r->arena, struct sdk_tag);
    const struct sdk_item *item = i == DEVSDK_EVENT ? NULL : item_at(r, i);
    *tag =
        (struct sdk_tag){item, edge_strdup(&r->arena, key), edge_strdup(&r->arena, value), r->tags};
    r->tags = tag;
}

devsdk_result devsdk_fail(devsdk_request *r, devsdk_result result, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    r->message = edge_vprintf(&r->arena, fmt, args);
    va_end(args);
    return result;
}

/* ---- what became of it ----------------------------------------------------------------------- */

static const struct {
    enum edge_status status;
    const char *text;
} outcomes[] = {
    [-DEVSDK_OK] = {EDGE_OK,          "ok"                                 },
    [-DEVSDK_INVALID] = {EDGE_INVALID,     "invalid address, attribute or value"},
    [-DEVSDK_NO_OBJECT] = {EDGE_NOT_FOUND,   "the device has no such object"      },
    [-DEVSDK_DENIED] = {EDGE_NOT_ALLOWED, "the device does not allow it"       },
    [-DEVSDK_BUSY] = {EDGE_UNAVAILABLE, "too much waits for the device"      },
    [-DEVSDK_TIMEOUT] = {EDGE_INTERNAL,    "the device did not answer in time"  },
    [-DEVSDK_LINK] = {EDGE_INTERNAL,    "no connection to the device"        },
    [-DEVSDK_DEVICE] = {EDGE_INTERNAL,    "the device answered with an error"  },
    [-DEVSDK_RANGE] = {EDGE_INTERNAL,    "a value does not fit its type"      },
    [-DEVSDK_UNSUPPORTED] = {EDGE_UNSUPPORTED, "the driver cannot do that"          },
    [-DEVSDK_LOCKED] = {EDGE_LOCKED,      "locked"                             },
};

enum edge_status sdk_outcome(devsdk_result result, const char **ret_text)
{
    size_t at = (size_t)-result;
    bool known = at < sizeof(outcomes) / sizeof(outcomes[0]);
    if (ret_text) {
        *ret_text = known ? outcomes[at].text : "the driver failed";
    }
    return known ? outcomes[at].status : EDGE_INTERNAL;
}

enum edge_status sdk_request_status(struct edge_ctx *ctx, const struct devsdk_request *r,
                                    devsdk_result result)
{
    if (result == DEVSDK_OK) {
        return EDGE_OK;
    }
    const char *text;
    enum edge_status st = sdk_outcome(result, &text);
    /* After a deadline the driver may still be writing its words: ours then. */
    bool own_words = r->message && atomic_load(&r->phase) != EXPIRED;
    st = edge_fail(ctx, st, "%s", own_words ? r->message : text);
    return edge_wrap(
        ctx, st, "error %s %s %s for %s", r->access == SDK_FOR_READ ? "reading" : "writing",
        r->command ? "DeviceCommand" : "DeviceResource", r->source_name, r->dev->dto->name);
}
