#include "snmp_keys.h"

#include <stdlib.h>
#include <string.h>

enum { PASSWORD_MAX = 256 };

struct snmp_master {
    struct snmp_master *next;
    uint8_t auth;
    struct snmp_key key;
    const char *entry; /* a literal */
    char name[];
};

void snmp_keys_init(struct snmp_keys_cache *cache)
{
    pthread_mutex_init(&cache->lock, NULL);
    cache->generation = 1;
}

/* The lock held. */
static void clear(struct snmp_keys_cache *cache)
{
    while (cache->first) {
        struct snmp_master *m = cache->first;
        cache->first = m->next;
        explicit_bzero(&m->key, sizeof(m->key));
        free(m);
    }
}

void snmp_keys_done(struct snmp_keys_cache *cache)
{
    clear(cache);
    pthread_mutex_destroy(&cache->lock);
}

void snmp_keys_drop(struct snmp_keys_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    clear(cache);
    cache->generation++;
    pthread_mutex_unlock(&cache->lock);
}

uint64_t snmp_keys_generation(struct snmp_keys_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t generation = cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return generation;
}

static bool find(struct snmp_keys_cache *cache, const char *name, const char *entry, uint8_t auth,
                 struct snmp_key *ret)
{
    for (const struct snmp_master *m = cache->first; m; m = m->next) {
        if (m->auth == auth && strcmp(m->entry, entry) == 0 && strcmp(m->name, name) == 0) {
            *ret = m->key;
            return true;
        }
    }
    return false;
}

static void keep(struct snmp_keys_cache *cache, const char *name, const char *entry, uint8_t auth,
                 const struct snmp_key *key)
{
    size_t n = strlen(name) + 1;
    struct snmp_master *m = malloc(sizeof(*m) + n);
    if (m) {
        *m = (struct snmp_master){.next = cache->first, .auth = auth, .key = *key, .entry = entry};
        memcpy(m->name, name, n);
        cache->first = m;
    }
}

static devsdk_result make(const devsdk_service *sdk, const char *name, const char *entry,
                          uint8_t auth, struct snmp_key *ret)
{
    char password[PASSWORD_MAX];
    devsdk_result result = devsdk_secret(sdk, name, entry, password, sizeof(password));
    if (result == DEVSDK_OK) {
        size_t n = strlen(password);
        if (n < SNMP_PASSWORD_MIN) {
            result = DEVSDK_INVALID; /* RFC 3414 11.2 */
        } else if (!snmp_master_key(auth, snmp_view(password, n), ret)) {
            result = DEVSDK_UNSUPPORTED;
        }
    }
    explicit_bzero(password, sizeof(password));
    return result;
}

/* The lock is held over the hashing: a thousand devices wait for one key instead of making it a thousand times. */
devsdk_result snmp_keys_get(struct snmp_keys_cache *cache, const devsdk_service *sdk,
                            const char *name, const char *entry, uint8_t auth, struct snmp_key *ret)
{
    devsdk_result result = DEVSDK_OK;
    pthread_mutex_lock(&cache->lock);
    if (!find(cache, name, entry, auth, ret)) {
        result = make(sdk, name, entry, auth, ret);
        if (result == DEVSDK_OK) {
            keep(cache, name, entry, auth, ret);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return result;
}
