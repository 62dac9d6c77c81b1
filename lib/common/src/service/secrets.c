/*
 * Secrets where there is no secret store: Writable.InsecureSecrets, and what POST /secret has stored
 * beside the service's data, in a file only the service's own user can read:
 *     {"Writable":{"InsecureSecrets":{"mqtt":{"SecretName":"mqtt","SecretData":{"username":"ann"}}}}}
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_tree.h"
#include "instance.h"

const char *secret_find(const struct edge_writable *writable, struct edge_metrics *metrics,
                        const char *secret_name, const char *key)
{
    edge_counter_add(edge_counter(metrics, SECRETS_REQUESTED, "Secrets asked for."), 1);
    for (size_t i = 0; i < writable->n_insecure_secrets; i++) {
        const struct edge_insecure_secret *s = &writable->insecure_secrets[i];
        bool named = s->secret_name && *s->secret_name;
        if (strcmp(named ? s->secret_name : s->name, secret_name) != 0) {
            continue;
        }
        for (size_t k = 0; k < s->n_secret_data; k++) {
            if (strcmp(s->secret_data[k].name, key) == 0) {
                return s->secret_data[k].value;
            }
        }
    }
    return NULL;
}

const char *edge_runtime_secret(const struct edge_runtime *rt, const char *secret_name,
                                const char *key)
{
    return secret_find(edge_runtime_writable(rt), rt->metrics, secret_name, key);
}

/* ---- the file ------------------------------------------------------------------------------ */

const char *secrets_file(struct edge_arena *a, const struct edge_options *options, const char *name)
{
    return edge_printf(a, "%s/%s/secrets.json", options->data_dir, name);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static bool make_dirs(struct edge_arena *a, const char *path)
{
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (mkdir(edge_strndup(a, path, (size_t)(slash - path)), 0750) != 0 && errno != EEXIST) {
            return false;
        }
    }
    return true;
}

static bool write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0;
}

static bool sync_dir(struct edge_arena *a, const char *path)
{
    const char *dir = edge_strndup(a, path, (size_t)(strrchr(path, '/') - path));
    EDGE_CLEANUP(close_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

/* In the place of the one before, at once and durably. */
static enum edge_status replace_file(struct edge_ctx *ctx, const char *path, const char *text,
                                     size_t len)
{
    struct edge_arena *a = &ctx->arena;
    const char *fresh = edge_printf(a, "%s.new", path);
    if (!make_dirs(a, path) || (unlink(fresh) != 0 && errno != ENOENT)) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot write %s: %s", path, strerror(errno));
    }
    EDGE_CLEANUP(close_fd) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !write_whole(fd, text, len) || rename(fresh, path) != 0 || !sync_dir(a, path)) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot write %s: %s", path, strerror(errno));
    }
    return EDGE_OK;
}

enum edge_status secrets_store(struct edge_ctx *ctx, const char *path, const char *secret_name,
                               const struct edge_named_text *data, size_t n)
{
    cJSON *whole = edge_json_object(ctx);
    const cJSON *known = NULL;
    if (access(path, F_OK) == 0) {
        EDGE_TRY(config_secrets_read(ctx, path, &known));
    }
    const cJSON *writable = known ? config_member(known, "Writable") : NULL;
    if (writable) {
        config_put(whole, "Writable", cJSON_Duplicate(writable, true));
    }
    cJSON *secrets = config_section(config_section(whole, "Writable"), "InsecureSecrets");
    cJSON *secret = config_section(secrets, secret_name);
    config_put(secret, "SecretName", cJSON_CreateString(secret_name));
    cJSON *values = config_section(secret, "SecretData");
    for (size_t i = 0; i < n; i++) {
        config_put(values, data[i].name, cJSON_CreateString(data[i].value));
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, whole);
    return replace_file(ctx, path, text.data, text.len);
}
