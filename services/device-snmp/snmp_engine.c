#include "snmp_engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUCKETS = 256, BATCH = 64, TICK_MS = 50, TICK_MIN_MS = 5, REPORTS_MAX = 4, WHY = 160 };

/* A request until its outcome. */
struct exchange {
    struct exchange *next;
    struct snmp_session *session;
    int32_t id;
    bool waits_for_address;
    unsigned retries, reports;
    uint32_t wait_ms;
    int64_t due_ms, deadline_ms;
    snmp_answered *fn;
    void *arg;
    size_t community_n, pdu_n;
    uint8_t bytes[]; /* community, PDU */
};

struct snmp_engine {
    devsdk_service *service;
    struct snmp_resolver *resolver;
    int fd, family;
    devsdk_watch *watch;
    uint8_t *in, *clear;  /* the watching thread's */
    pthread_mutex_t lock; /* all below, and what sessions leave to the engine */
    uint8_t *out;
    uint64_t salt;
    unsigned n;
    devsdk_watch *tick;
    struct exchange *buckets[BUCKETS];
};

static void on_datagrams(void *arg, int fd, unsigned events);
static void on_address(void *arg);

/* ---- the table; the lock held -------------------------------------------------------------- */

static struct exchange **bucket(struct snmp_engine *engine, int32_t id)
{
    return &engine->buckets[(uint32_t)id % BUCKETS];
}

static struct exchange *find(struct snmp_engine *engine, int32_t id)
{
    struct exchange *x = *bucket(engine, id);
    while (x && x->id != id) {
        x = x->next;
    }
    return x;
}

static void insert(struct snmp_engine *engine, struct exchange *x)
{
    struct exchange **at = bucket(engine, x->id);
    x->next = *at;
    *at = x;
    engine->n++;
}

static void take_out(struct snmp_engine *engine, struct exchange *x)
{
    struct exchange **at = bucket(engine, x->id);
    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    engine->n--;
}

/* Nobody can guess it, and none under way has it. */
static int32_t new_id(struct snmp_engine *engine)
{
    uint32_t id = 0;
    do {
        if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
            id = (uint32_t)devsdk_now_ms() * 2654435761U + engine->n;
        }
        id &= INT32_MAX;
    } while (id == 0 || find(engine, (int32_t)id));
    return (int32_t)id;
}

static void count(const struct snmp_engine *engine, const char *metric)
{
    devsdk_metric(engine->service, metric, 1);
}

/* ---- sending; the lock held ---------------------------------------------------------------- */

static bool encode(struct snmp_engine *engine, struct exchange *x, struct snmp_out *out)
{
    struct snmp_session *s = x->session;
    struct snmp_view pdu = snmp_view(x->bytes + x->community_n, x->pdu_n);
    if (s->version == SNMP_V3) {
        return snmp_remote_ask(&s->remote, &s->user, x->id,
                               snmp_view(s->context, strlen(s->context)), pdu, engine->salt++,
                               devsdk_now_ms(), out);
    }
    size_t end = out->at;
    snmp_put_raw(out, pdu.p, pdu.n);
    snmp_put_message(out, s->version, snmp_view(x->bytes, x->community_n), end);
    return !out->full;
}

/* What the system does not send now is as lost as what the network drops: it is asked again. */
static bool send_out(struct snmp_engine *engine, struct exchange *x)
{
    struct snmp_out out = snmp_out(engine->out, SNMP_MESSAGE_MAX);
    if (!encode(engine, x, &out)) {
        return false;
    }
    struct sockaddr_storage to;
    socklen_t n = snmp_peer_to(&x->session->peer, engine->family, &to);
    struct snmp_view bytes = snmp_written(&out);
    if (n == 0 || sendto(engine->fd, bytes.p, bytes.n, 0, (const struct sockaddr *)&to, n) < 0) {
        count(engine, "SnmpSendsFailed");
    }
    x->due_ms = devsdk_now_ms() + x->wait_ms;
    if (x->due_ms > x->deadline_ms) {
        x->due_ms = x->deadline_ms;
    }
    return true;
}

/* Know the address, or ask for it. A name whose address fell silent is asked for again, and goes on being asked there
 * meanwhile. False: neither. */
static bool locate(struct snmp_engine *engine, struct snmp_session *s)
{
    if (!s->located && !s->lookup) {
        s->numeric = snmp_peer_parse(s->host, s->port, &s->peer);
        s->located = s->numeric;
    }
    if (!s->numeric && !s->lookup && (!s->located || s->lost)) {
        s->lookup = snmp_lookup_start(engine->resolver, s->host, s->port);
    }
    s->lost = false;
    return s->located || s->lookup;
}

/* Take over what the resolver found out. False: it is still at it, and there is no address from before. */
static bool settle_address(struct snmp_engine *engine, struct snmp_session *s, char why[WHY])
{
    struct snmp_lookup state;
    if (!s->lookup) {
        return true;
    }
    if (!snmp_lookup_state(engine->resolver, s->lookup, &state)) {
        return s->located;
    }
    if (state.found) {
        s->peer = state.peer;
        s->located = true;
    } else if (!s->located) {
        snprintf(why, WHY, "%.56s: %.94s", s->host, state.why);
    }
    snmp_lookup_put(engine->resolver, s->lookup);
    s->lookup = NULL;
    return true;
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_tick(void *arg, int fd, unsigned events);

/* The lock held. As long as something is under way there is a tick. */
static void arm(struct snmp_engine *engine)
{
    if (engine->tick || engine->n == 0) {
        return;
    }
    int64_t least = INT64_MAX, now = devsdk_now_ms();
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (const struct exchange *x = engine->buckets[b]; x; x = x->next) {
            least = x->due_ms < least ? x->due_ms : least;
        }
    }
    int64_t ms = least - now > TICK_MS ? TICK_MS : least - now;
    engine->tick =
        devsdk_after(engine->service, ms < TICK_MIN_MS ? TICK_MIN_MS : ms, on_tick, engine);
}

/* The lock held: asked again, or taken out as silent into @p silent. */
static void expire(struct snmp_engine *engine, struct exchange *x, int64_t now,
                   struct exchange **silent)
{
    bool again = x->retries > 0 && now < x->deadline_ms && !x->waits_for_address;
    if (again) {
        x->retries--;
        x->wait_ms += x->wait_ms / 2;
        count(engine, "SnmpRetries");
        if (send_out(engine, x)) {
            return;
        }
    }
    take_out(engine, x);
    /* Whoever comes back may be another: its engine is asked for anew, and so is its name. */
    snmp_remote_forget(&x->session->remote);
    x->session->lost = true;
    x->next = *silent;
    *silent = x;
}

static const char *silence(const struct exchange *x)
{
    if (x->waits_for_address) {
        return "no address yet, the name is still being looked up; no answer";
    }
    /* What decrypts to nonsense is dropped by agents without a word. */
    return x->reports > 0 && x->session->user.level == SNMP_AUTH_PRIV
               ? "the engine is there, but no answer to what is encrypted (are privPassword and "
                 "PrivProtocol right?)"
               : "no answer";
}

static void on_tick(void *arg, int fd, unsigned events)
{
    struct snmp_engine *engine = arg;
    struct exchange *silent = NULL;
    (void)fd;
    (void)events;
    pthread_mutex_lock(&engine->lock);
    devsdk_watch *tick = engine->tick; /* NULL: snmp_engine_free() has it */
    int64_t now = devsdk_now_ms();
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (struct exchange *x = engine->buckets[b], *next; x; x = next) {
            next = x->next;
            if (x->due_ms <= now) {
                expire(engine, x, now, &silent);
            }
        }
    }
    engine->tick = NULL;
    arm(engine);
    pthread_mutex_unlock(&engine->lock);
    if (tick) {
        devsdk_unwatch(tick);
    }
    while (silent) {
        struct exchange *x = silent;
        silent = x->next;
        count(engine, "SnmpTimeouts");
        x->fn(x->arg, SNMP_SILENT, NULL, silence(x));
        free(x);
    }
}

/* ---- answers ------------------------------------------------------------------------------- */

/* Once for each session: the first stranger, the first forgery. The lock held. */
static void tell(struct snmp_engine *engine, const struct snmp_session *s, bool *told,
                 const struct snmp_peer *from, const char *what)
{
    char text[SNMP_PEER_TEXT];
    if (!*told) {
        *told = true;
        snmp_peer_print(from, text);
        devsdk_log(engine->service, DEVSDK_WARN, "%s: %s from %s, dropped (said once)", s->label,
                   what, text);
    }
}

static enum snmp_verdict judge(struct snmp_engine *engine, struct exchange *x,
                               struct snmp_view whole, struct snmp_message *m)
{
    struct snmp_session *s = x->session;
    if (m->version != s->version) {
        return SNMP_DROP;
    }
    if (m->version == SNMP_V3) {
        enum snmp_verdict verdict =
            snmp_remote_judge(&s->remote, &s->user, whole, m, engine->clear, devsdk_now_ms());
        return verdict == SNMP_TAKE && m->pdu.id != x->id ? SNMP_DROP : verdict;
    }
    bool ours = m->pdu.type == SNMP_RESPONSE &&
                snmp_view_equal(m->community, snmp_view(x->bytes, x->community_n));
    return ours ? SNMP_TAKE : SNMP_DROP;
}

static const char *refusal(const struct snmp_session *s, enum snmp_verdict verdict, char why[WHY])
{
    static const char *const words[] = {
        [SNMP_REFUSED_USER] = "the agent does not know the user '%.32s' (usmStatsUnknownUserNames)",
        [SNMP_REFUSED_LEVEL] = "the agent does not take this security level of user '%.32s' "
                               "(usmStatsUnsupportedSecLevels)",
        [SNMP_REFUSED_AUTH] = "wrong authPassword or AuthProtocol of user '%.32s' "
                              "(usmStatsWrongDigests)",
        [SNMP_REFUSED_PRIV] = "wrong privPassword or PrivProtocol of user '%.32s' "
                              "(usmStatsDecryptionErrors)",
        [SNMP_REFUSED_OTHER] = "the agent refuses what user '%.32s' asks (a report that is not of "
                               "USM: is there such a context?)",
        [SNMP_DROP] =
            "the crypto library does not do the AuthProtocol or PrivProtocol of user '%.32s'",
        [SNMP_AGAIN] = "the agent's engine or clock changes with each answer (user '%.32s')",
    };
    const char *format = words[verdict], *hole = strstr(format, "%.32s");
    snprintf(why, WHY, "%.*s%.32s%s", (int)(hole - format), format, s->user.name, hole + 5);
    return why;
}

/* The exchange @p m answers, taken out of the table; NULL: none, or it goes on. The lock held. */
static struct exchange *match(struct snmp_engine *engine, const struct snmp_peer *from,
                              struct snmp_view whole, struct snmp_message *m,
                              enum snmp_verdict *ret_verdict)
{
    struct exchange *x = find(engine, m->version == SNMP_V3 ? m->id : m->pdu.id);
    if (!x || x->waits_for_address) {
        count(engine, "SnmpAnswersLate"); /* or given twice, or to nothing */
        return NULL;
    }
    if (!snmp_peer_equal(from, &x->session->peer)) {
        count(engine, "SnmpAnswersForeign");
        tell(engine, x->session, &x->session->told_stranger, from, "an answer");
        return NULL;
    }
    enum snmp_verdict verdict = judge(engine, x, whole, m);
    if (verdict == SNMP_DROP) {
        count(engine, "SnmpAnswersForged");
        tell(engine, x->session, &x->session->told_forgery, from,
             "an answer with another community, user, key or time");
        return NULL;
    }
    if (verdict == SNMP_AGAIN && x->reports++ < REPORTS_MAX) {
        if (send_out(engine, x)) {
            return NULL;
        }
        verdict = SNMP_DROP; /* of ours */
    }
    take_out(engine, x);
    *ret_verdict = verdict;
    return x;
}

static void on_datagram(struct snmp_engine *engine, const struct snmp_peer *from,
                        struct snmp_view whole)
{
    struct snmp_message m;
    enum snmp_verdict verdict = SNMP_DROP;
    char why[WHY];
    if (!snmp_message_of(whole, &m)) {
        count(engine, "SnmpMalformed");
        return;
    }
    pthread_mutex_lock(&engine->lock);
    struct exchange *x = match(engine, from, whole, &m, &verdict);
    pthread_mutex_unlock(&engine->lock);
    if (!x) {
        return;
    }
    if (verdict == SNMP_TAKE) {
        x->fn(x->arg, SNMP_ANSWERED, &m.pdu, NULL);
    } else {
        x->fn(x->arg, SNMP_REFUSED, NULL, refusal(x->session, verdict, why));
    }
    free(x);
}

static void on_datagrams(void *arg, int fd, unsigned events)
{
    struct snmp_engine *engine = arg;
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        struct snmp_peer from;
        ssize_t n =
            recvfrom(fd, engine->in, SNMP_MESSAGE_MAX, 0, (struct sockaddr *)&address, &size);
        if (n < 0 && errno != EINTR && errno != ECONNREFUSED) {
            return;
        }
        if (n >= 0 && snmp_peer_from((const struct sockaddr *)&address, &from)) {
            on_datagram(engine, &from, snmp_view(engine->in, (size_t)n));
        }
    }
}

/* A name was looked up, well or not: go on with those who waited for one. */
static void on_address(void *arg)
{
    struct snmp_engine *engine = arg;
    for (;;) {
        struct exchange *failed = NULL;
        char why[WHY] = "";
        pthread_mutex_lock(&engine->lock);
        for (unsigned b = 0; b < BUCKETS && !failed; b++) {
            for (struct exchange *x = engine->buckets[b]; x && !failed; x = x->next) {
                if (!x->waits_for_address || !settle_address(engine, x->session, why)) {
                    continue;
                }
                x->waits_for_address = false;
                failed = why[0] || !send_out(engine, x) ? x : NULL;
            }
        }
        if (failed) {
            take_out(engine, failed);
        }
        pthread_mutex_unlock(&engine->lock);
        if (!failed) {
            return;
        }
        failed->fn(failed->arg, why[0] ? SNMP_UNKNOWN_HOST : SNMP_UNSENT, NULL,
                   why[0] ? why : "the request cannot be made");
        free(failed);
    }
}

/* ---- asking -------------------------------------------------------------------------------- */

static struct exchange *exchange_create(const struct snmp_ask *ask)
{
    size_t room = ask->community.n + ask->list.n + 64;
    struct exchange *x = malloc(sizeof(*x) + room);
    if (x) {
        *x = (struct exchange){
            .session = ask->session,
            .retries = ask->retries,
            .wait_ms = ask->timeout_ms,
            .deadline_ms = ask->deadline_ms,
            .due_ms = ask->deadline_ms,
            .fn = ask->fn,
            .arg = ask->arg,
            .community_n = ask->community.n,
        };
        if (ask->community.n > 0) {
            memcpy(x->bytes, ask->community.p, ask->community.n);
        }
    }
    return x;
}

/* The PDU with its id, which is known now, moved to behind the community. */
static void put_pdu(struct exchange *x, const struct snmp_ask *ask)
{
    uint8_t *at = x->bytes + x->community_n;
    struct snmp_out out = snmp_out(at, ask->list.n + 64);
    size_t end = out.at;
    snmp_put_raw(&out, ask->list.p, ask->list.n);
    snmp_put_pdu(&out, ask->type, x->id, 0, ask->type == SNMP_GETBULK ? ask->repetitions : 0, end);
    struct snmp_view pdu = snmp_written(&out);
    x->pdu_n = pdu.n;
    memmove(at, pdu.p, pdu.n);
}

/* The lock held. NULL: it is under way; else what is wrong. */
static const char *begin(struct snmp_engine *engine, struct exchange *x, enum snmp_outcome *ret,
                         char why[WHY])
{
    if (!locate(engine, x->session)) {
        *ret = SNMP_UNKNOWN_HOST;
        snprintf(why, WHY, "%.64s: the name cannot be looked up", x->session->host);
        return why;
    }
    x->waits_for_address = !settle_address(engine, x->session, why);
    if (why[0]) {
        *ret = SNMP_UNKNOWN_HOST;
        return why;
    }
    if (!x->waits_for_address && !send_out(engine, x)) {
        *ret = SNMP_UNSENT;
        return x->session->version == SNMP_V3
                   ? "the request is too big, or the crypto library does not do this AuthProtocol "
                     "or PrivProtocol"
                   : "the request is too big";
    }
    return NULL;
}

void snmp_engine_ask(struct snmp_engine *engine, const struct snmp_ask *ask)
{
    struct exchange *x = exchange_create(ask);
    enum snmp_outcome outcome = SNMP_UNSENT;
    char why[WHY] = "";
    if (!x) {
        ask->fn(ask->arg, SNMP_UNSENT, NULL, "out of memory");
        return;
    }
    pthread_mutex_lock(&engine->lock);
    x->id = new_id(engine);
    put_pdu(x, ask);
    const char *fault = begin(engine, x, &outcome, why);
    if (!fault) {
        insert(engine, x);
        arm(engine);
    }
    pthread_mutex_unlock(&engine->lock);
    count(engine, "SnmpRequests");
    if (fault) {
        ask->fn(ask->arg, outcome, NULL, fault);
        free(x);
    }
}

void snmp_session_user(struct snmp_engine *engine, struct snmp_session *session,
                       const struct snmp_user *user)
{
    pthread_mutex_lock(&engine->lock);
    session->user = *user;
    session->remote.keyed = false;
    pthread_mutex_unlock(&engine->lock);
}

void snmp_session_user_copy(struct snmp_engine *engine, const struct snmp_session *session,
                            struct snmp_user *ret)
{
    pthread_mutex_lock(&engine->lock);
    *ret = session->user;
    pthread_mutex_unlock(&engine->lock);
}

bool snmp_session_peer(struct snmp_engine *engine, struct snmp_session *session,
                       struct snmp_peer *ret)
{
    char why[WHY];
    pthread_mutex_lock(&engine->lock);
    bool located =
        locate(engine, session) && settle_address(engine, session, why) && session->located;
    *ret = session->peer;
    pthread_mutex_unlock(&engine->lock);
    return located;
}

void snmp_session_done(struct snmp_engine *engine, struct snmp_session *session)
{
    snmp_lookup_put(engine->resolver, session->lookup);
    explicit_bzero(&session->user, sizeof(session->user));
    explicit_bzero(&session->remote, sizeof(session->remote));
    session->lookup = NULL;
}

/* ---- its life ------------------------------------------------------------------------------ */

struct snmp_engine *snmp_engine_create(devsdk_service *service)
{
    struct snmp_engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        return NULL;
    }
    engine->service = service;
    pthread_mutex_init(&engine->lock, NULL);
    engine->in = malloc(SNMP_MESSAGE_MAX);
    engine->clear = malloc(SNMP_MESSAGE_MAX);
    engine->out = malloc(SNMP_MESSAGE_MAX);
    engine->resolver = snmp_resolver_create(on_address, engine);
    engine->fd = snmp_socket_open(NULL, &engine->family);
    if (getrandom(&engine->salt, sizeof(engine->salt), 0) != sizeof(engine->salt)) {
        engine->salt = (uint64_t)devsdk_now_ms() << 20;
    }
    if (engine->fd >= 0 && engine->in && engine->clear && engine->out && engine->resolver) {
        engine->watch = devsdk_watch_fd(service, engine->fd, DEVSDK_READABLE, on_datagrams, engine);
    }
    if (!engine->watch) {
        int why = errno;
        snmp_engine_free(engine);
        errno = why;
        return NULL;
    }
    return engine;
}

void snmp_engine_free(struct snmp_engine *engine)
{
    if (!engine) {
        return;
    }
    snmp_resolver_free(engine->resolver);
    if (engine->watch) {
        devsdk_unwatch(engine->watch);
    }
    pthread_mutex_lock(&engine->lock);
    devsdk_watch *tick = engine->tick;
    engine->tick = NULL;
    pthread_mutex_unlock(&engine->lock);
    if (tick) {
        devsdk_unwatch(tick);
    }
    if (engine->fd >= 0) {
        close(engine->fd);
    }
    free(engine->in);
    free(engine->clear);
    free(engine->out);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}
