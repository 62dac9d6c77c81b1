/*
 * The configuration every service has, as tables: the official key names, and as defaults the
 * values of the official common configuration, so that a service runs without a common file.
 */
#include <string.h>
#include <strings.h>

#include "edge/config.h"
#include "edge/log.h"
#include "edge/text.h"

static enum edge_status check_port(const void *value, struct edge_scope *at)
{
    int64_t port = *(const int64_t *)value;
    if (port < 0 || port > 65535) {
        return edge_scope_fail(at, NULL, "must be between 0 and 65535");
    }
    return EDGE_OK;
}

static enum edge_status check_log_level(const void *value, struct edge_scope *at)
{
    enum edge_log_level level;
    if (!edge_log_level_parse(value, &level)) {
        return edge_scope_fail(at, NULL, "must be one of TRACE DEBUG INFO WARN ERROR");
    }
    return EDGE_OK;
}

static enum edge_status check_size(const void *value, struct edge_scope *at)
{
    enum { MAX_KB = 1024 * 1024 };
    int64_t kb = *(const int64_t *)value;
    if (kb < 0 || kb > MAX_KB) {
        return edge_scope_fail(at, NULL, "must be between 0 and %d KB", MAX_KB);
    }
    return EDGE_OK;
}

/* With less not even a ping is answered. */
static enum edge_status check_budget(const void *value, struct edge_scope *at)
{
    enum { MIN_KB = 64 };
    int64_t kb = *(const int64_t *)value;
    return kb > 0 && kb < MIN_KB ? edge_scope_fail(at, NULL, "must be 0 or at least %d KB", MIN_KB)
                                 : check_size(value, at);
}

/* What else is kept beside the database, by a service or by the database itself. */
static bool is_taken(const char *name)
{
    static const char *const whole[] = {"secrets.json", "clock"};
    static const char *const ends[] = {".reserve", ".damaged", "-wal", "-shm", "-journal"};
    size_t len = strlen(name);
    bool taken = false;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        taken = taken || strcmp(name, whole[i]) == 0;
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t size = strlen(ends[i]);
        taken = taken || (len >= size && strcmp(name + len - size, ends[i]) == 0);
    }
    return taken;
}

/* A name in the data directory, not a way out of it. */
static enum edge_status check_file_name(const void *value, struct edge_scope *at)
{
    const char *s = value;
    if (strchr(s, '/') || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 || strlen(s) > 200) {
        return edge_scope_fail(at, NULL, "must be the name of a file");
    }
    return is_taken(s) ? edge_scope_fail(at, NULL, "is the name of another file kept there")
                       : EDGE_OK;
}

static enum edge_status one_of(const char *s, const char *const *names, struct edge_scope *at)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf list = EDGE_BUF_INIT;
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(s, names[i]) == 0) {
            return EDGE_OK;
        }
        edge_buf_printf(&list, " %s", names[i]);
    }
    return edge_scope_fail(at, NULL, "'%.64s' is not supported; one of%s", s, edge_buf_str(&list));
}

static enum edge_status check_bus_type(const void *value, struct edge_scope *at)
{
    static const char *const names[] = {"mqtt", "memory", NULL};
    return one_of(value, names, at);
}

static enum edge_status check_bus_protocol(const void *value, struct edge_scope *at)
{
    static const char *const names[] = {"tcp", "mqtt", "ssl", "tls", "mqtts", NULL};
    return one_of(value, names, at);
}

static enum edge_status check_auth_mode(const void *value, struct edge_scope *at)
{
    static const char *const names[] = {"none", "usernamepassword", "clientcert", "cacert", "",
                                        NULL};
    return one_of(value, names, at);
}

static enum edge_status check_registry_type(const void *value, struct edge_scope *at)
{
    static const char *const names[] = {"keeper", NULL};
    return one_of(value, names, at);
}

static enum edge_status check_client_protocol(const void *value, struct edge_scope *at)
{
    static const char *const names[] = {"http", "https", NULL};
    return one_of(value, names, at);
}

static enum edge_status check_security_mode(const void *value, struct edge_scope *at)
{
    static const char *const names[] = {"tls", "", NULL};
    return one_of(value, names, at);
}

static enum edge_status check_database_type(const void *value, struct edge_scope *at)
{
    const char *s = value;
    return strcmp(s, "sqlite") == 0 || strcmp(s, "postgres") == 0
               ? EDGE_OK
               : edge_scope_fail(at, NULL,
                                 "'%.64s' is none of 'sqlite' 'postgres', which both mean the "
                                 "embedded store",
                                 s);
}

/* A name or an address; empty where the key may be left out. */
static enum edge_status check_host(const void *value, struct edge_scope *at)
{
    const char *s = value;
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%";
    return s[strspn(s, allowed)] == '\0' && strlen(s) <= 255
               ? EDGE_OK
               : edge_scope_fail(at, NULL, "is not a host name");
}

static enum edge_status check_topic_prefix(const void *value, struct edge_scope *at)
{
    const char *s = value;
    EDGE_TRY(edge_check_not_blank(value, at));
    return strpbrk(s, "+#") || strlen(s) > 1000
               ? edge_scope_fail(at, NULL, "must be the first levels of a topic, without wildcards")
               : EDGE_OK;
}

/* Numbers and truths written as texts; an empty one is none. */
static enum edge_status check_number(const char *s, int max, struct edge_scope *at)
{
    int64_t value = 0;
    return *s && (!edge_int_parse(s, &value) || value < 0 || value > max)
               ? edge_scope_fail(at, NULL, "'%.64s' is not a number from 0 to %d", s, max)
               : EDGE_OK;
}

static enum edge_status check_qos(const void *value, struct edge_scope *at)
{
    return check_number(value, 2, at);
}

static enum edge_status check_keep_alive(const void *value, struct edge_scope *at)
{
    return check_number(value, 65535, at);
}

static enum edge_status check_connect_timeout(const void *value, struct edge_scope *at)
{
    return check_number(value, 3600, at);
}

static enum edge_status check_truth(const void *value, struct edge_scope *at)
{
    const char *s = value;
    bool truth;
    return !*s || edge_bool_parse(s, &truth)
               ? EDGE_OK
               : edge_scope_fail(at, NULL, "'%.64s' is not true or false", s);
}

/* Every key is shown by GET /config, set or not. */
#define ROW(T, m, key, text, ...)                                                                  \
    EDGE_FIELD(T, m, key, text, .flags = EDGE_EMIT_EMPTY __VA_OPT__(, ) __VA_ARGS__)

/* clang-format off */
static const struct edge_field named_bool_fields[] = {
    EDGE_FIELD(struct edge_named_bool, name, NULL, "Key.", .flags = EDGE_KEY),
    EDGE_FIELD(struct edge_named_bool, value, NULL, "Yes or no.", .flags = EDGE_VALUE),
};
static const struct edge_dto NAMED_BOOL = EDGE_DTO(struct edge_named_bool, "Switch", named_bool_fields);

static const struct edge_field named_text_fields[] = {
    EDGE_FIELD(struct edge_named_text, name, NULL, "Key.", .flags = EDGE_KEY),
    EDGE_FIELD(struct edge_named_text, value, NULL, "Text.", .flags = EDGE_VALUE),
};
static const struct edge_dto NAMED_TEXT = EDGE_DTO(struct edge_named_text, "Text", named_text_fields);

static const struct edge_field secret_value_fields[] = {
    EDGE_FIELD(struct edge_named_text, name, NULL, "Key.", .flags = EDGE_KEY),
    EDGE_FIELD(struct edge_named_text, value, NULL, "The secret.", .flags = EDGE_VALUE | EDGE_SECRET),
};
static const struct edge_dto SECRET_VALUE = EDGE_DTO(struct edge_named_text, "SecretValue", secret_value_fields);

#define F(m, key, text, ...) ROW(struct edge_insecure_secret, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field insecure_secret_fields[] = {
    EDGE_FIELD(struct edge_insecure_secret, name, NULL, "Key.", .flags = EDGE_KEY),
    F(secret_name, "SecretName", "What services ask for; empty: as the entry is called."),
    EDGE_MAP(struct edge_insecure_secret, secret_data, "SecretData", "Its values.", &SECRET_VALUE, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto INSECURE_SECRET = EDGE_DTO(struct edge_insecure_secret, "InsecureSecret", insecure_secret_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_telemetry, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field telemetry_fields[] = {
    F(interval, "Interval", "How often metrics are published; 0s: never.", .def = "30s", .check = edge_check_interval),
    EDGE_MAP(struct edge_telemetry, metrics, "Metrics", "Which ones, by prefix of their names.", &NAMED_BOOL, .flags = EDGE_EMIT_EMPTY),
    EDGE_MAP(struct edge_telemetry, tags, "Tags", "Added to each of them.", &NAMED_TEXT, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto TELEMETRY = EDGE_DTO(struct edge_telemetry, "Telemetry", telemetry_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_writable, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field writable_fields[] = {
    F(log_level, "LogLevel", "TRACE, DEBUG, INFO, WARN or ERROR.", .def = "INFO", .check = check_log_level),
    EDGE_MAP(struct edge_writable, insecure_secrets, "InsecureSecrets", "Secrets where there is no secret store.", &INSECURE_SECRET, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct edge_writable, telemetry, "Telemetry", "Metrics on the message bus.", &TELEMETRY, .flags = EDGE_EMIT_EMPTY),
};
const struct edge_dto EDGE_WRITABLE_CONFIG = EDGE_DTO(struct edge_writable, "Writable", writable_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_cors, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field cors_fields[] = {
    F(enable, "EnableCORS", "Answer browsers of other origins.", .def = "false"),
    F(allow_credentials, "CORSAllowCredentials", "Access-Control-Allow-Credentials.", .def = "false"),
    F(allowed_origin, "CORSAllowedOrigin", "Access-Control-Allow-Origin.", .def = "https://localhost"),
    F(allowed_methods, "CORSAllowedMethods", "Access-Control-Allow-Methods.", .def = "GET, POST, PUT, PATCH, DELETE"),
    F(allowed_headers, "CORSAllowedHeaders", "Access-Control-Allow-Headers.", .def = "Authorization, Accept, Accept-Language, Content-Language, Content-Type, X-Correlation-ID"),
    F(expose_headers, "CORSExposeHeaders", "Access-Control-Expose-Headers.", .def = "Cache-Control, Content-Language, Content-Length, Content-Type, Expires, Last-Modified, Pragma, X-Correlation-ID"),
    F(max_age, "CORSMaxAge", "Access-Control-Max-Age, s.", .def = "3600"),
};
static const struct edge_dto CORS = EDGE_DTO(struct edge_cors, "CORSConfiguration", cors_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_security_options, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field service_security_fields[] = {
    F(mode, "Mode", "tls: https; empty: http.", .check = check_security_mode),
    F(openziti_controller, "OpenZitiController", "Of no use here.", .def = "openziti:1280"),
    F(cert_file, "CertFile", "PEM file of the certificate, and of those that lead to its CA."),
    F(key_file, "KeyFile", "PEM file of its key."),
    F(ca_file, "CaFile", "PEM file of who signs the certificates clients must show; empty: none is asked for."),
};
static const struct edge_dto SERVICE_SECURITY = EDGE_DTO(struct edge_security_options, "ServiceSecurity", service_security_fields);

static const struct edge_field client_security_fields[] = {
    F(mode, "Mode", "Empty: what Protocol says.", .check = check_security_mode),
    F(openziti_controller, "OpenZitiController", "Of no use here.", .def = "openziti:1280"),
    F(ca_file, "CaFile", "PEM file of who vouches for it; empty: EDGEX_CA_FILE, else whom the system trusts."),
    F(cert_file, "CertFile", "PEM file of the own certificate, where it asks for one; empty: EDGEX_CERT_FILE."),
    F(key_file, "KeyFile", "PEM file of its key; empty: EDGEX_KEY_FILE."),
    F(server_name, "ServerName", "Name in its certificate, where that is not Host."),
    F(skip_cert_verify, "SkipCertVerify", "Do not check its certificate.", .def = "false"),
};
static const struct edge_dto CLIENT_SECURITY = EDGE_DTO(struct edge_security_options, "ClientSecurity", client_security_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_service_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field service_fields[] = {
    F(host, "Host", "Name by which others reach the service; listens there too.", .def = "localhost", .check = check_host),
    F(port, "Port", "TCP port; 0: any free one.", .check = check_port),
    F(server_bind_addr, "ServerBindAddr", "Address to listen on instead of Host.", .check = check_host),
    F(startup_msg, "StartupMsg", "Logged when the service is ready.", .def = "service started"),
    F(health_check_interval, "HealthCheckInterval", "How often a registry asks.", .def = "10s", .check = edge_check_duration_1ms),
    F(request_timeout, "RequestTimeout", "Longest a request may take; 0s: for ever.", .def = "5s", .check = edge_check_interval),
    F(max_result_count, "MaxResultCount", "Most objects in one answer.", .def = "1024", .min = 1, .max = 1000000),
    F(max_request_size, "MaxRequestSize", "Largest body of any route, KB; 0: the route's own limit.", .def = "0", .check = check_size),
    F(memory_budget, "MemoryBudget", "Most memory for requests and answers under way, KB, of the whole process: the largest of its services' values counts; 0: any, else at least 64.", .def = "65536", .check = check_budget),
    F(enable_name_field_escape, "EnableNameFieldEscape", "Escape names in topics.", .def = "false"),
    EDGE_LIST(struct edge_service_info, labels, "Labels", "Words to search the service by.", NULL, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct edge_service_info, security, "SecurityOptions", "TLS.", &SERVICE_SECURITY, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct edge_service_info, cors, "CORSConfiguration", "Browsers of other origins.", &CORS, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto SERVICE_INFO = EDGE_DTO(struct edge_service_info, "Service", service_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_bus_optional, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field bus_optional_fields[] = {
    F(client_id, "ClientId", "MQTT client id."),
    F(qos, "Qos", "0, 1 or 2.", .def = "0", .check = check_qos),
    F(event_qos, "EventQos", "Of events, where it is above Qos.", .def = "1", .check = check_qos),
    F(keep_alive, "KeepAlive", "Seconds.", .def = "10", .check = check_keep_alive),
    F(retained, "Retained", "The broker keeps the last message of each topic.", .def = "false", .check = check_truth),
    F(auto_reconnect, "AutoReconnect", "Always true here.", .def = "true"),
    F(connect_timeout, "ConnectTimeout", "Seconds.", .def = "5", .check = check_connect_timeout),
    F(skip_cert_verify, "SkipCertVerify", "Do not check the broker's certificate.", .def = "false", .check = check_truth),
    EDGE_FIELD(struct edge_bus_optional, username, "Username", "For AuthMode usernamepassword.", .flags = EDGE_SECRET),
    EDGE_FIELD(struct edge_bus_optional, password, "Password", "For AuthMode usernamepassword.", .flags = EDGE_SECRET),
    F(ca_file, "CaFile", "PEM file of who vouches for the broker; wins over the secret's cacert."),
    F(cert_file, "CertFile", "PEM file of the own certificate; wins over the secret's clientcert."),
    F(key_file, "KeyFile", "PEM file of its key; wins over the secret's clientkey."),
};
static const struct edge_dto BUS_OPTIONAL = EDGE_DTO(struct edge_bus_optional, "Optional", bus_optional_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_bus_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field bus_fields[] = {
    F(disabled, "Disabled", "Hear and tell nothing.", .def = "false"),
    F(protocol, "Protocol", "tcp, mqtt, ssl, tls or mqtts.", .def = "mqtt", .check = check_bus_protocol),
    F(host, "Host", "The broker.", .def = "localhost", .check = check_host),
    F(port, "Port", "Its port.", .def = "1883", .check = check_port),
    F(type, "Type", "mqtt, or memory within one process.", .def = "mqtt", .check = check_bus_type),
    F(auth_mode, "AuthMode", "none, usernamepassword, clientcert or cacert.", .def = "none", .check = check_auth_mode),
    F(secret_name, "SecretName", "Secret that holds the credentials.", .def = "mqtt-bus"),
    F(base_topic_prefix, "BaseTopicPrefix", "First level of all topics.", .def = "edgex", .check = check_topic_prefix),
    EDGE_OBJECT(struct edge_bus_info, optional, "Optional", "The connection's details, all texts.", &BUS_OPTIONAL, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto BUS_INFO = EDGE_DTO(struct edge_bus_info, "MessageBus", bus_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_registry_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field registry_fields[] = {
    F(protocol, "Protocol", "http or https.", .def = "http", .check = check_client_protocol),
    F(host, "Host", "The registry.", .def = "localhost", .check = check_host),
    F(port, "Port", "Its port.", .def = "59890", .check = check_port),
    F(type, "Type", "keeper.", .def = "keeper", .check = check_registry_type),
};
static const struct edge_dto REGISTRY_INFO = EDGE_DTO(struct edge_registry_info, "Registry", registry_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_database_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field database_fields[] = {
    F(type, "Type", "sqlite: embedded, no server; postgres, which the common configuration of EdgeX says, means the same.", .def = "sqlite", .check = check_database_type),
    F(host, "Host", "The database server, where there is one.", .def = "localhost"),
    F(port, "Port", "Its port.", .def = "0", .check = check_port),
    F(name, "Name", "sqlite: the file below the data directory.", .check = check_file_name),
    F(timeout, "Timeout", "Longest an operation may take.", .def = "5s", .check = edge_check_duration_0s),
    F(reserve_kb, "ReserveKB", "Kept for removing and configuring on a full disk, a fortieth of the disk at most, of a small one up to a sixteenth; 0: nothing.", .def = "4096", .min = 0, .max = 1048576),
    F(min_free_kb, "MinFreeKB", "Nothing is added where less of the disk is free, a tenth of it at most; 0: it may be filled.", .def = "16384", .min = 0, .max = 1073741824),
};
static const struct edge_dto DATABASE_INFO = EDGE_DTO(struct edge_database_info, "Database", database_fields);
#undef F

#define F(m, key, text, ...) ROW(struct edge_client_info, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field client_fields[] = {
    EDGE_FIELD(struct edge_client_info, name, NULL, "Service key of the neighbour.", .flags = EDGE_KEY),
    F(protocol, "Protocol", "http or https.", .def = "http", .check = check_client_protocol),
    F(host, "Host", "Where it is.", .def = "localhost", .check = check_host),
    F(port, "Port", "Its port.", .check = check_port),
    EDGE_OBJECT(struct edge_client_info, security, "SecurityOptions", "TLS with it.", &CLIENT_SECURITY),
};
static const struct edge_dto CLIENT_INFO = EDGE_DTO(struct edge_client_info, "Client", client_fields);
#undef F

#define F(m, key, text, dto) EDGE_OBJECT(struct edge_base_config, m, key, text, dto, .flags = EDGE_EMIT_EMPTY)
static const struct edge_field base_fields[] = {
    F(service, "Service", "The service's own HTTP side.", &SERVICE_INFO),
    F(message_bus, "MessageBus", "The message bus.", &BUS_INFO),
    F(registry, "Registry", "The registry.", &REGISTRY_INFO),
    F(database, "Database", "Where data is kept.", &DATABASE_INFO),
    EDGE_MAP(struct edge_base_config, clients, "Clients", "Neighbours, by service key.", &CLIENT_INFO, .flags = EDGE_EMIT_EMPTY),
};
const struct edge_dto EDGE_BASE_CONFIG = EDGE_DTO(struct edge_base_config, "Configuration", base_fields);
#undef F
/* clang-format on */
