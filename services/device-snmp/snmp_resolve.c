#include "snmp_resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

struct snmp_resolver {
    void (*done)(void *arg);
    void *arg;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t more;
    struct snmp_lookup *first, **last; /* to be asked */
    pthread_t threads[THREADS];
    unsigned n_threads, n_idle;
    bool ending;
};

struct snmp_resolver *snmp_resolver_create(void (*done)(void *arg), void *arg)
{
    struct snmp_resolver *res = calloc(1, sizeof(*res));
    if (res) {
        res->done = done;
        res->arg = arg;
        res->last = &res->first;
        pthread_mutex_init(&res->lock, NULL);
        pthread_cond_init(&res->more, NULL);
    }
    return res;
}

/* The lock held. */
static void drop(struct snmp_lookup *lookup)
{
    if (--lookup->holders == 0) {
        free(lookup->host);
        free(lookup);
    }
}

/* The next question, waited for; NULL: it is over. */
static struct snmp_lookup *take(struct snmp_resolver *res)
{
    pthread_mutex_lock(&res->lock);
    res->n_idle++;
    while (!res->first && !res->ending) {
        pthread_cond_wait(&res->more, &res->lock);
    }
    res->n_idle--;
    struct snmp_lookup *lookup = res->ending ? NULL : res->first;
    if (lookup) {
        res->first = lookup->next;
        res->last = res->first ? res->last : &res->first;
    }
    pthread_mutex_unlock(&res->lock);
    return lookup;
}

/* IPv4 where there is both, as net-snmp does: most agents do not listen on IPv6. */
static bool choose(const struct addrinfo *found, struct snmp_peer *ret)
{
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            return snmp_peer_from(at->ai_addr, ret);
        }
    }
    return found && snmp_peer_from(found->ai_addr, ret);
}

static void *resolve(void *arg)
{
    struct snmp_resolver *res = arg;
    for (struct snmp_lookup *lookup; (lookup = take(res));) {
        const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
        struct addrinfo *found = NULL;
        struct snmp_peer peer = {0};
        int failed = getaddrinfo(lookup->host, NULL, &hints, &found);
        bool taken = failed == 0 && choose(found, &peer);
        if (found) {
            freeaddrinfo(found);
        }
        peer.port = lookup->port;
        pthread_mutex_lock(&res->lock);
        lookup->peer = peer;
        lookup->found = taken;
        lookup->done = true;
        snprintf(lookup->why, sizeof(lookup->why), "%s",
                 failed ? gai_strerror(failed) : "no address of IP");
        drop(lookup);
        pthread_mutex_unlock(&res->lock);
        res->done(res->arg);
    }
    return NULL;
}

/* The lock held. False: nobody is there to ask. */
static bool thread_ready(struct snmp_resolver *res)
{
    if ((res->n_idle == 0 || res->first) && res->n_threads < THREADS &&
        pthread_create(&res->threads[res->n_threads], NULL, resolve, res) == 0) {
        res->n_threads++;
    }
    return res->n_threads > 0;
}

struct snmp_lookup *snmp_lookup_start(struct snmp_resolver *res, const char *host, uint16_t port)
{
    struct snmp_lookup *lookup = calloc(1, sizeof(*lookup));
    char *copy = strdup(host);
    pthread_mutex_lock(&res->lock);
    bool ready = lookup && copy && thread_ready(res);
    if (ready) {
        lookup->host = copy;
        lookup->port = port;
        lookup->holders = 2; /* who asks and who answers */
        *res->last = lookup;
        res->last = &lookup->next;
        pthread_cond_signal(&res->more);
    }
    pthread_mutex_unlock(&res->lock);
    if (!ready) {
        free(lookup);
        free(copy);
        return NULL;
    }
    return lookup;
}

bool snmp_lookup_state(struct snmp_resolver *res, const struct snmp_lookup *lookup,
                       struct snmp_lookup *ret)
{
    pthread_mutex_lock(&res->lock);
    bool done = lookup->done;
    *ret = *lookup;
    pthread_mutex_unlock(&res->lock);
    return done;
}

void snmp_lookup_put(struct snmp_resolver *res, struct snmp_lookup *lookup)
{
    if (lookup) {
        pthread_mutex_lock(&res->lock);
        drop(lookup);
        pthread_mutex_unlock(&res->lock);
    }
}

void snmp_resolver_free(struct snmp_resolver *res)
{
    if (!res) {
        return;
    }
    pthread_mutex_lock(&res->lock);
    res->ending = true;
    pthread_cond_broadcast(&res->more);
    pthread_mutex_unlock(&res->lock);
    for (unsigned i = 0; i < res->n_threads; i++) {
        pthread_join(res->threads[i], NULL);
    }
    while (res->first) {
        struct snmp_lookup *lookup = res->first;
        res->first = lookup->next;
        drop(lookup);
    }
    pthread_mutex_destroy(&res->lock);
    pthread_cond_destroy(&res->more);
    free(res);
}
