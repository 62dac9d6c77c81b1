/*
 * Devices that serve: a request is a chain of exchanges, each begun when the one before has ended, none waited
 * for. Resources that are read from the same place share one exchange.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rest_device.h"

enum {
    MARGIN_MS = 100, /* so that whoever asked hears our words, not that it took too long */
    URL_SIZE = 4096,
    ANSWER_MAX = 16 * 1024 * 1024, /* a picture is a few */
};

/* A read or write under way; it ends before its request does. */
struct job {
    devsdk_device *dev;
    devsdk_request *r;
    devsdk_http *http;
    bool writes;
    unsigned at;               /* the resource asked for now */
    bool is_set[REST_AT_ONCE]; /* of a read: by an answer to another one */
    char url[URL_SIZE];
};

/* ---- the end ---------------------------------------------------------------------------------------------- */

static void finish(struct job *j, devsdk_result result)
{
    devsdk_request *r = j->r;
    if (result != DEVSDK_OK) {
        devsdk_metric(devsdk_of(j->dev), "ExchangesFailed", 1);
    }
    free(j);
    devsdk_done(r, result);
}

/* ---- URLs --------------------------------------------------------------------------------------------------- */

static const struct rest_attribute *attr_of(const struct job *j)
{
    return devsdk_attr(j->r, j->at);
}

static const char *path_of(const struct job *j)
{
    const struct rest_attribute *a = attr_of(j);
    return j->writes && a->write_path ? a->write_path : a->path;
}

/* Append; false: it does not fit. */
static bool add(char *url, size_t *at, const char *text)
{
    size_t len = strlen(text);
    if (*at + len >= URL_SIZE) {
        return false;
    }
    memcpy(url + *at, text, len + 1);
    *at += len;
    return true;
}

static bool add_escaped(char *url, size_t *at, const char *text)
{
    if (!devsdk_http_escape(text, strlen(text), url + *at, URL_SIZE - *at)) {
        return false;
    }
    *at += strlen(url + *at);
    return true;
}

static bool add_place(const struct job *j, char *url, size_t *at)
{
    const struct rest_address *a = devsdk_addr(j->dev);
    const char *path = a->path ? a->path + strspn(a->path, "/") : "";
    bool bare = strchr(a->host, ':') && a->host[0] != '[';
    int n = snprintf(url, URL_SIZE, "%s://%s%s%s:%u/%s", a->scheme ? "https" : "http",
                     bare ? "[" : "", a->host, bare ? "]" : "", a->port, path);
    if (n < 0 || n >= URL_SIZE) {
        return false;
    }
    *at = (size_t)n;
    while (url[*at - 1] == '/') {
        url[--*at] = '\0'; /* of the path's end; the host has none */
    }
    return add(url, at, "/");
}

static bool add_path(const struct job *j, const struct rest_var vars[3], char *url, size_t *at)
{
    const char *path = path_of(j);
    if (!path) {
        return add_escaped(url, at, devsdk_resource(j->r, j->at));
    }
    path += strspn(path, "/");
    size_t len = rest_template_put(REST_AS_URL, path, vars, 3, url + *at, URL_SIZE - *at);
    bool fits = *at + len < URL_SIZE;
    *at += fits ? len : 0;
    return fits;
}

/* What whoever asked has put behind the ?, escaped anew. */
static bool add_query(const struct job *j, char *url, size_t *at)
{
    const char *key, *value;
    for (unsigned i = 0; (key = devsdk_option_at(j->r, i, &value)); i++) {
        if (!add(url, at, strchr(url, '?') ? "&" : "?") || !add_escaped(url, at, key) ||
            (*value && (!add(url, at, "=") || !add_escaped(url, at, value)))) {
            return false;
        }
    }
    return true;
}

static bool make_url(struct job *j, const struct rest_var vars[3])
{
    size_t at = 0;
    return add_place(j, j->url, &at) && add_path(j, vars, j->url, &at) && add_query(j, j->url, &at);
}

/* ---- bodies ------------------------------------------------------------------------------------------------- */

struct body {
    const char *type;
    const void *bytes;
    size_t n;
    char *owned; /* NULL: the bytes are the request's */
};

static bool fill_template(const struct job *j, const struct rest_var vars[3], struct body *ret)
{
    const char *source = attr_of(j)->body;
    enum rest_format format = rest_format_of(ret->type);
    size_t n = rest_template_put(format, source, vars, 3, NULL, 0);
    ret->owned = malloc(n + 1);
    if (!ret->owned) {
        return false;
    }
    ret->bytes = ret->owned;
    ret->n = rest_template_put(format, source, vars, 3, ret->owned, n + 1);
    return true;
}

static bool has_no_json(const struct job *j, const devsdk_value *v)
{
    const char *type = rest_body_type(devsdk_media_type(j->r, j->at), v, attr_of(j)->body);
    bool is_number = v->type == DEVSDK_F32 || v->type == DEVSDK_F64 ||
                     (v->type == DEVSDK_ARRAY && v->elem != DEVSDK_STRING);
    return is_number && !rest_value_is_json(v) && rest_format_of(type) == REST_AS_JSON;
}

/* What is sent with the resource of now; false without memory. */
static bool make_body(const struct job *j, const devsdk_value *v, const struct rest_var vars[3],
                      struct body *ret)
{
    const struct rest_attribute *a = attr_of(j);
    ret->type = rest_body_type(devsdk_media_type(j->r, j->at), v, a->body);
    if (a->body && (j->writes || a->method)) {
        return fill_template(j, vars, ret);
    }
    if (j->writes) {
        ret->bytes = vars[0].text; /* a Binary is never written */
        ret->n = vars[0].n;
    }
    return true;
}

/* ---- exchanges ---------------------------------------------------------------------------------------------- */

static void on_answer(void *arg, const devsdk_http_answer *answer);

static bool is_read_only(const struct job *j)
{
    const devsdk_point *p;
    for (unsigned i = 0; (p = devsdk_point_at(j->dev, i)); i++) {
        if (strcmp(p->name, devsdk_resource(j->r, j->at)) == 0) {
            return !p->writable;
        }
    }
    return false;
}

static const char *method_of(const struct job *j)
{
    const char *method = attr_of(j)->method;
    if (j->writes) {
        return method ? method : "PUT";
    }
    return method && is_read_only(j) ? method : "GET";
}

static int64_t deadline_of(const struct job *j)
{
    const struct rest_address *a = devsdk_addr(j->dev);
    int64_t latest = devsdk_deadline_ms(j->r) - MARGIN_MS;
    int64_t own = devsdk_now_ms() + a->timeout_ms;
    return a->timeout_ms > 0 && own < latest ? own : latest;
}

static devsdk_result exchange(struct job *j, const devsdk_value *v, char *text)
{
    const char *resource = devsdk_resource(j->r, j->at), *device = devsdk_name(j->dev);
    const struct rest_var vars[] = {
        {"value",    text,     strlen(text),     rest_value_is_json(v)},
        {"resource", resource, strlen(resource), false                },
        {"device",   device,   strlen(device),   false                }
    };
    struct body body = {0};
    if (j->writes && has_no_json(j, v)) {
        return devsdk_fail(j->r, DEVSDK_INVALID, "%s: NaN and infinities have no JSON", resource);
    }
    if (!make_url(j, vars)) {
        return devsdk_fail(j->r, DEVSDK_INVALID, "%s: its URL is longer than %d bytes", resource,
                           URL_SIZE - 1);
    }
    if (!make_body(j, v, vars, &body)) {
        return devsdk_fail(j->r, DEVSDK_DEVICE, "no memory for the body");
    }
    const devsdk_http_request request = {.method = method_of(j),
                                         .url = j->url,
                                         .type = body.type,
                                         .body = body.bytes,
                                         .n = body.n,
                                         .deadline_ms = deadline_of(j),
                                         .answer_max = ANSWER_MAX};
    devsdk_metric(devsdk_of(j->dev), "Exchanges", 1);
    devsdk_http_send(j->http, &request, on_answer, j); /* from here on the job is its own */
    free(body.owned);
    return DEVSDK_PENDING;
}

/* Begin the next exchange, or end; the job may be gone when this returns. */
static void go_on(struct job *j)
{
    while (j->at < devsdk_count(j->r) && !j->writes && j->is_set[j->at]) {
        j->at++;
    }
    if (j->at == devsdk_count(j->r)) {
        finish(j, DEVSDK_OK);
        return;
    }
    devsdk_value v = devsdk_wanted(j->r, j->at);
    size_t n = j->writes ? rest_value_text(&v, NULL, 0) : 0;
    char *text = malloc(n + 1);
    if (!text) {
        finish(j, devsdk_fail(j->r, DEVSDK_DEVICE, "no memory for the value"));
        return;
    }
    text[0] = '\0';
    if (j->writes) {
        (void)rest_value_text(&v, text, n + 1);
    }
    devsdk_result result = exchange(j, &v, text);
    free(text);
    if (result != DEVSDK_PENDING) {
        finish(j, result);
    }
}

/* ---- answers -------------------------------------------------------------------------------------------------- */

static devsdk_result take_value(struct job *j, unsigned i, const devsdk_http_answer *answer)
{
    const struct rest_attribute *a = devsdk_attr(j->r, i);
    const char *media_type = devsdk_media_type(j->r, i);
    char why[256] = "";
    bool is_binary = devsdk_wanted(j->r, i).type == DEVSDK_BINARY;
    if (is_binary && media_type && *answer->type && !rest_media_type_is(answer->type, media_type) &&
        !rest_media_type_is(answer->type, "application/octet-stream")) {
        return devsdk_fail(j->r, DEVSDK_DEVICE, "%s: %s came, not %s", devsdk_resource(j->r, i),
                           answer->type, media_type);
    }
    devsdk_result result =
        rest_take(j->r, i, a->pointer, answer->body, answer->n, why, sizeof(why));
    j->is_set[i] = true;
    if (result == DEVSDK_OK ||
        result == DEVSDK_RANGE) { /* the reading of the latter says "overflow" */
        return DEVSDK_OK;
    }
    return devsdk_fail(j->r, DEVSDK_DEVICE, "%s", why);
}

/* Is it read by the same request as the one of now? */
static bool shares(const struct job *j, unsigned i)
{
    const struct rest_attribute *a = attr_of(j), *other = devsdk_attr(j->r, i);
    return a->path && other->path && strcmp(a->path, other->path) == 0 && !strstr(a->path, "${") &&
           !a->method && !other->method;
}

static devsdk_result take_values(struct job *j, const devsdk_http_answer *answer)
{
    devsdk_result result = take_value(j, j->at, answer);
    for (unsigned i = j->at + 1; result == DEVSDK_OK && i < devsdk_count(j->r); i++) {
        if (!j->is_set[i] && shares(j, i)) {
            result = take_value(j, i, answer);
        }
    }
    return result;
}

static devsdk_result judge(struct job *j, const devsdk_http_answer *answer)
{
    if (answer->result != DEVSDK_OK) {
        devsdk_result result = answer->result == DEVSDK_RANGE ? DEVSDK_DEVICE : answer->result;
        return devsdk_fail(j->r, result, "%s %s: %s", method_of(j), j->url, answer->why);
    }
    if (answer->code < 200 || answer->code > 299) {
        const char *to = devsdk_http_answer_header(answer, "Location");
        return devsdk_fail(j->r, DEVSDK_DEVICE, "%s %s: answered %d%s%.200s", method_of(j), j->url,
                           answer->code, to ? " to " : "", to ? to : "");
    }
    return j->writes ? DEVSDK_OK : take_values(j, answer);
}

static void on_answer(void *arg, const devsdk_http_answer *answer)
{
    struct job *j = arg;
    devsdk_result result = judge(j, answer);
    if (result != DEVSDK_OK) {
        finish(j, result);
        return;
    }
    j->at++;
    go_on(j);
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

static devsdk_result begin(devsdk_device *dev, devsdk_request *r, bool writes)
{
    if (!rest_serves(dev)) {
        return devsdk_fail(r, DEVSDK_DENIED,
                           "%s sends by itself, it cannot be asked: it has no protocol REST",
                           devsdk_name(dev));
    }
    devsdk_result result = rest_link(dev, r);
    if (result != DEVSDK_OK) {
        return result;
    }
    struct job *j = calloc(1, sizeof(*j));
    if (!j) {
        return devsdk_fail(r, DEVSDK_DEVICE, "no memory for the request");
    }
    j->dev = dev;
    j->r = r;
    j->http = ((const struct rest_device *)devsdk_data(dev))->http;
    j->writes = writes;
    go_on(j);
    return DEVSDK_PENDING;
}

devsdk_result rest_read(devsdk_device *dev, devsdk_request *r)
{
    return begin(dev, r, false);
}

devsdk_result rest_write(devsdk_device *dev, devsdk_request *r)
{
    return begin(dev, r, true);
}
