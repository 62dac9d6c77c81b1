/**
 * Commands that come from a cloud: a bounded queue, and a thread that has them executed, one after the other. Never on the
 * thread of whoever receives them.
 */
#ifndef EXPORT_CONNECTORS_COMMANDS_H
#define EXPORT_CONNECTORS_COMMANDS_H

#include "edge/json.h"
#include "export/stage.h"

struct export_commands;

struct export_command {
    const char *device, *name;
    const char *values; /* a JSON object; NULL: read */
    const char *tag;    /* whoever asked knows it by that */
};

enum { COMMANDS_MAX = 16, COMMAND_BYTES_MAX = 128 << 10 };

/** What became of it, as HTTP has it; @p body is JSON. On the thread, or on that of export_commands_add(). */
typedef void export_command_done(void *arg, struct edge_ctx *ctx,
                                 const struct export_command *command, int code, const char *body);

struct export_commands *export_commands_start(const struct export_host *host,
                                              const struct edge_log *log, export_command_done *done,
                                              void *arg);
/** Copied; done at once with 429 where too many wait, and with 503 when stopping. */
void export_commands_add(struct export_commands *q, const struct export_command *command);
/** Those that wait are forgotten, the one under way is waited for. NULL is fine. */
void export_commands_stop(struct export_commands *q);

/** {"device": name, "command": name, "values": {...}}; INVALID with what is missing. Texts in @p ctx's arena. */
enum edge_status export_command_read(struct edge_ctx *ctx, const void *payload, size_t size,
                                     struct export_command *ret);
/** {device: {command: {resource: value}}}: each of @p wanted that is not in @p known (NULL: nothing is) is added. */
void export_commands_add_settings(struct export_commands *q, const cJSON *wanted,
                                  const cJSON *known, const char *tag);
/** As a report of a setting: {"devices":{device:{command:values}},"errors":{device:{command:null}}}, or the error alone. */
const char *export_command_report(struct edge_arena *a, const struct export_command *command,
                                  int code, const char *body);
/** {"message": text} */
const char *export_command_message(struct edge_arena *a, const char *text);

#endif
