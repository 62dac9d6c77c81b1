/** Registrations and configuration values, as core-keeper keeps them (contract 3.3, 7). */
#ifndef EDGE_KEEPER_H
#define EDGE_KEEPER_H

#include "edge/base.h"

struct health_check {
    const char *interval, *path, *type;
};
struct registration {
    int64_t created, modified; /* ms since 1970 */
    const char *service_id;
    const char *status; /* of REGISTRATION_STATUSES; a client may send anything */
    const char *host;
    int64_t port;
    struct health_check health_check;
};
struct registration_request {
    struct edge_base_request base;
    struct registration registration;
};
enum registration_status {
    REGISTRATION_UP,
    REGISTRATION_DOWN,
    REGISTRATION_UNKNOWN,
    REGISTRATION_HALT
};
extern const char *const REGISTRATION_STATUSES[];
bool registration_is(const struct registration *r, enum registration_status status);

/** A value of the configuration. */
struct kv {
    const char *key;
    int64_t created, modified; /* ms since 1970 */
    const char *value;
};
/** What PUT takes: official clients leave apiVersion empty. */
struct kv_request {
    const char *api_version, *request_id;
    const cJSON *value;
};
/** What changed: the key as it was asked for, and the value as it was sent; NULL: deleted. */
struct kv_change {
    const char *key;
    int64_t created, modified;
    const cJSON *value;
};

extern const struct edge_dto REGISTRATION, REGISTRATION_REQUEST, KV, KV_REQUEST, KV_CHANGE;

#endif
