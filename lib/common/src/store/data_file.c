/* The place of one database file: see data_file.h. */
#include "edge/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "data_aside.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/thread.h"

enum {
    FILE_MODE = 0640,
    DIRECTORY_MODE = 0750,
    LOOK_MS = 100,
    NEEDED = 1 << 20, /* bytes a step of removing may write */
    SMALL_RESERVE = 256 * 1024,
};

struct edge_data_file {
    char *path, *reserve_path, *note_path;
    const struct edge_log *log;
    struct edge_counter *refused, *put_aside;
    struct edge_gauge *free_bytes, *damaged;
    bool *unusable;
    int64_t size; /* of the file system */
    int64_t reserve_bytes, min_free_bytes;
    int lock_fd;
    struct edge_mutex lock;
    bool has_reserve EDGE_GUARDED;
    bool low EDGE_GUARDED;
    int64_t free EDGE_GUARDED; /* as of the last look */
    int64_t next_look_ms EDGE_GUARDED;
    char *damage EDGE_GUARDED; /* as noted */
};

/* ---- the directory and what is in it ------------------------------------------------------------ */

static enum edge_status make_directories(struct edge_ctx *ctx, const char *path)
{
    char *copy = (char *)(uintptr_t)edge_strdup(&ctx->arena, path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, DIRECTORY_MODE) != 0 && errno != EEXIST) {
            return edge_fail(ctx, EDGE_FORBIDDEN, "cannot make directory '%s': %s", copy,
                             strerror(errno));
        }
        *slash = '/';
    }
    return EDGE_OK;
}

/* Whose number the holder left in it; 0: unknown. */
static int holder_of(int fd)
{
    char text[16] = "";
    return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* A folder by one of our names, say. */
static enum edge_status check_kind(struct edge_ctx *ctx, const struct edge_data_file *f)
{
    static const char *const KINDS[] = {"", ".lock"};
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const char *name = edge_printf(&ctx->arena, "%s%s", f->path, KINDS[i]);
        struct stat st;
        if (stat(name, &st) == 0 && !S_ISREG(st.st_mode)) {
            return edge_fail(ctx, EDGE_FORBIDDEN, "cannot use '%s': it is no regular file", name);
        }
    }
    return EDGE_OK;
}

/* Two writers would each trust what only they changed: the second is refused. The lock ends with the
 * process, however that ends. */
static enum edge_status take_lock(struct edge_ctx *ctx, struct edge_data_file *f)
{
    const char *name = edge_printf(&ctx->arena, "%s.lock", f->path);
    f->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (f->lock_fd < 0) {
        return edge_fail(ctx, EDGE_FORBIDDEN, "cannot open '%s': %s", name, strerror(errno));
    }
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int pid = holder_of(f->lock_fd);
        const char *who = pid > 0 ? edge_printf(&ctx->arena, " (pid %d)", pid) : "";
        return edge_fail(ctx, EDGE_UNAVAILABLE, "'%s' is in use by another process%s", f->path,
                         who);
    }
    /* The number is for people; on a full disk they have to do without. */
    char text[16];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(f->lock_fd, 0) == 0 && pwrite(f->lock_fd, text, (size_t)len, 0) != len) {
        (void)!ftruncate(f->lock_fd, 0);
    }
    return EDGE_OK;
}

/* SQLite gives what it makes beside the file the mode of the file. */
static enum edge_status set_modes(struct edge_ctx *ctx, const struct edge_data_file *f)
{
    int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return edge_fail(ctx, EDGE_FORBIDDEN, "cannot open '%s': %s", f->path, strerror(errno));
    }
    close(fd);
    static const char *const KINDS[] = {"", "-wal", "-shm", ".lock", ".reserve", ".damaged"};
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const char *name = edge_printf(&ctx->arena, "%s%s", f->path, KINDS[i]);
        struct stat st;
        if (stat(name, &st) == 0 && (st.st_mode & 0777) != FILE_MODE &&
            chmod(name, FILE_MODE) != 0) {
            edge_log_warn(ctx, "a data file is open to others", "file", name, "reason",
                          strerror(errno), NULL);
        }
    }
    return EDGE_OK;
}

/* ---- room ---------------------------------------------------------------------------------- */

static int64_t at_most(int64_t wanted, uint64_t limit)
{
    return (uint64_t)wanted < limit ? wanted : (int64_t)limit;
}

static void look(struct edge_data_file *f) EDGE_REQUIRES(f->lock);
static void reserve_make(struct edge_data_file *f) EDGE_REQUIRES(f->lock);
static void reserve_give_up(struct edge_data_file *f) EDGE_REQUIRES(f->lock);

static void look(struct edge_data_file *f)
{
    struct statvfs fs;
    f->next_look_ms = edge_now_mono_ms() + LOOK_MS;
    if (statvfs(f->path, &fs) != 0) {
        return; /* as it was */
    }
    f->free = (int64_t)(fs.f_bavail * fs.f_frsize);
    if (f->free_bytes) {
        edge_gauge_set(f->free_bytes, f->free);
    }
}

/* Really there: a file with holes would be worth nothing. */
static void reserve_make(struct edge_data_file *f)
{
    int fd = open(f->reserve_path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return;
    }
    f->has_reserve = posix_fallocate(fd, 0, f->reserve_bytes) == 0;
    if (!f->has_reserve) {
        (void)!ftruncate(fd, 0);
    }
    close(fd);
}

static void reserve_give_up(struct edge_data_file *f)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = f->log;
    f->has_reserve = false;
    if (truncate(f->reserve_path, 0) != 0 && errno != ENOENT) {
        edge_log_error(&ctx, "the reserve cannot be given up", "file", f->reserve_path, "reason",
                       strerror(errno), NULL);
        return;
    }
    edge_log_warn(&ctx, "the disk is full: the reserve is given up, so that removing goes on",
                  "file", f->reserve_path, NULL);
}

void edge_data_file_make_way(struct edge_data_file *f)
{
    EDGE_LOCK(&f->lock);
    if (f->reserve_bytes == 0) {
        return;
    }
    look(f);
    int64_t needed = at_most(NEEDED, (uint64_t)f->reserve_bytes / 2);
    if (f->has_reserve && f->free < needed) {
        reserve_give_up(f);
        look(f);
    } else if (!f->has_reserve && f->free >= f->reserve_bytes + f->min_free_bytes + needed) {
        reserve_make(f);
        look(f);
    }
}

int64_t edge_data_file_part(const struct edge_data_file *f, int64_t wanted)
{
    return f->size > 0 ? at_most(wanted, (uint64_t)f->size / 40) : wanted;
}

/* What there is to work with. */
static int64_t free_for_use(struct edge_data_file *f) EDGE_REQUIRES(f->lock);

static int64_t free_for_use(struct edge_data_file *f)
{
    look(f);
    return f->has_reserve ? f->free : f->free - f->reserve_bytes;
}

int64_t edge_data_file_free(struct edge_data_file *f)
{
    EDGE_LOCK(&f->lock);
    return free_for_use(f);
}

bool edge_data_file_has_bytes(struct edge_data_file *f, int64_t bytes)
{
    EDGE_LOCK(&f->lock);
    look(f);
    return f->free >= bytes;
}

bool edge_data_file_is_tight(struct edge_data_file *f, int64_t log)
{
    EDGE_LOCK(&f->lock);
    int64_t room = free_for_use(f);
    /* Where additions are refused, no further commit need come and find a longer log. */
    return f->low || log >= room / 4 || room - log < f->min_free_bytes + f->min_free_bytes / 4;
}

bool edge_data_file_has_room(struct edge_data_file *f, int64_t inside)
{
    EDGE_LOCK(&f->lock);
    if (f->min_free_bytes == 0) {
        return true;
    }
    if (edge_now_mono_ms() >= f->next_look_ms) {
        look(f);
    }
    int64_t wanted = f->low ? f->min_free_bytes + f->min_free_bytes / 4 : f->min_free_bytes;
    int64_t owed = f->has_reserve ? 0 : f->reserve_bytes;
    bool low = f->free - owed + inside < wanted;
    if (low != f->low) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = f->log;
        const char *mb = edge_printf(&ctx.arena, "%lld", (long long)(f->free >> 20));
        if (low) {
            edge_log_warn(&ctx, "the disk is nearly full: nothing is added until there is room",
                          "file", f->path, "free-MB", mb, NULL);
        } else {
            edge_log_info(&ctx, "there is room on the disk again", "file", f->path, "free-MB", mb,
                          NULL);
        }
        f->low = low;
    }
    if (low && f->refused) {
        edge_counter_add(f->refused, 1);
    }
    return !low;
}

enum edge_status edge_data_file_no_room(struct edge_ctx *ctx, const struct edge_data_file *f)
{
    return edge_fail(ctx, EDGE_UNAVAILABLE,
                     "the disk is nearly full: less than %lld MB is left, nothing is added",
                     (long long)(f->min_free_bytes >> 20) + 1);
}

/* ---- damage ------------------------------------------------------------------------------------ */

enum { MAX_NOTE = 1024 };

static void count_aside(const struct edge_data_file *f)
{
    if (f->put_aside) {
        edge_counter_add(f->put_aside, 1);
    }
}

static void show_damage(const struct edge_data_file *f, bool damaged)
{
    if (f->damaged) {
        edge_gauge_set(f->damaged, damaged);
    }
}

static void note_take_up(struct edge_data_file *f)
{
    char text[MAX_NOTE] = "";
    int fd = open(f->note_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[len > 0 ? strcspn(text, "\n") : 0] = '\0';
    EDGE_LOCK(&f->lock);
    f->damage = edge_xstrdup(*text ? text : "damage was noted");
    show_damage(f, true);
}

/* True: on the disk, or as good as a failing disk allows. */
static bool note_write(const struct edge_data_file *f, const char *what)
{
    EDGE_CTX_SCOPE(ctx);
    int fd = open(f->note_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return false;
    }
    const char *line = edge_printf(&ctx.arena, "%.*s\n", MAX_NOTE - 2, what);
    bool written = write(fd, line, strlen(line)) == (ssize_t)strlen(line) && fsync(fd) == 0;
    close(fd);
    return aside_settle(&ctx, f->path) == EDGE_OK && written;
}

void edge_data_file_note_damage(struct edge_data_file *f, const char *what)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = f->log;
    EDGE_LOCK(&f->lock);
    if (f->damage) {
        return;
    }
    f->damage = edge_xstrdup(what);
    show_damage(f, true);
    edge_log_error(&ctx, "stored data is damaged: what lies there cannot be read or changed",
                   "file", f->path, "reason", what, "noted", note_write(f, what) ? "yes" : "no",
                   NULL);
}

const char *edge_data_file_damage(struct edge_data_file *f)
{
    EDGE_LOCK(&f->lock);
    return f->damage;
}

void edge_data_file_sound(struct edge_data_file *f)
{
    EDGE_LOCK(&f->lock);
    free(f->damage);
    f->damage = NULL;
    show_damage(f, false);
    (void)unlink(f->note_path); /* still there: it is looked through once more, no harm */
}

void edge_data_file_unusable(struct edge_data_file *f)
{
    if (f->unusable) {
        *f->unusable = true;
    }
}

/* Its log alone: SQLite would begin it anew, over what it holds, or end it before the damage. */
static enum edge_status log_put_aside(struct edge_ctx *ctx, const struct edge_data_file *f)
{
    int64_t sound = 0;
    bool headless = aside_log_is_headless(f->path);
    if (!headless && !aside_log_is_holed(f->path, &sound)) {
        return EDGE_OK;
    }
    const char *aside = aside_name(ctx, f->path);
    EDGE_TRY(headless ? aside_rename(ctx, f->path, aside, "-wal")
                      : aside_log_cut(ctx, f->path, aside, sound));
    EDGE_TRY(aside_settle(ctx, f->path));
    count_aside(f);
    edge_log_error(ctx,
                   headless ? "the head of a database's log is damaged: the log was put aside, and "
                              "the last changes with it"
                            : "a database's log is damaged: it was put aside, and the changes "
                              "behind the damage with it",
                   "file", f->path, "kept-as", edge_printf(&ctx->arena, "%s-wal", aside), NULL);
    return EDGE_OK;
}

/* The file goes first: one that is gone while its log is there is noticed at the next start, should
 * this one be killed between two steps. The third one is made from the log again. */
static enum edge_status rename_all(struct edge_ctx *ctx, const struct edge_data_file *f,
                                   const char *aside)
{
    EDGE_TRY(aside_rename(ctx, f->path, aside, ""));
    EDGE_TRY(aside_rename(ctx, f->path, aside, "-wal"));
    EDGE_TRY(aside_rename(ctx, f->path, aside, "-shm"));
    return aside_settle(ctx, f->path);
}

enum edge_status edge_data_file_put_aside(struct edge_ctx *ctx, struct edge_data_file *f,
                                          const char *reason)
{
    const char *aside = aside_name(ctx, f->path);
    EDGE_TRY(rename_all(ctx, f, aside));
    count_aside(f);
    edge_log_error(ctx, "the store is damaged: it was put aside and an empty one is begun", "file",
                   f->path, "reason", reason, "kept-as", aside, "recover-with",
                   edge_printf(&ctx->arena, "sqlite3 %s .recover", aside), NULL);
    edge_data_file_sound(f);
    return set_modes(ctx, f);
}

/* ---- open and close ---------------------------------------------------------------------------- */

/* Several may live on it; but a step of removing needs some pages however small it is. */
static uint64_t reserve_of(uint64_t size)
{
    uint64_t least = size / 16 < SMALL_RESERVE ? size / 16 : SMALL_RESERVE;
    return size / 40 > least ? size / 40 : least;
}

/* What an earlier process kept in reserve is found again; whether all of it was there shows in its
 * size, for it is made whole or not at all. */
static void take_up_room(struct edge_data_file *f, const struct edge_data_file_config *config)
{
    struct statvfs fs;
    struct stat st;
    EDGE_LOCK(&f->lock);
    if (statvfs(f->path, &fs) == 0) {
        uint64_t size = (uint64_t)fs.f_blocks * fs.f_frsize;
        f->size = (int64_t)size;
        f->reserve_bytes = at_most(config->reserve_bytes, reserve_of(size));
        f->min_free_bytes = at_most(config->min_free_bytes, size / 10);
    }
    f->has_reserve = stat(f->reserve_path, &st) == 0 && st.st_size > 0;
}

/* A reserve is there where a database was; one that was moved away leaves no file. */
static void tell_of_emptied(const struct edge_data_file *f)
{
    struct stat st;
    if (access(f->reserve_path, F_OK) == 0 && stat(f->path, &st) == 0 && st.st_size == 0 &&
        !aside_file_is_gutted(f->path)) {
        struct edge_ctx ctx = {.log = f->log};
        edge_log_error(&ctx, "the file of the database is empty: what was stored in it is gone",
                       "file", f->path, NULL);
    }
}

static void show_metrics(struct edge_data_file *f, const struct edge_data_file_config *config)
{
    struct edge_metrics *metrics = config->metrics;
    if (!metrics) {
        return;
    }
    f->refused = edge_counter(metrics, "DiskLowRefused",
                              "Additions refused because the disk is nearly full.");
    f->free_bytes =
        edge_gauge(metrics, "DiskFreeBytes", "Free bytes of the file system with the data.");
    f->put_aside = edge_counter(metrics, "StoresPutAside",
                                "Damaged databases and logs put aside since the start.");
    f->damaged = edge_gauge(metrics, "StoreDamaged",
                            "1: damage was met in the database and is not settled.");
}

enum edge_status edge_data_file_open(struct edge_ctx *ctx,
                                     const struct edge_data_file_config *config,
                                     struct edge_data_file **ret)
{
    struct edge_data_file *f = edge_xalloc(1, sizeof(*f));
    f->path = edge_xstrdup(config->path);
    f->reserve_path = edge_xstrdup(edge_printf(&ctx->arena, "%s.reserve", config->path));
    f->note_path = edge_xstrdup(edge_printf(&ctx->arena, "%s.damaged", config->path));
    f->log = config->log;
    f->unusable = config->unusable;
    f->lock_fd = -1;
    edge_mutex_init(&f->lock);
    enum edge_status st = make_directories(ctx, f->path);
    bool has_folder = st == EDGE_OK;
    if (has_folder) {
        st = check_kind(ctx, f);
    }
    if (st == EDGE_OK) {
        st = take_lock(ctx, f);
    }
    if (st == EDGE_OK) {
        tell_of_emptied(f);
        show_metrics(f, config);
        st = log_put_aside(ctx, f);
    }
    if (st == EDGE_OK) {
        st = set_modes(ctx, f);
    }
    if (st != EDGE_OK) {
        /* Its neighbours can use theirs all the same, unless it is another process that has this one. */
        if (has_folder && st != EDGE_UNAVAILABLE) {
            edge_data_file_unusable(f);
        }
        edge_data_file_close(f);
        return st;
    }
    note_take_up(f);
    take_up_room(f, config);
    edge_data_file_make_way(f);
    *ret = f;
    return EDGE_OK;
}

enum edge_status edge_data_file_check(struct edge_ctx *ctx, const struct edge_data_file *f)
{
    return aside_file_is_gutted(f->path)
               ? edge_fail(ctx, EDGE_DAMAGED, "cannot use '%s': it is empty while its log is not",
                           f->path)
               : EDGE_OK;
}

void edge_data_file_close(struct edge_data_file *f)
{
    if (!f) {
        return;
    }
    if (f->lock_fd >= 0) {
        close(f->lock_fd);
    }
    {
        EDGE_LOCK(&f->lock);
        free(f->damage);
    }
    edge_mutex_done(&f->lock);
    free(f->note_path);
    free(f->reserve_path);
    free(f->path);
    free(f);
}
