/**
 * The place of one database file: its directory, who may read it, that nobody else uses it, and room to
 * work when the disk is full. Beside "x.db" lie "x.db.lock" and "x.db.reserve": some megabytes nobody
 * uses until less than one is left, so that removing, unlocking and configuring still work then. What
 * adds asks edge_data_file_has_room() and is refused long before. Any thread.
 */
#ifndef EDGE_DATA_FILE_H
#define EDGE_DATA_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/ctx.h"

struct edge_log;
struct edge_metrics;

struct edge_data_file_config {
    const char *path;
    int64_t reserve_bytes; /* at most a fortieth of the file system; 0: none */
    int64_t
        min_free_bytes; /* what additions leave free, at most a tenth of it; 0: they may fill it */
    const struct edge_log *log;
    struct edge_metrics *metrics; /* DiskLowRefused, DiskFreeBytes; NULL: none */
};

struct edge_data_file;

/**
 * Makes the directories (0750) and, where there is none, an empty file (0640); files beside it that an
 * earlier program left readable to all are closed to others. FORBIDDEN names what cannot be made,
 * UNAVAILABLE who uses it.
 */
enum edge_status edge_data_file_open(struct edge_ctx *ctx,
                                     const struct edge_data_file_config *config,
                                     struct edge_data_file **ret);
void edge_data_file_close(struct edge_data_file *f); /* NULL is fine */

/**
 * Before adding: is there room? @p inside: bytes of the database that hold nothing. Asks the file
 * system ten times a second at most; having said no, it says yes again when there is a quarter more.
 */
bool edge_data_file_has_room(struct edge_data_file *f, int64_t inside);
/** The failure to answer then. */
enum edge_status edge_data_file_no_room(struct edge_ctx *ctx, const struct edge_data_file *f);
/** Before what must work on a full disk: gives the reserve up where it is needed, and makes it anew
 * where there is room. */
void edge_data_file_make_way(struct edge_data_file *f);

#endif
