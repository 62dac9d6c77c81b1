/* The real core-metadata, who listens, and the driver's service, in one process over the bus of the process. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_metadata.h"
#include "edge/buf.h"
#include "edge/yaml.h"
#include "testkit.h"

enum { MAX_FILE = 8 * 1024 * 1024 };

/* ---- texts and files --------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len > n && strcmp(text + len - n, end) == 0;
}

static bool is_path(const char *text)
{
    return !strchr(text, '\n') &&
           (ends_with(text, ".yaml") || ends_with(text, ".yml") || ends_with(text, ".json"));
}

static enum edge_status slurp(struct edge_ctx *ctx, const char *path, const char **ret)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return edge_fail(ctx, EDGE_INVALID, "cannot open %s: %s", path, strerror(errno));
    }
    struct edge_buf text = EDGE_BUF_INIT;
    size_t n;
    do {
        n = fread(edge_buf_room(&text, BUFSIZ), 1, BUFSIZ, file);
        text.len += n;
    } while (n > 0 && text.len <= MAX_FILE);
    fclose(file);
    *ret = edge_strndup(&ctx->arena, edge_buf_str(&text), text.len);
    edge_buf_done(&text);
    return EDGE_OK;
}

enum edge_status kit_tree(struct edge_ctx *ctx, const char *text_or_path, const cJSON **ret)
{
    const char *text = text_or_path ? text_or_path : "", *path = NULL;
    if (is_path(text)) {
        path = text;
        EDGE_TRY(slurp(ctx, path, &text));
    }
    enum edge_status st = edge_json_parse(ctx, text, strlen(text), NULL, ret);
    if (st != EDGE_OK) { /* JSON is read as such, for its large numbers; all else is YAML */
        edge_ctx_clear(ctx);
        st = edge_yaml_parse(ctx, text, strlen(text), NULL, ret);
    }
    return path ? edge_wrap(ctx, st, "%s", path) : st;
}

/* ---- configuration ------------------------------------------------------------------------------- */

static const cJSON *section(const cJSON *tree, const char *key)
{
    const cJSON *found = tree ? edge_json_member(tree, key, false) : NULL;
    return cJSON_IsObject(found) ? found : NULL;
}

static void refer(cJSON *to, const cJSON *from, const char *but)
{
    for (const cJSON *node = from ? from->child : NULL; node; node = node->next) {
        if (strcasecmp(node->string, but) != 0) {
            cJSON_AddItemReferenceToObject(to, node->string, (cJSON *)(uintptr_t)node);
        }
    }
}

/* The tree with another value of one key in one section; the place of @p number or @p text. */
static const cJSON *with(struct edge_ctx *ctx, const cJSON *tree, const char *name, const char *key,
                         const char *text)
{
    cJSON *all = edge_json_object(ctx), *part = edge_json_object(ctx);
    refer(all, tree, name);
    refer(part, section(tree, name), key);
    if (text) {
        cJSON_AddStringToObject(part, key, text);
    } else {
        cJSON_AddNumberToObject(part, key, 0);
    }
    cJSON_AddItemReferenceToObject(all, name, part);
    return all;
}

static enum edge_status write_config(struct edge_ctx *ctx, const char *path, const cJSON *tree,
                                     const char *log_level)
{
    if (tree && !cJSON_IsObject(tree) && !cJSON_IsNull(tree)) {
        return edge_fail(ctx, EDGE_INVALID, "the configuration is no map");
    }
    tree = with(ctx, tree, "Service", "Port", NULL);
    const cJSON *writable = section(tree, "Writable");
    if (!writable || !edge_json_member(writable, "LogLevel", false)) {
        tree = with(ctx, tree, "Writable", "LogLevel", log_level);
    }
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, tree);
    FILE *file = fopen(path, "we");
    bool good = file && fputs(edge_buf_str(&text), file) >= 0;
    good = file && fclose(file) == 0 && good;
    edge_buf_done(&text);
    return good ? EDGE_OK : edge_fail(ctx, EDGE_INTERNAL, "cannot write %s", path);
}

static enum edge_status make_folder(struct edge_ctx *ctx, const char *path)
{
    return mkdir(path, 0700) == 0
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INTERNAL, "cannot make %s: %s", path, strerror(errno));
}

enum edge_status kit_put_config(struct edge_ctx *ctx, const char *dir, const char *service,
                                const char *text, const char *log_level)
{
    const cJSON *tree = NULL;
    const char *folder = edge_printf(&ctx->arena, "%s/%s", dir, service);
    EDGE_TRY(kit_tree(ctx, text, &tree));
    EDGE_TRY(make_folder(ctx, folder));
    return write_config(ctx, edge_printf(&ctx->arena, "%s/configuration.yaml", folder), tree,
                        log_level);
}

static enum edge_status link_others(struct edge_ctx *ctx, const char *to, const char *from)
{
    char *real = realpath(from, NULL);
    DIR *list = real ? opendir(real) : NULL;
    struct dirent *entry;
    bool good = list != NULL;
    while (good && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "configuration.yaml") != 0) {
            good = symlink(edge_printf(&ctx->arena, "%s/%s", real, entry->d_name),
                           edge_printf(&ctx->arena, "%s/%s", to, entry->d_name)) == 0;
        }
    }
    enum edge_status st =
        good ? EDGE_OK : edge_fail(ctx, EDGE_INVALID, "%s: %s", from, strerror(errno));
    if (list) {
        closedir(list);
    }
    free(real);
    return st;
}

enum edge_status kit_put_folder(struct edge_ctx *ctx, const char *dir, const char *service,
                                const char *folder, const char *log_level)
{
    EDGE_TRY(kit_put_config(ctx, dir, service,
                            edge_printf(&ctx->arena, "%s/configuration.yaml", folder), log_level));
    return link_others(ctx, edge_printf(&ctx->arena, "%s/%s", dir, service), folder);
}

/* ---- start and stop -------------------------------------------------------------------------------- */

enum edge_status kit_rig_start(struct edge_ctx *ctx, struct kit_rig *r, const char *dir,
                               const devsdk_driver *driver)
{
    devsdk_descriptor(driver, NULL, &r->service);
    const struct edge_service *services[] = {&core_metadata, &kit_listener_service, &r->service};
    EDGE_TRY(kit_put_config(ctx, dir, core_metadata.name, NULL, "ERROR"));
    EDGE_TRY(kit_put_config(ctx, dir, kit_listener_service.name, NULL, "ERROR"));
    char *folder = edge_xstrdup(dir);
    char program[] = "test", cd[] = "-cd", data[] = "--data";
    char *argv[] = {program, cd, folder, data, folder, NULL};
    enum edge_status st = edge_host_start(ctx, services, 3, 5, argv, &r->host);
    free(folder);
    EDGE_TRY(st);
    r->metadata = edge_host_runtime(r->host, core_metadata.name);
    r->device = edge_host_runtime(r->host, driver->name);
    r->listener = edge_host_runtime(r->host, kit_listener_service.name)->state;
    return EDGE_OK;
}

void kit_rig_stop(struct kit_rig *r)
{
    edge_host_stop(r->host);
    *r = (struct kit_rig){0};
}

struct edge_http_response kit_call(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                   const char *method, const char *target, const char *body)
{
    struct edge_http_request req = {.method = method,
                                    .target = target,
                                    .correlation_id = ctx->correlation_id,
                                    .body = body,
                                    .body_size = body ? strlen(body) : 0};
    struct edge_http_response res = {0};
    edge_http_call(rt->http, ctx, &req, &res);
    return res;
}
