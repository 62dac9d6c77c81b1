/**
 * The log of a database (SQLite's WAL): what was committed and is not in the file yet. Carried over, it
 * may need as much room again in the file: it must not grow beyond that, or neither adding nor removing
 * would ever work again. So it is carried over when it is large, or large for the room there is; where
 * there is little, after every change, which then overwrites it from its beginning and needs no more.
 *
 * All by the thread that writes, but for edge_data_log_bytes().
 */
#ifndef EDGE_DATA_LOG_H
#define EDGE_DATA_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "edge/data_file.h"
#include "edge/status.h"

struct sqlite3;

struct edge_data_log {
    struct sqlite3 *db; /* the connection that writes */
    struct edge_data_file *file;
    int64_t most;          /* bytes */
    int64_t carried;       /* bytes of it, from its beginning */
    bool fresh;            /* there is something to be carried over */
    _Atomic int64_t bytes; /* not carried over */
};

/** From now on it is watched: of @p db, which carries nothing over by itself any more. */
void edge_data_log_watch(struct edge_data_log *l, struct sqlite3 *db, struct edge_data_file *file,
                         int64_t most);
/** Is it time? After a commit, outside of a transaction. */
bool edge_data_log_is_due(struct edge_data_log *l);
/** Do it; SQLite's code. A reader may hold some of it back, and then it stays due: who works in a loop
 * waits a while. */
int edge_data_log_carry(struct edge_data_log *l);
/**
 * Before a change that may use the last room there is: could the log still be carried over after it, with @p inside bytes
 * free in the file? Carries over what can be; UNAVAILABLE where a reader holds back too much.
 */
enum edge_status edge_data_log_room(struct edge_ctx *ctx, struct edge_data_log *l, int64_t inside);
/** Bytes not carried over. Any thread. */
int64_t edge_data_log_bytes(const struct edge_data_log *l);

#endif
