/*
 * A driver as a service: the descriptor, start, the way to being ready, and the end. Nothing here
 * waits for a neighbour but ready, and that waits as long as it takes.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "devsdk/host.h"
#include "edge/base.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "flows.h"
#include "model/params.h"

enum {
    LANE_MAX = 64,    /* reads and writes that may wait in one lane, each */
    LOOP_WORKERS = 2, /* for drivers that do not block */
    TICK_MS = 1000,
    RESYNC_MS = 10 * 60 * 1000, /* news travel at QoS 0, which a broker may drop */
    COMPLAIN_MS = 30 * 1000,    /* between two lines about what keeps us from being ready */
    QUIET_MS = 1000,            /* for what is under way, when stopping */
};

/* A service's memory; the first member is what everybody takes it for. */
struct state {
    devsdk_service svc;
    struct sdk_flows flows;
    devsdk_driver table; /* of an older driver */
};

/* ---- start --------------------------------------------------------------------------------- */

/* Tables are the driver author's: a fault in them is a bug, told at the first start. */
static enum edge_status check_driver(struct edge_ctx *ctx, const devsdk_driver *d)
{
    const char *fault = sdk_params_verify(ctx, d->attributes, d->attr_size);
    fault = fault ? fault : sdk_params_verify(ctx, d->config, d->config_size);
    for (const devsdk_protocol *p = d->protocols; !fault && p && p->name; p++) {
        fault = sdk_params_verify(ctx, p->fields, d->addr_size);
    }
    if (!fault && (d->abi < 1 || d->abi > DEVSDK_ABI)) {
        fault = "made for another version of the SDK";
    }
    return fault ? edge_fail(ctx, EDGE_INTERNAL, "driver %s: %s", d->name, fault) : EDGE_OK;
}

static const char *section_of(const devsdk_driver *d)
{
    return d->abi >= 4 && d->config_section ? d->config_section : "Driver";
}

static void tick(struct edge_timer *timer);

static void counters_init(devsdk_service *svc)
{
    struct edge_metrics *m = svc->rt->metrics;
    svc->events_sent = edge_counter(m, "EventsSent", "Events published.");
    svc->readings_sent = edge_counter(m, "ReadingsSent", "Readings published.");
    svc->events_dropped = edge_counter(m, "EventsDropped", "Events that could not be published.");
    svc->events_waiting = edge_gauge(m, "EventsWaiting", "Events that are not known to be stored.");
    svc->events_spooled =
        edge_counter(m, "EventsSpooled", "Events written to disk: core-data was away.");
    svc->events_on_disk = edge_gauge(m, "EventsOnDisk", "Of those that wait, the ones on disk.");
    svc->spool_bytes = edge_gauge(m, "SpoolBytes", "What they take there.");
    svc->events_resent =
        edge_counter(m, "EventsResent", "Events sent again: they had not arrived.");
    svc->events_refused = edge_counter(m, "EventsRefused", "Events core-data did not take.");
    svc->pushes_refused = edge_counter(m, "PushesRefused", "Unsolicited data that were not taken.");
    svc->auto_events_skipped =
        edge_counter(m, "AutoEventsSkipped", "Auto-events whose time passed unused.");
    svc->reads_executed = edge_counter(m, "ReadCommandsExecuted", "Reads handed to the driver.");
    svc->writes_executed = edge_counter(m, "WriteCommandsExecuted", "Writes handed to the driver.");
    svc->requests_refused = edge_counter(m, "RequestsRefused", "Commands refused by full lanes.");
}

/* Watchers and their news go by the name without the instance (contract 10.5). */
static enum edge_status subscribe_base_name(struct edge_ctx *ctx, devsdk_service *svc)
{
    const struct edge_runtime *rt = svc->rt;
    if (!rt->options->instance) {
        return EDGE_OK;
    }
    return edge_bus_subscribe(
        ctx, rt->bus,
        edge_printf(&ctx->arena, "%s/system-events/core-metadata/provisionwatcher/+/%s/#",
                    rt->base_topic, sdk_topic_level(&ctx->arena, svc, svc->driver->name)),
        sdk_bus_system_event, svc, 0);
}

static uint64_t secrets_hash(const devsdk_service *svc)
{
    uint64_t hash = EDGE_HASH;
    const struct edge_writable *w = &sdk_writable(svc)->base;
    for (size_t i = 0; i < w->n_insecure_secrets; i++) {
        const struct edge_insecure_secret *s = &w->insecure_secrets[i];
        hash = edge_hash(edge_hash(hash, s->name), s->secret_name ? s->secret_name : "");
        for (size_t k = 0; k < s->n_secret_data; k++) {
            hash = edge_hash(edge_hash(hash, s->secret_data[k].name), s->secret_data[k].value);
        }
    }
    return hash;
}

static enum edge_status start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct state *state = rt->state;
    devsdk_service *svc = &state->svc;
    const devsdk_driver *driver = rt->service->context;
    svc->driver = driver;
    if (driver->abi < DEVSDK_ABI) { /* else it is as it should be, or refused */
        sdk_driver_copy(&state->table, driver);
        svc->driver = &state->table;
    }
    svc->rt = rt;
    svc->config = rt->config;
    svc->flows = &state->flows;
    svc->flows->svc = svc;
    svc->flows->tick.fn = tick;
    svc->report = sdk_report;
    edge_mutex_init(&svc->flows->changes);
    edge_mutex_init(&svc->lock);
    edge_mutex_init(&svc->flows->scan_lock);
    edge_cond_init(&svc->idle);
    svc->initialised = true;
    svc->flows->watches = sdk_watches_create(svc);
    counters_init(svc);
    sdk_connected_reconfigure(svc);
    EDGE_TRY(check_driver(ctx, driver));
    svc->driver_config = edge_alloc(&svc->arena, 1, driver->config_size + 1);
    svc->driver_data = edge_alloc(&svc->arena, 1, driver->service_size + 1);
    enum edge_status st =
        sdk_params_parse(ctx, driver->config, svc->config->driver, &svc->arena, svc->driver_config);
    EDGE_TRY(edge_wrap(ctx, st, "%s", section_of(svc->driver)));
    unsigned workers = driver->blocking ? (unsigned)svc->config->device.max_workers : LOOP_WORKERS;
    svc->lanes = sdk_lanes_create("lane", workers, LANE_MAX);
    svc->outbox = sdk_outbox_create(svc, &svc->config->device.outbox);
    if (driver->start && driver->start(svc) != DEVSDK_OK) {
        return edge_fail(ctx, EDGE_INTERNAL, "the driver does not start");
    }
    svc->flows->driver_started = true;
    svc->flows->secrets = secrets_hash(svc);
    return subscribe_base_name(ctx, svc);
}

/* ---- ready --------------------------------------------------------------------------------- */

static enum edge_status boot(struct edge_ctx *ctx, devsdk_service *svc)
{
    EDGE_TRY(edge_wait_for_peer(ctx, svc->rt, "core-metadata"));
    EDGE_TRY(sdk_metadata_register(ctx, svc));
    EDGE_TRY(sdk_upload_files(ctx, svc));
    return sdk_catalog_sync(ctx, svc);
}

/* Core-metadata may come at any time, and readings are awaited then: asked every second, complained
 * about now and then. */
static enum edge_status ready(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    devsdk_service *svc = rt->state;
    int64_t quiet_until_ms = 0;
    while (!edge_runtime_stopping(rt)) {
        EDGE_CTX_SCOPE(attempt);
        attempt.log = ctx->log;
        enum edge_status st = boot(&attempt, svc);
        if (st == EDGE_OK) {
            atomic_store(&svc->flows->booted, true);
            edge_timer_arm(rt->timers, &svc->flows->tick, edge_now_mono_ms() + TICK_MS);
            sdk_discovery_schedule(svc);
            return EDGE_OK;
        }
        if (!edge_runtime_stopping(rt) && edge_now_mono_ms() >= quiet_until_ms) {
            edge_log_warn(&attempt, "not ready yet, trying again", "error",
                          edge_ctx_message(&attempt, st), NULL);
            quiet_until_ms = edge_now_mono_ms() + COMPLAIN_MS;
        }
        edge_runtime_sleep(rt, TICK_MS);
    }
    return EDGE_OK;
}

static void reconfigured(const struct edge_runtime *rt)
{
    devsdk_service *svc = rt->state;
    sdk_connected_reconfigure(svc);
    uint64_t secrets = secrets_hash(svc);
    if (secrets != svc->flows->secrets && svc->driver->secrets_changed) {
        svc->driver->secrets_changed(svc);
    }
    svc->flows->secrets = secrets;
}

/* ---- every second -------------------------------------------------------------------------- */

static void tick(struct edge_timer *timer)
{
    devsdk_service *svc = EDGE_CONTAINER(timer, struct sdk_flows, tick)->svc;
    if (atomic_load(&svc->quiet)) {
        return;
    }
    int64_t now = edge_now_mono_ms();
    unsigned connections = edge_bus_connections(svc->rt->bus);
    bool other = edge_bus_connected(svc->rt->bus) && connections != svc->flows->connections;
    if (other || now >= svc->flows->resync_ms) { /* nobody knows what was said meanwhile */
        svc->flows->connections = other ? connections : svc->flows->connections;
        svc->flows->resync_ms = now + RESYNC_MS;
        sdk_resync(svc);
    }
    sdk_report_retry(svc);
    sdk_news_kick(svc);
    edge_timer_arm(svc->rt->timers, &svc->flows->tick, now + TICK_MS);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* First of all: no more work of our own; what was said gets out while the bus still runs. */
static void quiesce(const struct edge_runtime *rt)
{
    devsdk_service *svc = rt->state;
    if (!svc->initialised) {
        return;
    }
    atomic_store(&svc->quiet, true);
    edge_timer_cancel(rt->timers, &svc->flows->tick);
    edge_timer_cancel(rt->timers, &svc->flows->discovery);
    sdk_discovery_cancel(svc);
    sdk_profile_scan_cancel(svc, NULL);
    sdk_catalog_refresh(svc);
    if (svc->lanes) {
        sdk_lanes_wait_quiet(svc->lanes, edge_now_mono_ms() + QUIET_MS);
    }
    sdk_outbox_close(svc->outbox, edge_now_mono_ms() + QUIET_MS);
}

static void wait_background(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    while (svc->n_background > 0) {
        edge_cond_wait(&svc->idle, &svc->lock);
    }
}

/* False where a driver still holds a device. */
static bool wait_lives(devsdk_service *svc, int64_t deadline_ms)
{
    EDGE_LOCK(&svc->lock);
    while (svc->n_lives > 0) {
        if (!edge_cond_wait_until(&svc->idle, &svc->lock, deadline_ms)) {
            return svc->n_lives == 0;
        }
    }
    return true;
}

static void forget_dirty(devsdk_service *svc)
{
    for (;;) {
        struct sdk_entry *e;
        {
            EDGE_LOCK(&svc->lock);
            e = svc->dirty;
            svc->dirty = e ? e->next_dirty : NULL;
        }
        if (!e) {
            return;
        }
        sdk_entry_unref(e);
    }
}

static void stop(const struct edge_runtime *rt)
{
    devsdk_service *svc = rt->state;
    if (!svc->initialised) {
        return;
    }
    quiesce(rt);
    wait_background(svc);
    sdk_news_clear(svc);
    forget_dirty(svc);
    if (svc->lanes) {
        sdk_catalog_clear(svc);
        bool all_gone = wait_lives(svc, edge_now_mono_ms() + QUIET_MS) &&
                        sdk_lanes_wait_quiet(svc->lanes, edge_now_mono_ms() + QUIET_MS);
        if (!all_gone) {
            EDGE_CTX_SCOPE(ctx);
            ctx.log = rt->log;
            edge_log_error(&ctx, "the driver still holds devices, stopping without them", NULL);
            return; /* it may still touch what would be freed now */
        }
    }
    if (svc->flows->driver_started && svc->driver->stop) {
        svc->driver->stop(svc);
    }
    sdk_watches_free(svc->flows->watches);
    sdk_watchers_clear(svc);
    sdk_outbox_free(svc->outbox);
    sdk_lanes_free(svc->lanes);
    edge_map_done(&svc->flows->complained);
    edge_arena_done(&svc->arena);
    edge_cond_done(&svc->idle);
    edge_mutex_done(&svc->flows->scan_lock);
    edge_mutex_done(&svc->lock);
    edge_mutex_done(&svc->flows->changes);
}

/* ---- the descriptor ------------------------------------------------------------------------ */

/* clang-format off */
static const struct edge_param READ_PARAMS[] = {
    {"ds-pushevent", EDGE_P_BOOL, "true: the event goes to the message bus too."},
    {"ds-returnevent", EDGE_P_BOOL, "false: the answer is empty."},
    {"ds-regexcmd", EDGE_P_BOOL, "false: the command's name is no pattern."},
    {"jsonObject", EDGE_P_TEXT, "For the driver: a JSON object, base64url."},
    {NULL},
};
#define COMMAND "/api/v3/device/name/{name}/{command}"
static const struct edge_route routes[] = {
    {"GET",    COMMAND, sdk_http_get, "Read a command or resource of a device.", EDGE_ROUTE_BARE, .params = READ_PARAMS, .answer = {EDGE_B_DTO, .dto = &EVENT_RESPONSE, .also = "application/cbor", .optional = true}, .fails = "404 405 423", .roles = EDGE_FOR_OPERATORS},
    {"PUT",    COMMAND, sdk_http_put, "Write a command or resource of a device.", EDGE_ROUTE_BARE, .request = {EDGE_B_ANY, .optional = true}, .answer = {EDGE_B_BASE}, .fails = "404 405 423", .roles = EDGE_FOR_OPERATORS},
    {"POST",   "/api/v3/discovery", sdk_http_discovery_start, "Look for devices.", EDGE_ROUTE_BARE, .answer = {EDGE_B_BASE, .code = 202}, .fails = "423 501", .roles = EDGE_FOR_INSTALLERS},
    {"DELETE", "/api/v3/discovery", sdk_http_discovery_stop, "Stop looking.", EDGE_ROUTE_BARE, .answer = {EDGE_B_BASE}, .fails = "404 501", .roles = EDGE_FOR_INSTALLERS},
    {"DELETE", "/api/v3/discovery/requestId/{id}", sdk_http_discovery_stop, "Stop that one.", EDGE_ROUTE_BARE, .answer = {EDGE_B_BASE}, .fails = "404 501", .roles = EDGE_FOR_INSTALLERS},
    {"POST",   "/api/v3/profilescan", sdk_http_profile_scan_start, "Make a profile of a device.", EDGE_ROUTE_BARE | EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &PROFILE_SCAN_REQUEST}, .answer = {EDGE_B_BASE, .code = 202}, .fails = "404 409 423 501", .roles = EDGE_FOR_INSTALLERS},
    {"DELETE", "/api/v3/profilescan/device/name/{name}", sdk_http_profile_scan_stop, "Stop that.", EDGE_ROUTE_BARE, .answer = {EDGE_B_BASE}, .fails = "404 423 501", .roles = EDGE_FOR_INSTALLERS},
};
static const struct edge_subscription subscriptions[] = {
    {"device/command/request/{service}/#", sdk_bus_command, "Reads and writes.", EDGE_SUB_REQUESTS},
    {"{service}/validate/device", sdk_bus_validate, "Would the driver take this device?", EDGE_SUB_WAITS | EDGE_SUB_REQUESTS},
    {"system-events/core-metadata/+/+/{service}/#", sdk_bus_system_event, "Changes of our devices, profiles, watchers."},
    {"system-events/core-metadata/deviceprofile/delete/#", sdk_bus_system_event, "Profiles that are gone."},
    {"event-acks/core-data/hello", sdk_outbox_hello, "Somebody acknowledges events."},
    {"event-acks/core-data/events/{service}", sdk_outbox_acks, "Our events that are durable."},
};
/* clang-format on */

static bool has_rows_below(const devsdk_driver *driver, const char *key)
{
    size_t len = strlen(key);
    for (const devsdk_field *f = driver->config; f->key; f++) {
        if (strncmp(f->key, key, len) == 0 && f->key[len] == '.') {
            return true;
        }
    }
    return false;
}

static enum edge_status check_row(struct edge_ctx *ctx, const devsdk_driver *driver,
                                  const devsdk_field *row, const cJSON *value)
{
    const devsdk_field one[] = {*row, {0}};
    cJSON *object = edge_json_object(ctx);
    cJSON_AddItemReferenceToObject(object, row->key, (cJSON *)(uintptr_t)value);
    return sdk_params_parse(ctx, one, object, &ctx->arena,
                            edge_alloc(&ctx->arena, 1, driver->config_size + 1));
}

/* One key of the driver's section, as its table has it. Where a driver has none, all keys are its own
 * affair. */
static enum edge_status check_driver_key(struct edge_ctx *ctx, const void *arg, const char *section,
                                         const char *key, const cJSON *value,
                                         struct edge_nearest *near)
{
    const devsdk_driver *driver = arg;
    if (strcasecmp(section, section_of(driver)) != 0 || !driver->config) {
        return EDGE_OK;
    }
    const devsdk_field *f = sdk_params_row(driver->config, key, near);
    if (f) {
        return check_row(ctx, driver, f, value);
    }
    if (!cJSON_IsObject(value) || !has_rows_below(driver, key)) {
        return EDGE_NOT_FOUND;
    }
    for (const cJSON *member = value->child; member; member = member->next) {
        near->wanted = edge_printf(&ctx->arena, "%s.%s", key, member->string);
        f = sdk_params_row(driver->config, near->wanted, near);
        EDGE_TRY(f ? check_row(ctx, driver, f, member) : EDGE_NOT_FOUND);
    }
    return EDGE_OK;
}

void devsdk_descriptor(const devsdk_driver *driver, const char *default_config,
                       struct edge_service *ret)
{
    *ret = (struct edge_service){
        .name = driver->name,
        .doc = driver->doc,
        .version = driver->version,
        .more_help =
            "--schema\tprint what devices, resources and Driver may hold, as JSON Schema\n",
        .port = driver->port,
        .sdk_version = EDGE_WIRE,
        .common_section = "device-services",
        .has_instances = true,
        .state_size = sizeof(struct state),
        .config = sdk_config_with(driver->abi >= 4 ? driver->config_section : NULL),
        .writable_offset = offsetof(struct sdk_config, writable),
        .default_config = default_config,
        .routes = sdk_routes_with((struct edge_routes)EDGE_TABLE(routes), driver),
        .subscriptions = subscriptions,
        .n_subscriptions = sizeof(subscriptions) / sizeof(subscriptions[0]),
        .full_chain = true,
        .context = driver,
        .check_free = check_driver_key,
        .start = start,
        .ready = ready,
        .quiesce = quiesce,
        .stop = stop,
        .reconfigured = reconfigured,
    };
}

static int print_schema(const devsdk_driver *driver)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_driver table; /* of an older driver */
    sdk_driver_copy(&table, driver);
    char *text = cJSON_Print(sdk_params_schema(&ctx, &table));
    bool good = text && puts(text) >= 0 && fflush(stdout) == 0;
    cJSON_free(text);
    return good ? 0 : 1;
}

int devsdk_main(int argc, char **argv, const devsdk_driver *driver)
{
    struct edge_service service;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--schema") == 0) {
            return print_schema(driver);
        }
    }
    devsdk_descriptor(driver, NULL, &service);
    return edge_service_main(&service, argc, argv);
}
