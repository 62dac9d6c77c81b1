#include "hops.h"

#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "edge/clock.h"
#include "rig.h"

#define EVENTS_TOPIC "edgex/events/device/bench/P/D/S"
#define EXPORT_TOPIC "export"
enum { PATIENCE = 20 * 1000, REQUEST_MAX = 64 * 1024, KEEP_ALIVE_S = 60 };

/* ---- the tally ---- */

static size_t tally_size(uint64_t cap)
{
    return sizeof(struct hops_tally) + cap * sizeof(struct hops_arrival);
}

struct hops_tally *hops_tally_new(uint64_t cap)
{
    struct hops_tally *t =
        mmap(NULL, tally_size(cap), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    rig_must(t != MAP_FAILED, "no memory");
    t->cap = cap;
    return t;
}

void hops_tally_reset(struct hops_tally *t)
{
    uint64_t cap = t->cap;
    memset(t, 0, tally_size(cap));
    t->cap = cap;
}

bool hops_arrived(struct hops_tally *t, uint64_t n)
{
    uint64_t before = 0;
    for (int64_t since = edge_now_mono_ms(); t->n < n; rig_wait_ms(1)) {
        if (t->n > before) {
            before = t->n;
            since = edge_now_mono_ms();
        } else if (edge_now_mono_ms() - since > PATIENCE) {
            return false;
        }
    }
    return true;
}

static bool number_after(const char *text, size_t size, const char *key, uint64_t *ret)
{
    const char *p = memmem(text, size, key, strlen(key));
    *ret = p ? strtoull(p + strlen(key), NULL, 10) : 0;
    return p != NULL;
}

/* @p text ends with a NUL behind @p size. One thread of one process. */
static void note(struct hops_tally *t, const char *text, size_t size)
{
    uint64_t number, origin;
    if (!number_after(text, size, "\"value\":\"", &number) ||
        !number_after(text, size, "\"origin\":", &origin) || number >= t->cap) {
        t->strange++;
        return;
    }
    if (t->arrival[number].seen++ > 0) {
        t->again++;
        return;
    }
    int64_t took_us = (edge_now_ns() - (int64_t)origin) / 1000;
    t->arrival[number].took_us = took_us > 0 ? (uint32_t)took_us : 0;
    t->last_ns = edge_now_mono_ns();
    if (t->n++ == 0) {
        t->first_ns = (int64_t)t->last_ns;
    }
}

size_t hops_event(char text[HOPS_EVENT_SIZE], uint64_t i, unsigned readings, bool envelope)
{
    unsigned long long number = i;
    long long now = edge_now_ns();
    size_t n = 0;
#define PUT(...) n += (size_t)snprintf(text + n, HOPS_EVENT_SIZE - n, __VA_ARGS__)
    if (envelope) {
        PUT("{\"apiVersion\":\"v3\",\"receivedTopic\":\"\",\"correlationID\":"
            "\"00000000-0000-4000-a000-000000000000\",\"requestID\":\"\","
            "\"errorCode\":0,\"payload\":");
    }
    PUT("{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"00000000-0000-4000-8000-%012llx\","
        "\"deviceName\":\"D\",\"profileName\":\"P\",\"sourceName\":\"S\",\"origin\":%lld,\"readings\":[",
        number, now);
    for (unsigned k = 0; k < readings; k++) {
        PUT("%s{\"id\":\"00000000-0000-4000-9%03x-%012llx\",\"origin\":%lld,\"deviceName\":\"D\","
            "\"resourceName\":\"S%u\",\"profileName\":\"P\",\"valueType\":\"Int64\",\"value\":\"%llu\"}",
            k > 0 ? "," : "", k, number, now, k, number);
    }
    PUT("]}}");
    if (envelope) {
        PUT(",\"contentType\":\"application/json\"}");
    }
#undef PUT
    return n;
}

/* ---- processes ---- */

static pid_t start(void)
{
    fflush(stdout);
    pid_t pid = fork();
    rig_must(pid >= 0, "cannot fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return pid;
}

static pid_t wait_ready(struct hops_tally *t, pid_t pid)
{
    int64_t deadline = edge_now_mono_ms() + PATIENCE;
    while (!t->ready) {
        rig_must(edge_now_mono_ms() < deadline, "a peer does not start");
        rig_wait_ms(1);
    }
    t->ready = false;
    return pid;
}

bool hops_ended(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void hops_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ---- clients of a broker ---- */

static void on_connected(void *context, MQTTAsync_successData *data)
{
    (void)data;
    sem_post(context);
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
    (void)context, (void)data;
    rig_must(false, "a peer's client failed");
}

static void on_lost(void *context, char *cause)
{
    (void)context, (void)cause;
    rig_must(false, "a peer lost its broker");
}

static MQTTAsync client_open(uint16_t port, const char *id, MQTTAsync_messageArrived *arrived,
                             void *context)
{
    MQTTAsync c;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    char url[64];
    sem_t done;
    sem_init(&done, 0, 0);
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", port);
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.cleansession = 1;
    options.maxInflight = HOPS_WINDOW;
    options.onSuccess = on_connected;
    options.onFailure = on_failure;
    options.context = &done;
    rig_must(MQTTAsync_create(&c, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL) == 0 &&
                 MQTTAsync_setCallbacks(c, context, on_lost, arrived, NULL) == 0 &&
                 MQTTAsync_connect(c, &options) == 0,
             "no client");
    sem_wait(&done);
    sem_destroy(&done);
    return c;
}

static void client_hear(MQTTAsync c, const char *pattern)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    sem_t done;
    sem_init(&done, 0, 0);
    options.onSuccess = on_connected;
    options.onFailure = on_failure;
    options.context = &done;
    rig_must(MQTTAsync_subscribe(c, pattern, 1, &options) == 0, "no subscription");
    sem_wait(&done);
    sem_destroy(&done);
}

static int sink_arrived(void *context, char *topic, int topic_len, MQTTAsync_message *m)
{
    (void)topic_len;
    char text[HOPS_EVENT_SIZE + 1];
    size_t size = (size_t)m->payloadlen < HOPS_EVENT_SIZE ? (size_t)m->payloadlen : HOPS_EVENT_SIZE;
    memcpy(text, m->payload, size);
    text[size] = '\0';
    note(context, text, size);
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

pid_t hops_sink(struct hops_tally *t, uint16_t port)
{
    pid_t pid = start();
    if (pid == 0) {
        client_hear(client_open(port, "bench-sink", sink_arrived, t), EXPORT_TOPIC);
        t->ready = true;
        for (;;) {
            pause();
        }
    }
    return wait_ready(t, pid);
}

/* ---- sending ---- */

struct sender {
    MQTTAsync client;
    sem_t room;
};

static void on_acknowledged(void *context, MQTTAsync_successData *data)
{
    (void)data;
    sem_post(&((struct sender *)context)->room);
}

static void sender_open(struct sender *s, uint16_t port, const char *id)
{
    sem_init(&s->room, 0, HOPS_WINDOW);
    s->client = client_open(port, id, sink_arrived, NULL);
}

static void sender_send(struct sender *s, const char *topic, const char *text, size_t size)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onSuccess = on_acknowledged;
    options.onFailure = on_failure;
    options.context = s;
    sem_wait(&s->room);
    rig_must(MQTTAsync_send(s->client, topic, (int)size, text, 1, 0, &options) == 0, "send");
}

static void sender_drain(struct sender *s)
{
    for (int i = 0; i < HOPS_WINDOW; i++) {
        sem_wait(&s->room);
    }
}

pid_t hops_source(uint16_t port, uint64_t first, uint64_t end, double rate, unsigned readings,
                  bool envelope)
{
    pid_t pid = start();
    if (pid > 0) {
        return pid;
    }
    struct sender s;
    sender_open(&s, port, "bench-source");
    int64_t begin = edge_now_mono_ns();
    for (uint64_t i = first; i < end; i++) {
        char text[HOPS_EVENT_SIZE];
        int64_t early =
            rate > 0 ? begin + (int64_t)((double)(i - first) / rate * 1e9) - edge_now_mono_ns() : 0;
        if (early > 0) {
            nanosleep(&(struct timespec){early / 1000000000, early % 1000000000}, NULL);
        }
        size_t size = hops_event(text, i, readings, envelope);
        sender_send(&s, envelope ? EVENTS_TOPIC : EXPORT_TOPIC, text, size);
    }
    sender_drain(&s);
    _exit(0);
}

/* ---- handing on ---- */

struct parcel {
    struct parcel *next;
    size_t size;
    char text[];
};

struct relay {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct parcel *first, **last;
};

static int relay_arrived(void *context, char *topic, int topic_len, MQTTAsync_message *m)
{
    (void)topic_len;
    struct relay *r = context;
    struct parcel *p = malloc(sizeof(*p) + (size_t)m->payloadlen);
    rig_must(p != NULL, "no memory");
    p->next = NULL;
    p->size = (size_t)m->payloadlen;
    memcpy(p->text, m->payload, p->size);
    pthread_mutex_lock(&r->lock);
    *r->last = p;
    r->last = &p->next;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

static struct parcel *relay_next(struct relay *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->first) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    struct parcel *p = r->first;
    r->first = p->next;
    if (!r->first) {
        r->last = &r->first;
    }
    pthread_mutex_unlock(&r->lock);
    return p;
}

pid_t hops_relay(struct hops_tally *t, uint16_t from, uint16_t to)
{
    pid_t pid = start();
    if (pid > 0) {
        return wait_ready(t, pid);
    }
    struct sender s;
    struct relay r = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    r.last = &r.first;
    sender_open(&s, to, "bench-relay-out");
    client_hear(client_open(from, "bench-relay-in", relay_arrived, &r), "edgex/events/#");
    t->ready = true;
    for (;;) {
        struct parcel *p = relay_next(&r);
        sender_send(&s, EXPORT_TOPIC, p->text, p->size);
        free(p);
    }
}

/* ---- the web server ---- */

/* Length of the whole request; 0: its head is not there yet. */
static size_t request_size(const char *text, size_t len)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    const char *length = end ? strcasestr(text, "\r\nContent-Length:") : NULL;
    if (!end) {
        return 0;
    }
    return (size_t)(end - text) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void answer_all(struct hops_tally *t, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static char text[REQUEST_MAX];
    size_t len = 0;
    for (ssize_t n; (n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0;) {
        len += (size_t)n;
        text[len] = '\0';
        size_t whole = request_size(text, len);
        if (whole > 0 && len >= whole) {
            note(t, text, len);
            len = 0;
            rig_must(send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) > 0, "cannot answer");
        }
    }
    close(fd);
}

pid_t hops_receiver(struct hops_tally *t)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    rig_must(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 8) == 0 &&
                 getsockname(fd, (struct sockaddr *)&at, &size) == 0,
             "no web server");
    t->port = ntohs(at.sin_port);
    pid_t pid = start();
    if (pid > 0) {
        close(fd);
        return pid;
    }
    for (int c; (c = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        answer_all(t, c); /* who asks has one connection */
    }
    _exit(1);
}
