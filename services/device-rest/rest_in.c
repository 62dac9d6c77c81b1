/* What devices send: a value of a resource, or a JSON object with those of a command. */
#include <stdio.h>
#include <string.h>

#include "rest_device.h"

struct incoming {
    devsdk_call *call;
    devsdk_device *dev;
    const char *name; /* of the resource or command */
    const char *body;
    size_t n;
};

static const devsdk_point *find_point(const devsdk_device *dev, const char *name, unsigned *ret_i)
{
    const devsdk_point *p;
    for (unsigned i = 0; (p = devsdk_point_at(dev, i)); i++) {
        if (strcmp(p->name, name) == 0) {
            *ret_i = i;
            return p;
        }
    }
    return NULL;
}

/* Bytes and documents say what they are; it has to be what the profile says. */
static devsdk_result check_type(const struct incoming *in, const devsdk_point *p)
{
    const char *type = devsdk_call_header(in->call, "Content-Type");
    bool matters = (p->type == DEVSDK_BINARY || p->type == DEVSDK_OBJECT) && *p->media_type;
    if (!matters || (type && rest_media_type_is(type, p->media_type))) {
        return DEVSDK_OK;
    }
    return devsdk_call_fail(in->call, DEVSDK_INVALID, "Content-Type is '%.64s', %s is %s",
                            type ? type : "", p->name, p->media_type);
}

static devsdk_result refuse(const struct incoming *in, devsdk_result result)
{
    const char *device = devsdk_name(in->dev);
    switch (result) {
    case DEVSDK_NO_OBJECT:
        return devsdk_call_fail(in->call, result, "device %s has no resource or command %s", device,
                                in->name);
    case DEVSDK_DENIED:
        return devsdk_call_fail(in->call, result, "%s of device %s cannot be read", in->name,
                                device);
    case DEVSDK_LOCKED:
        return devsdk_call_fail(in->call, result, "device %s locked", device);
    default:
        return devsdk_call_fail(in->call, DEVSDK_BUSY, "no readings are taken now");
    }
}

/* ---- one resource ----------------------------------------------------------------------------------- */

static devsdk_result end(const struct incoming *in, devsdk_request *r, devsdk_result result,
                         const char *why)
{
    if (result == DEVSDK_OK) {
        devsdk_done(r, DEVSDK_OK);
        return DEVSDK_OK;
    }
    devsdk_drop(r);
    return devsdk_call_fail(in->call, result == DEVSDK_BUSY ? result : DEVSDK_INVALID, "%s", why);
}

static devsdk_result receive_value(const struct incoming *in, const devsdk_point *p, unsigned at)
{
    char why[256] = "";
    const struct rest_attribute *a = p->attr;
    if (!a || !p->readable) {
        return a ? refuse(in, DEVSDK_DENIED)
                 : devsdk_call_fail(in->call, DEVSDK_INVALID, "%s has faulty attributes", in->name);
    }
    devsdk_result result = check_type(in, p);
    if (result != DEVSDK_OK) {
        return result;
    }
    devsdk_request *r = devsdk_push_set(in->dev, in->name, &at, 1);
    if (!r) {
        return refuse(in, DEVSDK_BUSY);
    }
    result = rest_take(r, 0, a->pointer, in->body, in->n, why, sizeof(why));
    return end(in, r, result, why);
}

/* ---- those of a command ------------------------------------------------------------------------------- */

/* The value of the i-th: where its attribute leads to, or the member of its name (the last of them). */
static devsdk_json node_of(devsdk_request *r, unsigned i, devsdk_json doc)
{
    const struct rest_attribute *a = devsdk_attr(r, i);
    devsdk_json key, value, found = {.kind = DEVSDK_JSON_NONE};
    char name[512];
    size_t cursor = 0, n;
    if (a->pointer) {
        return devsdk_json_at(doc, a->pointer);
    }
    while (devsdk_json_next(doc, &cursor, &key, &value)) {
        if (devsdk_json_string(key, name, sizeof(name), &n) &&
            strcmp(name, devsdk_resource(r, i)) == 0) {
            found = value;
        }
    }
    return found;
}

/* A member nobody takes is a mistake, unless resources look for their values themselves. */
static bool is_stray(devsdk_request *r, devsdk_json key, char *name, size_t size)
{
    size_t n;
    bool is_name = devsdk_json_string(key, name, size, &n);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct rest_attribute *a = devsdk_attr(r, i);
        if (a->pointer || (is_name && strcmp(name, devsdk_resource(r, i)) == 0)) {
            return false;
        }
    }
    return true;
}

static devsdk_result take_members(devsdk_request *r, devsdk_json doc, char *why, size_t size)
{
    devsdk_json key, value;
    unsigned n_set = 0;
    size_t cursor = 0;
    char name[128] = "";
    while (devsdk_json_next(doc, &cursor, &key, &value)) {
        if (is_stray(r, key, name, sizeof(name))) {
            (void)snprintf(why, size, "%s is no resource of the command", name);
            return DEVSDK_INVALID;
        }
    }
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_json node = node_of(r, i, doc);
        devsdk_result result =
            node.kind == DEVSDK_JSON_NONE ? DEVSDK_OK : rest_take_node(r, i, node, why, size);
        if (result != DEVSDK_OK) {
            return result;
        }
        n_set += node.kind != DEVSDK_JSON_NONE;
    }
    (void)snprintf(why, size, "the body has no value of a resource of the command");
    return n_set > 0 ? DEVSDK_OK : DEVSDK_INVALID;
}

static devsdk_result receive_command(const struct incoming *in)
{
    char why[256] = "";
    devsdk_json doc = devsdk_json_parse(in->body, in->n);
    if (doc.kind != DEVSDK_JSON_OBJECT) {
        return devsdk_call_fail(in->call, DEVSDK_INVALID,
                                "the body of a command is a JSON object of its resources");
    }
    devsdk_request *r = devsdk_push(in->dev, in->name);
    if (!r) {
        return refuse(in, DEVSDK_BUSY);
    }
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        if (!devsdk_attr(r, i)) {
            (void)snprintf(why, sizeof(why), "%s has faulty attributes", devsdk_resource(r, i));
            return end(in, r, DEVSDK_INVALID, why);
        }
    }
    return end(in, r, take_members(r, doc, why, sizeof(why)), why);
}

/* ---- the route ------------------------------------------------------------------------------------------ */

static devsdk_result receive(const struct incoming *in)
{
    unsigned at;
    devsdk_result result = devsdk_push_check(in->dev, in->name);
    if (result != DEVSDK_OK) {
        return refuse(in, result);
    }
    if (in->n == 0) {
        return devsdk_call_fail(in->call, DEVSDK_INVALID, "the body is empty");
    }
    const devsdk_point *p = find_point(in->dev, in->name, &at);
    return p ? receive_value(in, p, at) : receive_command(in);
}

devsdk_result rest_receive(devsdk_service *svc, devsdk_call *call)
{
    struct incoming in = {.call = call, .name = devsdk_call_param(call, "resource")};
    const char *device = devsdk_call_param(call, "device");
    in.body = devsdk_call_body(call, &in.n);
    in.dev = devsdk_find(svc, device);
    devsdk_result result =
        in.dev ? receive(&in)
               : devsdk_call_fail(call, DEVSDK_NO_OBJECT, "device %s not found", device);
    if (in.dev) {
        devsdk_put(in.dev);
    }
    devsdk_metric(svc, result == DEVSDK_OK ? "ValuesReceived" : "ValuesRefused", 1);
    return result;
}
