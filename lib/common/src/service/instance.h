/** A running service and the process around it: the insides of edge_runtime and edge_host. */
#ifndef EDGE_INSTANCE_H
#define EDGE_INSTANCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>

#include "edge/clock.h"
#include "edge/service.h"
#include "edge/thread.h"
#include "presence.h"
#include "provider.h"
#include "registry.h"

/** How far a service has come; what was reached is undone in reverse. */
enum instance_phase {
    PHASE_NONE,
    PHASE_CONFIGURED,
    PHASE_STARTED,
    PHASE_LISTENS,
    PHASE_SUBSCRIBED
};

enum { N_GENERATIONS = 3, SECURITY_FILES = 3 };

/** What of the configuration says where a service listens; texts are "" where nothing is said. */
struct listen_place {
    const char *host, *bind_addr;
    int64_t port;
};

struct edge_instance {
    struct edge_runtime rt; /* first: a runtime is its instance */
    struct edge_host *host;
    struct edge_ctx ctx; /* holds what lives as long as the instance */
    enum instance_phase phase;
    bool reads_wait; /* routes that read its store run on workers */

    const struct edge_dto *writable_dto;
    _Atomic(const void *) writable;
    struct edge_ctx *generations[N_GENERATIONS]; /* of reloaded configurations, newest first */
    struct edge_config_loaded loaded;            /* the newest of them, or that of the start */
    struct stat seen;                            /* the file as it was when read */
    struct stat seen_tls[SECURITY_FILES];        /* those of TLS likewise */

    struct provider provider;         /* url NULL: the configuration comes from files only */
    struct edge_config_remote remote; /* what it had when read; lives as the newest generation */
    uint64_t remote_mark;             /* of that */
    _Atomic bool remote_changed;      /* it announced a change */
    bool remote_owed;                 /* a change was announced and could not be read yet */
    int64_t remote_due_ms;            /* when to look without being told; both by the watch alone */
    struct registry registry;
    struct presence presence;

    struct listen_place said;    /* where files, environment and defaults have it listen */
    struct listen_place refused; /* where the provider has, if that cannot be; */
    struct listen_place listens; /* where it does instead, */
    unsigned refused_keys;       /* and which keys are at fault; 0: none */

    struct edge_mutex secrets_lock; /* the file of stored secrets is one caller's at a time */
    _Atomic bool secrets_changed;   /* and the watch takes up what was stored */

    struct edge_timer telemetry;
    _Atomic int64_t telemetry_ms; /* 0: never */
    bool publishing EDGE_GUARDED; /* by the host's lock: a worker has the metrics in hand */

    const char **urls; /* by which neighbours of this process call it */
    size_t n_urls;
    bool store_unusable;      /* told by who opened it: what it holds cannot be used */
    const char *out_of_order; /* why it only answers 503, its start undone; NULL: it works */
    _Atomic bool up;          /* heard on the bus, or waited for long enough: ping may say so */
    bool ready_running;
    pthread_t ready_thread;

    _Alignas(max_align_t) unsigned char state[];
};

struct edge_host {
    struct edge_ctx ctx;
    struct edge_options options;
    struct edge_client *client;
    struct edge_timers *timers;
    struct edge_bus_hub *hub;
    struct edge_budget *budget; /* of requests to all of them */
    int64_t budget_kb;          /* 0: no limit; < 0: nobody has said yet */
    struct edge_instance **instances;
    size_t n;
    int64_t started_ns;
    int64_t heard_until_ms; /* how long the bus is waited for before services start without it */
    int wake_fd;            /* written when the watch has to look up */
    int watch_fd;           /* inotify */
    int signal_fd;          /* -1 in tests */
    bool watch_running;
    pthread_t watch_thread;
    _Atomic bool stopping;

    struct edge_mutex lock;
    struct edge_cond changed;      /* stopping, n_pending, failure */
    size_t n_pending EDGE_GUARDED; /* services not ready yet */
    enum edge_status failure EDGE_GUARDED;
    char failure_text[1024] EDGE_GUARDED;
};

/* instance.c */
/** The instance whose state a handler was given. */
struct edge_instance *instance_of_state(void *state);
const char *instance_name(struct edge_arena *a, const struct edge_service *service,
                          const struct edge_options *options);
/** Where a service's configuration comes from; texts made for it live in @p a. */
struct edge_config_source instance_source(struct edge_arena *a, const struct edge_service *service,
                                          const struct edge_options *options, const char *name,
                                          bool shared_process);
/** Load it; @p ctx is the instance's own: what is loaded stays. */
enum edge_status instance_load(struct edge_ctx *ctx, struct edge_instance *inst);
/** Is it another one than @p seen, which is the file as it is now from here on? */
bool instance_file_changed(const char *path, struct stat *seen);
/** Say what it was loaded from, in the order of its weight. */
void instance_log_sources(struct edge_ctx *ctx, const struct edge_instance *inst);

/** The failure of a ready, if there was one. */
enum edge_status host_failure(struct edge_ctx *ctx, struct edge_host *host);
/** End the process with this failure, unless it ends anyway. Any thread. */
void host_fail(struct edge_host *host, enum edge_status st, const char *reason);
/** Have the watch look up. Any thread. */
void host_wake(struct edge_host *host);
/** Wait while starting; false where SIGTERM or SIGINT came, and the host is stopping from then on. */
bool host_pause(struct edge_host *host, int64_t ms);
/** It stops from now on: who sleeps or waits is woken. Any thread. */
void host_announce_stop(struct edge_host *host);
/** One service less to wait for, or a failure that ends the process. Any thread. */
void host_note_ready(struct edge_host *host, enum edge_status st, const char *reason);

/* host.c */
/** Bring every service up to its ready, which then run on threads of their own; *ret also on
 * failure. */
enum edge_status host_launch(struct edge_ctx *ctx, const struct edge_service *const *services,
                             size_t n, const struct edge_options *options, int signal_fd,
                             struct edge_host **ret);
/** Stop in reverse, within about @p drain_ms, and free. */
void host_stop(struct edge_host *host, int64_t drain_ms);

/* listen.c */
/** Listen, if it is where files, environment and defaults have it: nobody else may take that port. */
enum edge_status listen_first(struct edge_ctx *ctx, struct edge_instance *inst);
/** Listen, if it does not yet, unless on the port of a neighbour that does not either. */
enum edge_status listen_unclaimed(struct edge_ctx *ctx, struct edge_instance *inst);
/** Listen, if it does not yet; where a provider's place cannot be, on what the others say. */
enum edge_status listen_rest(struct edge_ctx *ctx, struct edge_instance *inst);
/** Have @p base, loaded anew, say where @p inst listens, unless it names a place not tried yet. */
void listen_amend(const struct edge_instance *inst, struct edge_base_config *base);
/** What a service listens on: ServerBindAddr, else Host, else loopback. */
const char *host_bind_address(const struct edge_base_config *base);

/* options.c */
/** Have the texts of @p options live in @p a. */
void options_keep(struct edge_arena *a, struct edge_options *options);

/* reload.c */
/** Look after files, the provider and signals until the host stops, SIGTERM or SIGINT comes, or a ready fails. */
void host_watch(struct edge_host *host, int signal_fd);
void host_watch_open(struct edge_host *host);
/** Hear what the provider announces. */
enum edge_status watch_provider(struct edge_ctx *ctx, struct edge_instance *inst);

/* telemetry.c */
/** Publish metrics as the Writable part says from now on. */
void telemetry_apply(struct edge_instance *inst);
void telemetry_stop(struct edge_instance *inst);

/* secrets.c */
#define SECRETS_REQUESTED "SecuritySecretsRequested"
#define SECRETS_STORED    "SecuritySecretsStored"
/** A value of an insecure secret, NULL if there is none. Valid as the writable part is. */
const char *secret_find(const struct edge_writable *writable, struct edge_metrics *metrics,
                        const char *secret_name, const char *key);
/** Where a service of that name keeps what POST /secret brings. */
const char *secrets_file(struct edge_arena *a, const struct edge_options *options,
                         const char *name);
/** Add or replace values of a secret, durably; other values stay. One caller at a time. */
enum edge_status secrets_store(struct edge_ctx *ctx, const char *path, const char *secret_name,
                               const struct edge_named_text *data, size_t n);

/* bus_options.c */
/** The connection as MessageBus says, with its secrets in @p a; INVALID names the key. */
enum edge_status bus_options(struct edge_ctx *ctx, struct edge_arena *a,
                             const struct edge_base_config *base,
                             const struct edge_writable *writable, struct edge_metrics *metrics,
                             struct edge_bus_config *ret);

/* security.c */
/** Does it speak TLS? */
bool security_is_tls(const struct edge_base_config *base);
/** "https" then, else "http". */
const char *security_scheme(const struct edge_base_config *base);
/** INVALID where a file is missing that it cannot do without. */
enum edge_status security_check(struct edge_ctx *ctx, const struct edge_base_config *base);
/** The files of that; those that are not asked for are NULL. */
struct edge_http_tls security_files(const struct edge_base_config *base);
/** Those that are. */
size_t security_paths(const struct edge_base_config *base, const char *ret[SECURITY_FILES]);
/** Have the client speak to all as the environment says (EDGEX_CA_FILE, ...). */
enum edge_status security_of_all(struct edge_ctx *ctx, struct edge_client *client);
/** And to neighbours as Clients says. */
enum edge_status security_of_clients(struct edge_ctx *ctx, struct edge_client *client,
                                     const struct edge_base_config *base);
/** And to the service itself, whose certificate it knows: to see whether it lives. */
void security_of_self(struct edge_ctx *ctx, struct edge_client *client, const char *url,
                      const struct edge_base_config *base);
/** Read the files of a service's TLS again, if they have changed since or @p anyway. */
void security_renew(struct edge_instance *inst, bool anyway);

/* runtime.c */
/** What edge_runtime_store() does with the store it has opened. */
void runtime_note_store(const struct edge_runtime *rt, const struct edge_store *store);

/* common_routes.c */
/** The effective configuration as GET /config shows it: no credentials, secrets blanked. */
const cJSON *config_shown(struct edge_ctx *ctx, const struct edge_instance *inst);

#endif
