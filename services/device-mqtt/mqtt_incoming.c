/*
 * What devices say by themselves: on the incoming topic, whose last two levels name device and source, and on topics of
 * their own, where each resource knows its place. All of it on the connection's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/mqtt_path.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_value.h"
#include "mqtt_driver.h"

enum {
    TOPIC_SIZE = 4096,
    MAX_LAST = 64 * 1024, /* bytes of a value that is kept for reads */
    SHOWN = 80,
};

/* A resource a message has a value of. */
struct mqtt_finding {
    unsigned point;
    devsdk_type type;
    const char *name; /* lives as long as the device */
    devsdk_json json;
    bool bare;
};

/* A message on its way to one device after the other. */
struct message {
    struct mqtt_broker *broker;
    const devsdk_mqtt_message *in;
    devsdk_json json; /* NONE: it is none */
};

/* ---- refusing: counted each time, said once ---------------------------------------------------------------------- */

static void refuse(struct mqtt_broker *b, const char *metric, const char *what, const char *why)
{
    devsdk_service *svc = b->service->svc;
    devsdk_metric(svc, metric, 1);
    if (dmqtt_once(b, what)) {
        devsdk_log(svc, DEVSDK_WARN, "%s: %s (said once, counted in %s)", what, why, metric);
    }
}

static void refuse_value(struct mqtt_broker *b, const devsdk_device *dev, const char *resource,
                         const devsdk_mqtt_message *m, const char *why)
{
    char what[256], text[256];
    snprintf(what, sizeof(what), "value of %.100s of %.100s not taken", resource, devsdk_name(dev));
    snprintf(text, sizeof(text), "what came on %.100s %s", m->topic, why);
    refuse(b, "MqttValuesRefused", what, text);
}

/* At least so much; NULL without memory. */
static char *room_for(struct mqtt_broker *b, size_t n)
{
    n += MQTT_VALUE_ROOM;
    if (n > b->room_size) {
        char *room = realloc(b->room, n);
        if (!room) {
            return NULL;
        }
        b->room = room;
        b->room_size = n;
    }
    return b->room;
}

static const char *words(devsdk_result result)
{
    return result == DEVSDK_RANGE ? "is out of range" : "is no value of its type";
}

/* ---- the incoming topic --------------------------------------------------------------------------------------------- */

/* A source's values into the push; NULL, or why not. *ret_resource: whose fault it is. */
static const char *fill(const struct message *m, devsdk_request *r, const char *source,
                        const char **ret_resource)
{
    unsigned n = devsdk_count(r);
    char *room = room_for(m->broker, m->in->n);
    bool single = n == 1 && strcmp(devsdk_resource(r, 0), source) == 0;
    for (unsigned i = 0; i < n && room; i++) {
        const char *name = devsdk_resource(r, i), *fault;
        devsdk_type type = devsdk_wanted(r, i).type;
        devsdk_value value;
        devsdk_json member = devsdk_json_member(m->json, name, strlen(name));
        *ret_resource = name;
        if (single) {
            fault = mqtt_value_bare(m->in->payload, m->in->n, name, type, room, &value);
        } else if (member.kind == DEVSDK_JSON_NONE) {
            fault = "is no JSON object with it";
        } else {
            fault = mqtt_value_read(member, type, room, &value);
        }
        devsdk_result result = fault ? DEVSDK_OK : devsdk_set(r, i, value);
        if (fault || result != DEVSDK_OK) {
            return fault ? fault : words(result);
        }
    }
    return room ? NULL : "is too large";
}

static void take(const struct message *m, devsdk_device *dev, const char *source)
{
    char what[256];
    struct mqtt_broker *b = m->broker;
    devsdk_request *r = devsdk_push(dev, source);
    if (!r) {
        snprintf(what, sizeof(what), "'%.100s' of %.100s not taken", source, devsdk_name(dev));
        refuse(b, "MqttMessagesRefused", what, "no such source, locked, or full");
        return;
    }
    const char *resource = source, *fault = fill(m, r, source, &resource);
    if (fault) {
        devsdk_metric(b->service->svc, "MqttValuesRefused", 1); /* the SDK says so, once */
    }
    devsdk_done(r, fault ? devsdk_fail(r, DEVSDK_INVALID, "%s: what came on %.*s %s", resource,
                                       SHOWN, m->in->topic, fault)
                         : DEVSDK_OK);
}

/* The device of that name behind this broker, as it is written, else with its escapes undone; +1 reference. */
static devsdk_device *find(struct mqtt_broker *b, struct mqtt_level level)
{
    char name[TOPIC_SIZE + 1];
    snprintf(name, sizeof(name), "%.*s", (int)level.n, level.at);
    devsdk_device *dev = devsdk_find(b->service->svc, name);
    if (!dev && mqtt_level_decode(level, name)) {
        dev = devsdk_find(b->service->svc, name);
    }
    if (dev && !dmqtt_broker_serves(b, devsdk_addr(dev))) {
        devsdk_put(dev);
        dev = NULL;
    }
    return dev;
}

static void take_incoming(const struct message *m)
{
    struct mqtt_level device, source;
    char text[TOPIC_SIZE + 16];
    struct mqtt_broker *b = m->broker;
    if (strlen(m->in->topic) >= TOPIC_SIZE ||
        !mqtt_topic_split(b->where.incoming, m->in->topic, &device, &source)) {
        snprintf(text, sizeof(text), "message on %.200s not taken", m->in->topic);
        refuse(b, "MqttMessagesRefused", text, "its topic does not end with <device>/<source>");
        return;
    }
    devsdk_device *dev = find(b, device);
    if (!dev) {
        snprintf(text, sizeof(text), "device %.*s", (int)device.n, device.at);
        refuse(b, "MqttMessagesOfUnknownDevices", text,
               "messages come of it, and no such device is behind this broker");
        return;
    }
    snprintf(text, sizeof(text), "%.*s", (int)source.n, source.at);
    take(m, dev, text);
    devsdk_put(dev);
}

/* ---- topics of devices' own ---------------------------------------------------------------------------------------- */

static struct mqtt_finding *finding(struct mqtt_broker *b, size_t i)
{
    if (i >= b->n_findings) {
        size_t n = b->n_findings ? b->n_findings * 2 : 16;
        struct mqtt_finding *more = realloc(b->findings, n * sizeof(*more));
        if (!more) {
            return NULL;
        }
        b->findings = more;
        b->n_findings = n;
    }
    return &b->findings[i];
}

/* Where in the message the resource's value is; false where it has none. */
static bool look(const struct message *m, const devsdk_point *p, struct mqtt_finding *ret)
{
    const struct mqtt_attribute *attr = p->attr;
    ret->bare = false;
    if (attr->json_path && *attr->json_path) {
        ret->json = mqtt_path_find(m->json, attr->json_path);
        return ret->json.kind != DEVSDK_JSON_NONE;
    }
    ret->json = devsdk_json_member(m->json, p->name, strlen(p->name));
    if (ret->json.kind != DEVSDK_JSON_NONE) {
        return true;
    }
    ret->bare = attr->read_topic && *attr->read_topic;
    return ret->bare;
}

/* The resources of the device that the message has values of, as findings; how many. */
static size_t look_all(const struct message *m, const devsdk_device *dev)
{
    char filter[TOPIC_SIZE];
    const devsdk_point *p;
    size_t n = 0;
    for (unsigned i = 0; (p = devsdk_point_at(dev, i)) != NULL; i++) {
        struct mqtt_finding *f = finding(m->broker, n);
        if (f && dmqtt_listens(dev, p, filter, sizeof(filter)) &&
            devsdk_mqtt_matches(filter, m->in->topic) && look(m, p, f)) {
            f->point = i;
            f->type = p->type;
            f->name = p->name;
            n++;
        }
    }
    return n;
}

static void keep(const struct message *m, devsdk_device *dev, const struct mqtt_finding *f)
{
    struct mqtt_device *d = devsdk_data(dev);
    const char *bytes = f->bare ? m->in->payload : f->json.text;
    size_t n = f->bare ? m->in->n : f->json.n;
    struct mqtt_last *last = n <= MAX_LAST ? malloc(sizeof(*last) + n + 1) : NULL;
    if (!last) {
        return;
    }
    *last = (struct mqtt_last){.at_ms = devsdk_now_ms(), .bare = f->bare, .n = n};
    memcpy(last->bytes, bytes, n);
    MQTT_LOCK(&m->broker->lock);
    void *before = mqtt_map_get(&d->last, f->name);
    if (d->broker == m->broker && mqtt_map_put(&d->last, f->name, last)) {
        last = before;
    }
    free(last);
}

static const char *value_of(const struct message *m, const struct mqtt_finding *f, char *room,
                            devsdk_value *ret)
{
    return f->bare ? mqtt_value_bare(m->in->payload, m->in->n, f->name, f->type, room, ret)
                   : mqtt_value_read(f->json, f->type, room, ret);
}

/* The event of what was found; NULL where it cannot be. */
static devsdk_request *push(const struct message *m, devsdk_device *dev, size_t n)
{
    char source[TOPIC_SIZE];
    const struct mqtt_finding *all = m->broker->findings;
    if (n == 1) {
        return devsdk_push(dev, all[0].name);
    }
    struct mqtt_level last = mqtt_topic_last(m->in->topic);
    snprintf(source, sizeof(source), "%.*s", (int)last.n, last.at);
    unsigned *points = malloc(n * sizeof(*points));
    if (!points) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        points[i] = all[i].point;
    }
    devsdk_request *r = devsdk_push_set(dev, *source ? source : all[0].name, points, (unsigned)n);
    free(points);
    return r;
}

static void take_found(const struct message *m, devsdk_device *dev, size_t n)
{
    struct mqtt_broker *b = m->broker;
    char what[256], *room = room_for(b, m->in->n);
    devsdk_request *r = room ? push(m, dev, n) : NULL;
    if (!r) {
        snprintf(what, sizeof(what), "message of %.100s not taken", devsdk_name(dev));
        refuse(b, "MqttMessagesRefused", what, "it is locked, or core-data takes no more");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct mqtt_finding *f = &b->findings[i];
        devsdk_value value;
        const char *fault = value_of(m, f, room, &value);
        devsdk_result result = fault ? DEVSDK_OK : devsdk_set(r, (unsigned)i, value);
        if (fault || result != DEVSDK_OK) {
            refuse_value(b, dev, f->name, m->in, fault ? fault : words(result));
        } else {
            keep(m, dev, f);
        }
    }
    devsdk_done(r, DEVSDK_OK);
}

static void take_listened(const char *name, void *arg)
{
    const struct message *m = arg;
    devsdk_device *dev = devsdk_find(m->broker->service->svc, name);
    if (!dev) {
        return;
    }
    size_t n = dmqtt_broker_serves(m->broker, devsdk_addr(dev)) ? look_all(m, dev) : 0;
    if (n > 0) {
        take_found(m, dev, n);
    } else {
        devsdk_metric(m->broker->service->svc, "MqttMessagesWithoutValues", 1);
    }
    devsdk_put(dev);
}

/* ---- what comes ------------------------------------------------------------------------------------------------------ */

static bool is_for(const char *filter, const char *topic)
{
    return filter && *filter && devsdk_mqtt_matches(filter, topic);
}

void dmqtt_received(void *broker, const devsdk_mqtt_message *in)
{
    struct mqtt_broker *b = broker;
    if (is_for(b->where.response, in->topic)) {
        dmqtt_answer(b, in);
        return;
    }
    struct message m = {.broker = b, .in = in, .json = devsdk_json_parse(in->payload, in->n)};
    bool listened = dmqtt_listeners(b, in->topic, take_listened, &m);
    if (is_for(b->where.incoming, in->topic)) {
        take_incoming(&m);
    } else if (!listened) {
        devsdk_metric(b->service->svc, "MqttMessagesRefused", 1); /* of a device that has gone */
    }
}

/* ---- reads of what came last ------------------------------------------------------------------------------------------ */

static struct mqtt_last *last_copy(devsdk_device *dev, const char *resource)
{
    struct mqtt_device *d = devsdk_data(dev);
    MQTT_LOCK(&d->broker->lock);
    const struct mqtt_last *last = mqtt_map_get(&d->last, resource);
    struct mqtt_last *copy = last ? malloc(sizeof(*last) + last->n + 1) : NULL;
    if (copy) {
        memcpy(copy, last, sizeof(*last) + last->n);
    }
    return copy;
}

static const char *read_kept(const struct mqtt_last *last, devsdk_request *r, unsigned i,
                             char *room, devsdk_value *ret)
{
    devsdk_type type = devsdk_wanted(r, i).type;
    if (last->bare) {
        return mqtt_value_bare(last->bytes, last->n, devsdk_resource(r, i), type, room, ret);
    }
    devsdk_json json = devsdk_json_parse(last->bytes, last->n);
    return json.kind == DEVSDK_JSON_NONE ? "is no JSON" : mqtt_value_read(json, type, room, ret);
}

devsdk_result dmqtt_read_last(devsdk_device *dev, devsdk_request *r, unsigned i)
{
    const struct mqtt_address *addr = devsdk_addr(dev);
    const char *name = devsdk_resource(r, i);
    struct mqtt_last *last = last_copy(dev, name);
    int64_t age_ms = last ? devsdk_now_ms() - last->at_ms : 0;
    if (!last || (addr->max_age_ms > 0 && age_ms > addr->max_age_ms)) {
        char state[300], age[64] = "";
        dmqtt_broker_state(((struct mqtt_device *)devsdk_data(dev))->broker, state, sizeof(state));
        snprintf(age, sizeof(age), " for %lld ms", (long long)age_ms);
        free(last);
        return devsdk_fail(r, DEVSDK_TIMEOUT, "nothing has come for %s%s%s", name,
                           last ? age : " yet", state);
    }
    char *room = malloc(last->n + MQTT_VALUE_ROOM);
    devsdk_value value;
    const char *fault = room ? read_kept(last, r, i, room, &value) : "is too large";
    devsdk_result result = fault ? DEVSDK_DEVICE : devsdk_set(r, i, value);
    free(room);
    free(last);
    return result == DEVSDK_OK ? DEVSDK_OK
                               : devsdk_fail(r, result, "what came last for %s %s", name,
                                             fault ? fault : words(result));
}
