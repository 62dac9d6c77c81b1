#include "codec/snmp_remote.h"

#include <string.h>

enum { WINDOW_S = 150, ENGINE_ID_MIN = 5, TICK_MS = 1000 };

/* The last number but one of usmStats...0 */
enum usm_stats {
    UNSUPPORTED_LEVELS = 1,
    NOT_IN_TIME_WINDOWS,
    UNKNOWN_USER_NAMES,
    UNKNOWN_ENGINE_IDS,
    WRONG_DIGESTS,
    DECRYPTION_ERRORS,
};
static const struct snmp_oid USM_STATS = {
    9, {1, 3, 6, 1, 6, 3, 15, 1, 1}
};

void snmp_remote_forget(struct snmp_remote *remote)
{
    memset(remote, 0, sizeof(*remote));
}

bool snmp_remote_meet(struct snmp_remote *remote, struct snmp_view id, uint32_t boots,
                      uint32_t time, int64_t now_ms)
{
    if (id.n < ENGINE_ID_MIN || id.n > SNMP_ENGINE_ID_MAX) {
        return false;
    }
    uint8_t copy[SNMP_ENGINE_ID_MAX]; /* it may be what is forgotten */
    memcpy(copy, id.p, id.n);
    snmp_remote_forget(remote);
    memcpy(remote->id, copy, id.n);
    remote->id_n = id.n;
    remote->boots = boots;
    remote->time = time;
    remote->at_ms = now_ms;
    return true;
}

bool snmp_remote_key(struct snmp_remote *remote, const struct snmp_user *user)
{
    struct snmp_view id = snmp_view(remote->id, remote->id_n);
    struct snmp_keys *keys = &remote->keys;
    if (remote->keyed) {
        return true;
    }
    keys->auth = user->level >= SNMP_AUTH_NO_PRIV ? user->auth : SNMP_AUTH_NONE;
    keys->priv = user->level >= SNMP_AUTH_PRIV ? user->priv : SNMP_PRIV_NONE;
    remote->keyed =
        (keys->auth == SNMP_AUTH_NONE ||
         snmp_localise(keys->auth, &user->auth_master, id, &keys->auth_key)) &&
        (keys->priv == SNMP_PRIV_NONE ||
         snmp_localise_priv(keys->auth, keys->priv, &user->priv_master, id, &keys->priv_key));
    return remote->keyed;
}

static uint32_t time_now(const struct snmp_remote *remote, int64_t now_ms)
{
    return remote->time + (uint32_t)((now_ms - remote->at_ms) / TICK_MS);
}

static void set_clock(struct snmp_remote *remote, uint32_t boots, uint32_t time, int64_t now_ms)
{
    remote->boots = boots;
    remote->time = time;
    remote->at_ms = now_ms;
    remote->verified = true;
}

bool snmp_remote_on_time(struct snmp_remote *remote, uint32_t boots, uint32_t time, int64_t now_ms)
{
    uint32_t expected = time_now(remote, now_ms);
    if (boots == INT32_MAX) {
        return false;
    }
    if (remote->verified && (boots < remote->boots ||
                             (boots == remote->boots && (int64_t)time + WINDOW_S < expected))) {
        return false;
    }
    if (!remote->verified || boots > remote->boots || time > expected) {
        set_clock(remote, boots, time, now_ms);
    }
    return true;
}

/* ---- asking -------------------------------------------------------------------------------- */

static bool put_probe(int32_t id, struct snmp_out *out)
{
    static const struct snmp_keys none;
    const struct snmp_message head = {.id = id, .flags = SNMP_FLAG_REPORTABLE};
    uint8_t pdu[32];
    struct snmp_out inner = snmp_out(pdu, sizeof(pdu));
    snmp_put_request(&inner, SNMP_GET, id, 0, NULL, 0);
    return snmp_seal(&none, &head, snmp_written(&inner), 0, out);
}

bool snmp_remote_ask(struct snmp_remote *remote, const struct snmp_user *user, int32_t id,
                     struct snmp_view context, struct snmp_view pdu, uint64_t salt, int64_t now_ms,
                     struct snmp_out *out)
{
    if (remote->id_n == 0) {
        return put_probe(id, out);
    }
    if (!snmp_remote_key(remote, user)) {
        return false;
    }
    bool is_signed = remote->keys.auth != SNMP_AUTH_NONE;
    const struct snmp_message head = {
        .id = id,
        .flags = (uint8_t)(SNMP_FLAG_REPORTABLE | (is_signed ? SNMP_FLAG_AUTH : 0) |
                           (remote->keys.priv != SNMP_PRIV_NONE ? SNMP_FLAG_PRIV : 0)),
        .boots = is_signed ? remote->boots : 0,
        .time = is_signed ? time_now(remote, now_ms) : 0,
        .engine_id = snmp_view(remote->id, remote->id_n),
        .user = snmp_view(user->name, strlen(user->name)),
        .context_name = context,
    };
    return snmp_seal(&remote->keys, &head, pdu, salt, out);
}

/* ---- what comes back ----------------------------------------------------------------------- */

/* Which of usmStats a report is about; 0: none. */
static unsigned report_of(const struct snmp_pdu *pdu)
{
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    struct snmp_oid oid;
    if (!snmp_take_binding(&list, &binding) || !snmp_oid_of(binding.oid, &oid) ||
        !snmp_oid_below(&oid, &USM_STATS) || oid.n != USM_STATS.n + 2) {
        return 0;
    }
    return oid.id[USM_STATS.n];
}

/*
 * Reports may come unsigned, from anybody who saw our message's id. They make us ask again or give up, and an
 * unsigned clock stays a guess: nothing that anybody says is believed because of one.
 */
static enum snmp_verdict judge_report(struct snmp_remote *remote,
                                      const struct snmp_message *message, int64_t now_ms)
{
    bool is_signed = message->flags & SNMP_FLAG_AUTH;
    switch (report_of(&message->pdu)) {
    case UNKNOWN_ENGINE_IDS:
        if (snmp_view_equal(message->engine_id, snmp_view(remote->id, remote->id_n))) {
            return SNMP_DROP;
        }
        return snmp_remote_meet(remote, message->engine_id, message->boots, message->time, now_ms)
                   ? SNMP_AGAIN
                   : SNMP_DROP;
    case NOT_IN_TIME_WINDOWS:
        /* Signed, and with the id of what we have just asked: no replay, even if its clock went back. */
        if (is_signed) {
            set_clock(remote, message->boots, message->time, now_ms);
        } else if (!remote->verified) {
            remote->boots = message->boots;
            remote->time = message->time;
            remote->at_ms = now_ms;
        }
        return is_signed || !remote->verified ? SNMP_AGAIN : SNMP_DROP;
    case UNKNOWN_USER_NAMES:
        return SNMP_REFUSED_USER;
    case UNSUPPORTED_LEVELS:
        return SNMP_REFUSED_LEVEL;
    case WRONG_DIGESTS:
        return SNMP_REFUSED_AUTH;
    case DECRYPTION_ERRORS:
        return SNMP_REFUSED_PRIV;
    default:
        return SNMP_REFUSED_OTHER;
    }
}

static bool is_report(const struct snmp_message *message)
{
    return !(message->flags & SNMP_FLAG_PRIV) && message->pdu.type == SNMP_REPORT;
}

enum snmp_verdict snmp_remote_judge(struct snmp_remote *remote, const struct snmp_user *user,
                                    struct snmp_view whole, struct snmp_message *message,
                                    uint8_t *clear, int64_t now_ms)
{
    struct snmp_view id = snmp_view(remote->id, remote->id_n);
    if (remote->id_n == 0) { /* the answer to a probe */
        bool is_one = is_report(message) && !(message->flags & SNMP_FLAG_AUTH);
        return is_one ? judge_report(remote, message, now_ms) : SNMP_DROP;
    }
    if (is_report(message) && !(message->flags & SNMP_FLAG_AUTH)) {
        return judge_report(remote, message, now_ms);
    }
    if (!snmp_view_equal(message->engine_id, id) ||
        !snmp_view_equal(message->user, snmp_view(user->name, strlen(user->name))) ||
        !snmp_remote_key(remote, user) ||
        snmp_open(&remote->keys, whole, message, clear) != SNMP_OPENED) {
        return SNMP_DROP;
    }
    if (message->pdu.type == SNMP_REPORT) {
        return judge_report(remote, message, now_ms);
    }
    if (message->flags & SNMP_FLAG_AUTH &&
        !snmp_remote_on_time(remote, message->boots, message->time, now_ms)) {
        return SNMP_DROP;
    }
    return message->pdu.type == SNMP_RESPONSE ? SNMP_TAKE : SNMP_DROP;
}
