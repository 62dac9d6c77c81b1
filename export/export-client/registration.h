/** A registration of EdgeX 1: what of the events goes where, and in which form. */
#ifndef REGISTRATION_H
#define REGISTRATION_H

#include "edge/dto.h"

struct addressable {
    int64_t created, modified, origin;
    const char *id, *name, *protocol, *method, *address;
    int64_t port;
    const char *path, *publisher, *user, *password, *topic;
    const char *base_url, *url; /* of answers alone */
};

struct event_filter {
    const char **devices; /* none: all pass */
    size_t n_devices;
    const char **values;
    size_t n_values;
};

struct encryption {
    const char *algorithm, *key, *vector;
};

struct registration {
    const char *id;
    int64_t created, modified, origin; /* ms since 1970 */
    const char *name;
    struct addressable addressable;
    const char *format;
    struct event_filter filter;
    struct encryption encryption;
    const char *compression;
    const bool *enable;
    const char *destination;
};
extern const struct edge_dto V1_REGISTRATION;

/** What the texts may be, NULL-ended. */
extern const char *const V1_ALGORITHMS[], *const V1_COMPRESSIONS[], *const V1_DESTINATIONS[];

/** NULL, or why it cannot be; what is left out is filled in. */
const char *registration_fault(struct edge_arena *a, struct registration *r);
/**
 * Lays @p from over @p to, as EdgeX 1 did: texts that are not empty, an addressable that has a name, an encryption that
 * has an algorithm, enable and lists where they are there. @p json: what @p from was made of.
 */
void registration_merge(struct registration *to, const struct registration *from,
                        const cJSON *json);
/** As answers show it: with its URLs; without password and key unless @p echo. */
struct registration registration_shown(struct edge_arena *a, const struct registration *r,
                                       bool echo);

#endif
