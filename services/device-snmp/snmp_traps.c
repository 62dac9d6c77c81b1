/*
 * The listener for traps and informs, on the service's watching thread. A notification is its device's by the address it
 * comes from and by community or user; the others are counted, and said once of an address.
 */
#include "snmp_traps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "snmp_notify.h"

enum { BATCH = 64, MATCHES_MAX = 64, TOLD_MAX = 64, SEEN_MAX = 64, SECOND_MS = 1000 };

struct inform {
    struct snmp_peer from;
    int32_t id;
};

struct snmp_traps {
    struct snmp_service *service;
    int fd, family;
    devsdk_watch *watch;
    uint8_t *in, *clear, *out;
    struct snmp_own_engine own;
    uint32_t left; /* of this second's share */
    int64_t second_ms;
    bool told_flood;
    struct snmp_peer told[TOLD_MAX]; /* strangers */
    unsigned n_told;
    struct inform seen[SEEN_MAX]; /* taken last: their sender may not have heard it */
    unsigned n_seen;
    pthread_mutex_t lock; /* all below */
    struct snmp_sender *senders;
};

static void on_notices(void *arg, int fd, unsigned events);

/* ---- who may send -------------------------------------------------------------------------- */

void snmp_traps_add(struct snmp_device *d, devsdk_device *dev)
{
    struct snmp_traps *traps = d->service->traps;
    struct snmp_peer peer;
    if (!traps) {
        return;
    }
    struct snmp_sender *sender = calloc(1, sizeof(*sender));
    char *name = strdup(devsdk_name(dev));
    if (!sender || !name) {
        free(sender);
        free(name);
        devsdk_log(d->service->sdk, DEVSDK_ERROR, "%s: no memory, its traps are not taken",
                   devsdk_name(dev));
        return;
    }
    sender->d = d;
    sender->name = name;
    (void)snmp_session_peer(d->service->engine, &d->session, &peer); /* a name is looked up now */
    pthread_mutex_lock(&traps->lock);
    sender->next = traps->senders;
    traps->senders = sender;
    pthread_mutex_unlock(&traps->lock);
}

static void sender_free(struct snmp_sender *sender)
{
    if (sender) {
        explicit_bzero(&sender->remote, sizeof(sender->remote));
        explicit_bzero(&sender->own, sizeof(sender->own));
        free(sender->name);
        free(sender);
    }
}

void snmp_traps_remove(struct snmp_device *d)
{
    struct snmp_traps *traps = d->service->traps;
    struct snmp_sender *found = NULL;
    if (!traps) {
        return;
    }
    pthread_mutex_lock(&traps->lock);
    for (struct snmp_sender **at = &traps->senders; *at && !found;) {
        if ((*at)->d == d) {
            found = *at;
            *at = found->next;
        } else {
            at = &(*at)->next;
        }
    }
    pthread_mutex_unlock(&traps->lock);
    sender_free(found);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void count(struct snmp_traps *traps, const char *metric)
{
    devsdk_metric(traps->service->sdk, metric, 1);
}

static void stranger(struct snmp_traps *traps, const struct snmp_peer *from, const char *why)
{
    char text[SNMP_PEER_TEXT];
    count(traps, "SnmpTrapsUnknown");
    for (unsigned i = 0; i < traps->n_told && i < TOLD_MAX; i++) {
        if (snmp_peer_same_host(&traps->told[i], from)) {
            return;
        }
    }
    traps->told[traps->n_told++ % TOLD_MAX] = *from;
    snmp_peer_print_host(from, text);
    devsdk_log(traps->service->sdk, DEVSDK_WARN, "trap of %s dropped: %s (said once of an address)",
               text, why);
}

/* Is there room in this second? */
static bool has_room(struct snmp_traps *traps)
{
    int64_t now = devsdk_now_ms();
    if (now - traps->second_ms >= SECOND_MS) {
        traps->second_ms = now;
        traps->left = traps->service->config->trap_rate;
    }
    if (traps->left > 0) {
        traps->left--;
        return true;
    }
    count(traps, "SnmpTrapsDropped");
    if (!traps->told_flood) {
        traps->told_flood = true;
        devsdk_log(traps->service->sdk, DEVSDK_WARN,
                   "more traps than TrapRate (%u a second), the rest is dropped (said once)",
                   traps->service->config->trap_rate);
    }
    return false;
}

/* ---- a notification ------------------------------------------------------------------------ */

static void send_back(struct snmp_traps *traps, const struct snmp_peer *to,
                      const struct snmp_out *out)
{
    struct sockaddr_storage address;
    socklen_t n = snmp_peer_to(to, traps->family, &address);
    struct snmp_view bytes = snmp_written(out);
    if (n == 0 ||
        sendto(traps->fd, bytes.p, bytes.n, 0, (const struct sockaddr *)&address, n) < 0) {
        count(traps, "SnmpSendsFailed");
    }
}

static bool is_community(const struct snmp_message *m, const char *text)
{
    return text && text[0] && snmp_view_equal(m->community, snmp_view(text, strlen(text)));
}

/* Communities are no secret, so devices with users do not take them; but where they are told to. @p exactly: with the
 * community it is read with. */
static bool community_fits(const struct snmp_sender *sender, const struct snmp_message *m,
                           bool exactly)
{
    const struct snmp_address *addr = sender->d->addr;
    if (addr->trap_community && addr->trap_community[0]) {
        return is_community(m, addr->trap_community);
    }
    if (sender->d->session.version == SNMP_V3) {
        return false;
    }
    return !exactly || is_community(m, addr->read_community) || is_community(m, addr->community);
}

struct notice {
    struct snmp_peer from;
    struct snmp_view whole;
    struct snmp_message message;
    struct snmp_out reply; /* full: none */
    char *names[MATCHES_MAX];
    unsigned n_names;
    bool is_host_known, has_reply;
};

static bool fits(struct snmp_traps *traps, struct snmp_sender *sender, struct notice *n,
                 bool exactly)
{
    struct snmp_message m = n->message;
    if (m.version != SNMP_V3) {
        return community_fits(sender, &m, exactly);
    }
    if (sender->d->session.version != SNMP_V3) {
        return false;
    }
    enum snmp_notice is =
        snmp_notice_open(&traps->own, sender, n->whole, &m, traps->clear, &n->reply);
    n->has_reply = is == SNMP_NOTICE_REPORT;
    if (is == SNMP_NOTICE_TAKEN) {
        n->message = m;
    }
    return is == SNMP_NOTICE_TAKEN;
}

static bool acknowledge(struct snmp_traps *traps, const struct snmp_sender *sender,
                        struct notice *n)
{
    n->has_reply = n->message.pdu.type == SNMP_INFORM &&
                   snmp_notice_answer(&traps->own, sender, &n->message, &n->reply);
    return n->has_reply;
}

/* False: there is nothing more to look for. */
static bool match_one(struct snmp_traps *traps, struct snmp_sender *s, struct notice *n,
                      bool exactly)
{
    struct snmp_peer peer;
    bool is_v3 = n->message.version == SNMP_V3;
    if (!snmp_session_peer(traps->service->engine, &s->d->session, &peer) ||
        !snmp_peer_same_host(&peer, &n->from)) {
        return true;
    }
    n->is_host_known = true;
    if (!fits(traps, s, n, exactly)) {
        return !(is_v3 && n->has_reply); /* a report: who it is comes out with the next message */
    }
    n->names[n->n_names] = strdup(s->name);
    n->n_names += n->names[n->n_names] != NULL;
    if (n->n_names == 1) {
        (void)acknowledge(traps, s, n);
    }
    return !is_v3 && n->n_names < MATCHES_MAX;
}

/*
 * Whose it is, by their names: a device may go at any time. Those that are asked with its community, where there are any;
 * else all of the address. The acknowledgement is made on the way.
 */
static void match(struct snmp_traps *traps, struct notice *n)
{
    pthread_mutex_lock(&traps->lock);
    int turns = n->message.version == SNMP_V3 ? 1 : 2;
    for (int turn = 0; turn < turns && n->n_names == 0; turn++) {
        struct snmp_sender *s = traps->senders;
        while (s && match_one(traps, s, n, turn == 0)) {
            s = s->next;
        }
    }
    pthread_mutex_unlock(&traps->lock);
}

static bool seen_before(const struct snmp_traps *traps, const struct notice *n)
{
    for (unsigned i = 0; i < traps->n_seen && i < SEEN_MAX; i++) {
        if (traps->seen[i].id == n->message.pdu.id &&
            snmp_peer_equal(&traps->seen[i].from, &n->from)) {
            return true;
        }
    }
    return false;
}

/* False: one of them does not take it now. */
static bool deliver(struct snmp_traps *traps, struct notice *n, const struct snmp_oid *trap)
{
    bool taken = true;
    int resources = 0;
    for (unsigned i = 0; i < n->n_names; i++) {
        devsdk_device *dev = devsdk_find(traps->service->sdk, n->names[i]);
        if (dev) {
            int pushed = snmp_notify(dev, trap, &n->message.pdu);
            taken = taken && pushed >= 0;
            resources += pushed > 0 ? pushed : 0;
            devsdk_put(dev);
        }
    }
    if (!taken) {
        count(traps, "SnmpTrapsRefused");
    } else if (resources == 0) {
        count(traps, "SnmpTrapsUnmatched"); /* no resource has its trapOid */
    }
    return taken;
}

static void take(struct snmp_traps *traps, struct notice *n)
{
    struct snmp_oid trap;
    bool is_inform = n->message.pdu.type == SNMP_INFORM;
    if (!snmp_trap_oid(&n->message.pdu, &trap)) {
        count(traps, "SnmpMalformed");
        return;
    }
    if (is_inform && seen_before(traps, n)) {
        count(traps, "SnmpInformsRepeated");
    } else {
        count(traps, "SnmpTraps");
        if (!deliver(traps, n, &trap)) {
            return; /* an inform comes again */
        }
        if (is_inform) {
            traps->seen[traps->n_seen++ % SEEN_MAX] = (struct inform){n->from, n->message.pdu.id};
        }
    }
    if (n->has_reply) {
        count(traps, "SnmpInformsAcknowledged");
        send_back(traps, &n->from, &n->reply);
    }
}

static void on_notice(struct snmp_traps *traps, struct notice *n)
{
    if (!snmp_message_of(n->whole, &n->message)) {
        count(traps, "SnmpMalformed");
        return;
    }
    uint8_t type = n->message.pdu.type;
    if (n->message.version != SNMP_V3 && type != SNMP_TRAP_V1 && type != SNMP_TRAP &&
        type != SNMP_INFORM) {
        count(traps, "SnmpMalformed");
        return;
    }
    n->reply = snmp_out(traps->out, SNMP_MESSAGE_MAX);
    match(traps, n);
    if (n->n_names > 0) {
        take(traps, n);
    } else if (n->has_reply) {
        send_back(traps, &n->from, &n->reply);
    } else {
        stranger(traps, &n->from,
                 n->is_host_known ? "no device of this address has its community, user or key"
                                  : "no device has this address");
    }
    for (unsigned i = 0; i < n->n_names; i++) {
        free(n->names[i]);
    }
}

static void on_notices(void *arg, int fd, unsigned events)
{
    struct snmp_traps *traps = arg;
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        struct notice n = {0};
        ssize_t got =
            recvfrom(fd, traps->in, SNMP_MESSAGE_MAX, 0, (struct sockaddr *)&address, &size);
        if (got < 0 && errno != EINTR && errno != ECONNREFUSED) {
            return;
        }
        if (got >= 0 && has_room(traps) &&
            snmp_peer_from((const struct sockaddr *)&address, &n.from)) {
            n.whole = snmp_view(traps->in, (size_t)got);
            on_notice(traps, &n);
        }
    }
}

/* ---- its life ------------------------------------------------------------------------------ */

static void traps_free(struct snmp_traps *traps)
{
    if (traps->watch) {
        devsdk_unwatch(traps->watch);
    }
    if (traps->fd >= 0) {
        close(traps->fd);
    }
    free(traps->in);
    free(traps->clear);
    free(traps->out);
    pthread_mutex_destroy(&traps->lock);
    free(traps);
}

static bool open_socket(struct snmp_traps *traps, const struct snmp_config *config)
{
    struct snmp_peer at;
    devsdk_service *sdk = traps->service->sdk;
    if (!snmp_peer_parse(config->trap_address, config->trap_port, &at)) {
        devsdk_log(sdk, DEVSDK_ERROR, "TrapAddress: '%s' is no address", config->trap_address);
        return false;
    }
    traps->fd = snmp_socket_open(&at, &traps->family);
    if (traps->fd < 0) {
        devsdk_log(sdk, DEVSDK_ERROR, "cannot listen for traps at %s port %u: %s%s",
                   config->trap_address, config->trap_port, strerror(errno),
                   errno == EACCES ? " (ports below 1024 need CAP_NET_BIND_SERVICE)" : "");
    }
    return traps->fd >= 0;
}

bool snmp_traps_start(struct snmp_service *service)
{
    const struct snmp_config *config = service->config;
    if (config->trap_port == 0) {
        return true;
    }
    struct snmp_traps *traps = calloc(1, sizeof(*traps));
    if (!traps) {
        return false;
    }
    traps->service = service;
    traps->fd = -1;
    pthread_mutex_init(&traps->lock, NULL);
    traps->in = malloc(SNMP_MESSAGE_MAX);
    traps->clear = malloc(SNMP_MESSAGE_MAX);
    traps->out = malloc(SNMP_MESSAGE_MAX);
    snmp_own_engine_init(&traps->own, "device-snmp");
    if (!traps->in || !traps->clear || !traps->out || !open_socket(traps, config)) {
        traps_free(traps);
        return false;
    }
    service->traps = traps; /* before the first trap */
    traps->watch = devsdk_watch_fd(service->sdk, traps->fd, DEVSDK_READABLE, on_notices, traps);
    if (!traps->watch) {
        snmp_traps_stop(service);
        return false;
    }
    devsdk_log(service->sdk, DEVSDK_INFO, "listening for traps at %s port %u", config->trap_address,
               config->trap_port);
    return true;
}

void snmp_traps_stop(struct snmp_service *service)
{
    if (service->traps) {
        traps_free(service->traps);
        service->traps = NULL;
    }
}
