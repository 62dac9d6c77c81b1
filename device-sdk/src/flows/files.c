/*
 * What a device service brings along: files of profiles, devices and provision watchers, YAML or JSON, given to
 * core-metadata where it does not have them yet. A file or device that is unsound is logged and left out;
 * what could not be judged now, because somebody was silent, is tried again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "edge/clock.h"
#include "edge/yaml.h"
#include "flows.h"

enum { MAX_FILE = 8 * 1024 * 1024, BATCH = 50, HEARD_MS = 2000 };

/* ---- finding and reading ------------------------------------------------------------------- */

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* "./res/profiles" means the folder beside the configuration file, wherever we were started. */
static const char *find_dir(struct edge_ctx *ctx, const devsdk_service *svc, const char *path)
{
    const char *res = svc->rt->resource_dir;
    if (!path || !*path) {
        return NULL;
    }
    if (*path != '/' && res) {
        const char *rest = strncmp(path, "./", 2) == 0 ? path + 2 : path;
        const char *beside = edge_printf(&ctx->arena, "%s/%s", res, rest);
        if (is_dir(beside)) {
            return beside;
        }
        if (strncmp(rest, "res/", 4) == 0) {
            beside = edge_printf(&ctx->arena, "%s/%s", res, rest + 4);
            if (is_dir(beside)) {
                return beside;
            }
        }
    }
    return is_dir(path) ? path : NULL;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), n = strlen(end);
    return len > n && strcmp(name + len - n, end) == 0;
}

static int is_wanted(const struct dirent *entry)
{
    const char *name = entry->d_name;
    return name[0] != '.' &&
           (ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json"));
}

static void free_bytes(void *bytes)
{
    free(bytes);
}

static enum edge_status slurp(struct edge_ctx *ctx, const char *path, const char **ret,
                              size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return edge_fail(ctx, EDGE_INVALID, "cannot open: %s", strerror(errno));
    }
    struct edge_buf buf = EDGE_BUF_INIT;
    size_t n;
    do {
        n = fread(edge_buf_room(&buf, BUFSIZ), 1, BUFSIZ, file);
        buf.len += n;
    } while (n > 0 && buf.len <= MAX_FILE);
    bool failed = ferror(file) != 0;
    fclose(file);
    edge_defer(&ctx->arena, free_bytes, buf.data);
    if (failed || buf.len > MAX_FILE) {
        return edge_fail(ctx, EDGE_INVALID, failed ? "cannot read" : "larger than 8 MiB");
    }
    *ret = edge_buf_str(&buf);
    *ret_len = buf.len;
    return EDGE_OK;
}

static enum edge_status read_tree(struct edge_ctx *ctx, const char *path, const cJSON **ret)
{
    const char *text = NULL;
    size_t len = 0;
    EDGE_TRY(slurp(ctx, path, &text, &len));
    return ends_with(path, ".json") ? edge_json_parse(ctx, text, len, NULL, ret)
                                    : edge_yaml_parse(ctx, text, len, NULL, ret);
}

typedef enum edge_status file_visitor(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *tree);

static enum edge_status visit_file(struct edge_ctx *ctx, devsdk_service *svc, const char *path,
                                   file_visitor *visit)
{
    EDGE_CTX_SCOPE(own);
    own.log = ctx->log;
    const cJSON *tree;
    enum edge_status st = read_tree(&own, path, &tree);
    if (st == EDGE_OK) {
        st = visit(&own, svc, tree);
    }
    if (st == EDGE_UNAVAILABLE) {
        return edge_pass(ctx, st, &own);
    }
    if (st != EDGE_OK && !edge_map_put(&svc->flows->complained, path, svc)) {
        edge_log_error(&own, "file not taken up", "file", path, "error", edge_ctx_message(&own, st),
                       NULL);
    }
    return EDGE_OK;
}

static enum edge_status visit_dir(struct edge_ctx *ctx, devsdk_service *svc, const char *dir,
                                  file_visitor *visit)
{
    struct dirent **names;
    enum edge_status st = EDGE_OK;
    int n = dir ? scandir(dir, &names, is_wanted, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(own);
        own.log = ctx->log;
        enum edge_status one =
            visit_file(&own, svc, edge_printf(&own.arena, "%s/%s", dir, names[i]->d_name), visit);
        st = st == EDGE_OK ? edge_pass(ctx, one, &own) : st; /* the others are taken all the same */
        free(names[i]);
    }
    if (n > 0 || dir) {
        free(n >= 0 ? names : NULL);
    }
    return st;
}

/* ---- profiles ------------------------------------------------------------------------------ */

/* Resources the driver could not use are better told here, with the file's name, than read by read. */
static enum edge_status check_attributes(struct edge_ctx *ctx, devsdk_service *svc,
                                         const struct device_profile *dto)
{
    struct sdk_profile *p = sdk_profile_create(svc->driver, dto);
    enum edge_status st = sdk_profile_check(ctx, p);
    sdk_profile_unref(p);
    return st;
}

/* Who has changed the file looks for what has become of it. Said once. */
static enum edge_status left_as_it_is(struct edge_ctx *ctx, devsdk_service *svc,
                                      const char *profile)
{
    if (!edge_map_put(&svc->flows->complained, edge_printf(&ctx->arena, "profile %s", profile),
                      svc)) {
        edge_log_info(ctx,
                      "profile of a file is known already, left as it is (-op: the file counts)",
                      "profile", profile, NULL);
    }
    return EDGE_OK;
}

static enum edge_status upload_profile(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *tree)
{
    struct profile_request request = {.base = {.api_version = EDGE_API_VERSION}};
    bool known;
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE_PROFILE, tree, &request.profile));
    EDGE_TRY(check_attributes(ctx, svc, &request.profile));
    EDGE_TRY(sdk_metadata_has(ctx, svc, "deviceprofile", request.profile.name, &known));
    if (known && !svc->rt->options->overwrite_profiles) {
        return left_as_it_is(ctx, svc, request.profile.name);
    }
    const char *body =
        edge_printf(&ctx->arena, "[%s]", edge_dto_text(&PROFILE_REQUEST, &request, &ctx->arena));
    return sdk_metadata_send(ctx, svc, known ? "PUT" : "POST", "/api/v3/deviceprofile", body, true);
}

/* ---- devices ------------------------------------------------------------------------------- */

/* Devices on their way to core-metadata. */
struct sending {
    devsdk_service *svc;
    const struct device *devices;
};

/* Named once, however often the upload is tried again because of others. */
static void device_refused(struct edge_ctx *ctx, enum edge_status st, size_t item, void *arg)
{
    const struct sending *s = arg;
    const char *name = s->devices[item].name;
    if (!edge_map_put(&s->svc->flows->complained, name, s->svc)) {
        edge_log_error(ctx, "device of a file refused", "device", name, "error",
                       edge_ctx_message(ctx, st), NULL);
    }
}

static enum edge_status send_devices(struct edge_ctx *ctx, devsdk_service *svc, const char *method,
                                     const struct device *devices, size_t n)
{
    EDGE_CTX_SCOPE(own);
    own.log = ctx->log;
    struct edge_buf body = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        const struct device_request request = {.base = {.api_version = EDGE_API_VERSION},
                                               .device = devices[i]};
        edge_buf_puts(&body, i > 0 ? "," : "[");
        edge_dto_encode(&DEVICE_REQUEST, &request, EDGE_JSON, &body);
    }
    edge_buf_putc(&body, ']');
    struct sending sending = {svc, devices};
    enum edge_status st = sdk_metadata_send_each(&own, svc, method, "/api/v3/device",
                                                 edge_buf_str(&body), device_refused, &sending);
    edge_buf_done(&body);
    return edge_pass(ctx, st, &own);
}

static void complain_of_device(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *item,
                               size_t i, enum edge_status st)
{
    const cJSON *member = edge_json_member(item, "name", true);
    const char *name = cJSON_IsString(member) ? member->valuestring
                                              : edge_printf(&ctx->arena, "number %zu", i + 1);
    if (!edge_map_put(&svc->flows->complained, name, svc)) {
        edge_log_error(ctx, "device of a file refused", "device", name, "error",
                       edge_ctx_message(ctx, st), NULL);
    }
    edge_ctx_clear(ctx);
}

/* Each for itself: one that is unsound is named, and keeps no other out. */
static enum edge_status decode_devices(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *tree,
                                       struct device_file *ret)
{
    const cJSON *list = cJSON_IsArray(tree) ? tree : edge_json_member(tree, "deviceList", true);
    if (!cJSON_IsArray(list)) {
        return edge_fail(ctx, EDGE_INVALID, "neither a list of devices nor one below deviceList");
    }
    size_t n = (size_t)cJSON_GetArraySize(list), i = 0;
    ret->devices = edge_new_n(&ctx->arena, struct device, n + 1);
    ret->n_devices = 0;
    for (const cJSON *item = list->child; item; item = item->next, i++) {
        struct device *device = &ret->devices[ret->n_devices];
        enum edge_status st = device_file_item_decode(ctx, item, i, svc->rt->name, device);
        if (st != EDGE_OK) {
            complain_of_device(ctx, svc, item, i, st);
        } else {
            ret->n_devices++;
        }
    }
    return EDGE_OK;
}

/* All that can be taken are; UNAVAILABLE at the end where some must be tried again. */
static enum edge_status upload_devices(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *tree)
{
    struct device_file file = {0};
    bool overwrite = svc->rt->options->overwrite_devices;
    enum edge_status all = EDGE_OK;
    EDGE_TRY(decode_devices(ctx, svc, tree, &file));
    for (size_t i = 0; i < file.n_devices && !edge_runtime_stopping(svc->rt); i += BATCH) {
        size_t n = file.n_devices - i < BATCH ? file.n_devices - i : BATCH;
        EDGE_CTX_SCOPE(own);
        own.log = ctx->log;
        enum edge_status st = send_devices(&own, svc, "POST", &file.devices[i], n);
        if (st == EDGE_OK && overwrite) {
            st = send_devices(&own, svc, "PATCH", &file.devices[i], n);
        }
        if (st != EDGE_OK && st != EDGE_UNAVAILABLE) {
            return edge_pass(ctx, st, &own);
        }
        all = all == EDGE_OK ? edge_pass(ctx, st, &own) : all;
        if (file.n_devices > BATCH) {
            edge_log_info(&own, "taking up a file of devices", "done",
                          edge_printf(&own.arena, "%zu of %zu", i + n, file.n_devices), NULL);
        }
    }
    return all;
}

/* ---- provision watchers ---------------------------------------------------------------------- */

/* One per file; metadata's own stays as it is. */
static enum edge_status upload_watcher(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *tree)
{
    struct provision_watcher_request request = {.base = {.api_version = EDGE_API_VERSION}};
    bool known;
    EDGE_TRY(edge_dto_decode(ctx, &PROVISION_WATCHER, tree, &request.watcher));
    EDGE_TRY(sdk_metadata_has(ctx, svc, "provisionwatcher", request.watcher.name, &known));
    if (known) {
        return EDGE_OK;
    }
    const char *body = edge_printf(
        &ctx->arena, "[%s]", edge_dto_text(&PROVISION_WATCHER_REQUEST, &request, &ctx->arena));
    return sdk_metadata_send(ctx, svc, "POST", "/api/v3/provisionwatcher", body, true);
}

enum edge_status sdk_upload_files(struct edge_ctx *ctx, devsdk_service *svc)
{
    const struct sdk_device_config *config = &svc->config->device;
    /* Core-metadata asks us about each device over the bus: not before we hear it. */
    (void)edge_bus_wait_connected(svc->rt->bus, edge_now_mono_ms() + HEARD_MS);
    EDGE_TRY(visit_dir(ctx, svc, find_dir(ctx, svc, config->profiles_dir), upload_profile));
    EDGE_TRY(visit_dir(ctx, svc, find_dir(ctx, svc, config->devices_dir), upload_devices));
    return visit_dir(ctx, svc, find_dir(ctx, svc, config->watchers_dir), upload_watcher);
}
