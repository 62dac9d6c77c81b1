/** What the files of the store over SQLite share: connections, and who writes and who reads. */
#ifndef EDGE_STORE_SQLITE_H
#define EDGE_STORE_SQLITE_H

#include <sqlite3.h>

#include "edge/data_log.h"
#include "edge/map.h"
#include "edge/thread.h"
#include "store_ops.h"

/** A connection and the statements it has seen, by their text. */
struct sqlite_connection {
    struct sqlite_connection *next;
    sqlite3 *db;
    struct edge_data_file *file; /* told of damage */
    struct edge_map statements;
};

struct sqlite_store {
    char *path;
    struct edge_data_file *file;
    struct sqlite_connection writer;
    struct edge_data_log log;
    int64_t added, n_changes; /* bytes by the transaction; changes before it */
    struct edge_mutex lock;
    struct edge_cond writer_free;
    bool writer_taken EDGE_GUARDED;
    unsigned depth EDGE_GUARDED; /* of the owner's begin and calls */
    pthread_t owner EDGE_GUARDED;
    struct sqlite_connection *readers EDGE_GUARDED; /* idle ones */
    unsigned n_readers EDGE_GUARDED;                /* idle ones */
};

struct sqlite_reader {
    struct sqlite_store *store;
    struct sqlite_connection *connection;
};

/* store_sqlite_conn.c */
bool sqlite_says_damaged(sqlite3 *db);
/** The failure of the last call, in words an operator understands; damage is noted. */
enum edge_status sqlite_failure(struct edge_ctx *ctx, const struct sqlite_connection *c,
                                const char *what);
enum edge_status sqlite_connect(struct edge_ctx *ctx, struct sqlite_connection *c, const char *path,
                                int flags);
void sqlite_disconnect(struct sqlite_connection *c);
enum edge_status sqlite_statement(struct edge_ctx *ctx, struct sqlite_connection *c,
                                  const char *sql, sqlite3_stmt **ret);
/** A statement goes back to the cache clean, and forgets the caller's strings. */
void sqlite_statement_done(sqlite3_stmt **s);
void sqlite_writer_take(struct sqlite_store *s);
void sqlite_writer_drop(struct sqlite_store **store);
enum edge_status sqlite_reader_take(struct edge_ctx *ctx, struct sqlite_store *s,
                                    struct sqlite_reader *ret);
void sqlite_reader_drop(struct sqlite_reader *r);

/* store_sqlite_open.c */
/** Of a key member. */
const char *sqlite_column(struct edge_ctx *ctx, const char *member);
enum edge_status sqlite_store_open(struct edge_ctx *ctx, const struct edge_store_config *config,
                                   const struct edge_collection *const *collections, size_t n,
                                   void **ret_db);
void sqlite_store_close(void *db);

#endif
