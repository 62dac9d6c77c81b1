/*
 * Each registration as a pipeline: filter, format, compression, encryption, and the queue of its peer. A plan is all of
 * them as of one moment; a change makes another one, and the engine changes what differs.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client.h"
#include "edge/text.h"

static const char NONE[] = "no/events"; /* a topic nobody has */

/* ---- functions and parameters ----------------------------------------------------------------- */

struct maker {
    struct edge_arena *a;
    const struct client *client;
    const struct registration *r;
    struct lane *lane;
    struct export_topic_pipeline *pipeline;
};

enum { FUNCTIONS_MAX = 5, PARAMETERS_MAX = 12 };

static struct export_function_info *add_function(struct maker *m, const char *name)
{
    struct export_topic_pipeline *p = m->pipeline;
    struct export_function_info *f = &p->functions[p->n_functions++];
    f->name = name;
    f->parameters = edge_new_n(m->a, struct edge_named_text, PARAMETERS_MAX);
    p->execution_order =
        p->execution_order ? edge_printf(m->a, "%s, %s", p->execution_order, name) : name;
    return f;
}

static void set(struct export_function_info *f, const char *name, const char *value)
{
    if (value && *value) {
        f->parameters[f->n_parameters++] = (struct edge_named_text){name, value};
    }
}

static bool given(const char *text)
{
    return text && *text;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return given(text) ? text : otherwise;
}

static const char *array_of(struct edge_arena *a, const char **names, size_t n)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        edge_buf_putc(&b, i > 0 ? ',' : '[');
        edge_json_put_string(&b, names[i]);
    }
    edge_buf_puts(&b, n > 0 ? "]" : "");
    return edge_strndup(a, b.data ? b.data : "", b.len);
}

static bool is_influx(const struct registration *r)
{
    return strcmp(r->destination, "INFLUXDB_ENDPOINT") == 0;
}

static void add_stages(struct maker *m)
{
    const struct registration *r = m->r;
    if (r->filter.n_devices + r->filter.n_values > 0) {
        struct export_function_info *f = add_function(m, "V1Filter");
        set(f, "DeviceIdentifiers", array_of(m->a, r->filter.devices, r->filter.n_devices));
        set(f, "ValueDescriptorIdentifiers", array_of(m->a, r->filter.values, r->filter.n_values));
    }
    if (is_influx(r)) { /* in the form of its own */
        set(add_function(m, "V1Format"), "Format", "INFLUXDB");
        return;
    }
    set(add_function(m, "V1Format"), "Format", r->format);
    if (strcmp(r->compression, "NONE") != 0) {
        set(add_function(m, "Compress"), "Algorithm",
            strcmp(r->compression, "GZIP") == 0 ? "gzip" : "zlib");
    }
    if (strcmp(r->encryption.algorithm, "AES") == 0) {
        struct export_function_info *f = add_function(m, "V1Encrypt");
        set(f, "SecretName", m->lane->secret_name);
        set(f, "SecretValueKey", LANE_KEY);
        set(f, "InitializingVector", r->encryption.vector);
    }
}

/* ---- where to ---------------------------------------------------------------------------------- */

/* A host or an address and nothing else, so that nobody is spoken to that it does not show. */
static bool is_host(const char *text)
{
    return given(text) && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789.-_:[]")] == '\0';
}

static const char *host_of(struct edge_arena *a, const char *address)
{
    return strchr(address, ':') && *address != '[' ? edge_printf(a, "[%s]", address) : address;
}

static const struct certificate *certificate_called(const struct client *client, const char *name)
{
    for (size_t i = 0; i < client->config->n_certificates; i++) {
        if (strcasecmp(client->config->certificates[i].name, name) == 0) {
            return &client->config->certificates[i];
        }
    }
    return NULL;
}

static bool is_among(const char *const *names, const char *text)
{
    while (*names && strcasecmp(*names, text ? text : "") != 0) {
        names++;
    }
    return *names != NULL;
}

static const char *unsound(struct maker *m, const char *member, const char *wanted,
                           const char *value)
{
    return edge_printf(m->a, "%s of the addressable must be %s, not '%s'", member, wanted,
                       value ? value : "");
}

static const char *content_type(const char *format)
{
    return strcmp(format, "XML") == 0   ? "application/xml"
           : strcmp(format, "CSV") == 0 ? "text/csv"
                                        : "application/json";
}

/* NULL, or why it cannot be. */
static void add_web(struct maker *m, const char *path, const char *mime_type)
{
    const struct addressable *at = &m->r->addressable;
    bool tls = strcasecmp(text_or(at->protocol, ""), "https") == 0;
    const struct certificate *c = tls ? certificate_called(m->client, "HTTPS") : NULL;
    struct export_function_info *f = add_function(m, m->lane->function);
    set(f, "Method", "post");
    set(f, "Url",
        edge_printf(m->a, "%s://%s%s%s%s", tls ? "https" : "http", host_of(m->a, at->address),
                    at->port > 0 ? edge_printf(m->a, ":%lld", (long long)at->port) : "",
                    *path == '/' ? "" : "/", path));
    set(f, "MimeType", mime_type);
    if (c) {
        set(f, "CertFile", c->cert);
        set(f, "KeyFile", c->key);
        set(f, "CaFile", c->ca);
        set(f, "SkipVerify", c->skip_verify ? "true" : "false");
    }
}

static const char *add_http(struct maker *m)
{
    const struct addressable *at = &m->r->addressable;
    static const char *const protocols[] = {"http", "https", NULL};
    if (!is_among(protocols, at->protocol)) {
        return unsound(m, "protocol", "HTTP or HTTPS", at->protocol);
    }
    if (strcasecmp(text_or(at->method, ""), "post") != 0) {
        return unsound(m, "method", "POST", at->method);
    }
    add_web(m, text_or(at->path, "/"), content_type(m->r->format));
    return NULL;
}

/* Version 1 of its interface; the database is the topic. */
static const char *add_influx(struct maker *m)
{
    const struct addressable *at = &m->r->addressable;
    if (!given(at->topic) || strpbrk(at->topic, "&={}")) {
        return unsound(m, "topic", "the name of a database", at->topic);
    }
    add_web(m, edge_printf(m->a, "/write?db=%s&precision=u", edge_name_escape(m->a, at->topic)),
            "text/plain; charset=utf-8");
    if (given(at->user)) {
        struct export_function_info *f = &m->pipeline->functions[m->pipeline->n_functions - 1];
        set(f, "HeaderName", "Authorization");
        set(f, "SecretName", m->lane->secret_name);
        set(f, "SecretValueKey", LANE_BASIC);
    }
    return NULL;
}

/* "projects/P/locations/L/registries/R/devices/D": /devices/D/events. */
static const char *iot_core_topic(struct maker *m)
{
    const char *device = strrchr(text_or(m->r->addressable.publisher, ""), '/');
    device = device ? device + 1 : text_or(m->r->addressable.publisher, "");
    return edge_printf(m->a, "/devices/%s/events", device);
}

static const char *auth_mode(const struct addressable *at, const struct certificate *c)
{
    return given(at->user) || given(at->password) ? "usernamepassword"
           : c && given(c->cert)                  ? "clientcert"
           : c && given(c->ca)                    ? "cacert"
                                                  : "none";
}

/* What is sent at a time at most, by the kind of peer; 0: whatever MQTT takes. */
static const char *most_bytes(const char *destination)
{
    return strcmp(destination, "AWS_TOPIC") == 0     ? "131072"
           : strcmp(destination, "AZURE_TOPIC") == 0 ? "262144"
                                                     : "0";
}

static const char *add_mqtt(struct maker *m)
{
    enum { AWS_PORT = 8883 };
    const struct addressable *at = &m->r->addressable;
    static const char *const plain[] = {"tcp", "mqtt", NULL}, *const with_tls[] = {"tcps", "ssl",
                                                                                   "tls", "mqtts",
                                                                                   NULL};
    bool aws = strcmp(m->r->destination, "AWS_TOPIC") == 0;
    bool tls = aws || is_among(with_tls, at->protocol);
    const char *topic = text_or(at->topic, "");
    if (!tls && !is_among(plain, at->protocol)) {
        return unsound(m, "protocol", "TCP, TCPS, SSL or TLS", at->protocol);
    }
    if (strcmp(m->r->destination, "IOTCORE_TOPIC") == 0 && !*topic) {
        topic = iot_core_topic(m);
    }
    if (!*topic || strpbrk(topic, "+#")) {
        return unsound(m, "topic", "there, without wildcards", topic);
    }
    int64_t port = aws ? AWS_PORT : at->port;
    const struct certificate *c = tls ? certificate_called(m->client, aws ? "AWS" : "MQTTS") : NULL;
    m->lane->certificate = c;
    struct export_function_info *f = add_function(m, "MQTTExport");
    set(f, "BrokerAddress",
        edge_printf(m->a, "%s://%s%s", tls ? "ssl" : "tcp", host_of(m->a, at->address),
                    port > 0 ? edge_printf(m->a, ":%lld", (long long)port) : ""));
    set(f, "Topic", aws ? edge_printf(m->a, "$aws/things/%s/shadow/update", topic) : topic);
    set(f, "SecretName", m->lane->secret_name);
    set(f, "AuthMode", auth_mode(at, c));
    set(f, "ClientId", text_or(at->publisher, m->r->id));
    set(f, "Qos", "1");
    set(f, "SkipVerify", c && c->skip_verify ? "true" : "false");
    set(f, "MaxMessageSize", most_bytes(m->r->destination));
    return NULL;
}

/* NULL, or what a function does not take: found here, so that the engine refuses nothing. */
static const char *fault_of(struct maker *m)
{
    EDGE_CTX_SCOPE(ctx);
    for (size_t i = 0; i < m->pipeline->n_functions; i++) {
        const struct export_function_info *f = &m->pipeline->functions[i];
        const struct export_function *type = export_function_find(f->name);
        struct export_params params;
        void *stage;
        enum edge_status st = export_params_check(&ctx, &ctx.arena, type, f->name, f->parameters,
                                                  f->n_parameters, &params);
        st =
            st == EDGE_OK ? type->compile(&ctx, &ctx.arena, &m->client->host, &params, &stage) : st;
        if (st != EDGE_OK) {
            return edge_strdup(m->a, edge_ctx_message(&ctx, st));
        }
    }
    return NULL;
}

/* Who hands on, and by which function: its name is the queue's, so another kind of peer has another one. */
static const struct kind {
    const char *destination, *function;
    const char *(*add)(struct maker *m);
} KINDS[] = {
    {"MQTT_TOPIC",        "MQTTExport",       add_mqtt  },
    {"IOTCORE_TOPIC",     "MQTTExport",       add_mqtt  },
    {"AZURE_TOPIC",       "MQTTExport",       add_mqtt  },
    {"AWS_TOPIC",         "MQTTExport",       add_mqtt  },
    {"REST_ENDPOINT",     "HTTPExport",       add_http  },
    {"INFLUXDB_ENDPOINT", "HTTPExportInflux", add_influx},
};

static const struct kind *kind_of(const struct registration *r)
{
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (strcmp(KINDS[i].destination, r->destination) == 0) {
            return &KINDS[i];
        }
    }
    return NULL;
}

static void add_peer(struct maker *m)
{
    struct lane *lane = m->lane;
    const char *address = m->r->addressable.address;
    const struct kind *kind = kind_of(m->r);
    if (!kind) {
        lane->state = EXPORT_Q_UNCONNECTED;
        lane->reason = edge_printf(m->a, "nobody here speaks to a %s; it is kept, and does nothing",
                                   m->r->destination);
        lane->function = m->r->destination;
        return;
    }
    lane->function = kind->function;
    lane->reason = is_host(address) ? kind->add(m) : unsound(m, "address", "a host", address);
    lane->reason = lane->reason ? lane->reason : fault_of(m);
    lane->state = lane->reason ? EXPORT_Q_REFUSED : EXPORT_Q_IDLE;
}

/* ---- the plan ---------------------------------------------------------------------------------- */

/* The name of its secret changes with it, so that it is connected to its peer anew then, and no other one. */
static void plan_add(struct plan *plan, const struct client *client, const struct registration *r)
{
    struct edge_arena *a = &plan->arena;
    struct lane *lane = &plan->lanes[plan->n++];
    struct export_pipeline_info *all = &plan->settings.pipeline;
    struct export_topic_pipeline *p = &all->per_topic[all->n_per_topic];
    *lane = (struct lane){
        .id = r->id,
        .name = r->name,
        .user = r->addressable.user,
        .password = r->addressable.password,
        .key = r->encryption.key,
        .secret_name = edge_printf(a, "%s@%lld", r->id, (long long)r->modified),
    };
    *p = (struct export_topic_pipeline){
        .key = r->id,
        .id = r->id,
        .topics = *r->enable ? "events/#" : NONE,
        .functions = edge_new_n(a, struct export_function_info, FUNCTIONS_MAX),
    };
    struct maker m = {a, client, r, lane, p};
    add_stages(&m);
    add_peer(&m);
    all->n_per_topic += lane->reason == NULL;
}

void plan_free(struct plan *plan)
{
    if (plan) {
        edge_arena_done(&plan->arena);
        free(plan);
    }
}

static enum edge_status plan_make(struct edge_ctx *ctx, const struct client *client,
                                  struct plan **ret)
{
    const struct edge_query all = {.collection = &V1_REGISTRATIONS, .limit = -1};
    const struct client_writable *w = edge_runtime_writable(client->rt);
    struct edge_texts texts;
    EDGE_TRY(edge_store_find(ctx, client->store, &all, &texts));
    struct plan *plan = edge_xalloc(1, sizeof(*plan));
    plan->lanes = edge_new_n(&plan->arena, struct lane, texts.n);
    plan->settings.spool = w->spool;
    plan->settings.pipeline.per_topic =
        edge_new_n(&plan->arena, struct export_topic_pipeline, texts.n);
    for (size_t i = 0; i < texts.n; i++) {
        struct registration r;
        enum edge_status st =
            edge_dto_decode_text(ctx, &V1_REGISTRATION, texts.texts[i], strlen(texts.texts[i]), &r);
        if (st != EDGE_OK) {
            plan_free(plan);
            return st;
        }
        plan_add(plan, client, edge_dto_clone(&V1_REGISTRATION, &plan->arena, &r));
    }
    *ret = plan;
    return EDGE_OK;
}

/* The one before is there until nothing of it runs any more: finish(). */
static void begin(struct client *client, struct plan *plan)
{
    EDGE_LOCK(&client->lock);
    client->before = client->plan;
    client->plan = plan;
}

static void finish(struct client *client)
{
    EDGE_LOCK(&client->lock);
    plan_free(client->before);
    client->before = NULL;
}

enum edge_status pipelines_apply(struct edge_ctx *ctx, struct client *client)
{
    struct plan *plan;
    EDGE_TRY(plan_make(ctx, client, &plan));
    bool any = plan->settings.pipeline.n_per_topic > 0;
    begin(client, plan);
    enum edge_status st = export_engine_apply(ctx, client->front.engine, &plan->settings);
    finish(client);
    if (st != EDGE_OK) {
        const char *reason = edge_ctx_message(ctx, st);
        edge_log_error(ctx, "registrations are not followed", "reason", reason, NULL);
        edge_ctx_clear(ctx);
    }
    if (!any || client->listens) {
        return EDGE_OK;
    }
    client->listens = true;
    return export_engine_listen(ctx, client->front.engine, client->rt, "events/#",
                                plan->settings.spool.full);
}
