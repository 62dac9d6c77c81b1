/* ./edgex watch: a line for each reading that comes, until Ctrl-C. core-data's configuration tells the way: over
 * the broker the services use, or, where there is none, by asking core-data for what is new. */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "contracts/event.h"
#include "edge/bus.h"
#include "edge/cbor.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/message.h"
#include "edge/text.h"
#include "edge/thread.h"

enum {
    ASK_MS = 1000,        /* how often core-data is asked */
    ANSWER_MS = 5000,     /* and how long it may take */
    CONNECT_MS = 5000,    /* how long the broker may take */
    OVERLAP_S = 5,        /* events that come late are looked for so far back */
    DEFAULT_PATIENCE = 10 /* s of silence before something is said about it */
};

struct filter {
    const char *device, *source, *resource; /* patterns with * and ?; NULL: any */
};

struct watch {
    struct edge_ctx ctx; /* of what lasts */
    const char *core_data;
    struct filter filter;
    int64_t patience_ms, n_wanted; /* 0: no end */
    struct edge_client *client;
    struct edge_bus *bus; /* NULL: core-data is asked */
    const char *broker;   /* host:port */
    bool kept;            /* core-data keeps events */

    /* The asking. */
    int64_t from_ns;                /* nothing older */
    struct edge_ctx generations[2]; /* hold the ids of the last answer, and of the one before */
    unsigned generation;
    const char **seen;
    size_t n_seen;

    struct edge_mutex lock;
    int64_t n_shown EDGE_GUARDED, n_left_out EDGE_GUARDED; /* since something was said */
    int64_t heard_ms EDGE_GUARDED;                         /* when the last was shown */
    bool silence_told EDGE_GUARDED;
    char left_out[200] EDGE_GUARDED; /* the last of them */
};

/* ---- one line a reading -------------------------------------------------------------------- */

/* A device's text must not give orders to the terminal, or look like two lines. */
static const char *shown(struct edge_arena *a, const char *s)
{
    struct edge_buf out = {0};
    while (s && *s) {
        unsigned char c = (unsigned char)*s;
        size_t n = edge_utf8_char(s, strlen(s));
        bool control = c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)s[1] < 0xa0);
        if (n == 0 || control) {
            edge_buf_printf(&out, "\\x%02x", c);
            n = 1;
        } else {
            edge_buf_put(&out, s, n);
        }
        s += n;
    }
    const char *text = edge_strdup(a, edge_buf_str(&out));
    edge_buf_done(&out);
    return text;
}

static const char *value_shown(struct edge_arena *a, const struct reading *r)
{
    if (r->is_null) {
        return "null";
    }
    if (r->value_type == VT_BINARY) {
        return edge_printf(a, "(%zu bytes%s%s)", r->binary.size,
                           r->media_type && *r->media_type ? ", " : "",
                           r->media_type ? shown(a, r->media_type) : "");
    }
    if (r->object) {
        struct edge_buf out = {0};
        edge_json_put(&out, r->object);
        const char *text = shown(a, edge_buf_str(&out));
        edge_buf_done(&out);
        return text;
    }
    return shown(a, r->value);
}

static void put_reading(struct edge_arena *a, const struct reading *r)
{
    char when[40];
    const char *units = r->units && *r->units ? shown(a, r->units) : NULL;
    edge_rfc3339(r->origin, when, sizeof(when));
    printf("%.23sZ  %-32s  %-16s  %s%s%s\n", when, shown(a, r->device_name),
           shown(a, r->resource_name), value_shown(a, r), units ? "  " : "", units ? units : "");
}

static bool fits(const char *pattern, const char *name)
{
    name = name ? name : "";
    return !pattern || strcmp(pattern, name) == 0 || fnmatch(pattern, name, 0) == 0;
}

static bool is_wanted(const struct filter *f, const struct event *e, const struct reading *r)
{
    return fits(f->device, r->device_name) && fits(f->source, e->source_name) &&
           fits(f->resource, r->resource_name);
}

static void take(struct watch *w, struct edge_arena *a, const struct event *e)
{
    EDGE_LOCK(&w->lock);
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        if (w->n_wanted > 0 && w->n_shown >= w->n_wanted) {
            break;
        }
        if (!is_wanted(&w->filter, e, r)) {
            w->n_left_out++;
            edge_text_fit(w->left_out, sizeof(w->left_out),
                          edge_printf(a, "device '%s', source '%s', resource '%s'",
                                      shown(a, r->device_name), shown(a, e->source_name),
                                      shown(a, r->resource_name)));
            continue;
        }
        put_reading(a, r);
        w->n_shown++;
        w->heard_ms = edge_now_mono_ms();
        w->silence_told = false;
    }
    fflush(stdout);
    if (w->n_wanted > 0 && w->n_shown >= w->n_wanted) {
        kill(getpid(), SIGTERM);
    }
}

/* ---- over the broker ----------------------------------------------------------------------- */

static enum edge_status on_event(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    const void *request;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &request));
    take(state, &ctx->arena, &((const struct add_event_request *)request)->event);
    return EDGE_OK;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *member = edge_json_member(object, key, false);
    return cJSON_IsString(member) ? member->valuestring : "";
}

/* Why there is no way over a broker; NULL: there is. */
static const char *no_broker(const cJSON *bus)
{
    const char *protocol = text_of(bus, "Protocol");
    if (cJSON_IsTrue(edge_json_member(bus, "Disabled", false)) ||
        strcmp(text_of(bus, "Type"), "mqtt") != 0) {
        return "the services have no broker";
    }
    if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "mqtt") != 0) {
        return "the broker wants TLS";
    }
    return strcmp(text_of(bus, "AuthMode"), "none") == 0 ? NULL : "the broker wants credentials";
}

/* False where it does not come about, with the reason in *ret_reason. */
static bool open_broker(struct watch *w, const cJSON *bus, const struct edge_log *log,
                        const char **ret_reason)
{
    struct edge_arena *a = &w->ctx.arena;
    int64_t port = 0;
    (void)edge_json_int(edge_json_member(bus, "Port", false), &port);
    const struct edge_bus_config config = {
        .type = "mqtt",
        .service = "edgex-watch",
        .protocol = "tcp",
        .host = text_of(bus, "Host"),
        .port = (uint16_t)port,
        .client_id = edge_printf(a, "edgex-watch-%s", edge_uuid_make(a)),
        .keep_alive_s = 10,
        .connect_timeout_s = CONNECT_MS / 1000,
        .log = log,
    };
    w->broker = edge_printf(a, "%s:%d", config.host, (int)port);
    if ((*ret_reason = no_broker(bus)) != NULL) {
        return false;
    }
    enum edge_status st = edge_bus_open(&w->ctx, &config, &w->bus);
    if (st == EDGE_OK) {
        st = edge_bus_subscribe(
            &w->ctx, w->bus, edge_printf(a, "%s/events/device/#", text_of(bus, "BaseTopicPrefix")),
            on_event, w, 0);
    }
    if (st == EDGE_OK && edge_bus_wait_connected(w->bus, edge_now_mono_ms() + CONNECT_MS)) {
        return true;
    }
    *ret_reason = st == EDGE_OK
                      ? edge_printf(a, "the broker at %s cannot be reached from here", w->broker)
                      : edge_strdup(a, edge_ctx_message(&w->ctx, st));
    edge_ctx_clear(&w->ctx);
    edge_bus_close(w->bus, 0);
    w->bus = NULL;
    return false;
}

/* ---- by asking core-data ------------------------------------------------------------------- */

/* JSON or, where a reading is binary, CBOR. */
static enum edge_status ask(struct watch *w, struct edge_ctx *ctx, const char *target,
                            const cJSON **ret)
{
    static const struct edge_json_limits limits = {.nodes = (size_t)1000 * 1000};
    const struct edge_http_request request = {.method = "GET", .target = target};
    struct edge_http_response answer;
    EDGE_TRY(edge_client_call(w->client, ctx, w->core_data, &request,
                              edge_now_mono_ms() + ANSWER_MS, &answer));
    enum edge_status st = answer.content_type && strstr(answer.content_type, "cbor")
                              ? edge_cbor_parse(ctx, answer.body, answer.body_size, &limits, ret)
                              : edge_json_parse(ctx, answer.body, answer.body_size, &limits, ret);
    EDGE_TRY(edge_wrap(ctx, st, "the answer to %s makes no sense", target));
    return answer.code == 200 ? EDGE_OK
                              : edge_fail(ctx, EDGE_REMOTE, "%s: %d %s", target, answer.code,
                                          text_of(*ret, "message"));
}

static bool was_seen(const struct watch *w, const char *id)
{
    for (size_t i = 0; i < w->n_seen; i++) {
        if (strcmp(w->seen[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/* The answer is newest first; what was not seen yet is shown, oldest first. */
static enum edge_status ask_for_new(struct watch *w)
{
    struct edge_ctx *ctx = &w->generations[w->generation ^ 1];
    edge_ctx_done(ctx);
    *ctx = (struct edge_ctx)EDGE_CTX_INIT;
    int64_t now = edge_now_ns(), overlap = OVERLAP_S * INT64_C(1000000000);
    int64_t start = now - overlap - ASK_MS * INT64_C(1000000);
    start = start > w->from_ns ? start : w->from_ns;
    const cJSON *answer = NULL, *item;
    enum edge_status st = ask(w, ctx,
                              edge_printf(&ctx->arena, "/api/v3/event/start/%lld/end/%lld?limit=-1",
                                          (long long)start, (long long)now + overlap),
                              &answer);
    if (st != EDGE_OK) {
        fprintf(stderr, "%s\n", edge_ctx_message(ctx, st));
        return st;
    }
    const cJSON *list = edge_json_member(answer, "events", true);
    size_t n = (size_t)cJSON_GetArraySize(list), at = n, n_known = 0;
    struct event *events = edge_new_n(&ctx->arena, struct event, n + 1);
    const char **ids = edge_new_n(&ctx->arena, const char *, n + 1);
    cJSON_ArrayForEach(item, list)
    {
        at--;
        if (edge_dto_decode(ctx, &EVENT, item, &events[at]) != EDGE_OK) {
            edge_ctx_clear(ctx);
            continue;
        }
        ids[at] = events[at].id;
    }
    for (size_t i = 0; i < n; i++) {
        if (!ids[i] || was_seen(w, ids[i])) {
            ids[i] = ids[i] ? ids[i] : "";
            n_known++;
            continue;
        }
        take(w, &ctx->arena, &events[i]);
    }
    int64_t total = 0;
    if (w->n_seen > 0 && n_known == 0 &&
        edge_json_int(edge_json_member(answer, "totalCount", true), &total) && total > (int64_t)n) {
        fprintf(stderr, "(more came than core-data gives at once; the newest %zu are shown)\n", n);
    }
    w->seen = ids;
    w->n_seen = n;
    w->generation ^= 1;
    return EDGE_OK;
}

/* ---- silence ------------------------------------------------------------------------------- */

static void say_newest(struct watch *w)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *answer = NULL;
    enum edge_status st = ask(w, &ctx, "/api/v3/event/all?limit=1", &answer);
    const cJSON *event =
        st == EDGE_OK ? cJSON_GetArrayItem(edge_json_member(answer, "events", true), 0) : NULL;
    int64_t origin = 0;
    char when[40];
    if (st != EDGE_OK) {
        fprintf(stderr, "  core-data does not tell: %s\n", edge_ctx_message(&ctx, st));
    } else if (!event || !edge_json_int(edge_json_member(event, "origin", true), &origin)) {
        fputs("  core-data has no events at all\n", stderr);
    } else {
        edge_rfc3339(origin, when, sizeof(when));
        fprintf(stderr, "  core-data's newest event is of %.19sZ, from device '%s'\n", when,
                shown(&ctx.arena, text_of(event, "deviceName")));
    }
}

static void say_why(struct watch *w, int64_t n_left_out, const char *left_out)
{
    if (n_left_out > 0) {
        fprintf(stderr, "  %lld readings came that the filters leave out, the last of %s\n",
                (long long)n_left_out, left_out);
        return;
    }
    if (w->bus && !edge_bus_connected(w->bus)) {
        fprintf(stderr, "  the broker at %s cannot be reached\n", w->broker);
    }
    if (!w->bus && !w->kept) {
        fputs("  core-data keeps none (Writable.PersistData is false), and there is no broker\n",
              stderr);
    }
    say_newest(w);
    fputs("  devices send what their auto events say, and what is read with ds-pushevent=true;\n"
          "  does a device service run (./edgex status), are its devices unlocked and up?\n",
          stderr);
}

static bool is_silent(struct watch *w, int64_t *ret_left_out, char left_out[200])
{
    EDGE_LOCK(&w->lock);
    if (w->silence_told || edge_now_mono_ms() - w->heard_ms < w->patience_ms) {
        return false;
    }
    w->silence_told = true;
    *ret_left_out = w->n_left_out;
    memcpy(left_out, w->left_out, sizeof(w->left_out));
    w->n_left_out = 0;
    return true;
}

static void mind_silence(struct watch *w)
{
    int64_t n_left_out;
    char left_out[200];
    if (is_silent(w, &n_left_out, left_out)) {
        fprintf(stderr, "nothing came for %lld s:\n", (long long)(w->patience_ms / 1000));
        say_why(w, n_left_out, left_out);
    }
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void begin(struct watch *w)
{
    EDGE_LOCK(&w->lock);
    w->heard_ms = edge_now_mono_ms();
    w->from_ns = edge_now_ns();
}

/* From core-data's own configuration to the way events come. */
static enum edge_status find_way(struct watch *w, const struct edge_log *log)
{
    const cJSON *answer, *config;
    const char *reason;
    EDGE_TRY(ask(w, &w->ctx, "/api/v3/config", &answer));
    config = edge_json_member(answer, "config", true);
    w->kept = !cJSON_IsFalse(
        edge_json_member(edge_json_member(config, "Writable", true), "PersistData", true));
    begin(w);
    if (open_broker(w, edge_json_member(config, "MessageBus", true), log, &reason)) {
        fprintf(stderr, "Readings from now on, over the broker at %s. Ctrl-C ends.\n", w->broker);
    } else {
        fprintf(stderr,
                "Readings from now on; %s, so core-data is asked every second. Ctrl-C ends.\n",
                reason);
    }
    return EDGE_OK;
}

static void run(struct watch *w, const sigset_t *ends)
{
    const struct timespec pause = {.tv_sec = ASK_MS / 1000};
    do {
        if (!w->bus) {
            (void)ask_for_new(w); /* it has said why not */
        }
        mind_silence(w);
    } while (sigtimedwait(ends, NULL, &pause) < 0);
}

static int usage(const char *fault)
{
    fprintf(
        stderr,
        "%s%susage: edgex-watch --core-data URL [--device NAME] [--source NAME] [--resource NAME]\n"
        "       [-n READINGS] [--patience SECONDS]\n",
        fault ? fault : "", fault ? "\n" : "");
    return 2;
}

static bool option_number(struct watch *w, const char *name, const char *value)
{
    bool wanted = strcmp(name, "-n") == 0;
    int64_t number = 0;
    if ((!wanted && strcmp(name, "--patience") != 0) || !edge_int_parse(value, &number) ||
        number < 1 || number > INT32_MAX) {
        return false;
    }
    if (wanted) {
        w->n_wanted = number;
    } else {
        w->patience_ms = number * 1000;
    }
    return true;
}

static bool option(struct watch *w, const char *name, const char *value)
{
    if (strcmp(name, "--core-data") == 0) {
        w->core_data = value;
    } else if (strcmp(name, "--device") == 0) {
        w->filter.device = value;
    } else if (strcmp(name, "--source") == 0) {
        w->filter.source = value;
    } else if (strcmp(name, "--resource") == 0) {
        w->filter.resource = value;
    } else {
        return option_number(w, name, value);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct watch w = {.ctx = EDGE_CTX_INIT, .patience_ms = INT64_C(1000) * DEFAULT_PATIENCE};
    sigset_t ends;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !option(&w, argv[i], argv[i + 1])) {
            return usage(edge_printf(&w.ctx.arena, "edgex-watch: what is '%s'?", argv[i]));
        }
    }
    if (!w.core_data) {
        return usage(NULL);
    }
    edge_wire_forms.short_events = true; /* the short form is taken as well as the whole */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before there are threads */
    struct edge_log *log = edge_log_create("edgex-watch");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    edge_mutex_init(&w.lock);
    w.client = edge_client_create();
    enum edge_status st = find_way(&w, log);
    if (st == EDGE_OK) {
        run(&w, &ends);
    } else {
        fprintf(stderr, "edgex-watch: core-data at %s: %s\n", w.core_data,
                edge_ctx_message(&w.ctx, st));
    }
    edge_bus_close(w.bus, 0);
    edge_client_free(w.client);
    edge_log_free(log);
    edge_ctx_done(&w.generations[0]);
    edge_ctx_done(&w.generations[1]);
    edge_ctx_done(&w.ctx);
    edge_mutex_done(&w.lock);
    return st == EDGE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
