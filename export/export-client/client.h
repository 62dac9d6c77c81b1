/** What the files of the service share. */
#ifndef CLIENT_H
#define CLIENT_H

#include "edge/service.h"
#include "edge/store.h"
#include "edge/thread.h"
#include "export/settings.h"
#include "registration.h"

enum { REGISTRATIONS_MAX = 256 }; /* each has a queue, and that a thread */

struct client_writable {
    struct edge_writable base;
    struct export_spool_info spool;
    bool legacy_echo;
};
struct distro_info {
    int64_t port;
};
struct client_config {
    struct edge_base_config base;
    struct client_writable writable;
    struct distro_info distro;
};

struct client {
    const struct edge_runtime *rt;
    const struct client_config *config;
    struct edge_store *store;
    struct edge_http *distro;   /* the second door; NULL: there is none */
    struct edge_http_tls tls;   /* its files */
    struct edge_mutex changing; /* one change at a time, with all that follows from it */
};

extern const struct edge_collection V1_REGISTRATIONS;

/* registrations.c */
edge_handler v1_registrations, v1_registration_by_id, v1_registration_by_name, v1_registration_add,
    v1_registration_put, v1_registration_delete_by_id, v1_registration_delete_by_name, v1_reference;

/* distro.c */
edge_handler v1_ping;
enum edge_status distro_start(struct edge_ctx *ctx, struct client *client);
void distro_stop(struct client *client);

/** A text of EdgeX 1 as the answer, a line. */
enum edge_status v1_answer(struct edge_call *call, int code, const char *text);

#endif
