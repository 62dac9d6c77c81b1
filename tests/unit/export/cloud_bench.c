#include "cloud_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "wait.h"

enum { SOON_MS = 20000 };

static void heard(void *state, const struct edge_mqtt_message *m)
{
    struct cloud *c = state;
    {
        EDGE_LOCK(&c->lock);
        size_t len = strlen(c->all);
        snprintf(c->last_topic, sizeof(c->last_topic), "%s", m->topic);
        snprintf(c->last, sizeof(c->last), "%.*s", (int)m->size, (const char *)m->payload);
        snprintf(c->all + len, sizeof(c->all) - len, "%s ", c->last);
        c->qos = m->qos;
        c->n++;
    }
    if (c->answer) {
        c->answer(c, m);
    }
}

/* Built once for all of them. */
static char peer_folder[] = "/tmp/edge-peer-XXXXXX";

static void remove_peer(void)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/peer.so", peer_folder);
    (void)unlink(path);
    (void)rmdir(peer_folder);
}

static void take_peer(struct cloud *c)
{
    static bool built;
    const char *source = getenv("EDGE_SOURCE_DIR");
    if (!built) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(peer_folder));
        atexit(remove_peer);
        const char *command = edge_printf(
            &c->arena,
            "cc -Wall -Wextra -Werror -shared -fPIC -o %s/peer.so %s/tests/peers/cloud.c -lcrypto",
            peer_folder, source ? source : ".");
        CU_ASSERT_EQUAL_FATAL(system(command), 0);
        built = true;
    }
    CU_ASSERT_EQUAL_FATAL(symlink(edge_printf(&c->arena, "%s/peer.so", peer_folder),
                                  edge_printf(&c->arena, "%s/peer.so", broker_folder(c->b))),
                          0);
}

void cloud_hear(struct cloud *c, const char *topics)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt_config config = {.protocol = "ssl",
                                      .host = "localhost",
                                      .port = broker_port(c->b),
                                      .version = 4,
                                      .client_id = "ear",
                                      .ca = broker_file(&ctx.arena, c->b, "ca.pem"),
                                      .cert = broker_file(&ctx.arena, c->b, "cli.pem"),
                                      .key = broker_file(&ctx.arena, c->b, "cli.key"),
                                      .retry_first_ms = 10,
                                      .retry_last_ms = 50,
                                      .state = c,
                                      .received = heard};
    CU_ASSERT_EQUAL_FATAL(edge_mqtt_open(&ctx, &config, &c->ear), EDGE_OK);
    for (size_t n; (n = strcspn(topics, " ")) > 0; topics += n + (topics[n] != '\0')) {
        edge_mqtt_subscribe(c->ear, edge_strndup(&ctx.arena, topics, n), 1);
    }
    CU_ASSERT(edge_mqtt_wait_connected(c->ear, edge_now_mono_ms() + SOON_MS));
}

void cloud_start_plain(struct cloud *c, const char *options)
{
    edge_mutex_init(&c->lock);
    c->b = broker_prepare(options);
    CU_ASSERT_FATAL(broker_certify(c->b));
    if (strstr(options, "peer.so")) {
        take_peer(c);
    }
}

void cloud_start(struct cloud *c, const char *options, const char *topics)
{
    cloud_start_plain(c, options);
    CU_ASSERT_FATAL(broker_restart(c->b));
    cloud_hear(c, topics);
}

void cloud_done(struct cloud *c)
{
    if (c->b) {
        edge_mqtt_free(c->ear);
        broker_free(c->b);
        edge_mutex_done(&c->lock);
        edge_arena_done(&c->arena);
    }
}

const char *cloud_port(struct cloud *c)
{
    return edge_printf(&c->arena, "%u", broker_port(c->b));
}

void cloud_secret(struct cloud *c, struct queue_bench *q, const char *name_key, const char *file)
{
    bench_secret(q, name_key, broker_file(&c->arena, c->b, file));
}

/* ---- waiting ---- */

static FILE *report_open(struct cloud *c)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/report", broker_folder(c->b));
    return fopen(path, "re"); /* NULL: nobody has come yet */
}

static void print_report(struct cloud *c)
{
    char text[600];
    FILE *f = report_open(c);
    while (f && fgets(text, sizeof(text), f)) {
        fputs(text, stdout);
    }
    if (f) {
        fclose(f);
    }
}

struct wanted {
    struct cloud *c;
    const char *line;
    unsigned n;
};

static bool has_heard(void *arg)
{
    struct wanted *w = arg;
    EDGE_LOCK(&w->c->lock);
    return w->c->n >= w->n;
}

bool cloud_wait(struct cloud *c, unsigned n)
{
    struct wanted w = {c, NULL, n};
    bool came = wait_until(has_heard, &w, SOON_MS);
    if (!came) {
        printf("arrived: %u of %u\n", c->n, n);
        print_report(c);
    }
    return came;
}

bool cloud_last_is(struct cloud *c, const char *topic, const char *payload)
{
    EDGE_LOCK(&c->lock);
    bool is = strcmp(c->last_topic, topic) == 0 && strcmp(c->last, payload) == 0;
    if (!is) {
        printf("got: %s %s\nnot: %s %s\n", c->last_topic, c->last, topic, payload);
    }
    return is;
}

unsigned cloud_reported(struct cloud *c, const char *line)
{
    char text[600];
    unsigned n = 0;
    FILE *f = report_open(c);
    while (f && fgets(text, sizeof(text), f)) {
        n += strncmp(text, line, strlen(line)) == 0;
    }
    if (f) {
        fclose(f);
    }
    return n;
}

static bool has_reported(void *arg)
{
    struct wanted *w = arg;
    return cloud_reported(w->c, w->line) >= w->n;
}

bool cloud_wait_report(struct cloud *c, const char *line, unsigned n)
{
    struct wanted w = {c, line, n};
    bool came = wait_until(has_reported, &w, SOON_MS);
    if (!came) {
        printf("'%s' is not %u times in the report\n", line, n);
        print_report(c);
    }
    return came;
}

void cloud_publish(struct cloud *c, const char *topic, const char *payload)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt_message m = {
        .topic = topic, .payload = payload, .size = strlen(payload), .qos = 1};
    struct edge_mqtt_delivery d = {0};
    CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, c->ear, &m, &d), EDGE_OK);
}
