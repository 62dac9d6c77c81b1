/* The log of a database: see data_log.h. */
#include "edge/data_log.h"

#include <sqlite3.h>
#include <stdio.h>

#include "edge/ctx.h"

enum { PAGE = 4096, CHANGE = 64 * 1024 /* what one adds to the log, at most */ };

/* Told the pages of the log, those carried over among them, until it begins anew. */
static int committed(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct edge_data_log *l = arg;
    (void)db;
    (void)name;
    int64_t bytes = (int64_t)pages * PAGE;
    if (bytes < l->carried) {
        l->carried = 0;
    }
    atomic_store(&l->bytes, bytes - l->carried);
    l->fresh = true;
    return SQLITE_OK;
}

void edge_data_log_watch(struct edge_data_log *l, struct sqlite3 *db, struct edge_data_file *file,
                         int64_t most)
{
    char sql[64];
    l->db = db;
    l->file = file;
    l->most = most;
    sqlite3_wal_hook(db, committed, l);
    /* What a large change made of it is given back. */
    snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit=%lld",
             (long long)edge_data_file_part(file, 2 * most));
    sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int64_t edge_data_log_bytes(const struct edge_data_log *l)
{
    return atomic_load_explicit(&l->bytes, memory_order_relaxed);
}

bool edge_data_log_is_due(struct edge_data_log *l)
{
    int64_t bytes = edge_data_log_bytes(l);
    return l->fresh && bytes > 0 && (bytes >= l->most || edge_data_file_is_tight(l->file, bytes));
}

int edge_data_log_carry(struct edge_data_log *l)
{
    int all = 0, carried = 0;
    edge_data_file_make_way(l->file);
    int rc = sqlite3_wal_checkpoint_v2(l->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &all, &carried);
    if (rc != SQLITE_OK) {
        return rc == SQLITE_BUSY ? SQLITE_OK : rc;
    }
    bool whole = carried >= all; /* the next change begins it anew */
    l->carried = whole ? 0 : (int64_t)carried * PAGE;
    int64_t left = whole ? 0 : (int64_t)(all - carried) * PAGE;
    atomic_store(&l->bytes, left);
    l->fresh = left > 0;
    return SQLITE_OK;
}

static bool leaves_room(const struct edge_data_log *l, int64_t inside)
{
    int64_t bytes = edge_data_log_bytes(l);
    return bytes == 0 || edge_data_file_has_bytes(l->file, bytes + CHANGE - inside);
}

enum edge_status edge_data_log_room(struct edge_ctx *ctx, struct edge_data_log *l, int64_t inside)
{
    if (leaves_room(l, inside)) {
        return EDGE_OK;
    }
    int rc = edge_data_log_carry(l);
    return rc == SQLITE_OK && leaves_room(l, inside)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_UNAVAILABLE,
                           "the disk is full, and somebody reads for long: try again later");
}
