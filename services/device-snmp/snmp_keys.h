/** Keys of passwords: they take a million bytes of hashing each, and many devices share one secret. */
#ifndef SNMP_KEYS_H
#define SNMP_KEYS_H

#include <pthread.h>

#include "codec/snmp_usm.h"
#include "devsdk/devsdk.h"

struct snmp_keys_cache {
    pthread_mutex_t lock; /* all below */
    uint64_t generation;  /* of the secrets; goes up with each change */
    struct snmp_master *first;
};

void snmp_keys_init(struct snmp_keys_cache *cache);
void snmp_keys_done(struct snmp_keys_cache *cache);
/** Secrets have changed: forget all. */
void snmp_keys_drop(struct snmp_keys_cache *cache);
uint64_t snmp_keys_generation(struct snmp_keys_cache *cache);
/** The key of the password @p entry of the secret @p name. NO_OBJECT: there is none, INVALID: it is shorter than 8,
 * UNSUPPORTED: no such hash. */
devsdk_result snmp_keys_get(struct snmp_keys_cache *cache, const devsdk_service *sdk,
                            const char *name, const char *entry, uint8_t auth,
                            struct snmp_key *ret);

#endif
