/** Files of a database that are damaged: noticed before it is opened, and kept under another name. */
#ifndef EDGE_DATA_ASIDE_H
#define EDGE_DATA_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/ctx.h"

/**
 * Would SQLite pass over the log of @p path ("-wal") though it holds something? Its header is torn or
 * overwritten: all that was committed and not yet carried into the file is in there. An empty log, one
 * that was begun anew and one that ends in half a frame are as they should be.
 */
bool aside_log_is_headless(const char *path);

/**
 * Is there damage inside that log? A frame that does not fit its sums is as a power cut leaves the tail; a
 * later change has been begun only once the one before it was on the disk, so frames of one behind it
 * prove damage. *ret_sound: bytes of the log up to the last change before it.
 */
bool aside_log_is_holed(const char *path, int64_t *ret_sound);

/**
 * Keep a copy of that log as "<aside>-wal" and cut the log itself to @p sound bytes. Where there is no
 * room for a copy the log is renamed, with all that is in it.
 */
enum edge_status aside_log_cut(struct edge_ctx *ctx, const char *path, const char *aside,
                               int64_t sound);

/** Has @p path lost all its bytes while its log has some? SQLite would drop the log. */
bool aside_file_is_gutted(const char *path);

/**
 * A name for what is kept: "<path>.corrupt-<UTC>", with a number behind it where that is taken, be it by
 * a log alone.
 */
const char *aside_name(struct edge_ctx *ctx, const char *path);

/**
 * Rename file and @p suffix ("-wal") alike: "<path><suffix>" becomes "<aside><suffix>". What is not there
 * is passed over. Durable once aside_settle() was called.
 */
enum edge_status aside_rename(struct edge_ctx *ctx, const char *path, const char *aside,
                              const char *suffix);
enum edge_status aside_settle(struct edge_ctx *ctx, const char *path);

#endif
