/** What the files of the service share. */
#ifndef CLIENT_H
#define CLIENT_H

#include "edge/service.h"
#include "edge/store.h"
#include "edge/thread.h"
#include "export/routes.h"
#include "registration.h"

enum { REGISTRATIONS_MAX = 256 }; /* each has a queue, and that a thread */

struct client_writable {
    struct edge_writable base;
    struct export_spool_info spool;
    bool legacy_echo;
};
/** Shown to peers: files in PEM. */
struct certificate {
    const char *name; /* MQTTS, AWS, HTTPS */
    const char *cert, *key, *ca;
    bool skip_verify;
};
struct distro_info {
    int64_t port;
};
struct client_config {
    struct edge_base_config base;
    struct client_writable writable;
    struct distro_info distro;
    struct certificate *certificates;
    size_t n_certificates;
};

/** A registration as it runs. */
struct lane {
    const char *id, *name;
    const char *function; /* of its queue, or its destination */
    unsigned state;       /* EXPORT_Q_IDLE: it has a queue */
    const char *reason;   /* why it has none */
    const char *secret_name;
    const char *user, *password, *key;
    const struct certificate *certificate; /* NULL: none */
};
/** What the key of the encryption is called in the secret. */
#define LANE_KEY "encryptionkey"
/** User and password, as a header says them. */
#define LANE_BASIC "basic"

/** All of them, as of one moment. */
struct plan {
    struct edge_arena arena;
    struct lane *lanes;
    size_t n;
    struct export_writable settings;
};

struct client {
    struct export_front front; /* first */
    struct export_host host;
    const struct edge_runtime *rt;
    const struct client_config *config;
    struct edge_store *store;
    struct edge_http *distro;   /* the second door; NULL: there is none */
    struct edge_http_tls tls;   /* its files */
    struct edge_mutex changing; /* one change at a time, with all that follows from it */
    bool listens;               /* events were asked for, for good */
    struct edge_mutex lock;
    struct plan *plan EDGE_GUARDED;
    struct plan *before EDGE_GUARDED; /* while the engine changes from this one: both run */
};

extern const struct edge_collection V1_REGISTRATIONS;

/* registrations.c */
edge_handler v1_registrations, v1_registration_by_id, v1_registration_by_name, v1_registration_add,
    v1_registration_put, v1_registration_delete_by_id, v1_registration_delete_by_name, v1_reference;

/* pipelines.c */
/** What the store has, from now on. Under the lock of changes. */
enum edge_status pipelines_apply(struct edge_ctx *ctx, struct client *client);
void plan_free(struct plan *plan);

/* queues.c: what the engine asks for, and what it is asked */
enum edge_status queues_secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                               const char *name, const char *key, const char **ret);
const char *queues_outside(void *state, struct edge_arena *a, const char *name);
const char *queues_inside(void *state, struct edge_arena *a, const char *name);
struct export_queue_status *queues_missing(void *state, struct edge_ctx *ctx, size_t *ret_n);
void queues_orphan(void *state, struct edge_ctx *ctx, const char *queue, const char *folder);

/* distro.c */
edge_handler v1_ping;
enum edge_status distro_start(struct edge_ctx *ctx, struct client *client);
void distro_stop(struct client *client);

/** A text of EdgeX 1 as the answer, a line. */
enum edge_status v1_answer(struct edge_call *call, int code, const char *text);

#endif
