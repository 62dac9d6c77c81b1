/**
 * What the rooms of core-command share: its state, and the questions it asks core-metadata. rest.c
 * answers HTTP, bus.c the message bus, lookup.c is their common ground. core-command keeps nothing:
 * every answer is made from what core-metadata and the device services say now.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "contracts/command.h"
#include "contracts/device.h"
#include "edge/service.h"

struct command_config {
    struct edge_base_config base;
    struct edge_writable writable;
};

struct command_state {
    const struct edge_runtime *rt;
};
#define METADATA "core-metadata"

/* Handlers, by file. */
edge_handler commands_all, commands_of_device, command_read, command_write; /* rest.c */
edge_bus_handler bus_command, bus_query;                                    /* bus.c */

/* ---- lookup.c ---- */

/** When a piece of work that begins now has to be done: Service.RequestTimeout from now. */
int64_t command_deadline(const struct command_state *cmd);
/** By name; the relay text of core-metadata's error where it has none. */
enum edge_status lookup_device(struct edge_ctx *ctx, struct command_state *cmd, const char *name,
                               int64_t deadline_ms, struct device *ret);
/** baseAddress of the service @p device belongs to. */
enum edge_status lookup_address(struct edge_ctx *ctx, struct command_state *cmd,
                                const struct device *device, int64_t deadline_ms,
                                const char **ret_url);
/** What one device offers; NOT_FOUND where it has no profile. */
enum edge_status lookup_commands(struct edge_ctx *ctx, struct command_state *cmd, const char *name,
                                 int64_t deadline_ms, struct device_core_command *ret);
/** What a page of devices offers; those without a profile are counted but left out. */
enum edge_status lookup_all_commands(struct edge_ctx *ctx, struct command_state *cmd,
                                     int64_t offset, int64_t limit, int64_t deadline_ms,
                                     struct multi_device_core_commands_response *ret);
/** INVALID unless @p value, of ds-pushevent or ds-returnevent, is absent, "", "true" or "false". */
enum edge_status check_event_switch(struct edge_ctx *ctx, const char *value);

#endif
