/*
 * Where configuration files are and what is in them: files of this machine, or of a web server where a
 * URI names them (contract 12.1).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_tree.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "edge/text.h"

enum { MAX_FILE = 1024 * 1024 };

static bool is_uri(const char *path)
{
    return strstr(path, "://") != NULL;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static enum edge_status read_file(struct edge_ctx *ctx, const char *path, const char **ret,
                                  size_t *ret_len)
{
    EDGE_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE) {
        return edge_fail(ctx, EDGE_INVALID, "cannot read %s: not a file of at most %d bytes", path,
                         MAX_FILE);
    }
    char *text = edge_new_n(&ctx->arena, char, (size_t)st.st_size + 1);
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, text + len, (size_t)st.st_size - len)) > 0) {
        len += (size_t)n;
    }
    if (n < 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot read %s: %s", path, strerror(errno));
    }
    *ret = text;
    *ret_len = len;
    return EDGE_OK;
}

/* ---- from a web server ---------------------------------------------------------------------- */

static enum edge_status uri_patience(struct edge_ctx *ctx, int64_t *ret_ms)
{
    static const char variable[] = "EDGEX_FILE_URI_TIMEOUT";
    const char *text = getenv(variable);
    int64_t ns = 15000000000;
    if (text && *text && (!edge_duration_parse(text, false, &ns) || ns <= 0)) {
        return edge_fail(ctx, EDGE_INVALID, "environment variable %s: '%s' is not a duration",
                         variable, text);
    }
    *ret_ms = (ns + 999999) / 1000000;
    return EDGE_OK;
}

static enum edge_status read_uri(struct edge_ctx *ctx, struct edge_client *client, const char *uri,
                                 const char **ret, size_t *ret_len)
{
    const char *host = strstr(uri, "://") + 3, *path = host + strcspn(host, "/?");
    int64_t patience_ms = 0;
    struct edge_http_response answer;
    if (!client || (strncmp(uri, "http://", 7) != 0 && strncmp(uri, "https://", 8) != 0)) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "cannot read %s: only http and https", uri);
    }
    EDGE_TRY(uri_patience(ctx, &patience_ms));
    const struct edge_http_request request = {
        .method = "GET", .target = *path == '/' ? path : edge_printf(&ctx->arena, "/%s", path)};
    const char *base = edge_strndup(&ctx->arena, uri, (size_t)(path - uri));
    enum edge_status st =
        edge_client_call(client, ctx, base, &request, edge_now_mono_ms() + patience_ms, &answer);
    if (st != EDGE_OK) {
        return edge_wrap(ctx, st, "cannot read %s", uri);
    }
    if (answer.code != 200) {
        return edge_fail(ctx, answer.code == 404 ? EDGE_NOT_FOUND : EDGE_REMOTE,
                         "cannot read %s: it answers %d", uri, answer.code);
    }
    if (answer.body_size > MAX_FILE) {
        return edge_fail(ctx, EDGE_INVALID, "cannot read %s: more than %d bytes", uri, MAX_FILE);
    }
    *ret = answer.body;
    *ret_len = answer.body_size;
    return EDGE_OK;
}

enum edge_status config_file_read(struct edge_ctx *ctx, struct edge_client *client,
                                  const char *path, const char **ret, size_t *ret_len)
{
    return is_uri(path) ? read_uri(ctx, client, path, ret, ret_len)
                        : read_file(ctx, path, ret, ret_len);
}

enum edge_status edge_config_read(struct edge_ctx *ctx, struct edge_client *client, const char *dir,
                                  const char *path, const char **ret_text, size_t *ret_len)
{
    const char *slash = strrchr(path, '/');
    const char *beside = edge_printf(&ctx->arena, "%s/%s", dir, slash ? slash + 1 : path);
    if (is_uri(path)) {
        return config_file_read(ctx, client, path, ret_text, ret_len);
    }
    bool away = path[0] != '/' && access(path, F_OK) != 0 && access(beside, F_OK) == 0;
    return read_file(ctx, away ? beside : path, ret_text, ret_len);
}

/* ---- where the files are ------------------------------------------------------------------- */

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum edge_status edge_config_locate(struct edge_ctx *ctx, const struct edge_config_source *source,
                                    const char **ret_file, const char **ret_dir)
{
    struct edge_arena *a = &ctx->arena;
    const struct edge_options *o = source->options;
    const char *root = o->config_dir ? o->config_dir : "./res";
    const char *file = o->config_file ? o->config_file : "configuration.yaml";
    const char *folder = source->folder ? source->folder : source->service;
    const char *dirs[] = {edge_printf(a, "%s/%s", root, folder),
                          edge_printf(a, "%s/%s/res", root, folder), root};
    const size_t n = sizeof(dirs) / sizeof(dirs[0]);
    bool remote = is_uri(file);
    if (o->config_dir && !is_dir(root)) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "configuration directory %s does not exist", root);
    }
    *ret_file = remote ? file : NULL;
    *ret_dir = root;
    for (size_t i = n; i-- > 0;) {
        const char *path = file[0] == '/' ? file
                           : o->profile   ? edge_printf(a, "%s/%s/%s", dirs[i], o->profile, file)
                                          : edge_printf(a, "%s/%s", dirs[i], file);
        if (!remote && access(path, F_OK) == 0) {
            *ret_file = path;
            *ret_dir = dirs[i];
        } else if ((!*ret_file || remote) && is_dir(dirs[i])) {
            *ret_dir = dirs[i];
        }
    }
    if (!*ret_file && (o->config_file || o->profile)) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "configuration file %s%s%s does not exist in %s",
                         o->profile ? o->profile : "", o->profile ? "/" : "", file, *ret_dir);
    }
    return EDGE_OK;
}
