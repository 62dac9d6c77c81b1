/* A device: how it is asked, and with whose credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snmp_driver.h"

enum { COMMUNITY_MAX = 256 };

static const uint8_t VERSIONS[] = {SNMP_V1, SNMP_V2C, SNMP_V3}; /* of SNMP_VERSION_NAMES */
/* Other spellings of AUTHS and PRIVS follow the first ones in the lists of names. */
static const uint8_t AUTHS[] = {SNMP_AUTH_MD5,    SNMP_AUTH_SHA,    SNMP_AUTH_SHA224,
                                SNMP_AUTH_SHA256, SNMP_AUTH_SHA384, SNMP_AUTH_SHA512,
                                SNMP_AUTH_SHA,    SNMP_AUTH_SHA,    SNMP_AUTH_SHA224,
                                SNMP_AUTH_SHA256, SNMP_AUTH_SHA384, SNMP_AUTH_SHA512};
static const uint8_t PRIVS[] = {SNMP_PRIV_DES,    SNMP_PRIV_AES,           SNMP_PRIV_AES192,
                                SNMP_PRIV_AES256, SNMP_PRIV_AES192_REEDER, SNMP_PRIV_AES256_REEDER,
                                SNMP_PRIV_AES,    SNMP_PRIV_AES,           SNMP_PRIV_AES192,
                                SNMP_PRIV_AES256};

void snmp_session_init(struct snmp_session *session, const struct snmp_address *addr,
                       const char *label)
{
    *session = (struct snmp_session){
        .label = label,
        .host = addr->host,
        .port = addr->port,
        .version = VERSIONS[addr->version],
        .context = addr->context ? addr->context : "",
        .user = {.name = addr->security_name ? addr->security_name : ""},
    };
}

static const char *key_of(struct snmp_service *service, const char *secret, const char *entry,
                          uint8_t auth, struct snmp_key *ret, char *why, size_t size)
{
    switch (snmp_keys_get(&service->keys, service->sdk, secret, entry, auth, ret)) {
    case DEVSDK_OK:
        return NULL;
    case DEVSDK_INVALID:
        snprintf(why, size, "%s of secret '%s' is shorter than 8 characters", entry, secret);
        return why;
    case DEVSDK_UNSUPPORTED:
        snprintf(why, size, "AuthProtocol: the crypto library does not do this hash");
        return why;
    default:
        snprintf(why, size, "secret '%s' has no %s", secret, entry);
        return why;
    }
}

const char *snmp_user_load(struct snmp_service *service, const struct snmp_address *addr,
                           struct snmp_user *ret, char *why, size_t size)
{
    const char *secret = addr->secret_name ? addr->secret_name : "", *fault = NULL;
    *ret = (struct snmp_user){.name = addr->security_name ? addr->security_name : "",
                              .level = addr->level,
                              .auth = AUTHS[addr->auth],
                              .priv = PRIVS[addr->priv]};
    if (VERSIONS[addr->version] != SNMP_V3) {
        return NULL;
    }
    if (addr->level >= SNMP_AUTH_NO_PRIV) {
        fault = key_of(service, secret, "authPassword", ret->auth, &ret->auth_master, why, size);
    }
    if (!fault && addr->level >= SNMP_AUTH_PRIV) {
        fault = key_of(service, secret, "privPassword", ret->auth, &ret->priv_master, why, size);
    }
    return fault;
}

struct snmp_word {
    struct snmp_word *next;
    size_t n;
    char text[];
};

/* The lock held. The device's own copy of a text, the same for the same; NULL without memory. */
static const char *keep(struct snmp_device *d, const char *text)
{
    size_t n = strlen(text) + 1;
    for (const struct snmp_word *w = d->words; w; w = w->next) {
        if (strcmp(w->text, text) == 0) {
            return w->text;
        }
    }
    struct snmp_word *word = malloc(sizeof(*word) + n);
    if (!word) {
        return NULL;
    }
    word->next = d->words;
    word->n = n;
    memcpy(word->text, text, n);
    d->words = word;
    return word->text;
}

void snmp_device_forget(struct snmp_device *d)
{
    while (d->words) {
        struct snmp_word *w = d->words;
        d->words = w->next;
        explicit_bzero(w->text, w->n);
        free(w);
    }
}

/* The lock held. */
static const char *secret_text(struct snmp_device *d, const char *entry)
{
    char text[COMMUNITY_MAX];
    devsdk_result result =
        devsdk_secret(d->service->sdk, d->addr->secret_name, entry, text, sizeof(text));
    const char *kept = result == DEVSDK_OK ? keep(d, text) : NULL;
    explicit_bzero(text, sizeof(text));
    return kept;
}

/* The lock held. One for both, or one of each; what the secret leaves out the address says. */
static void load_communities(struct snmp_device *d)
{
    static const char *const entries[] = {"readCommunity", "writeCommunity"};
    const char *both = secret_text(d, "community");
    for (int i = 0; i < 2; i++) {
        const char *own = secret_text(d, entries[i]);
        d->community[i] = own ? own : both;
    }
    if (!d->community[0] && !d->community[1]) {
        snprintf(d->why, sizeof(d->why), "secret '%.64s' has no community", d->addr->secret_name);
    }
}

/* The lock held. */
static void load(struct snmp_device *d)
{
    d->why[0] = '\0';
    if (d->session.version == SNMP_V3) {
        struct snmp_user user;
        if (!snmp_user_load(d->service, d->addr, &user, d->why, sizeof(d->why))) {
            snmp_session_user(d->service->engine, &d->session, &user);
        }
        explicit_bzero(&user, sizeof(user));
    } else if (d->addr->secret_name && d->addr->secret_name[0]) {
        load_communities(d);
    }
}

bool snmp_device_ready(struct snmp_device *d, char *why, size_t size)
{
    uint64_t generation = snmp_keys_generation(&d->service->keys);
    pthread_mutex_lock(&d->lock);
    if (d->secrets != generation) {
        load(d);
        d->secrets = generation;
    }
    snprintf(why, size, "%s", d->why);
    pthread_mutex_unlock(&d->lock);
    return why[0] == '\0';
}

struct snmp_view snmp_community(struct snmp_device *d, const struct snmp_attribute *attr,
                                bool write)
{
    const char *given = write ? d->addr->write_community : d->addr->read_community;
    if (attr && attr->community && attr->community[0]) {
        return snmp_view(attr->community, strlen(attr->community));
    }
    pthread_mutex_lock(&d->lock);
    const char *text = d->community[write];
    pthread_mutex_unlock(&d->lock);
    if (!text) {
        text = given && given[0] ? given : d->addr->community;
    }
    return snmp_view(text, strlen(text));
}

struct snmp_ask snmp_ask_of(struct snmp_device *d, int64_t deadline_ms)
{
    return (struct snmp_ask){
        .session = &d->session,
        .repetitions = d->addr->repetitions,
        .timeout_ms = d->addr->timeout_ms,
        .retries = d->addr->retries,
        .deadline_ms = deadline_ms,
    };
}
