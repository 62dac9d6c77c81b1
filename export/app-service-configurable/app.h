/** What the files of the application service share. */
#ifndef APP_H
#define APP_H

#include "edge/mqtt.h"
#include "edge/service.h"
#include "export/routes.h"

struct app_http_server {
    const char *protocol, *secret_name, *cert_name, *key_name;
};
struct app_config {
    struct edge_base_config base;
    struct export_writable writable;
    struct export_trigger_info trigger;
    struct app_http_server http_server;
    struct edge_named_text *settings; /* for functions written by others */
    size_t n_settings;
};

struct external; /* trigger_external.c */
struct app {
    struct export_front front; /* first */
    const struct edge_runtime *rt;
    const struct app_config *config;
    struct export_host host;
    struct external *external;        /* NULL: that is not where messages come from */
    bool listens;                     /* messages were asked for, for good */
    _Atomic unsigned secrets_version; /* counts reloads */
};

/* routes.c */
edge_handler app_trigger, app_pipelines, app_pipeline_test;
extern const struct edge_dto EXPORT_STEP;

/* command.c */
/** As export_host wants it. */
enum edge_status app_command(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                             const char *device, const char *command, const char *values,
                             int *ret_code, const char **ret_body);

/* trigger_bus.c */
enum edge_status trigger_bus_start(struct edge_ctx *ctx, struct app *app);
/** Publish a response on PublishTopic, {placeholders} replaced. */
void trigger_bus_respond(struct app *app, const struct export_flow *flow);

/* trigger_external.c */
enum edge_status trigger_external_start(struct edge_ctx *ctx, struct app *app);
void trigger_external_respond(struct app *app, const struct export_flow *flow);
/** Nothing comes any more; responses are refused. */
void trigger_external_stop(struct app *app);
void trigger_external_free(struct app *app);

#endif
