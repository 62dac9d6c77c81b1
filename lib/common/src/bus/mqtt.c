/*
 * A client of an MQTT broker, with paho's asynchronous one below. A thread of ours connects, renews the
 * subscriptions and starts sending; paho's callbacks only copy and queue. Publishers never call paho: its
 * receiving thread holds paho's lock while who receives waits for room in a full queue, and who empties that
 * queue must not wait for it.
 */
#include "mqtt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/log.h"
#include "edge/text.h"

enum {
    COMPLAIN_MS = 30 * 1000, /* between two lines about a broker that stays away */
    FIRST_NUDGE_MS = 5,
    LAST_NUDGE_MS = 200,
    PROD_MS = 2, /* while connecting */
    N_PRODS = 100,
    LOOK_MS = 1000,                  /* for what a connection failed at */
    LAST_CHANCE_MS = 1000,           /* for a broker that is away when we stop */
    MAX_PAYLOAD = 200 * 1000 * 1000, /* MQTT ends at 256 MiB */
};

/* ---- telling ------------------------------------------------------------------------------ */

/* Where paho does not know. Not while stopping: it takes its time. */
static void look_why(struct edge_mqtt *m)
{
    {
        EDGE_LOCK(&m->lock);
        if (!m->unsure || m->state != MQTT_DOWN || m->stop) {
            return;
        }
        m->unsure = false;
    }
    EDGE_CTX_SCOPE(own);
    const char *why = mqtt_paho_obstacle(&own.arena, m->config.host, m->config.port, true,
                                         edge_now_mono_ms() + LOOK_MS);
    if (!why && m->tls) {
        why = edge_printf(
            &own.arena, "TLS: not agreed (is the broker's certificate for '%s', does it want one?)",
            m->config.host);
    }
    EDGE_LOCK(&m->lock);
    if (why) {
        edge_text_fit(m->reason, sizeof(m->reason), why);
    }
}

static void log_change(struct edge_mqtt *m, bool up, const char *reason)
{
    struct edge_ctx ctx = {.log = m->config.log};
    if (up) {
        edge_log_info(&ctx, "message broker connected", "broker", m->uri, "client-id",
                      m->config.client_id, NULL);
    } else {
        edge_log_warn(&ctx, "no connection to the message broker, trying again", "broker", m->uri,
                      "client-id", m->config.client_id, "reason", reason, NULL);
    }
}

static void tell_change(struct edge_mqtt *m)
{
    char reason[sizeof(m->reason)];
    bool up, quiet;
    look_why(m);
    {
        EDGE_LOCK(&m->lock);
        int64_t now = edge_now_mono_ms();
        m->report = false;
        up = m->state == MQTT_UP;
        quiet = !up && now < m->quiet_until_ms;
        m->quiet_until_ms = quiet ? m->quiet_until_ms : now + COMPLAIN_MS;
        memcpy(reason, m->reason, sizeof(reason));
    }
    if (!quiet) {
        log_change(m, up, reason);
    }
    if (m->config.changed) {
        m->config.changed(m->config.state, up, up ? NULL : reason);
    }
}

/* ---- the client's thread -------------------------------------------------------------------- */

enum work {
    WORK_NONE,
    WORK_CONNECT,
    WORK_PROD,
    WORK_TUNE,
    WORK_SUBSCRIBE,
    WORK_UNSUBSCRIBE,
    WORK_SEND,
    WORK_NUDGE,
    WORK_HANG_UP
};

struct pace {
    struct edge_backoff nudges; /* of paho's sending thread */
    int n_prods;                /* of its receiving one, in this attempt */
};

static enum work work_connecting(struct edge_mqtt *m, struct pace *pace) EDGE_REQUIRES(m->lock)
{
    int64_t now = edge_now_mono_ms();
    if (now >= m->next_ms) {
        mqtt_connect_set_down(m, "no answer from the broker");
        return WORK_NONE;
    }
    if (pace->n_prods == N_PRODS) {
        edge_cond_wait_until(&m->wake, &m->lock, m->next_ms);
        return WORK_NONE;
    }
    if (edge_cond_wait_until(&m->wake, &m->lock, now + PROD_MS)) {
        return WORK_NONE;
    }
    pace->n_prods++;
    return WORK_PROD;
}

static enum work work_down(struct edge_mqtt *m, struct pace *pace) EDGE_REQUIRES(m->lock)
{
    int64_t now = edge_now_mono_ms();
    if (m->held) {
        edge_cond_wait(&m->wake, &m->lock);
        return WORK_NONE;
    }
    if (now < m->next_ms) {
        edge_cond_wait_until(&m->wake, &m->lock, m->next_ms);
        return WORK_NONE;
    }
    m->state = MQTT_CONNECTING;
    m->unsure = false;
    m->next_ms = now + (int64_t)m->config.connect_timeout_s * 1000 + MQTT_ANSWER_MS;
    pace->n_prods = 0;
    return WORK_CONNECT;
}

static bool is_unacknowledged(const struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    return m->config.ack_timeout_ms > 0 && m->flying.head &&
           edge_now_mono_ms() - m->flying.head->sent_ms >= m->config.ack_timeout_ms;
}

/* Nothing to do but to see that what is under way gets on. */
static enum work work_waiting(struct edge_mqtt *m, struct pace *pace) EDGE_REQUIRES(m->lock)
{
    uint64_t progress = m->progress;
    bool woken = edge_cond_wait_until(&m->wake, &m->lock,
                                      edge_now_mono_ms() + edge_backoff_next(&pace->nudges));
    if (woken || m->progress != progress) {
        edge_backoff_reset(&pace->nudges);
        return WORK_NONE;
    }
    return WORK_NUDGE;
}

static enum work work_connected(struct edge_mqtt *m, struct pace *pace) EDGE_REQUIRES(m->lock)
{
    if (m->state == MQTT_CONNECTED) {
        m->state = MQTT_SUBSCRIBING;
        return WORK_TUNE;
    }
    bool asking = m->n_asked > m->n_acked;
    if (!asking && m->n_acked < m->n_patterns) {
        return WORK_SUBSCRIBE;
    }
    if (!asking && m->state == MQTT_SUBSCRIBING) {
        m->state = MQTT_UP;
        m->report = true;
        edge_cond_broadcast(&m->changed);
        return WORK_NONE;
    }
    if (!asking && m->n_leaving > 0) {
        return WORK_UNSUBSCRIBE;
    }
    if ((asking && edge_now_mono_ms() >= m->next_ms) || is_unacknowledged(m)) {
        return WORK_HANG_UP;
    }
    if (mqtt_out_ready(m)) {
        return WORK_SEND;
    }
    if (!asking && m->in_flight == 0) {
        edge_backoff_reset(&pace->nudges);
        edge_cond_wait(&m->wake, &m->lock);
        return WORK_NONE;
    }
    return work_waiting(m, pace);
}

/* False: it is time to stop. */
static bool find_work(struct edge_mqtt *m, struct pace *pace, enum work *ret, bool *ret_report)
{
    EDGE_LOCK(&m->lock);
    *ret = WORK_NONE;
    if (!m->stop && !m->report) {
        *ret = m->state == MQTT_DOWN         ? work_down(m, pace)
               : m->state == MQTT_CONNECTING ? work_connecting(m, pace)
                                             : work_connected(m, pace);
    }
    *ret_report = m->report;
    return !m->stop;
}

static void hang_up(struct edge_mqtt *m)
{
    bool unacknowledged;
    {
        EDGE_LOCK(&m->lock);
        unacknowledged = is_unacknowledged(m);
    }
    mqtt_connect_hang_up(m, unacknowledged ? "no acknowledgement from the broker"
                                           : "no answer to a subscription");
}

static void work_do(struct edge_mqtt *m, enum work work)
{
    switch (work) {
    case WORK_NONE:
        break;
    case WORK_CONNECT:
        mqtt_connect_now(m);
        break;
    case WORK_PROD:
        mqtt_paho_wake_receiver(m);
        break;
    case WORK_TUNE:
        mqtt_paho_tune(m->config.port);
        break;
    case WORK_SUBSCRIBE:
        mqtt_in_ask(m);
        break;
    case WORK_UNSUBSCRIBE:
        mqtt_in_leave(m);
        break;
    case WORK_SEND:
        mqtt_out_pump(m);
        break;
    case WORK_NUDGE:
        mqtt_paho_wake_sender(m);
        break;
    case WORK_HANG_UP:
        hang_up(m);
        break;
    }
}

static void *mqtt_run(void *arg)
{
    struct edge_mqtt *m = arg;
    struct pace pace = {
        .nudges = {.first_ms = FIRST_NUDGE_MS, .last_ms = LAST_NUDGE_MS}
    };
    enum work work;
    bool report;
    while (find_work(m, &pace, &work, &report)) {
        if (report) {
            tell_change(m);
        }
        work_do(m, work);
    }
    return NULL;
}

/* ---- the configuration ----------------------------------------------------------------------- */

bool edge_mqtt_protocol(const char *protocol, bool *ret_tls)
{
    static const struct {
        const char *name;
        bool tls;
    } known[] = {
        {"tcp",   false},
        {"mqtt",  false},
        {"ssl",   true },
        {"tls",   true },
        {"mqtts", true }
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, protocol) == 0) {
            *ret_tls = known[i].tls;
            return true;
        }
    }
    return false;
}

enum edge_status edge_mqtt_url(struct edge_ctx *ctx, struct edge_arena *a, const char *url,
                               const char **ret_protocol, const char **ret_host, uint16_t *ret_port)
{
    static const char shape[] = "'%s' is not like tcp://host:1883";
    const char *host = strstr(url, "://");
    bool tls = false;
    if (!host || host == url) {
        return edge_fail(ctx, EDGE_INVALID, shape, url);
    }
    const char *protocol = edge_strndup(a, url, (size_t)(host - url));
    if (!edge_mqtt_protocol(protocol, &tls)) {
        return edge_fail(ctx, EDGE_UNSUPPORTED,
                         "'%s': %s is not supported, only tcp, mqtt, ssl, tls and mqtts", url,
                         protocol);
    }
    host += strlen("://");
    size_t len = strcspn(host, *host == '[' ? "]" : ":/?#@");
    const char *rest = host + len;
    if (*host == '[') { /* IPv6 */
        host++;
        len--;
        rest += *rest == ']';
    }
    int64_t port = tls ? 8883 : 1883;
    bool has_port = *rest == ':';
    if (len == 0 || (has_port ? !edge_int_parse(rest + 1, &port) : *rest != '\0') || port < 1 ||
        port > 65535) {
        return edge_fail(ctx, EDGE_INVALID, shape, url);
    }
    *ret_protocol = protocol;
    *ret_host = edge_strndup(a, host, len);
    *ret_port = (uint16_t)port;
    return EDGE_OK;
}

static const char *copy(struct edge_mqtt *m, const char *text)
{
    return text && *text ? edge_strdup(&m->arena, text) : NULL;
}

/* Paho reads files only. A text becomes one that nobody else sees and that goes with us. */
static const char *as_file(struct edge_mqtt *m, size_t i, const char *pem)
{
    if (!pem || !strstr(pem, "-----BEGIN ")) {
        return copy(m, pem);
    }
    int fd = memfd_create("pem", MFD_CLOEXEC);
    size_t len = strlen(pem);
    if (fd < 0 || write(fd, pem, len) != (ssize_t)len) {
        abort(); /* out of memory, or of descriptors when starting */
    }
    m->pem_fds[i] = fd;
    return edge_printf(&m->arena, "/proc/self/fd/%d", fd);
}

static void copy_will(struct edge_mqtt *m)
{
    const struct edge_mqtt_message *from = m->config.will;
    if (from) {
        char *payload = edge_new_n(&m->arena, char, from->size + 1);
        memcpy(payload, from->payload ? from->payload : "", from->size);
        m->will = (struct edge_mqtt_message){
            .topic = edge_strdup(&m->arena, from->topic),
            .payload = payload,
            .size = from->size,
            .qos = from->qos,
            .retained = from->retained,
        };
        m->config.will = &m->will;
    }
}

static void copy_texts(struct edge_mqtt *m, const struct edge_mqtt_config *from)
{
    struct edge_mqtt_config *c = &m->config;
    c->protocol = copy(m, from->protocol);
    bool bracketed = from->host[0] == '[';
    c->host = edge_strndup(&m->arena, from->host + bracketed, strcspn(from->host + bracketed, "]"));
    c->client_id = edge_strdup(&m->arena, from->client_id);
    c->username = copy(m, from->username);
    c->password = copy(m, from->password);
    c->ca = as_file(m, 0, from->ca);
    c->cert = as_file(m, 1, from->cert);
    c->key = as_file(m, 2, from->key);
    size_t alpn_len = from->alpn ? strlen(from->alpn) : 0;
    if (alpn_len > 0 && alpn_len < sizeof(m->alpn)) {
        m->alpn[0] = (unsigned char)alpn_len;
        memcpy(m->alpn + 1, from->alpn, alpn_len);
    }
    c->alpn = NULL;
    copy_will(m);
}

static void fill_defaults(struct edge_mqtt_config *c)
{
    c->keep_alive_s = c->keep_alive_s > 0 ? c->keep_alive_s : 10;
    c->connect_timeout_s = c->connect_timeout_s > 0 ? c->connect_timeout_s : 5;
    c->retry_first_ms = c->retry_first_ms > 0 ? c->retry_first_ms : 1000;
    c->retry_last_ms = c->retry_last_ms > 0 ? c->retry_last_ms : 120 * 1000;
    c->max_outgoing = c->max_outgoing ? c->max_outgoing : 1000;
    c->max_bytes = c->max_bytes ? c->max_bytes : (size_t)64 * 1024 * 1024;
    c->max_message = c->max_message && c->max_message < MAX_PAYLOAD ? c->max_message : MAX_PAYLOAD;
    c->window = c->window ? c->window : 64;
}

static enum edge_status configure(struct edge_ctx *ctx, struct edge_mqtt *m,
                                  const struct edge_mqtt_config *c)
{
    if (!edge_mqtt_protocol(c->protocol, &m->tls)) {
        return edge_fail(ctx, EDGE_INVALID, "MQTT protocol '%s' is not supported", c->protocol);
    }
    m->config = *c;
    fill_defaults(&m->config);
    copy_texts(m, c);
    m->uri = edge_printf(&m->arena, strchr(m->config.host, ':') ? "%s[%s]:%u" : "%s%s:%u",
                         m->tls ? "ssl://" : "tcp://", m->config.host, c->port);
    EDGE_LOCK(&m->lock);
    m->backoff =
        (struct edge_backoff){.first_ms = m->config.retry_first_ms,
                              .last_ms = m->config.retry_last_ms,
                              .spread_percent = 50}; /* who lost one broker comes back apart */
    m->window = m->config.window;
    m->held = c->held;
    return EDGE_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum edge_status edge_mqtt_open(struct edge_ctx *ctx, const struct edge_mqtt_config *config,
                                struct edge_mqtt **ret)
{
    struct edge_mqtt *m = edge_xalloc(1, sizeof(*m));
    edge_mutex_init(&m->lock);
    edge_cond_init(&m->wake);
    edge_cond_init(&m->changed);
    memset(m->pem_fds, -1, sizeof(m->pem_fds));
    enum edge_status st = configure(ctx, m, config);
    const char *fault = st == EDGE_OK ? mqtt_connect_prepare(m) : NULL;
    if (fault) {
        st = edge_fail(ctx, EDGE_INVALID, "message broker '%s': %s", m->uri, fault);
    }
    if (st != EDGE_OK) {
        edge_mqtt_free(m);
        return st;
    }
    mqtt_paho_join(m);
    *ret = m; /* callbacks may use it */
    m->thread = edge_thread_start("mqtt", mqtt_run, m);
    m->running = true;
    return EDGE_OK;
}

static void wait_sent(struct edge_mqtt *m, int64_t deadline_ms)
{
    int64_t last_chance_ms = edge_now_mono_ms() + LAST_CHANCE_MS;
    last_chance_ms = last_chance_ms < deadline_ms ? last_chance_ms : deadline_ms;
    EDGE_LOCK(&m->lock);
    while (!m->held && (m->n_outgoing > 0 || m->in_flight > 0)) {
        int64_t until_ms = m->state == MQTT_UP ? deadline_ms : last_chance_ms;
        if (edge_now_mono_ms() >= until_ms) {
            break;
        }
        edge_cond_wait_until(&m->changed, &m->lock, until_ms);
    }
    m->stop = true;
    edge_cond_signal(&m->wake);
}

void edge_mqtt_stop(struct edge_mqtt *m, int64_t deadline_ms)
{
    if (!m->running) {
        return;
    }
    wait_sent(m, deadline_ms);
    pthread_join(m->thread, NULL);
    m->running = false;
    mqtt_paho_leave(m);
    mqtt_connect_say_goodbye(m);
    MQTTAsync_destroy(&m->client); /* hands back what it still had; no callback after it */
    mqtt_out_clear(m);
}

static void close_fds(struct edge_mqtt *m)
{
    for (size_t i = 0; i < sizeof(m->pem_fds) / sizeof(m->pem_fds[0]); i++) {
        if (m->pem_fds[i] >= 0) {
            close(m->pem_fds[i]);
        }
    }
}

void edge_mqtt_free(struct edge_mqtt *m)
{
    if (!m) {
        return;
    }
    edge_mqtt_stop(m, 0);
    close_fds(m);
    edge_buf_done(&m->last_topic);
    edge_buf_done(&m->last_payload);
    {
        EDGE_LOCK(&m->lock);
        free(m->patterns);
    }
    edge_cond_done(&m->wake);
    edge_cond_done(&m->changed);
    edge_mutex_done(&m->lock);
    edge_arena_done(&m->arena);
    free(m);
}

void edge_mqtt_release(struct edge_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    m->held = false;
    edge_cond_signal(&m->wake);
}

void edge_mqtt_retry(struct edge_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    if (m->state == MQTT_DOWN) {
        edge_backoff_reset(&m->backoff);
        m->next_ms = 0;
        edge_cond_signal(&m->wake);
    }
}

void edge_mqtt_login(struct edge_mqtt *m, const char *username, const char *password)
{
    {
        EDGE_LOCK(&m->lock);
        m->config.username = copy(m, username); /* what was stays: an attempt may be under way */
        m->config.password = copy(m, password);
    }
    edge_mqtt_retry(m);
}

/* ---- whether it is up -------------------------------------------------------------------------- */

static bool is_connected(const struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    return m->state == MQTT_UP && m->n_acked == m->n_patterns;
}

bool edge_mqtt_connected(struct edge_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    return is_connected(m);
}

bool edge_mqtt_wait_connected(struct edge_mqtt *m, int64_t deadline_ms)
{
    EDGE_LOCK(&m->lock);
    while (!is_connected(m) && !m->hurried) {
        if (!edge_cond_wait_until(&m->changed, &m->lock, deadline_ms)) {
            return is_connected(m);
        }
    }
    return is_connected(m);
}

void edge_mqtt_hurry(struct edge_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    m->hurried = true;
    edge_cond_broadcast(&m->changed);
}

unsigned edge_mqtt_connections(struct edge_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    return m->epoch;
}
