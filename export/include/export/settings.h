/**
 * The configuration of pipelines, with the official key names (Writable.Pipeline, Writable.StoreAndForward,
 * Trigger), and what is ours beside them (Writable.Spool).
 */
#ifndef EXPORT_SETTINGS_H
#define EXPORT_SETTINGS_H

#include "edge/config.h"
#include "edge/spool.h"

/** A function as configured; which one it is its name says. */
struct export_function_info {
    const char *name;
    struct edge_named_text *parameters;
    size_t n_parameters;
};
struct export_topic_pipeline {
    const char *key; /* in the file */
    const char *id, *topics, *execution_order;
    struct export_function_info *functions; /* its own, before those of all */
    size_t n_functions;
};
enum export_target { EXPORT_TARGET_EVENT, EXPORT_TARGET_RAW, EXPORT_TARGET_METRIC };
struct export_pipeline_info {
    unsigned target_type; /* enum export_target */
    const char *execution_order;
    struct export_topic_pipeline *per_topic;
    size_t n_per_topic;
    struct export_function_info *functions;
    size_t n_functions;
};
struct export_store_and_forward {
    bool enabled;
    const char *retry_interval;
    int64_t max_retry_count;
};
/** Bounds of each queue. */
struct export_spool_info {
    uint64_t max_mb, max_count;
    const char *max_age;
    unsigned full;       /* enum edge_spool_full */
    unsigned durability; /* enum edge_spool_durability */
    bool keep;           /* what failed once, where StoreAndForward is off */
};
extern const struct edge_dto EXPORT_SPOOL;

/** The Writable section of an application service. */
struct export_writable {
    struct edge_writable base;
    struct export_pipeline_info pipeline;
    struct export_store_and_forward store_and_forward;
    struct export_spool_info spool;
};
extern const struct edge_dto EXPORT_WRITABLE;

struct export_will {
    bool enabled, retained;
    const char *payload, *topic;
    int64_t qos;
};
struct export_external_mqtt {
    const char *url, *client_id, *connect_timeout, *secret_name;
    bool auto_reconnect, retain, skip_cert_verify;
    unsigned auth_mode;
    int64_t keep_alive, qos, retry_duration, retry_interval;
    struct export_will will;
};
enum export_trigger_type { EXPORT_TRIGGER_BUS, EXPORT_TRIGGER_HTTP, EXPORT_TRIGGER_EXTERNAL };
struct export_trigger_info {
    unsigned type;
    const char *subscribe_topics,
        *publish_topic; /* below the base topic; of a broker outside: whole */
    struct export_external_mqtt external;
};
extern const struct edge_dto EXPORT_TRIGGER;

#endif
