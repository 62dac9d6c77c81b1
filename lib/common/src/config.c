/*
 * Puts a service's configuration together: built-in values, common file, private file, environment,
 * what a provider holds, each laid over the one before in a JSON tree, which the service's table then
 * decodes and checks.
 */
#include "edge/config.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "config_tree.h"
#include "edge/log.h"
#include "edge/yaml.h"

/* What the official common configuration says beyond the tables' defaults. */
static const char builtin_device_services[] = "Clients:\n"
                                              "  core-metadata:\n"
                                              "    Protocol: http\n"
                                              "    Host: localhost\n"
                                              "    Port: 59881\n";

static enum edge_status parse_yaml(struct edge_ctx *ctx, const char *origin, const char *text,
                                   size_t len, const cJSON **ret)
{
    return edge_wrap(ctx, edge_yaml_parse(ctx, text, len, NULL, ret), "cannot read %s", origin);
}

/* ---- the layers ---------------------------------------------------------------------------- */

static void put_builtin(const struct edge_config_source *source, cJSON *tree)
{
    cJSON *bus = config_section(tree, "MessageBus");
    config_put(config_section(tree, "Service"), "Port", cJSON_CreateNumber(source->port));
    config_put(bus, "Type", cJSON_CreateString(source->bus_type ? source->bus_type : "mqtt"));
    config_put(config_section(bus, "Optional"), "ClientId", cJSON_CreateString(source->service));
}

static enum edge_status overlay_builtin(struct edge_ctx *ctx,
                                        const struct edge_config_source *source, cJSON *tree)
{
    put_builtin(source, tree);
    if (!source->is_device_service) {
        return EDGE_OK;
    }
    const cJSON *from;
    EDGE_TRY(parse_yaml(ctx, "the built-in configuration", builtin_device_services,
                        sizeof(builtin_device_services) - 1, &from));
    return config_overlay(ctx, source->dto, "the built-in configuration", CONFIG_SHARED, tree,
                          from);
}

static bool is_common_section(const char *name)
{
    return strcmp(name, "all-services") == 0 || strcmp(name, "device-services") == 0 ||
           strcmp(name, "app-services") == 0;
}

static enum edge_status read_common(struct edge_ctx *ctx, struct edge_client *client,
                                    const char *path, const cJSON **ret)
{
    const char *text = NULL;
    size_t len = 0;
    EDGE_TRY(config_file_read(ctx, client, path, &text, &len));
    EDGE_TRY(parse_yaml(ctx, path, text, len, ret));
    if (!cJSON_IsObject(*ret)) {
        return edge_fail(ctx, EDGE_INVALID,
                         "%s: has none of the sections all-services, device-services, app-services",
                         path);
    }
    const cJSON *section;
    cJSON_ArrayForEach(section, *ret)
    {
        if (!is_common_section(section->string)) {
            edge_log_warn(ctx, "unknown configuration section ignored", "section", section->string,
                          "file", path, NULL);
        }
    }
    return EDGE_OK;
}

/* One section of the common file, then the variables that carry its name in front. */
static enum edge_status overlay_section_of(struct edge_ctx *ctx,
                                           const struct edge_config_source *source, cJSON *tree,
                                           const cJSON *common, const char *section,
                                           const char *prefix)
{
    const cJSON *from = common ? edge_json_member(common, section, true) : NULL;
    if (from) {
        EDGE_TRY(config_overlay(ctx, source->dto, source->options->common_config, CONFIG_SHARED,
                                tree, from));
    }
    return config_overlay_env(ctx, source->dto, prefix, tree);
}

/* What the provider has for all services stands in for the common file and its variables. */
static enum edge_status overlay_remote_common(struct edge_ctx *ctx,
                                              const struct edge_config_source *source, cJSON *tree)
{
    const struct edge_config_remote *remote = source->remote;
    EDGE_TRY(config_overlay(ctx, source->dto, "all-services of the configuration provider",
                            CONFIG_SHARED | CONFIG_TEXTS, tree, remote->all_services));
    return source->is_device_service
               ? config_overlay(ctx, source->dto, "device-services of the configuration provider",
                                CONFIG_SHARED | CONFIG_TEXTS, tree, remote->device_services)
               : EDGE_OK;
}

static enum edge_status overlay_common_file(struct edge_ctx *ctx,
                                            const struct edge_config_source *source, cJSON *tree)
{
    const cJSON *common = NULL;
    if (source->options->common_config) {
        EDGE_TRY(read_common(ctx, source->client, source->options->common_config, &common));
    }
    EDGE_TRY(overlay_section_of(ctx, source, tree, common, "all-services", "ALL_SERVICES_"));
    return source->is_device_service ? overlay_section_of(ctx, source, tree, common,
                                                          "device-services", "DEVICE_SERVICES_")
                                     : EDGE_OK;
}

/* In one process the bus is the process's own, whatever the services of the fleet have in common. */
static enum edge_status overlay_common(struct edge_ctx *ctx,
                                       const struct edge_config_source *source, cJSON *tree)
{
    EDGE_TRY(source->remote ? overlay_remote_common(ctx, source, tree)
                            : overlay_common_file(ctx, source, tree));
    if (source->bus_type && strcmp(source->bus_type, "memory") == 0) {
        config_put(config_section(tree, "MessageBus"), "Type",
                   cJSON_CreateString(source->bus_type));
    }
    return EDGE_OK;
}

static enum edge_status overlay_private(struct edge_ctx *ctx,
                                        const struct edge_config_source *source, cJSON *tree,
                                        const char *file)
{
    const cJSON *from;
    const char *text = source->base_yaml, *origin = "the service's built-in file";
    size_t len = text ? strlen(text) : 0;
    if (file) {
        EDGE_TRY(config_file_read(ctx, source->client, file, &text, &len));
        origin = file;
    } else if (!text) {
        return EDGE_OK;
    }
    EDGE_TRY(parse_yaml(ctx, origin, text, len, &from));
    return config_overlay(ctx, source->dto, origin, 0, tree, from);
}

static enum edge_status overlay_environment(struct edge_ctx *ctx,
                                            const struct edge_config_source *source, cJSON *tree)
{
    struct config_path key = {NULL, source->service};
    const char *own = edge_printf(&ctx->arena, "%s__", config_env_name(&ctx->arena, "", &key));
    EDGE_TRY(config_overlay_env(ctx, source->dto, "", tree));
    return config_overlay_env(ctx, source->dto, own, tree);
}

/* ---- hosts from the command line ------------------------------------------------------------ */

static void put_text(cJSON *section, const char *key, const char *text)
{
    config_put(section, key, cJSON_CreateString(text));
}

/* @p peers: where everybody else is. */
static void put_hosts(cJSON *tree, const char *own, const char *peers, const char *bind_addr)
{
    static const char *const sections[] = {"MessageBus", "Registry", "Database"};
    cJSON *service = config_section(tree, "Service");
    put_text(service, "Host", own);
    put_text(service, "ServerBindAddr", bind_addr);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        put_text(config_section(tree, sections[i]), "Host", peers);
    }
    cJSON *client;
    cJSON_ArrayForEach(client, config_section(tree, "Clients"))
    {
        put_text(client, "Host", peers);
    }
}

static void freeifaddrs_at(struct ifaddrs **list)
{
    freeifaddrs(*list);
}

/* The first IPv4 address others could reach us by. */
static const char *local_address(struct edge_arena *a)
{
    EDGE_CLEANUP(freeifaddrs_at) struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) {
        return "127.0.0.1";
    }
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        char text[INET_ADDRSTRLEN];
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP) ||
            (i->ifa_flags & IFF_LOOPBACK)) {
            continue;
        }
        const struct sockaddr_in *in = (const void *)i->ifa_addr;
        if (inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text))) {
            return edge_strdup(a, text);
        }
    }
    return "127.0.0.1";
}

static enum edge_status apply_hosts(struct edge_ctx *ctx, const struct edge_options *o, cJSON *tree)
{
    struct edge_arena *a = &ctx->arena;
    if (o->dev) {
        put_hosts(tree, local_address(a), "localhost", "0.0.0.0");
    }
    if (!o->remote_service_hosts) {
        return EDGE_OK;
    }
    const char *hosts[3], *at = o->remote_service_hosts;
    for (size_t i = 0; i < 3; i++) {
        size_t len = strcspn(at, ",");
        if (len == 0 || (at[len] == ',') != (i < 2)) {
            return edge_fail(ctx, EDGE_INVALID, "-rsh needs three hosts: own,core,bind; not '%s'",
                             o->remote_service_hosts);
        }
        hosts[i] = edge_strndup(a, at, len);
        at += len + (at[len] == ',');
    }
    put_hosts(tree, hosts[0], hosts[1], hosts[2]);
    return EDGE_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

enum edge_status edge_config_load(struct edge_ctx *ctx, const struct edge_config_source *source,
                                  void *config, const char **ret_file)
{
    cJSON *tree = edge_json_object(ctx);
    const char *file = NULL, *dir;
    EDGE_TRY(edge_config_locate(ctx, source, &file, &dir));
    EDGE_TRY(overlay_builtin(ctx, source, tree));
    EDGE_TRY(overlay_common(ctx, source, tree));
    EDGE_TRY(overlay_private(ctx, source, tree, file));
    EDGE_TRY(overlay_environment(ctx, source, tree));
    if (source->remote) {
        EDGE_TRY(config_overlay(ctx, source->dto, "the configuration provider", CONFIG_TEXTS, tree,
                                source->remote->own));
    }
    EDGE_TRY(apply_hosts(ctx, source->options, tree));
    EDGE_TRY(edge_dto_decode(ctx, source->dto, tree, config));
    *ret_file = file;
    return EDGE_OK;
}

enum edge_status edge_config_private(struct edge_ctx *ctx, const struct edge_config_source *source,
                                     cJSON **ret)
{
    cJSON *tree = edge_json_object(ctx);
    const char *file = NULL, *dir;
    EDGE_TRY(edge_config_locate(ctx, source, &file, &dir));
    EDGE_TRY(overlay_private(ctx, source, tree, file));
    EDGE_TRY(overlay_environment(ctx, source, tree));
    *ret = tree;
    return EDGE_OK;
}

const char *edge_config_client_url(struct edge_arena *a, const struct edge_base_config *base,
                                   const char *client)
{
    for (size_t i = 0; i < base->n_clients; i++) {
        const struct edge_client_info *c = &base->clients[i];
        if (strcmp(c->name, client) == 0) {
            bool v6 = strchr(c->host, ':') && c->host[0] != '[';
            return edge_printf(a, v6 ? "%s://[%s]:%d" : "%s://%s:%d", c->protocol, c->host,
                               (int)c->port);
        }
    }
    return NULL;
}
