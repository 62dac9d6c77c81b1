/**
 * Configuration: a struct and a field table per service. Values come, later over earlier, from the
 * table's defaults, the common file (-cc: sections all-services, then that of the kind of service), the
 * service's own YAML file, and the environment (contract 12.1: SERVICE_PORT, WRITABLE_LOGLEVEL,
 * ...). With a configuration provider (-cp) what it holds goes before all of these. The effective whole is what GET /config shows. A change of the file while running is taken
 * up where the key is below Writable; anything unsound leaves the running configuration as it is.
 */
#ifndef EDGE_CONFIG_H
#define EDGE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/dto.h"
#include "edge/http.h"

/* The parts every service has, official key names (contract 12.3). A service's config struct starts
 * with edge_base_config (EDGE_INLINE row) and has a writable struct that starts with edge_writable
 * (EDGE_INLINE row), so library and service read the same file through one table. */

struct edge_wire_forms;
struct edge_client;

struct edge_named_bool {
    const char *name;
    bool value;
};
struct edge_named_text {
    const char *name, *value;
};
struct edge_insecure_secret {
    const char *name; /* key in the file */
    const char *secret_name;
    struct edge_named_text *secret_data;
    size_t n_secret_data;
};
struct edge_telemetry {
    const char *interval; /* duration; "0s": never */
    struct edge_named_bool *metrics;
    size_t n_metrics;
    struct edge_named_text *tags;
    size_t n_tags;
};
struct edge_writable {
    const char *log_level;
    struct edge_insecure_secret *insecure_secrets;
    size_t n_insecure_secrets;
    struct edge_telemetry telemetry;
};

/* How the service is spoken to, or a neighbour. */
struct edge_security_options {
    const char *mode; /* of a service: "" or "tls" */
    const char *openziti_controller;
    const char *ca_file, *cert_file, *key_file, *server_name; /* PEM files */
    bool skip_cert_verify;
};
struct edge_service_info {
    const char *host, *server_bind_addr, *startup_msg, *health_check_interval, *request_timeout;
    int64_t port, max_result_count, max_request_size; /* KB, 0: off */
    int64_t memory_budget;                            /* likewise */
    bool enable_name_field_escape;
    const char **labels;
    size_t n_labels;
    struct edge_security_options security;
    struct edge_cors cors;
};
struct edge_bus_optional { /* texts, as in the official files */
    const char *client_id, *qos, *event_qos, *keep_alive, *retained, *auto_reconnect,
        *connect_timeout, *skip_cert_verify, *username, *password, *ca_file, *cert_file, *key_file;
};
struct edge_bus_info {
    const char *protocol, *host, *type, *auth_mode, *secret_name, *base_topic_prefix;
    int64_t port;
    bool disabled;
    struct edge_bus_optional optional;
};
struct edge_registry_info {
    const char *protocol, *host, *type;
    int64_t port;
};
struct edge_database_info {
    const char *type, *host, *name; /* sqlite: name is the file below the data directory */
    int64_t port;
    const char *timeout;
    int64_t reserve_kb, min_free_kb; /* data_file.h */
};
struct edge_client_info {
    const char *name; /* "core-metadata" */
    const char *protocol, *host;
    int64_t port;
    struct edge_security_options security;
};
struct edge_base_config {
    struct edge_service_info service;
    struct edge_bus_info message_bus;
    struct edge_registry_info registry;
    struct edge_database_info database;
    struct edge_client_info *clients;
    size_t n_clients;
};
extern const struct edge_dto EDGE_WRITABLE_CONFIG, EDGE_BASE_CONFIG;

/** What the command line and the environment say (contract 12.1). */
struct edge_options {
    const char *config_dir, *config_file, *profile, *common_config; /* -cd -cf -p -cc */
    const char *config_provider;                                    /* -cp */
    const char *remote_service_hosts;                               /* -rsh */
    const char *instance;                                           /* -i, EDGEX_INSTANCE_NAME */
    const char *service_key;                                        /* -sk, EDGEX_SERVICE_KEY */
    bool overwrite, registry, dev;                                  /* -o -r -d */
    bool overwrite_profiles, overwrite_devices;                     /* -op -od */
    const char *data_dir;                                           /* --data; default "var" */
    bool health; /* --health: ask the running one */
    bool help, version;
    int64_t startup_duration_ms, startup_interval_ms; /* EDGEX_STARTUP_DURATION, _INTERVAL */
};

/** INVALID names the flag. Strings live in the context's arena. @p argc 0: environment and defaults
 * only. */
enum edge_status edge_options_parse(struct edge_ctx *ctx, int argc, char **argv,
                                    struct edge_options *ret);
/** How messages are to be written, by the environment. */
struct edge_wire_forms edge_wire_forms_given(void);
/** The flags for --help, one a line: names, a tab, what it does. */
const char *edge_options_help(void);

/**
 * What a configuration provider has for a service: trees of texts, each NULL where there is nothing.
 * The common ones stand in for the common file and its variables; own wins over the private file and
 * the environment, which it was made from once (contract 7.4, 12.2).
 */
struct edge_config_remote {
    const cJSON *all_services, *section, *own;
};

/**
 * What came of a loading, and what the next one has to know of it: all in the arena of the context
 * that loaded.
 */
struct edge_config_loaded {
    const char *file;     /* the private file that was read, NULL if none */
    const cJSON *tree;    /* the values under their canonical names, defaults left out */
    const cJSON *refused; /* of keys that were left out: "<source>: <key>" and the value */
};

struct edge_nearest; /* edge/text.h */

/**
 * The rule of a free-form section: can @p key, directly below it, have this value? INVALID says why
 * not. NOT_FOUND: nobody there knows the key, which is said and does no harm; those that are known
 * were offered to @p near. @p arg: edge_config_source.free_arg.
 */
typedef enum edge_status edge_config_free_check(struct edge_ctx *ctx, const void *arg,
                                                const char *section, const char *key,
                                                const cJSON *value, struct edge_nearest *near);

struct edge_config_source {
    const struct edge_dto *dto; /* of the whole configuration */
    const char *service; /* key: default of MessageBus.Optional.ClientId, folder of its files */
    const char *folder;  /* of its files below config_dir; NULL: as service */
    const char *common_section; /* "device-services", "app-services"; NULL: all-services alone */
    uint16_t port;              /* default of Service.Port */
    const char *bus_type;       /* default of MessageBus.Type; NULL: "mqtt" */
    const struct edge_options *options;
    const char *base_yaml; /* the service's built-in file, used where none is found; may be NULL */
    const struct edge_config_remote *remote; /* NULL: no provider */
    const char *secrets_file;                /* what POST /secret has stored; may be NULL */
    const struct edge_config_loaded *before; /* of the running configuration; NULL: at the start */
    struct edge_client *client;              /* for files named by a URI */
    edge_config_free_check *check_free;      /* may be NULL */
    const void *free_arg;
};

/**
 * Where the service's files are: the first of <config_dir>/<folder>, <config_dir>/<folder>/res and
 * <config_dir> that holds [<profile>/]<config_file>. *ret_file is NULL where none does, *ret_dir
 * then is the first of them that exists. NOT_FOUND with the path where the file was asked for by
 * name.
 */
enum edge_status edge_config_locate(struct edge_ctx *ctx, const struct edge_config_source *source,
                                    const char **ret_file, const char **ret_dir);

/**
 * Load everything into @p config (dto->size bytes), all in the context's arena. Unknown keys are
 * logged as warnings. An unreadable file fails with its name.
 *
 * A value that cannot be (wrong type, out of range, a section where a value is wanted, ...): of a
 * file or the environment it fails at the start, with its name. From a provider, and from everywhere
 * once @p source->before is given, that key alone is refused: it keeps what it held, at the start
 * what the other sources say, and is logged with key, value and source, unless the loading before
 * did so already.
 *
 * A variable may be meant for one service only, where several share an environment:
 * CORE_DATA__SERVICE_PORT goes before SERVICE_PORT.
 */
enum edge_status edge_config_load(struct edge_ctx *ctx, const struct edge_config_source *source,
                                  void *config, struct edge_config_loaded *ret);

/**
 * What private file and environment say, and nothing else, under the canonical key names: what a
 * provider is given that does not know the service yet. Secrets are left out: everybody can read
 * there.
 */
enum edge_status edge_config_private(struct edge_ctx *ctx, const struct edge_config_source *source,
                                     cJSON **ret);

/**
 * The text of a file a configuration names, at most 1 MiB: @p path as it stands or, where that is
 * relative and leads nowhere, the file of that name in @p dir (edge_runtime.resource_dir); a URI is
 * asked for through @p client, within EDGEX_FILE_URI_TIMEOUT. NOT_FOUND where there is none, INVALID where it cannot be taken; both name it.
 */
enum edge_status edge_config_read(struct edge_ctx *ctx, struct edge_client *client, const char *dir,
                                  const char *path, const char **ret_text, size_t *ret_len);

/**
 * Does a key called so, or a text like this one, hold what nobody may see? Where no table says it:
 * by the words of the name (`UserPass`, `api-key`), by the form of the text
 * (`tcp://user:password@host`, `...;Password=...`). Either may be NULL.
 */
bool edge_config_is_credential(const char *key, const char *text);

/** Address of a neighbour from Clients, "http://localhost:59881"; NULL where it has no entry. */
const char *edge_config_client_url(struct edge_arena *a, const struct edge_base_config *base,
                                   const char *client);

#endif
