/** Files of a database that are damaged: noticed before it is opened, and kept under another name. */
#ifndef EDGE_DATA_ASIDE_H
#define EDGE_DATA_ASIDE_H

#include <stdbool.h>

#include "edge/ctx.h"

/**
 * Would SQLite pass over the log of @p path ("-wal") though it holds something? Its header is torn or
 * overwritten: all that was committed and not yet carried into the file is in there. An empty log, one
 * that was begun anew and one that ends in half a frame are as they should be.
 */
bool aside_log_is_headless(const char *path);

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
