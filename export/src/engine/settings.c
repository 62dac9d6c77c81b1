/* Tables of what an application service's files say. */
#include "export/settings.h"

#include "edge/service.h"

#define ROW(T, m, key, text, ...)                                                                  \
    EDGE_FIELD(T, m, key, text, .flags = EDGE_EMIT_EMPTY __VA_OPT__(, ) __VA_ARGS__)
#define ROW_ENUM(T, m, key, text, list, ...)                                                       \
    EDGE_FIELD(T, m, key, text, .flags = EDGE_EMIT_EMPTY | EDGE_ANY_CASE,                          \
               .names = list __VA_OPT__(, ) __VA_ARGS__)

static const char *const TARGETS[] = {"event", "raw", "metric", NULL};
static const char *const FULL[] = {"drop-oldest", "drop-newest", "block", NULL};
static const char *const DURABILITY[] = {"group", "sync", "os", NULL};
static const char *const TRIGGERS[] = {"edgex-messagebus", "http", "external-mqtt", NULL};

/* clang-format off */
static const struct edge_field parameter_fields[] = {
    EDGE_FIELD(struct edge_named_text, name, NULL, "In any case.", .flags = EDGE_KEY),
    EDGE_FIELD(struct edge_named_text, value, NULL, "A text, whatever it means.", .flags = EDGE_VALUE | EDGE_SCALAR),
};
static const struct edge_dto PARAMETER = EDGE_DTO(struct edge_named_text, "Parameter", parameter_fields);

static const struct edge_field function_fields[] = {
    EDGE_FIELD(struct export_function_info, name, NULL, "Begins with the function's name: HTTPExport, HTTPExport2.", .flags = EDGE_KEY),
    EDGE_MAP(struct export_function_info, parameters, "Parameters", "Of the function.", &PARAMETER, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto FUNCTION = EDGE_DTO(struct export_function_info, "PipelineFunction", function_fields);

#define F(m, key, text, ...) ROW(struct export_topic_pipeline, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field topic_pipeline_fields[] = {
    EDGE_FIELD(struct export_topic_pipeline, key, NULL, "Key.", .flags = EDGE_KEY),
    F(id, "Id", "Unique among pipelines; empty: as the entry is called."),
    F(topics, "Topics", "Below the base topic, with + and #, commas between them."),
    F(execution_order, "ExecutionOrder", "Functions, commas between them."),
    EDGE_MAP(struct export_topic_pipeline, functions, "Functions", "Of this pipeline alone; those called the same of all pipelines are others.", &FUNCTION),
};
#undef F
static const struct edge_dto TOPIC_PIPELINE = EDGE_DTO(struct export_topic_pipeline, "TopicPipeline", topic_pipeline_fields);

#define F(m, key, text, ...) ROW(struct export_pipeline_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field pipeline_fields[] = {
    ROW_ENUM(struct export_pipeline_info, target_type, "TargetType", "What comes: event, raw (bytes) or metric.", TARGETS),
    F(execution_order, "ExecutionOrder", "Functions of default-pipeline, which takes whatever comes; empty: there is none."),
    EDGE_MAP(struct export_pipeline_info, per_topic, "PerTopicPipelines", "Those for some topics.", &TOPIC_PIPELINE, .flags = EDGE_EMIT_EMPTY),
    EDGE_MAP(struct export_pipeline_info, functions, "Functions", "By name, with their parameters; those in no order do nothing.", &FUNCTION, .flags = EDGE_EMIT_EMPTY),
};
#undef F
static const struct edge_dto PIPELINE = EDGE_DTO(struct export_pipeline_info, "Pipeline", pipeline_fields);

#define F(m, key, text, ...) ROW(struct export_store_and_forward, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field forward_fields[] = {
    F(enabled, "Enabled", "RetryInterval and MaxRetryCount hold for functions with PersistOnError."),
    F(retry_interval, "RetryInterval", "Between attempts, 1s at least.", .def = "5m", .check = edge_check_interval),
    F(max_retry_count, "MaxRetryCount", "Attempts after the first, then a message is dropped; 0: for ever.", .def = "10"),
};
#undef F
static const struct edge_dto STORE_AND_FORWARD = EDGE_DTO(struct export_store_and_forward, "StoreAndForward", forward_fields);

#define F(m, key, text, ...) ROW(struct export_spool_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field spool_fields[] = {
    F(max_mb, "MaxMB", "Of each queue on disk.", .def = "1024", .min = 1, .max = 1 << 20),
    F(max_count, "MaxCount", "Messages of each queue; 0: as many as fit."),
    F(max_age, "MaxAge", "Older ones are dropped; 0s: never.", .def = "0s", .check = edge_check_interval),
    ROW_ENUM(struct export_spool_info, full, "WhenFull", "drop-oldest, drop-newest or block (what comes waits).", FULL),
    ROW_ENUM(struct export_spool_info, durability, "Durability", "group: on disk within 50 ms; sync: before it is taken; os: when the system likes.", DURABILITY),
    F(keep, "KeepUndelivered", "Try again what could not be delivered, whatever StoreAndForward says; false: as official services do.", .def = "true"),
};
#undef F
const struct edge_dto EXPORT_SPOOL = EDGE_DTO(struct export_spool_info, "Spool", spool_fields);

static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct export_writable, base, NULL, "What every service has.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct export_writable, pipeline, "Pipeline", "What is done with what comes.", &PIPELINE, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct export_writable, store_and_forward, "StoreAndForward", "When to give up.", &STORE_AND_FORWARD, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct export_writable, spool, "Spool", "What waits for a peer, and where it ends.", &EXPORT_SPOOL, .flags = EDGE_EMIT_EMPTY),
};
const struct edge_dto EXPORT_WRITABLE = EDGE_DTO(struct export_writable, "Writable", writable_fields);

#define F(m, key, text, ...) ROW(struct export_will, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field will_fields[] = {
    F(enabled, "Enabled", "Have the broker say so when the connection breaks."),
    F(payload, "Payload", "What it says."),
    F(qos, "Qos", "0, 1 or 2.", .min = 0, .max = 2),
    F(retained, "Retained", "Whether it keeps that."),
    F(topic, "Topic", "Where."),
};
#undef F
static const struct edge_dto WILL = EDGE_DTO(struct export_will, "Will", will_fields);

#define F(m, key, text, ...) ROW(struct export_external_mqtt, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field external_fields[] = {
    F(url, "Url", "Of the broker: tcp, mqtt, ssl, tls or mqtts."),
    F(client_id, "ClientId", "Nobody else's at that broker."),
    F(connect_timeout, "ConnectTimeout", "For the broker's answer to a connection.", .def = "30s", .check = edge_check_duration_0s),
    F(auto_reconnect, "AutoReconnect", "A broker that is away is waited for in any case.", .def = "true"),
    F(keep_alive, "KeepAlive", "Seconds between signs of life.", .def = "10", .min = 0, .max = 65535),
    F(qos, "QoS", "Of both ways: 0, 1 or 2.", .min = 0, .max = 2),
    F(retain, "Retain", "Whether the broker keeps responses."),
    F(skip_cert_verify, "SkipCertVerify", "Trust any broker."),
    F(secret_name, "SecretName", "Of the secret with what AuthMode takes."),
    ROW_ENUM(struct export_external_mqtt, auth_mode, "AuthMode", "How to show who one is.", EDGE_AUTH_MODES),
    F(retry_duration, "RetryDuration", "Means nothing: a broker is waited for.", .def = "600", .min = 0, .max = INT32_MAX),
    F(retry_interval, "RetryInterval", "Seconds to the next attempt.", .def = "5", .min = 0, .max = 3600),
    EDGE_OBJECT(struct export_external_mqtt, will, "Will", "The last word.", &WILL, .flags = EDGE_EMIT_EMPTY),
};
#undef F
static const struct edge_dto EXTERNAL_MQTT = EDGE_DTO(struct export_external_mqtt, "ExternalMqtt", external_fields);

#define F(m, key, text, ...) ROW(struct export_trigger_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field trigger_fields[] = {
    ROW_ENUM(struct export_trigger_info, type, "Type", "Where messages come from: edgex-messagebus, http or external-mqtt.", TRIGGERS),
    F(subscribe_topics, "SubscribeTopics", "With + and #, commas between them; below the base topic but for external-mqtt.", .def = "events/#"),
    F(publish_topic, "PublishTopic", "Where responses go, below the base topic but for external-mqtt; may have {placeholders}; empty: nowhere."),
    EDGE_OBJECT(struct export_trigger_info, external, "ExternalMqtt", "Of external-mqtt.", &EXTERNAL_MQTT, .flags = EDGE_EMIT_EMPTY),
};
#undef F
const struct edge_dto EXPORT_TRIGGER = EDGE_DTO(struct export_trigger_info, "Trigger", trigger_fields);
