/**
 * The place of one database file: its directory, who may read it, that nobody else uses it, and room to
 * work when the disk is full. Beside "x.db" lie "x.db.lock" and "x.db.reserve": some megabytes nobody
 * uses until less than one is left, so that removing, unlocking and configuring still work then. What
 * adds asks edge_data_file_has_room() and is refused long before. Any thread.
 *
 * Damage: whoever keeps history puts a damaged file aside and begins an empty one; whoever keeps what
 * people have set does not begin without it. Either way the damaged file is kept for
 * `sqlite3 FILE .recover`, and nobody here ever removes it. Damage found while running is noted in
 * "x.db.damaged", so that the next start looks through the file, which no other start does.
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
    int64_t reserve_bytes; /* at most a fortieth of the file system, of a small one more; 0: none */
    int64_t
        min_free_bytes; /* what additions leave free, at most a tenth of it; 0: they may fill it */
    const struct edge_log *log;
    /* DiskLowRefused, DiskFreeBytes, StoresPutAside, StoreDamaged; NULL: none */
    struct edge_metrics *metrics;
    bool *unusable; /* becomes true where what the file holds cannot be used; may be NULL */
};

struct edge_data_file;

/**
 * Makes the directories (0750) and, where there is none, an empty file (0640); files beside it that an
 * earlier program left readable to all are closed to others. FORBIDDEN names what cannot be made,
 * UNAVAILABLE who uses it. A log whose head is damaged, which SQLite would silently pass over, is put
 * aside and reported; DAMAGED where that fails.
 */
enum edge_status edge_data_file_open(struct edge_ctx *ctx,
                                     const struct edge_data_file_config *config,
                                     struct edge_data_file **ret);
void edge_data_file_close(struct edge_data_file *f); /* NULL is fine */

/** Before SQLite opens it: DAMAGED where the file lost all its bytes and its log did not, which SQLite
 * would drop. */
enum edge_status edge_data_file_check(struct edge_ctx *ctx, const struct edge_data_file *f);
/**
 * What the file holds is damaged, for @p reason: rename it, with its log, to "x.db.corrupt-<UTC>", durably
 * and without ever overwriting another one, say so, and have an empty file in its place. Nobody has it
 * open.
 */
enum edge_status edge_data_file_put_aside(struct edge_ctx *ctx, struct edge_data_file *f,
                                          const char *reason);
/** What the file holds cannot be used and stays where it is: tell who gave the configuration. */
void edge_data_file_unusable(struct edge_data_file *f);
/** Damage was met while running: logged once, and noted for the next start. */
void edge_data_file_note_damage(struct edge_data_file *f, const char *what);
/** What was noted, by an earlier process too, and is not settled; NULL: nothing. Valid until it is. */
const char *edge_data_file_damage(struct edge_data_file *f);
/** The file was looked through and is sound. */
void edge_data_file_sound(struct edge_data_file *f);

/** @p wanted, but no more than a fortieth of the file system. */
int64_t edge_data_file_part(const struct edge_data_file *f, int64_t wanted);
/** Bytes of the file system that may be used, without the reserve, as of now; below 0 where that is to be
 * made first. */
int64_t edge_data_file_free(struct edge_data_file *f);
/** Is there that much at all, as of now? */
bool edge_data_file_has_bytes(struct edge_data_file *f, int64_t bytes);
/** Are additions refused, or is that little for a log of so many bytes, which may need as many again in the
 * file? */
bool edge_data_file_is_tight(struct edge_data_file *f, int64_t log);
/**
 * Before adding: is there room? @p inside: bytes of the database that hold nothing, less what its log
 * holds and the file does not, and less what is about to be added where that is much. Asks the file
 * system ten times a second at most; having said no, it says yes again when there is a quarter more.
 */
bool edge_data_file_has_room(struct edge_data_file *f, int64_t inside);
/** The failure to answer then. */
enum edge_status edge_data_file_no_room(struct edge_ctx *ctx, const struct edge_data_file *f);
/** Before what must work on a full disk: gives the reserve up where it is needed, and makes it anew
 * where there is room. */
void edge_data_file_make_way(struct edge_data_file *f);

#endif
