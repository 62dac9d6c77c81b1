/* How a device that serves is spoken to: its handle, made of its address and of its secret. */
#include <stdlib.h>
#include <string.h>

#include "rest_device.h"

enum { HEADERS_MAX = 32, SECRET_SIZE = 4096, HEADERS_SIZE = 8192 };

bool rest_serves(const devsdk_device *dev)
{
    return strcmp(devsdk_protocol_name(dev), "REST") == 0;
}

struct texts { /* of the options, while a handle is opened */
    char user[256], secret[SECRET_SIZE], headers[HEADERS_SIZE];
    devsdk_http_header list[HEADERS_MAX];
};

static devsdk_result take_secret(devsdk_device *dev, const struct rest_address *a,
                                 struct texts *texts, devsdk_http_options *o)
{
    devsdk_service *svc = devsdk_of(dev);
    o->auth = (devsdk_http_auth)a->auth;
    if (o->auth == DEVSDK_HTTP_NO_AUTH) {
        return DEVSDK_OK;
    }
    if (o->auth == DEVSDK_HTTP_BEARER) {
        o->token = texts->secret;
        return devsdk_secret(svc, a->secret_name, "token", texts->secret, sizeof(texts->secret));
    }
    o->user = texts->user;
    o->password = texts->secret;
    devsdk_result result =
        devsdk_secret(svc, a->secret_name, "username", texts->user, sizeof(texts->user));
    return result == DEVSDK_OK ? devsdk_secret(svc, a->secret_name, "password", texts->secret,
                                               sizeof(texts->secret))
                               : result;
}

/* Of the property, which was checked when the device came. */
static void take_headers(const struct rest_address *a, struct texts *texts, devsdk_http_options *o)
{
    devsdk_json doc =
        devsdk_json_parse(a->headers ? a->headers : "", a->headers ? strlen(a->headers) : 0);
    devsdk_json key, value;
    size_t cursor = 0, at = 0, n;
    o->headers = texts->list;
    while (o->n_headers < HEADERS_MAX && devsdk_json_next(doc, &cursor, &key, &value)) {
        devsdk_http_header *h = &texts->list[o->n_headers];
        h->name = texts->headers + at;
        if (!devsdk_json_string(key, texts->headers + at, sizeof(texts->headers) - at, &n)) {
            return;
        }
        at += n + 1;
        h->value = texts->headers + at;
        if (!devsdk_json_string(value, texts->headers + at, sizeof(texts->headers) - at, &n)) {
            return;
        }
        at += n + 1;
        o->n_headers++;
    }
}

static devsdk_result open_http(devsdk_device *dev, devsdk_request *r, struct texts *texts)
{
    struct rest_device *d = devsdk_data(dev);
    const struct rest_address *a = devsdk_addr(dev);
    char why[256] = "";
    devsdk_http_options o = {.ca_file = a->ca_file,
                             .cert_file = a->cert_file,
                             .key_file = a->key_file,
                             .server_name = a->server_name,
                             .skip_verify = a->skip_verify};
    if (take_secret(dev, a, texts, &o) != DEVSDK_OK) {
        return devsdk_fail(r, DEVSDK_BUSY, "secret %s with %s is not there (yet)", a->secret_name,
                           a->auth == DEVSDK_HTTP_BEARER ? "token" : "username and password");
    }
    take_headers(a, texts, &o);
    d->http = devsdk_http_open(devsdk_of(dev), &o, why, sizeof(why));
    if (!d->http) {
        return devsdk_fail(r, DEVSDK_INVALID, "%s", why);
    }
    if (a->skip_verify) {
        devsdk_log(devsdk_of(dev), DEVSDK_WARN, "%s: any certificate is taken, SkipCertVerify says",
                   devsdk_name(dev));
    }
    return DEVSDK_OK;
}

devsdk_result rest_link(devsdk_device *dev, devsdk_request *r)
{
    struct rest_device *d = devsdk_data(dev);
    struct rest_service *s = devsdk_service_data(devsdk_of(dev));
    unsigned secrets = atomic_load(&s->secrets);
    if (d->http && d->secrets != secrets) {
        devsdk_http_close(d->http);
        d->http = NULL;
    }
    if (d->http) {
        return DEVSDK_OK;
    }
    struct texts *texts = calloc(1, sizeof(*texts));
    if (!texts) {
        return devsdk_fail(r, DEVSDK_BUSY, "no memory for the connection");
    }
    devsdk_result result = open_http(dev, r, texts);
    d->secrets = secrets;
    explicit_bzero(texts, sizeof(*texts));
    free(texts);
    return result;
}
