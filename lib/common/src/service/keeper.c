/* Registrations and configuration values: what services tell core-keeper and hear from it. */
#include "edge/keeper.h"

#include <string.h>

const char *const REGISTRATION_STATUSES[] = {"UP", "DOWN", "UNKNOWN", "HALT", NULL};

bool registration_is(const struct registration *r, enum registration_status status)
{
    return r->status && strcmp(r->status, REGISTRATION_STATUSES[status]) == 0;
}

/* Host, scheme and path become one address: what belongs to one must not reach into the next. */
static enum edge_status check_host(const void *value, struct edge_scope *at)
{
    const char *s = value;
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%";
    return s[strspn(s, allowed)] == '\0' ? EDGE_OK
                                         : edge_scope_fail(at, NULL, "is not a host name");
}

static enum edge_status check_scheme(const void *value, struct edge_scope *at)
{
    const char *s = value;
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    return s[strspn(s, allowed)] == '\0' ? EDGE_OK : edge_scope_fail(at, NULL, "is not a protocol");
}

static enum edge_status check_path(const void *value, struct edge_scope *at)
{
    const unsigned char *s = value;
    bool sound = *s == '/';
    for (; *s; s++) {
        sound = sound && *s > ' ' && *s < 0x7f;
    }
    return sound ? EDGE_OK : edge_scope_fail(at, NULL, "is not an absolute path");
}

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct health_check, m, __VA_ARGS__)
static const struct edge_field health_check_fields[] = {
    F(interval, "interval", "How often.", .flags = EDGE_REQUIRED, .max = 64, .check = edge_check_duration_1ms),
    F(path, "path", "What is asked for.", .flags = EDGE_REQUIRED, .max = 1024, .check = check_path),
    F(type, "type", "Protocol: http or https.", .flags = EDGE_REQUIRED, .max = 32, .check = check_scheme),
};
#undef F
static const struct edge_dto HEALTH_CHECK = EDGE_DTO(struct health_check, "HealthCheck", health_check_fields);

#define F(m, ...) EDGE_FIELD(struct registration, m, __VA_ARGS__)
static const struct edge_field registration_fields[] = {
    F(created, "created", "When it was registered, ms.", .flags = EDGE_READONLY),
    F(modified, "modified", "When it was changed or checked last, ms.", .flags = EDGE_READONLY),
    F(service_id, "serviceId", "Service key.", .flags = EDGE_REQUIRED, .max = 256, .check = edge_check_not_blank),
    F(status, "status", "UP, DOWN, UNKNOWN or HALT; anything else counts as UNKNOWN.", .flags = EDGE_EMIT_EMPTY),
    F(host, "host", "Where it is.", .flags = EDGE_REQUIRED, .max = 256, .check = check_host),
    F(port, "port", "Its port.", .flags = EDGE_NONZERO | EDGE_EMIT_EMPTY, .min = 1, .max = 65535),
    EDGE_OBJECT(struct registration, health_check, "HealthCheck", "How to see whether it is up.", &HEALTH_CHECK, .flags = EDGE_EMIT_EMPTY),
};
#undef F

static const struct edge_field registration_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct registration_request),
    EDGE_OBJECT(struct registration_request, registration, "registration", "The service.", &REGISTRATION, .flags = EDGE_REQUIRED),
};

#define F(m, ...) EDGE_FIELD(struct kv, m, __VA_ARGS__)
static const struct edge_field kv_fields[] = {
    F(key, "key", "Path of the value.", .flags = EDGE_REQUIRED),
    F(created, "Created", "When it was written first, ms.", .flags = EDGE_EMIT_EMPTY),
    F(modified, "Modified", "When it was written last, ms.", .flags = EDGE_EMIT_EMPTY),
    F(value, "value", "Its text.", .flags = EDGE_EMIT_EMPTY),
};
#undef F

#define F(m, ...) EDGE_FIELD(struct kv_request, m, __VA_ARGS__)
static const struct edge_field kv_request_fields[] = {
    F(api_version, "apiVersion", "Not looked at."),
    F(request_id, "requestId", "Not looked at."),
    F(value, "value", "Any JSON but null and {}."),
};
#undef F

#define F(m, ...) EDGE_FIELD(struct kv_change, m, __VA_ARGS__)
static const struct edge_field kv_change_fields[] = {
    F(key, "key", "The key of the request.", .flags = EDGE_REQUIRED),
    F(created, "Created", "0.", .flags = EDGE_EMIT_EMPTY),
    F(modified, "Modified", "0.", .flags = EDGE_EMIT_EMPTY),
    F(value, "value", "The value as it was sent; none where the key was deleted."),
};
#undef F
/* clang-format on */
const struct edge_dto REGISTRATION =
    EDGE_DTO(struct registration, "Registration", registration_fields);
const struct edge_dto REGISTRATION_REQUEST =
    EDGE_DTO(struct registration_request, "RegistrationRequest", registration_request_fields);
const struct edge_dto KV = EDGE_DTO(struct kv, "KV", kv_fields);
const struct edge_dto KV_REQUEST = EDGE_DTO(struct kv_request, "KVRequest", kv_request_fields);
const struct edge_dto KV_CHANGE = EDGE_DTO(struct kv_change, "KVChange", kv_change_fields);
