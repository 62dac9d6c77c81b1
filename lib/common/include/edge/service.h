/**
 * A service is a descriptor and the library around it. The same descriptor runs alone
 * (edge_service_main: one process, MQTT bus) or beside its neighbours (edge_host_main: edgexd, one
 * process, in-process bus and calls); nothing else differs.
 *
 * Life cycle, each step only after the one before:
 *   configure -> start (own resources: store, caches; no neighbours) -> HTTP listens -> bus
 *   subscriptions -> up (the broker has taken the subscriptions, or was waited for 5 s: ping
 *   answers 200 and no longer 503) -> ready (may wait for neighbours, on a thread of its own) ->
 *   ... -> quiesce (all services) -> HTTP drains -> bus drains -> stop
 *
 * A start that fails ends the process; but where the reason is a store that cannot be used and others run
 * in the process, its service alone is out of order: stopped again, it keeps its port, and ping and all its
 * own routes answer 503 with the reason.
 */
#ifndef EDGE_SERVICE_H
#define EDGE_SERVICE_H

#include "edge/bus.h"
#include "edge/client.h"
#include "edge/config.h"
#include "edge/http.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "edge/timer.h"

struct edge_budget;
struct edge_collection;
struct edge_store;
struct edge_data_file_config;

/** A row of a subscription table. */
struct edge_subscription {
    const char *topic; /* below the base prefix: "events/device/#"; "{service}" is replaced by the
                          service's name, escaped where names in topics are */
    edge_bus_handler *handler;
    const char *doc;
    unsigned flags;
};

/** Everything a running service has; made by the library, read-only to the service. */
struct edge_runtime {
    const struct edge_service *service;
    const char *name;                    /* service key, instance suffix included */
    void *state;                         /* service->state_size bytes, zeroed before start */
    const void *config;                  /* as started; Writable part: edge_runtime_writable() */
    const struct edge_base_config *base; /* = config */
    const struct edge_options *options;
    const char *data_dir;     /* made by who first writes there */
    const char *resource_dir; /* where configuration.yaml was found */
    const char *base_topic;   /* "edgex" */
    int64_t request_timeout_ms;
    struct edge_log *log;
    struct edge_metrics *metrics;
    struct edge_pool *pool;
    struct edge_budget *budget; /* the process's: of requests, answers, messages */
    struct edge_timers *timers; /* the process's */
    struct edge_bus *bus;
    struct edge_client *client; /* the process's */
    struct edge_http *http;
    uint16_t port; /* where it listens; stays when http has ended, for who is still at work */
};

struct edge_service {
    const char *name; /* service key */
    const char *doc;  /* one line for --help; may be NULL */
    const char *
        more_help; /* flags its main has beside the usual ones, "--flag\twords\n" each; NULL: none */
    const char *version; /* its own, for --version and the log; NULL: the platform's */
    uint16_t port;
    const char *sdk_version;    /* device and app services; else NULL */
    const char *common_section; /* of the common configuration, beside all-services; NULL: none */
    bool has_instances;         /* -i adds to its name */
    /* Its name where a profile is asked for (-p), which stands for <profile>; -sk gives another. NULL: NAME always. */
    const char *key_by_profile;
    /* Keeps configuration and registry of others: takes its own from files, starts first. */
    bool is_provider;
    bool keeps_session; /* a broker keeps for it what comes while it is away */
    size_t state_size;
    const struct edge_dto *config; /* whole configuration; struct starts with edge_base_config */
    size_t writable_offset;        /* of the writable struct, which starts with edge_writable */
    const char *default_config;    /* YAML used where no file is found; may be NULL */
    struct edge_routes routes;
    const struct edge_subscription *subscriptions;
    size_t n_subscriptions;
    bool full_chain;     /* error texts are whole chains */
    const void *context; /* for services made by a kit: the SDK keeps its driver here */
    edge_config_free_check *check_free; /* of the configuration; gets the context; may be NULL */

    enum edge_status (*start)(struct edge_ctx *ctx, const struct edge_runtime *rt);
    /** Runs on its own thread; a failure ends the process (fatal). Return early when
     * edge_runtime_stopping(). */
    enum edge_status (*ready)(struct edge_ctx *ctx, const struct edge_runtime *rt);
    /** First of all when stopping, while bus and HTTP still run: make no more work of your own. */
    void (*quiesce)(const struct edge_runtime *rt);
    /**
     * Bus, HTTP and pool are quiet (rt->bus is NULL); timers still run: cancel the service's own.
     * Must cope with a start that failed half way.
     */
    void (*stop)(const struct edge_runtime *rt);
    /** Writable values changed; called after the swap, never concurrently with itself. */
    void (*reconfigured)(const struct edge_runtime *rt);
};

/** The whole of main(): flags, configuration, signals, life cycle, exit code. */
int edge_service_main(const struct edge_service *service, int argc, char **argv);
/** Several services in one process, in the order given; stopped in reverse. */
int edge_host_main(const struct edge_service *const *services, size_t n, int argc, char **argv);

/** Those every service has beside its own. */
extern const struct edge_routes edge_common_routes;
/** Its routes, with those every service has, as an OpenAPI 3.1 document in the context's arena. */
enum edge_status edge_service_describe(struct edge_ctx *ctx, const struct edge_service *service,
                                       const cJSON **ret);

/** The service's writable struct as it is now; valid until two further changes. Any thread. */
const void *edge_runtime_writable(const struct edge_runtime *rt);
/** A value of Writable.InsecureSecrets; NULL if there is none. Valid as the writable struct is. */
const char *edge_runtime_secret(const struct edge_runtime *rt, const char *secret_name,
                                const char *key);
/** How to show a broker who one is: none, usernamepassword, clientcert, cacert; NULL-ended. */
extern const char *const EDGE_AUTH_MODES[];
/** Where what is shown to a broker comes from. */
struct edge_broker_secret {
    const char *section; /* of the configuration, for texts: "MessageBus" */
    const char *auth_mode, *secret_name;
    const struct edge_writable *writable; /* edge_runtime_writable() */
    struct edge_metrics *metrics;
};
/**
 * Of the secret what its AuthMode takes: username and password; clientcert and clientkey; cacert, which must be
 * there where the mode is called so. It goes to @p a; what @p c has already stays. INVALID where something is missing.
 */
enum edge_status edge_broker_credentials(struct edge_ctx *ctx, struct edge_arena *a,
                                         const struct edge_broker_secret *from,
                                         struct edge_bus_config *c);
bool edge_runtime_stopping(const struct edge_runtime *rt);
/**
 * Where a neighbour is: as the registry says (-r), else as Clients does; NULL where neither knows.
 * May wait for the registry: not on an event thread.
 */
const char *edge_peer_url(struct edge_ctx *ctx, const struct edge_runtime *rt, const char *client);
/** Wait for a neighbour to answer ping; UNAVAILABLE when stopping or at the start-up
 * deadline. */
enum edge_status edge_wait_for_peer(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                    const char *client);
/**
 * The data file @p name of a service that keeps data, in its data directory. INVALID where Database.Type
 * is not the embedded store.
 */
enum edge_status edge_runtime_data_file(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                        const char *name, struct edge_data_file_config *ret);
/** Database.Type by the name of a back end. */
const char *edge_runtime_store_type(const struct edge_runtime *rt);
/**
 * The store of a service's start, in such a file; routes with EDGE_ROUTE_READS run on workers where it
 * waits. Failures as edge_store_open().
 */
enum edge_status edge_runtime_store(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                    const char *name,
                                    const struct edge_collection *const *collections, size_t n,
                                    struct edge_store **ret);
/**
 * Publish @p m, which is given away, once the change of @p store under way is durable: changes are
 * announced in their order (edge_store_after). It is lost with a warning where the bus refuses it; who
 * missed it learns of the change by asking.
 */
void edge_announce_change(struct edge_ctx *ctx, const struct edge_runtime *rt,
                          struct edge_store *store, struct edge_message *m);
/** Where the service itself is reached, "https://localhost:59900". */
const char *edge_runtime_url(struct edge_arena *a, const struct edge_runtime *rt);
/** Sleep that ends early when the service stops; false then. */
bool edge_runtime_sleep(const struct edge_runtime *rt, int64_t ms);

/* For tests: run services inside the test program. */
struct edge_host;
/** @p argv as for edge_host_main ("--data", dir, ...). Returns when every service is ready. */
enum edge_status edge_host_start(struct edge_ctx *ctx, const struct edge_service *const *services,
                                 size_t n, int argc, char **argv, struct edge_host **ret);
void edge_host_stop(struct edge_host *host);
const struct edge_runtime *edge_host_runtime(const struct edge_host *host, const char *service);

#endif
