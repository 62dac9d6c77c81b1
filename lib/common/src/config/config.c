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
#include <unistd.h>

#include "config_tree.h"
#include "edge/log.h"
#include "edge/yaml.h"

/* What the official common configuration says beyond the tables' defaults. */
static const char builtin_neighbours[] = "Clients:\n"
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

/* The layers of one loading, from the first to the last. */
struct loading {
    struct edge_ctx *ctx;
    const struct edge_config_source *source;
    cJSON *tree;
    struct config_judge *judge; /* NULL: no values are refused, none named */
};

/* At the start a wrong value of a file or a variable is somebody's to mend. */
static struct config_layer layer(const struct loading *l, const char *origin, unsigned flags)
{
    if (l->source->before) {
        flags |= CONFIG_FORGIVING;
    }
    return (struct config_layer){l->ctx, origin, flags, l->judge};
}

static enum edge_status overlay(const struct loading *l, const char *origin, unsigned flags,
                                const cJSON *from)
{
    struct config_layer at = layer(l, origin, flags);
    return config_overlay(&at, l->source->dto, l->tree, from);
}

static enum edge_status overlay_env(const struct loading *l, const char *prefix)
{
    struct config_layer at = layer(l, "the environment", 0);
    return config_overlay_env(&at, l->source->dto, prefix, l->tree);
}

static enum edge_status overlay_text(const struct loading *l, const char *origin, unsigned flags,
                                     const char *text)
{
    const cJSON *from;
    EDGE_TRY(parse_yaml(l->ctx, origin, text, strlen(text), &from));
    return overlay(l, origin, flags, from);
}

/* What the service brings along goes below everything: a private file need not repeat it. */
static enum edge_status overlay_builtin(const struct loading *l)
{
    static const char origin[] = "the built-in configuration";
    put_builtin(l->source, l->tree);
    if (l->source->common_section) {
        EDGE_TRY(overlay_text(l, origin, CONFIG_SHARED, builtin_neighbours));
    }
    return l->source->base_yaml ? overlay_text(l, origin, CONFIG_SHARED, l->source->base_yaml)
                                : EDGE_OK;
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
static enum edge_status overlay_section_of(const struct loading *l, const cJSON *common,
                                           const char *section)
{
    const cJSON *from = common ? edge_json_member(common, section, true) : NULL;
    if (from) {
        EDGE_TRY(overlay(l, l->source->options->common_config, CONFIG_SHARED, from));
    }
    const struct config_path at = {.key = section};
    return overlay_env(
        l, edge_printf(&l->ctx->arena, "%s_", config_env_name(&l->ctx->arena, "", &at)));
}

enum { REMOTE = CONFIG_TEXTS | CONFIG_FORGIVING };

/* What the provider has for all services stands in for the common file and its variables. */
static enum edge_status overlay_remote_common(const struct loading *l)
{
    const struct edge_config_remote *remote = l->source->remote;
    EDGE_TRY(overlay(l, "all-services of the configuration provider", CONFIG_SHARED | REMOTE,
                     remote->all_services));
    const char *section = l->source->common_section;
    return section
               ? overlay(l,
                         edge_printf(&l->ctx->arena, "%s of the configuration provider", section),
                         CONFIG_SHARED | REMOTE, remote->section)
               : EDGE_OK;
}

static enum edge_status overlay_common_file(const struct loading *l)
{
    const cJSON *common = NULL;
    if (l->source->options->common_config) {
        EDGE_TRY(
            read_common(l->ctx, l->source->client, l->source->options->common_config, &common));
    }
    EDGE_TRY(overlay_section_of(l, common, "all-services"));
    const char *section = l->source->common_section;
    return section ? overlay_section_of(l, common, section) : EDGE_OK;
}

/* In one process the bus is the process's own, whatever the services of the fleet have in common. */
static enum edge_status overlay_common(const struct loading *l)
{
    const char *bus_type = l->source->bus_type;
    EDGE_TRY(l->source->remote ? overlay_remote_common(l) : overlay_common_file(l));
    if (bus_type && strcmp(bus_type, "memory") == 0) {
        config_put(config_section(l->tree, "MessageBus"), "Type", cJSON_CreateString(bus_type));
    }
    return EDGE_OK;
}

static enum edge_status overlay_private(const struct loading *l, const char *file)
{
    const cJSON *from;
    const char *text = l->source->base_yaml;
    size_t len;
    if (!file) {
        return text ? overlay_text(l, "the service's built-in file", 0, text) : EDGE_OK;
    }
    EDGE_TRY(config_file_read(l->ctx, l->source->client, file, &text, &len));
    EDGE_TRY(parse_yaml(l->ctx, file, text, len, &from));
    return overlay(l, file, 0, from);
}

static enum edge_status overlay_environment(const struct loading *l)
{
    struct edge_arena *a = &l->ctx->arena;
    struct config_path key = {NULL, l->source->service};
    EDGE_TRY(overlay_env(l, ""));
    return overlay_env(l, edge_printf(a, "%s__", config_env_name(a, "", &key)));
}

/* What POST /secret has stored; a file nobody can read is no reason to stay down. */
static enum edge_status overlay_secrets(const struct loading *l)
{
    const char *path = l->source->secrets_file;
    const cJSON *from = NULL;
    if (!path || access(path, F_OK) != 0) {
        return EDGE_OK;
    }
    enum edge_status st = config_secrets_read(l->ctx, path, &from);
    if (st != EDGE_OK) {
        edge_log_error(l->ctx, "stored secrets cannot be read, going on without", "error",
                       edge_ctx_message(l->ctx, st), NULL);
        edge_ctx_clear(l->ctx);
        return EDGE_OK;
    }
    return overlay(l, path, CONFIG_FORGIVING, from);
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

/* Each fault has its key, the table's name in front; where that has its value from is told behind. */
static enum edge_status decode(const struct loading *l, void *config)
{
    struct edge_ctx *ctx = l->ctx;
    enum edge_status st = edge_dto_decode(ctx, l->source->dto, l->tree, config);
    if (st == EDGE_OK) {
        return EDGE_OK;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_puts(&text, edge_ctx_message(ctx, st));
    for (const struct edge_fault *f = edge_ctx_faults(ctx); f; f = f->next) {
        const char *key = strchr(f->key, '.');
        const cJSON *origin = key ? edge_json_member(l->judge->origins, key + 1, false) : NULL;
        if (origin) {
            edge_buf_printf(&text, " (%s: from %s)", origin->string, origin->valuestring);
        }
    }
    edge_ctx_clear(ctx);
    return edge_fail(ctx, st, "%s", edge_buf_str(&text));
}

/* ---- the whole ----------------------------------------------------------------------------- */

enum edge_status edge_config_load(struct edge_ctx *ctx, const struct edge_config_source *source,
                                  void *config, struct edge_config_loaded *ret)
{
    struct config_judge judge = {source->before, edge_json_object(ctx), source->check_free,
                                 source->free_arg, edge_json_object(ctx)};
    const struct loading l = {ctx, source, edge_json_object(ctx), &judge};
    const char *file = NULL, *dir;
    EDGE_TRY(edge_config_locate(ctx, source, &file, &dir));
    EDGE_TRY(overlay_builtin(&l));
    EDGE_TRY(overlay_common(&l));
    EDGE_TRY(overlay_private(&l, file));
    EDGE_TRY(overlay_environment(&l));
    if (source->remote) {
        EDGE_TRY(overlay(&l, "the configuration provider", REMOTE, source->remote->own));
    }
    EDGE_TRY(overlay_secrets(&l));
    EDGE_TRY(apply_hosts(ctx, source->options, l.tree));
    EDGE_TRY(decode(&l, config));
    *ret = (struct edge_config_loaded){file, l.tree, judge.refused};
    return EDGE_OK;
}

enum edge_status edge_config_private(struct edge_ctx *ctx, const struct edge_config_source *source,
                                     cJSON **ret)
{
    const struct loading l = {ctx, source, edge_json_object(ctx), NULL};
    const char *file = NULL, *dir;
    EDGE_TRY(edge_config_locate(ctx, source, &file, &dir));
    EDGE_TRY(overlay_private(&l, file));
    EDGE_TRY(overlay_environment(&l));
    config_strip_secrets(source->dto, l.tree);
    *ret = l.tree;
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
