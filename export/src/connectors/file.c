/*
 * FileExport: a line a message into a file, a new one when it has grown; what is said to be delivered is on disk.
 * A half-written last line, of a power cut or a full disk, is taken back before the next one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connectors.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "words.h"

enum { MB = 1 << 20, FILES_MAX = 1000 };

struct file_stage {
    const char *path;
    int64_t max_bytes, files;
    bool sync;
};

struct file {
    const struct file_stage *stage;
    struct export_connector_env env;
    int fd;
    int64_t size; /* of what is whole */
};

static const char *reason_of(struct edge_ctx *ctx, const struct file *f, const char *what)
{
    return edge_printf(&ctx->arena, "cannot %s %s: %s", what, f->stage->path, strerror(errno));
}

static void drop_half_line(struct file *f)
{
    char last = '\n';
    while (f->size > 0 && pread(f->fd, &last, 1, f->size - 1) == 1 && last != '\n') {
        f->size--;
    }
    if (ftruncate(f->fd, f->size) != 0) {
        f->size = lseek(f->fd, 0, SEEK_END);
    }
}

static bool open_file(struct file *f)
{
    struct stat st;
    if (f->fd >= 0) {
        return true;
    }
    f->fd = open(f->stage->path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0640);
    if (f->fd < 0 || fstat(f->fd, &st) != 0) {
        return false;
    }
    f->size = st.st_size;
    drop_half_line(f);
    return true;
}

static void close_file(struct file *f)
{
    if (f->fd >= 0) {
        close(f->fd);
    }
    f->fd = -1;
}

/* path becomes path.1, path.1 path.2, and so on; the last one goes. */
static void rotate(struct edge_ctx *ctx, struct file *f)
{
    struct edge_arena *a = &ctx->arena;
    const char *path = f->stage->path;
    close_file(f);
    for (int64_t i = f->stage->files - 1; i > 0; i--) {
        const char *from = i > 1 ? edge_printf(a, "%s.%lld", path, (long long)i - 1) : path;
        if (rename(from, edge_printf(a, "%s.%lld", path, (long long)i)) != 0 && errno != ENOENT) {
            edge_log_warn(ctx, "file not renamed", "file", from, "reason", strerror(errno), NULL);
        }
    }
    if (f->stage->files <= 1) {
        unlink(path);
    }
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static bool append(struct file *f, const char *line, size_t n)
{
    if (write_all(f->fd, line, n) && (!f->stage->sync || fdatasync(f->fd) == 0)) {
        f->size += (int64_t)n;
        return true;
    }
    int why = errno;
    drop_half_line(f); /* size is that of whole lines: this one is tried again */
    close_file(f);
    errno = why;
    return false;
}

static void send_line(void *c, struct edge_ctx *ctx, const struct export_message *m)
{
    struct file *f = c;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf line = EDGE_BUF_INIT;
    edge_buf_put(&line, m->payload, m->size);
    for (size_t i = 0; i < line.len; i++) { /* lines of the payload are none of the file's */
        line.data[i] = line.data[i] == '\n' || line.data[i] == '\r' ? ' ' : line.data[i];
    }
    edge_buf_putc(&line, '\n');
    bool open = open_file(f);
    if (open && f->size > 0 && f->size + (int64_t)line.len > f->stage->max_bytes) {
        rotate(ctx, f);
        open = open_file(f);
    }
    if (!open) {
        const char *reason = reason_of(ctx, f, "open");
        close_file(f);
        f->env.line(f->env.queue, EXPORT_LINE_DOWN, reason);
        connector_settle(&f->env, m, EXPORT_RETRY, reason);
    } else if (!append(f, line.data, line.len)) {
        connector_settle(&f->env, m, EXPORT_RETRY, reason_of(ctx, f, "write"));
    } else {
        connector_settle(&f->env, m, EXPORT_DELIVERED, NULL);
    }
}

static enum edge_status file_open(struct edge_ctx *ctx, const void *stage,
                                  const struct export_connector_env *env, void **ret)
{
    (void)ctx;
    struct file *f = edge_xalloc(1, sizeof(*f));
    *f = (struct file){.stage = stage, .env = *env, .fd = -1};
    *ret = f;
    return EDGE_OK;
}

static void file_stop(void *c, int64_t deadline_ms)
{
    (void)c;
    (void)deadline_ms; /* nothing is in its hands between two sends */
}

static void file_close(void *c)
{
    close_file(c);
    free(c);
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    struct file_stage *s = edge_new(a, struct file_stage);
    s->path = export_params_text(params, "Path");
    s->max_bytes = export_params_count(params, "MaxMB") * MB;
    s->files = export_params_count(params, "Files");
    s->sync = export_params_true(params, "Sync");
    *ret = s;
    return *s->path == '/'
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "Path must begin with /, not '%s'", s->path);
}

/* clang-format off */
static const struct export_param params[] = {
    {"Path", "Of the file; older ones are called Path.1, Path.2, ...", EXPORT_P_TEXT},
    {"MaxMB", "A new one is begun beyond.", EXPORT_P_COUNT, .def = "100", .min = 1},
    {"Files", "How many there may be; the oldest goes.", EXPORT_P_COUNT, .def = "10", .min = 1, .max = FILES_MAX},
    {"Sync", "Each line is on the disk before it counts as delivered; false: with the system.", EXPORT_P_BOOL, .def = "false"},
    {0},
};
/* clang-format on */

static const struct export_connector connector = {
    .window = 1,
    .open = file_open,
    .send = send_line,
    .stop = file_stop,
    .close = file_close,
};

const struct export_function export_file = {
    .name = "FileExport",
    .doc = "A line a message into a file that is renamed when it has grown.",
    .params = params,
    .compile = compile,
    .connector = &connector,
};
