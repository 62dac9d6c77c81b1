/** What the driver's files share: the structs of its tables, a device, the service. */
#ifndef SNMP_DRIVER_H
#define SNMP_DRIVER_H

#include <pthread.h>

#include "snmp_engine.h"
#include "snmp_keys.h"

struct snmp_address {
    const char *host;
    uint16_t port;
    uint8_t version;           /* index of SNMP_VERSION_NAMES */
    uint8_t level, auth, priv; /* indices of their names */
    const char *community, *read_community, *write_community, *trap_community;
    const char *security_name, *secret_name, *context;
    uint32_t timeout_ms;
    uint16_t repetitions, max_oids;
    uint8_t retries;
    const char *sys_object_id, *sys_descr, *sys_name; /* of discovery, for provision watchers */
};

struct snmp_attribute {
    const char *oid, *trap_oid, *community;
    uint32_t size;
    uint8_t type, format; /* enums snmp_letter, snmp_format */
    bool walk;
};

struct snmp_config {
    const char *trap_address;
    uint16_t trap_port;
    uint32_t trap_rate, max_rows;
    const char *ranges;
    uint32_t probe_rate;
    struct snmp_address probe; /* how discovery asks */
};

struct snmp_traps;

struct snmp_service {
    devsdk_service *sdk;
    const struct snmp_config *config;
    struct snmp_engine *engine;
    struct snmp_keys_cache keys;
    struct snmp_traps *traps; /* NULL: nobody listens */
};

struct snmp_device {
    struct snmp_service *service;
    const struct snmp_address *addr;
    struct snmp_session session;
    unsigned limit;    /* OIDs of a request; fewer after tooBig; in its lane */
    bool told_missing; /* in its lane */

    pthread_mutex_t lock;     /* all below */
    uint64_t secrets;         /* generation of those it has; 0: none yet */
    char why[160];            /* "": they are all there */
    const char *community[2]; /* of reads and writes, out of the secret; NULL: the address's */
    struct snmp_word *words;  /* all it ever had: who asks meanwhile still reads the one before */
};

extern const char *const SNMP_VERSION_NAMES[],
    *const SNMP_LEVEL_NAMES[], *const SNMP_AUTH_NAMES[], *const SNMP_PRIV_NAMES[];
extern const devsdk_field snmp_address_fields[], snmp_tcp_fields[];

/** What no row says: keys that belong together, and what the block TCP leaves out. */
devsdk_result snmp_check_addr(const char *protocol, void *addr, char *why, size_t size);
devsdk_result snmp_check_attr(const devsdk_point *point, void *attr, char *why, size_t size);

/** A session that asks as @p addr says; keys are not in it yet. */
void snmp_session_init(struct snmp_session *session, const struct snmp_address *addr,
                       const char *label);
/** Take its credentials from the secret, where they are not there or have changed. False: @p why says what is
 * missing. Any thread. */
bool snmp_device_ready(struct snmp_device *d, char *why, size_t size);
/** The user of @p addr with its keys. NULL, or what is missing (as long as @p why). */
const char *snmp_user_load(struct snmp_service *service, const struct snmp_address *addr,
                           struct snmp_user *ret, char *why, size_t size);
void snmp_device_forget(struct snmp_device *d); /* its credentials */
/** The resource's own community, else the device's; lives as long as the device. After snmp_device_ready(). */
struct snmp_view snmp_community(struct snmp_device *d, const struct snmp_attribute *attr,
                                bool write);
/** A request of the device; list, type, fn and arg are left to set. */
struct snmp_ask snmp_ask_of(struct snmp_device *d, int64_t deadline_ms);

devsdk_result snmp_read(devsdk_device *dev, devsdk_request *r);
devsdk_result snmp_write(devsdk_device *dev, devsdk_request *r);
devsdk_result snmp_scan_profile(devsdk_device *dev, devsdk_scan *scan);
devsdk_result snmp_discover(devsdk_service *sdk, devsdk_scan *scan);

#endif
