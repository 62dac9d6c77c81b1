/* The security of notifications of v3: traps are their sender's engine's, informs are ours. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "snmp_notify.h"

enum { WINDOW_S = 150, BOOTS_SINCE = 1600000000, WHY = 160 };

static const uint8_t UNKNOWN_ENGINE_IDS[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0};
static const uint8_t NOT_IN_TIME_WINDOWS[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, 2, 0};

/* ---- our engine ---------------------------------------------------------------------------- */

static uint64_t hash(uint64_t h, const char *text)
{
    for (; *text; text++) {
        h = (h ^ (uint8_t)*text) * 1099511628211U;
    }
    return h;
}

void snmp_own_engine_init(struct snmp_own_engine *own, const char *service_name)
{
    /* RFC 3411 5, octets assigned by whoever runs it. We have no enterprise number: 0 is the reserved one. */
    static const uint8_t head[] = {0x80, 0, 0, 0, 5};
    char machine[64] = "";
    FILE *f = fopen("/etc/machine-id", "re");
    if (!f || !fgets(machine, sizeof(machine), f)) {
        (void)gethostname(machine, sizeof(machine) - 1);
    }
    if (f) {
        fclose(f);
    }
    uint64_t h = hash(hash(14695981039346656037U, machine), service_name);
    memcpy(own->id, head, sizeof(head));
    memcpy(own->id + sizeof(head), &h, sizeof(h));
    own->id_n = sizeof(head) + sizeof(h);
    own->start_ms = devsdk_now_ms();
    time_t now = time(NULL);
    own->boots = now > BOOTS_SINCE ? (uint32_t)(now - BOOTS_SINCE) & INT32_MAX : 1;
    own->salt = h ^ ((uint64_t)own->boots << 32);
}

static uint32_t own_time(const struct snmp_own_engine *own)
{
    return (uint32_t)((devsdk_now_ms() - own->start_ms) / 1000);
}

static bool report(struct snmp_own_engine *own, const struct snmp_keys *keys,
                   const struct snmp_message *message, struct snmp_view oid, uint32_t count,
                   struct snmp_out *out)
{
    static const struct snmp_keys none;
    uint8_t pdu[64];
    struct snmp_out inner = snmp_out(pdu, sizeof(pdu));
    size_t end = inner.at;
    snmp_put_binding(&inner, oid, &(struct snmp_value){SNMP_COUNTER32, .u = count});
    snmp_put_pdu(&inner, SNMP_REPORT, message->pdu.id, 0, 0, end);
    const struct snmp_message head = {
        .id = message->id,
        .flags = keys ? SNMP_FLAG_AUTH : 0,
        .boots = own->boots,
        .time = own_time(own),
        .engine_id = snmp_view(own->id, own->id_n),
        .user = keys ? message->user : snmp_view(NULL, 0),
    };
    return snmp_seal(keys ? keys : &none, &head, snmp_written(&inner), 0, out);
}

/* ---- what comes ---------------------------------------------------------------------------- */

/* The sender's user with the keys of its secret as it is now; false: it has none. */
static bool user_of(struct snmp_sender *sender, struct snmp_user *ret)
{
    char why[WHY];
    struct snmp_device *d = sender->d;
    uint64_t generation = snmp_keys_generation(&d->service->keys);
    if (!snmp_device_ready(d, why, sizeof(why))) {
        return false;
    }
    if (sender->secrets != generation) {
        sender->secrets = generation;
        sender->remote.keyed = sender->own.keyed = false;
    }
    snmp_session_user_copy(d->service->engine, &d->session, ret);
    return true;
}

static enum snmp_notice open_trap(struct snmp_sender *sender, const struct snmp_user *user,
                                  struct snmp_view whole, struct snmp_message *m, uint8_t *clear)
{
    struct snmp_remote remote = sender->remote;
    bool is_known = snmp_view_equal(m->engine_id, snmp_view(remote.id, remote.id_n));
    int64_t now = devsdk_now_ms();
    if (!is_known && !snmp_remote_meet(&remote, m->engine_id, m->boots, m->time, now)) {
        return SNMP_NOTICE_FOREIGN;
    }
    if (!snmp_remote_key(&remote, user) ||
        snmp_open(&remote.keys, whole, m, clear) != SNMP_OPENED || m->pdu.type != SNMP_TRAP ||
        (m->flags & SNMP_FLAG_AUTH && !snmp_remote_on_time(&remote, m->boots, m->time, now))) {
        return SNMP_NOTICE_FOREIGN;
    }
    sender->remote = remote; /* not before it has proven that it knows the key */
    return SNMP_NOTICE_TAKEN;
}

static enum snmp_notice open_inform(struct snmp_own_engine *own, struct snmp_sender *sender,
                                    const struct snmp_user *user, struct snmp_view whole,
                                    struct snmp_message *m, uint8_t *clear, struct snmp_out *reply)
{
    struct snmp_view id = snmp_view(own->id, own->id_n);
    if ((sender->own.id_n == 0 && !snmp_remote_meet(&sender->own, id, own->boots, 0, 0)) ||
        !snmp_remote_key(&sender->own, user) ||
        snmp_open(&sender->own.keys, whole, m, clear) != SNMP_OPENED) {
        return SNMP_NOTICE_FOREIGN;
    }
    int64_t off = (int64_t)m->time - own_time(own);
    bool is_late = m->boots != own->boots || off < -WINDOW_S || off > WINDOW_S;
    if (m->flags & SNMP_FLAG_AUTH && is_late) {
        struct snmp_view oid = snmp_view(NOT_IN_TIME_WINDOWS, sizeof(NOT_IN_TIME_WINDOWS));
        return report(own, &sender->own.keys, m, oid, ++own->late, reply) ? SNMP_NOTICE_REPORT
                                                                          : SNMP_NOTICE_FOREIGN;
    }
    return m->pdu.type == SNMP_INFORM ? SNMP_NOTICE_TAKEN : SNMP_NOTICE_FOREIGN;
}

enum snmp_notice snmp_notice_open(struct snmp_own_engine *own, struct snmp_sender *sender,
                                  struct snmp_view whole, struct snmp_message *message,
                                  uint8_t *clear, struct snmp_out *reply)
{
    bool is_ours = snmp_view_equal(message->engine_id, snmp_view(own->id, own->id_n));
    bool is_probe =
        message->engine_id.n == 0 || (message->flags & SNMP_FLAG_REPORTABLE && !is_ours);
    if (is_probe) { /* whose engine is this, asks somebody with an inform */
        struct snmp_view oid = snmp_view(UNKNOWN_ENGINE_IDS, sizeof(UNKNOWN_ENGINE_IDS));
        bool made = message->flags & SNMP_FLAG_REPORTABLE &&
                    report(own, NULL, message, oid, ++own->unknown_engines, reply);
        return made ? SNMP_NOTICE_REPORT : SNMP_NOTICE_FOREIGN;
    }
    struct snmp_user user;
    if (!user_of(sender, &user) ||
        !snmp_view_equal(message->user, snmp_view(user.name, strlen(user.name)))) {
        return SNMP_NOTICE_FOREIGN;
    }
    enum snmp_notice is = is_ours ? open_inform(own, sender, &user, whole, message, clear, reply)
                                  : open_trap(sender, &user, whole, message, clear);
    explicit_bzero(&user, sizeof(user));
    return is;
}

bool snmp_notice_answer(struct snmp_own_engine *own, const struct snmp_sender *sender,
                        const struct snmp_message *message, struct snmp_out *reply)
{
    uint8_t *pdu = reply->buf; /* its front; the message is written from its end */
    size_t room = message->pdu.bindings.n + 64;
    if (room * 2 + 512 > reply->size) {
        return false;
    }
    struct snmp_out inner = snmp_out(pdu, room);
    size_t end = inner.at;
    snmp_put_raw(&inner, message->pdu.bindings.p, message->pdu.bindings.n);
    snmp_put_pdu(&inner, SNMP_RESPONSE, message->pdu.id, 0, 0, end);
    struct snmp_view answer = snmp_written(&inner);
    if (message->version != SNMP_V3) {
        size_t at = reply->at;
        snmp_put_raw(reply, answer.p, answer.n);
        snmp_put_message(reply, message->version, message->community, at);
        return !reply->full;
    }
    const struct snmp_message head = {
        .id = message->id,
        .flags = message->flags & (SNMP_FLAG_AUTH | SNMP_FLAG_PRIV),
        .boots = own->boots,
        .time = own_time(own),
        .engine_id = snmp_view(own->id, own->id_n),
        .user = message->user,
        .context_engine_id =
            message->context_engine_id, /* net-snmp says its own, and wants it back */
        .context_name = message->context_name,
    };
    return snmp_seal(&sender->own.keys, &head, answer, own->salt++, reply);
}
