/* export-client: tables and life cycle. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client.h"
#include "edge/clock.h"
#include "export_client.h"

/* clang-format off */
static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct client_writable, base, NULL, "What every service has.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct client_writable, spool, "Spool", "What waits for a peer, and where it ends.", &EXPORT_SPOOL, .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct client_writable, legacy_echo, "LegacyEcho", "Answers show passwords and keys in clear, as those of EdgeX 1 did.", .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto WRITABLE = EDGE_DTO(struct client_writable, "Writable", writable_fields);

#define F(m, ...) EDGE_FIELD(struct certificate, m, __VA_ARGS__)
static const struct edge_field certificate_fields[] = {
    F(name, NULL, "MQTTS, AWS or HTTPS.", .flags = EDGE_KEY),
    F(cert, "Cert", "PEM file of the own certificate."),
    F(key, "Key", "PEM file of its key."),
    F(ca, "Ca", "PEM file of who vouches for the peer; empty: whom the system trusts."),
    F(skip_verify, "SkipVerify", "Do not look at the peer's certificate, as EdgeX 1 never did."),
};
#undef F
static const struct edge_dto CERTIFICATE = EDGE_DTO(struct certificate, "Certificate", certificate_fields);

static const struct edge_field distro_fields[] = {
    EDGE_FIELD(struct distro_info, port, "Port", "The second door, where export-distro was; 0: none.", .def = "48070", .min = 0, .max = 65535, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto DISTRO = EDGE_DTO(struct distro_info, "Distro", distro_fields);

static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct client_config, writable, "Writable", "Limits, secrets, metrics.", &WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct client_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_MAP(struct client_config, certificates, "Certificates", "Of TLS, by kind of peer.", &CERTIFICATE, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct client_config, distro, "Distro", "What export-distro answered.", &DISTRO, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto CLIENT_CONFIG = EDGE_DTO(struct client_config, "Configuration", config_fields);

#define API     "/api/v1"
#define TEXT    {EDGE_B_RAW, .also = "text/plain"}
#define JSON    {EDGE_B_RAW, .also = "application/json"}
#define ONE     EDGE_ROUTE_READS, .answer = {EDGE_B_DTO, .dto = &V1_REGISTRATION}, .fails = "404", .roles = EDGE_FOR_READERS
#define REMOVES EDGE_ROUTE_WAITS, .answer = JSON, .fails = "404", .roles = EDGE_FOR_KEEPERS
static const struct edge_param REFERENCE_PARAMS[] = {
    {"type", EDGE_P_TEXT, "algorithms, compressions, formats or destinations."},
    {NULL},
};
static const struct edge_route routes[] = {
    {"GET", API "/ping", v1_ping, "pong.", EDGE_ROUTE_OPEN, .answer = TEXT, .roles = EDGE_FOR_ALL},
    {"GET", API "/registration", v1_registrations, "All registrations, a list.", EDGE_ROUTE_READS, .answer = JSON, .roles = EDGE_FOR_READERS},
    {"POST", API "/registration", v1_registration_add, "Add a registration; its id is the answer.", EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &V1_REGISTRATION}, .answer = TEXT, .roles = EDGE_FOR_KEEPERS},
    {"PUT", API "/registration", v1_registration_put, "Change what is there of a registration named by id, else by name.", EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &V1_REGISTRATION}, .answer = JSON, .fails = "404", .roles = EDGE_FOR_KEEPERS},
    {"GET", API "/registration/{id}", v1_registration_by_id, "One registration.", ONE},
    {"GET", API "/registration/name/{name}", v1_registration_by_name, "One registration.", ONE},
    {"GET", API "/registration/reference/{type}", v1_reference, "What a member may be.", 0, .params = REFERENCE_PARAMS, .answer = JSON, .roles = EDGE_FOR_READERS},
    {"DELETE", API "/registration/id/{id}", v1_registration_delete_by_id, "Remove a registration, and what waits for it.", REMOVES},
    {"DELETE", API "/registration/name/{name}", v1_registration_delete_by_name, "Remove a registration, and what waits for it.", REMOVES},
    EXPORT_QUEUE_ROUTES,
};
/* clang-format on */

enum { STOP_MS = 2000 };
static const char STORE[] = "registrations.db";

/* ---- life ----------------------------------------------------------------------------------- */

/* It holds passwords: nobody's but the service's own. What SQLite makes beside it later gets the same rights. */
static enum edge_status make_private(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const char *path = edge_printf(&ctx->arena, "%s/%s%s", rt->data_dir, STORE, ends[i]);
        if (chmod(path, S_IRUSR | S_IWUSR) != 0 && errno != ENOENT) {
            return edge_fail(ctx, EDGE_FORBIDDEN, "%s: %s", path, strerror(errno));
        }
    }
    return EDGE_OK;
}

static void start_engine(struct edge_ctx *ctx, struct client *client)
{
    const struct edge_runtime *rt = client->rt;
    client->host = (struct export_host){
        .state = client,
        .secret = queues_secret,
        .service = rt->name,
    };
    const struct export_engine_config config = {
        .dir = edge_printf(&ctx->arena, "%s/queues", rt->data_dir),
        .base_topic = rt->base_topic,
        .host = &client->host,
        .log = rt->log,
        .metrics = rt->metrics,
        .client = rt->client,
        .state = client,
        .orphan = queues_orphan,
    };
    client->front = (struct export_front){
        .engine = export_engine_create(&config),
        .outside = queues_outside,
        .inside = queues_inside,
        .missing = queues_missing,
    };
}

static enum edge_status client_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    static const struct edge_collection *const collections[] = {&V1_REGISTRATIONS};
    struct client *client = rt->state;
    client->rt = rt;
    client->config = rt->config;
    edge_mutex_init(&client->changing);
    edge_mutex_init(&client->lock);
    EDGE_TRY(edge_runtime_store(ctx, rt, STORE, collections, 1, &client->store));
    EDGE_TRY(make_private(ctx, rt));
    start_engine(ctx, client);
    EDGE_TRY(pipelines_apply(ctx, client));
    return distro_start(ctx, client);
}

static void client_quiesce(const struct edge_runtime *rt)
{
    distro_stop(rt->state);
}

static void client_stop(const struct edge_runtime *rt)
{
    struct client *client = rt->state;
    distro_stop(client); /* of a start that failed half way */
    if (client->front.engine) {
        export_engine_stop(client->front.engine, edge_now_mono_ms() + STOP_MS);
        export_engine_free(client->front.engine);
        client->front.engine = NULL;
    }
    {
        EDGE_LOCK(&client->lock);
        plan_free(client->plan);
        client->plan = NULL;
    }
    edge_store_close(client->store);
    client->store = NULL;
    edge_mutex_done(&client->lock);
    edge_mutex_done(&client->changing);
}

static void client_reconfigured(const struct edge_runtime *rt)
{
    EDGE_CTX_SCOPE(ctx);
    struct client *client = rt->state;
    ctx.log = rt->log;
    EDGE_LOCK(&client->changing);
    enum edge_status st = pipelines_apply(&ctx, client);
    if (st != EDGE_OK) {
        edge_log_error(&ctx, "registrations stay as they were", "reason",
                       edge_ctx_message(&ctx, st), NULL);
    }
}

static const char default_config[] = "Service:\n"
                                     "  Port: 48071\n"
                                     "  StartupMsg: export-client is up\n"
                                     "MessageBus:\n"
                                     "  Optional:\n"
                                     "    ClientId: export-client\n";

const struct edge_service export_client = {
    .name = "export-client",
    .doc = "takes the registrations of EdgeX 1, and does as they say",
    .port = 48071,
    .common_section = "app-services",
    .keeps_session = true,
    .state_size = sizeof(struct client),
    .config = &CLIENT_CONFIG,
    .writable_offset = offsetof(struct client_config, writable),
    .default_config = default_config,
    .routes = EDGE_TABLE(routes),
    .start = client_start,
    .quiesce = client_quiesce,
    .stop = client_stop,
    .reconfigured = client_reconfigured,
};
