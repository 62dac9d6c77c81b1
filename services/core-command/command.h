/**
 * What the rooms of core-command share: its state, and the questions it asks core-metadata. rest.c
 * answers HTTP, bus.c the message bus, external.c a broker outside; lookup.c is their common ground,
 * serve.c that of the latter two. core-command keeps nothing:
 * every answer is made from what core-metadata and the device services say now.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "contracts/command.h"
#include "contracts/device.h"
#include "edge/service.h"

struct external_topics {
    const char *request, *response_prefix, *query_request, *query_response;
};
struct external_mqtt {
    bool enabled, auto_reconnect, retain, skip_cert_verify;
    const char *url, *client_id, *connect_timeout, *secret_name;
    unsigned auth_mode; /* of EDGE_AUTH_MODES */
    int64_t keep_alive, qos;
    struct external_topics topics;
};
struct external_command {
    int64_t max_concurrent_requests;
};
struct command_config {
    struct edge_base_config base;
    struct edge_writable writable;
    const cJSON *databases; /* official clients look for it in /config */
    struct external_mqtt external_mqtt;
    struct external_command external_command;
};

struct command_state {
    const struct edge_runtime *rt;
    struct edge_arena arena;   /* of what external was made from */
    struct external *external; /* NULL: ExternalMQTT is off */
};
#define METADATA "core-metadata"

/* Handlers, by file. */
edge_handler commands_all, commands_of_device, command_read, command_write; /* rest.c */
edge_bus_handler bus_command, bus_query;                                    /* bus.c */

/* ---- external.c ---- */

/** INVALID or UNSUPPORTED names what of ExternalMQTT cannot be. Connects to nobody yet. */
enum edge_status external_create(struct edge_ctx *ctx, struct command_state *cmd);
/** Connect and listen, now and whenever the broker is there: returns at once. */
enum edge_status external_open(struct edge_ctx *ctx, struct command_state *cmd);
/** Take no more requests; those under way are waited for, for a while. */
void external_quiesce(struct command_state *cmd);
void external_free(struct command_state *cmd);

/* ---- serve.c ---- */

/** Who asks over a message bus, and where the answer goes. */
struct asker {
    struct edge_bus *bus;
    const char *topic; /* of the answer */
    bool external; /* the answer names its topic, and is one too where a device service is silent */
};
/** What a command is about. */
struct bus_target {
    const char *device, *command, *method;
};
/** Hand a command on, and its answer back. What fails is told to who asks, and returned. */
enum edge_status serve_command(struct edge_ctx *ctx, struct command_state *cmd,
                               const struct edge_message *m, const struct bus_target *target,
                               const struct asker *to);
/** Which commands there are; @p device may be "all". */
enum edge_status serve_query(struct edge_ctx *ctx, struct command_state *cmd,
                             const struct edge_message *m, const char *device,
                             const struct asker *to);
/** Tell who asks that it failed with @p st, and return that. */
enum edge_status serve_failure(struct edge_ctx *ctx, const struct edge_message *m,
                               const struct asker *to, enum edge_status st);
/** A message with the payload of @p m, which lives on as long as it. */
struct edge_message *serve_copy(const struct edge_message *m);

/* ---- lookup.c ---- */

/** When what was asked at @p began_ms has to be done: Service.RequestTimeout later. */
int64_t command_deadline(const struct command_state *cmd, int64_t began_ms);
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
