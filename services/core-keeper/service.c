/* core-keeper: the configuration values of all services, and the registry of who runs where and
 * whether it is up. Stores, announces changes on the bus, asks the registered services. */
#include "core_keeper.h"

#include "edge/text.h"
#include "keeper.h"

/* clang-format off */
static const struct edge_field common_fields[] = {
    EDGE_FIELD(struct common_source, file, "File", "YAML file of the common configuration, beside this one; empty: none.", .def = "./res/common.yaml"),
};
static const struct edge_dto COMMON_SOURCE = EDGE_DTO(struct common_source, "CommonConfig", common_fields);

static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct keeper_config, writable, "Writable", "Switches, limits, secrets, metrics.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct keeper_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct keeper_config, common, "CommonConfig", "What official services share.", &COMMON_SOURCE),
};
static const struct edge_dto KEEPER_CONFIG = EDGE_DTO(struct keeper_config, "Configuration", config_fields);

#define API "/api/v3"
static const struct edge_param READ_PARAMS[] = {
    {"keyOnly", EDGE_P_BOOL, "true: keys without what they hold."},
    {"plaintext", EDGE_P_BOOL, "true: values as texts, not as base64."},
    {NULL},
};
static const struct edge_param WRITE_PARAMS[] = {{"flatten", EDGE_P_BOOL, "true: the value is a tree of keys."}, {NULL}};
static const struct edge_param REMOVE_PARAMS[] = {{"prefixMatch", EDGE_P_BOOL, "true: with all keys below it."}, {NULL}};
static const struct edge_param REGISTRY_PARAMS[] = {{"deregistered", EDGE_P_BOOL, "true: halted ones too."}, {NULL}};
static const struct edge_body KEYS = {EDGE_B_PLAIN_LIST, "response"};
#define ID API "/registry/serviceId/{serviceId}"

static const struct edge_route routes[] = {
    {"GET",    API "/kvs/key/{key}", kv_get, "The value of a key and of all keys below it.", EDGE_ROUTE_WAITS, .params = READ_PARAMS, .answer = {EDGE_B_PLAIN_LIST, "response", &KV, .other = &KEYS}, .fails = "404 413", .roles = EDGE_FOR_KEEPERS},
    {"PUT",    API "/kvs/key/{key}", kv_put, "Write a value; flatten=true: a tree of them.", EDGE_ROUTE_WAITS, .params = WRITE_PARAMS, .request = {EDGE_B_DTO, .dto = &KV_REQUEST}, .answer = {EDGE_B_PLAIN_LIST, "response"}, .roles = EDGE_FOR_KEEPERS},
    {"DELETE", API "/kvs/key/{key}", kv_delete, "Remove a key; prefixMatch=true: and those below it.", EDGE_ROUTE_WAITS, .params = REMOVE_PARAMS, .answer = {EDGE_B_PLAIN_LIST, "response"}, .fails = "404 409", .roles = EDGE_FOR_KEEPERS},

    {"POST",   API "/registry", registry_add, "Register a service.", EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &REGISTRATION_REQUEST}, .answer = {EDGE_B_DTO, .dto = &REGISTERED, .code = 201}, .fails = "409", .roles = EDGE_FOR_KEEPERS},
    {"PUT",    API "/registry", registry_put, "Replace a registration; status HALT ends it.", EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &REGISTRATION_REQUEST}, .answer = {EDGE_B_EMPTY, .code = 204}, .fails = "404", .roles = EDGE_FOR_KEEPERS},
    {"GET",    API "/registry/all", registry_all, "Registrations; deregistered=true: also halted ones.", EDGE_ROUTE_READS, .params = REGISTRY_PARAMS, .answer = {EDGE_B_LIST, "registrations", &REGISTRATION}, .fails = "400", .roles = EDGE_FOR_MONITORS},
    {"GET",    ID, registry_get, "One registration.", EDGE_ROUTE_READS, .answer = {EDGE_B_OBJECT, "registration", &REGISTRATION}, .fails = "404", .roles = EDGE_FOR_MONITORS},
    {"DELETE", ID, registry_delete, "Remove a registration.", EDGE_ROUTE_WAITS, .answer = {EDGE_B_EMPTY, .code = 204}, .fails = "404", .roles = EDGE_FOR_KEEPERS},
};
/* clang-format on */

enum edge_status keeper_query_bool(struct edge_call *call, const char *name, bool *ret)
{
    const char *text = edge_call_query(call, name);
    *ret = false;
    if (!text || !*text || edge_bool_parse(text, ret)) {
        return EDGE_OK;
    }
    return edge_fail(edge_call_ctx(call), EDGE_INVALID,
                     "failed to parse querystring %s into bool. Error:strconv.ParseBool: parsing "
                     "\"%s\": invalid syntax",
                     name, edge_text_brief(&edge_call_ctx(call)->arena, text, 64));
}

static const struct edge_collection *const collections[] = {&VALUES, &REGISTRATIONS};

static enum edge_status keeper_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct keeper *keeper = rt->state;
    keeper->rt = rt;
    keeper->readers = readers_create();
    EDGE_TRY(edge_runtime_store(ctx, rt, "keeper.db", collections,
                                sizeof(collections) / sizeof(collections[0]), &keeper->store));
    EDGE_TRY(common_seed(ctx, keeper));
    return health_start(ctx, keeper, &keeper->health);
}

static void keeper_quiesce(const struct edge_runtime *rt)
{
    struct keeper *keeper = rt->state;
    health_quiesce(keeper->health);
}

static void keeper_stop(const struct edge_runtime *rt)
{
    struct keeper *keeper = rt->state;
    health_quiesce(keeper->health);
    health_free(keeper->health);
    readers_free(keeper->readers);
    edge_store_close(keeper->store);
}

static const char default_config[] = "Service:\n"
                                     "  Port: 59890\n"
                                     "  StartupMsg: core-keeper is up\n"
                                     "MessageBus:\n"
                                     "  BaseTopicPrefix: edgex/configs\n"
                                     "  Optional:\n"
                                     "    ClientId: core-keeper\n";

const struct edge_service core_keeper = {
    .name = "core-keeper",
    .doc = "keeps the configuration of all services, and the registry",
    .port = 59890,
    .is_provider = true,
    .state_size = sizeof(struct keeper),
    .config = &KEEPER_CONFIG,
    .writable_offset = offsetof(struct keeper_config, writable),
    .default_config = default_config,
    .routes = EDGE_TABLE(routes),
    .start = keeper_start,
    .quiesce = keeper_quiesce,
    .stop = keeper_stop,
};
