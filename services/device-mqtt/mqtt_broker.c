/*
 * Connections. One for each broker and who we are there, shared by the devices behind it, opened with the first of
 * them and closed with the last; that of the configuration stays until the service ends. One that lacks its credentials
 * is opened when they come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_mqtt.h"
#include "mqtt_driver.h"

enum {
    KEY_SIZE = 16 * 1024,
    SECRET_SIZE = 16 * 1024, /* a chain of certificates */
    MAX_HEARD = 1000,
    RETRY_FIRST_MS = 1000,
};

static bool given(const char *text)
{
    return text && *text;
}

/* ---- which one ------------------------------------------------------------------------------------------------ */

/* What an address says, and where it says nothing, what goes for it. */
static struct mqtt_where where_of(const struct mqtt_service *s, const struct mqtt_address *addr)
{
    const struct mqtt_where *own = &((const struct mqtt_config *)devsdk_config(s->svc))->where;
    if (!given(addr->where.host)) {
        return *own;
    }
    struct mqtt_where w = addr->where;
    w.schema = given(w.schema) ? w.schema : "tcp";
    w.credentials = given(w.credentials) ? w.credentials : own->credentials;
    w.incoming = given(w.incoming) ? w.incoming : own->incoming;
    w.response = given(w.response) ? w.response : own->response;
    w.qos = w.qos < 0 ? own->qos : w.qos;
    return w;
}

#define TEXT(text) ((text) ? (text) : "")

/* All of it as a text, "" for the configured one. */
static void key_of(const struct mqtt_service *s, const struct mqtt_address *addr, char *ret,
                   size_t size)
{
    struct mqtt_where w = where_of(s, addr);
    ret[0] = '\0';
    if (given(addr->where.host)) {
        snprintf(ret, size, "%s\n%s\n%u\n%s\n%u\n%u\n%s\n%s\n%s\n%s\n%d\n%u\n%s\n%s\n%d", w.schema,
                 w.host, w.port, TEXT(w.client_id), w.keep_alive_s, w.auth, TEXT(w.credentials),
                 TEXT(w.ca), TEXT(w.cert), TEXT(w.key), w.skip_verify, w.version, TEXT(w.incoming),
                 TEXT(w.response), w.qos);
    }
}

enum { N_TEXTS = 9 };

static void texts_of(struct mqtt_where *w, const char **ret[N_TEXTS])
{
    const char **all[N_TEXTS] = {&w->schema, &w->host, &w->client_id, &w->credentials, &w->ca,
                                 &w->cert,   &w->key,  &w->incoming,  &w->response};
    memcpy(ret, all, sizeof(all));
}

/* Ours outlives the device it came from. */
static void copy_texts(struct mqtt_where *w)
{
    const char **texts[N_TEXTS];
    texts_of(w, texts);
    for (size_t i = 0; i < N_TEXTS; i++) {
        *texts[i] = *texts[i] ? strdup(*texts[i]) : NULL;
    }
}

static void free_texts(struct mqtt_where *w)
{
    const char **texts[N_TEXTS];
    texts_of(w, texts);
    for (size_t i = 0; i < N_TEXTS; i++) {
        free((char *)(uintptr_t)*texts[i]);
    }
}

/*
 * Two connections of one id push each other out. A stock configuration has the same for the message bus and for the
 * devices' broker, which are often one.
 */
static void name_client(const struct mqtt_service *s, struct mqtt_where *w, const char *key)
{
    char id[256];
    const struct mqtt_config *c = devsdk_config(s->svc);
    const char *ours = TEXT(c->where.client_id);
    uint32_t hash = 0x811c9dc5;
    for (const char *p = key; *p; p++) {
        hash = (hash ^ (unsigned char)*p) * 0x01000193;
    }
    if (*key && !given(w->client_id)) {
        snprintf(id, sizeof(id), "%.200s-%08x", ours, hash);
    } else if (!*key && (!*ours || strcmp(ours, device_mqtt.name) == 0)) {
        snprintf(id, sizeof(id), "%s-devices", device_mqtt.name);
    } else {
        return;
    }
    free((char *)(uintptr_t)w->client_id);
    w->client_id = strdup(id);
}

/* ---- the connection ---------------------------------------------------------------------------------------------- */

static void changed(void *arg, bool up, const char *reason)
{
    struct mqtt_broker *b = arg;
    MQTT_LOCK(&b->lock);
    b->up = up;
    snprintf(b->reason, sizeof(b->reason), "%s", reason ? reason : "");
}

static void subscribed(void *arg, const char *filter, const char *refusal)
{
    struct mqtt_broker *b = arg;
    MQTT_LOCK(&b->lock);
    if (b->where.response && strcmp(filter, b->where.response) == 0) {
        b->unanswered = refusal != NULL;
    }
}

/* A value of the broker's secret, to be freed; NULL: there is none now. */
static char *secret(const struct mqtt_broker *b, const char *key)
{
    char *value = malloc(SECRET_SIZE);
    if (value && devsdk_secret(b->service->svc, TEXT(b->where.credentials), key, value,
                               SECRET_SIZE) != DEVSDK_OK) {
        free(value);
        value = NULL;
    }
    return value;
}

struct login {
    char *username, *password, *ca, *cert, *key;
};

static void forget(struct login *l)
{
    char *all[] = {l->username, l->password, l->ca, l->cert, l->key};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]) {
            explicit_bzero(all[i], strlen(all[i]));
        }
        free(all[i]);
    }
}

/* NULL, or what is missing. */
static const char *find_login(const struct mqtt_broker *b, struct login *ret)
{
    const struct mqtt_where *w = &b->where;
    if (w->auth == MQTT_AUTH_USER) {
        ret->username = secret(b, "username");
        ret->password = secret(b, "password");
        if (!given(ret->username)) {
            return "username";
        }
    }
    if (w->auth == MQTT_AUTH_CERT) {
        ret->cert = given(w->cert) ? strdup(w->cert) : secret(b, "clientcert");
        ret->key = given(w->key) ? strdup(w->key) : secret(b, "clientkey");
        if (!ret->cert || !ret->key) {
            return "clientcert and clientkey";
        }
    }
    ret->ca = given(w->ca) ? strdup(w->ca) : secret(b, "cacert");
    return w->auth == MQTT_AUTH_CA && !ret->ca ? "cacert" : NULL;
}

static devsdk_mqtt *open_client(struct mqtt_broker *b, const struct login *l, char *why,
                                size_t size)
{
    const struct mqtt_config *c = devsdk_config(b->service->svc);
    const struct mqtt_where *w = &b->where;
    return devsdk_mqtt_open(b->service->svc,
                            &(devsdk_mqtt_config){
                                .scheme = w->schema,
                                .host = w->host,
                                .port = w->port,
                                .version = w->version == 1 ? 5 : 4,
                                .client_id = w->client_id,
                                .username = l->username,
                                .password = l->password,
                                .ca = l->ca,
                                .cert = l->cert,
                                .key = l->key,
                                .skip_verify = w->skip_verify,
                                .keep_alive_s = w->keep_alive_s,
                                .retry_first_ms = RETRY_FIRST_MS,
                                .retry_last_ms = c->retry_s * 1000,
                                .max_waiting = 10000,
                                .arg = b,
                                .received = dmqtt_received,
                                .sent = dmqtt_sent,
                                .subscribed = subscribed,
                                .changed = changed,
                            },
                            why, size);
}

/* False: no broker would take that. */
static bool connect_now(struct mqtt_broker *b, char *why, size_t size)
{
    __attribute__((cleanup(forget))) struct login l = {0};
    const char *missing = find_login(b, &l);
    if (missing) {
        devsdk_log(b->service->svc, DEVSDK_WARN,
                   "broker %s is waited with until the secret '%s' has %s", b->where.host,
                   TEXT(b->where.credentials), missing);
        MQTT_LOCK(&b->lock);
        snprintf(b->reason, sizeof(b->reason), "the secret '%.60s' has no %s",
                 TEXT(b->where.credentials), missing);
        return true;
    }
    devsdk_mqtt *client = open_client(b, &l, why, size);
    if (!client) {
        return false;
    }
    unsigned qos = (unsigned)b->where.qos;
    if (given(b->where.incoming)) {
        devsdk_mqtt_subscribe(client, b->where.incoming, qos);
    }
    if (given(b->where.response)) {
        devsdk_mqtt_subscribe(client, b->where.response, qos);
    }
    MQTT_LOCK(&b->lock);
    snprintf(b->reason, sizeof(b->reason), "no answer yet");
    b->client = client;
    dmqtt_listens_subscribe(b);
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void broker_free(struct mqtt_broker *b)
{
    if (!b) {
        return;
    }
    devsdk_mqtt_close(b->client);
    dmqtt_listens_done(b);
    mqtt_map_done(&b->waiting);
    mqtt_map_done(&b->heard);
    pthread_mutex_destroy(&b->lock);
    free_texts(&b->where);
    free(b->key);
    free(b->room);
    free(b->findings);
    free(b);
}

static struct mqtt_broker *broker_make(struct mqtt_service *s, const struct mqtt_address *addr,
                                       const char *key)
{
    struct mqtt_broker *b = calloc(1, sizeof(*b));
    if (!b) {
        return NULL;
    }
    b->service = s;
    b->configured = !*key;
    pthread_mutex_init(&b->lock, NULL);
    b->key = strdup(key);
    b->where = where_of(s, addr);
    copy_texts(&b->where);
    name_client(s, &b->where, key);
    return b;
}

struct mqtt_broker *dmqtt_broker_of(struct mqtt_service *s, const struct mqtt_address *addr,
                                    char *why, size_t size)
{
    char key[KEY_SIZE];
    snprintf(why, size, "out of memory");
    key_of(s, addr, key, sizeof(key));
    MQTT_LOCK(&s->lock);
    struct mqtt_broker *b = s->brokers;
    while (b && strcmp(b->key, key) != 0) {
        b = b->next;
    }
    if (!b) {
        b = broker_make(s, addr, key);
        if (!b || !connect_now(b, why, size)) {
            broker_free(b);
            return NULL;
        }
        b->next = s->brokers;
        s->brokers = b;
    }
    b->refs++;
    return b;
}

/* True where it is the caller's to free. */
static bool unref(struct mqtt_broker *b)
{
    MQTT_LOCK(&b->service->lock);
    if (--b->refs > 0 || b->configured) {
        return false;
    }
    struct mqtt_broker **at = &b->service->brokers;
    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
    return true;
}

void dmqtt_broker_put(struct mqtt_broker *b)
{
    if (b && unref(b)) {
        broker_free(b);
    }
}

bool dmqtt_broker_serves(const struct mqtt_broker *b, const struct mqtt_address *addr)
{
    char key[KEY_SIZE];
    if (!given(addr->where.host)) {
        return b->configured;
    }
    key_of(b->service, addr, key, sizeof(key));
    return strcmp(b->key, key) == 0;
}

void dmqtt_brokers_close(struct mqtt_service *s)
{
    while (s->brokers) { /* nobody else is left */
        struct mqtt_broker *b = s->brokers;
        s->brokers = b->next;
        broker_free(b);
    }
}

void dmqtt_brokers_log_in(struct mqtt_service *s)
{
    char why[256];
    MQTT_LOCK(&s->lock);
    for (struct mqtt_broker *b = s->brokers; b; b = b->next) {
        __attribute__((cleanup(forget))) struct login l = {0};
        if (!b->client && !connect_now(b, why, sizeof(why))) {
            devsdk_log(s->svc, DEVSDK_ERROR, "broker %s: %s", b->where.host, why);
        } else if (b->client && b->where.auth == MQTT_AUTH_USER && !find_login(b, &l)) {
            devsdk_mqtt_login(b->client, l.username, l.password);
        }
    }
}

/* ---- what others ask ------------------------------------------------------------------------------------------------ */

void dmqtt_broker_state(struct mqtt_broker *b, char *ret, size_t size)
{
    MQTT_LOCK(&b->lock);
    ret[0] = '\0';
    if (!b->up) {
        snprintf(ret, size, " (the broker %s is not connected: %s)", b->where.host, b->reason);
    } else if (b->unanswered) {
        snprintf(ret, size, " (the broker does not let us read %s)", b->where.response);
    }
}

bool dmqtt_once(struct mqtt_broker *b, const char *what)
{
    static char said;
    MQTT_LOCK(&b->lock);
    return b->heard.n < MAX_HEARD && !mqtt_map_get(&b->heard, what) &&
           mqtt_map_put(&b->heard, what, &said);
}

uint8_t dmqtt_qos(const struct mqtt_broker *b, const struct mqtt_address *addr,
                  const struct mqtt_attribute *attr)
{
    int qos = attr->qos >= 0 ? attr->qos : addr->where.qos >= 0 ? addr->where.qos : b->where.qos;
    return (uint8_t)qos;
}
