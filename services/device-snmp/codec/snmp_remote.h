/**
 * The other side of SNMPv3: which engine it is, what its clock says, a user's keys there, and what to make of a message
 * that claims to come from it (RFC 3414 2.3, 3.2, 4). Moments are milliseconds of a clock that only goes forward.
 */
#ifndef SNMP_REMOTE_H
#define SNMP_REMOTE_H

#include "codec/snmp_usm.h"

enum snmp_level { SNMP_NO_AUTH_NO_PRIV, SNMP_AUTH_NO_PRIV, SNMP_AUTH_PRIV };

struct snmp_user {
    const char *name;
    uint8_t level, auth, priv; /* enums snmp_level, snmp_auth, snmp_priv */
    struct snmp_key auth_master, priv_master;
};

struct snmp_remote {
    uint8_t id[SNMP_ENGINE_ID_MAX];
    size_t id_n; /* 0: not known */
    uint32_t boots, time;
    int64_t at_ms; /* when they were so */
    bool verified; /* they were signed; else they are a guess */
    bool keyed;
    struct snmp_keys keys;
};

/** Another engine, or the same one from the beginning. False: that is no engine's id. */
bool snmp_remote_meet(struct snmp_remote *remote, struct snmp_view id, uint32_t boots,
                      uint32_t time, int64_t now_ms);
void snmp_remote_forget(struct snmp_remote *remote);
/** Make the user's keys for it where they are missing. False: the crypto library does not do it. */
bool snmp_remote_key(struct snmp_remote *remote, const struct snmp_user *user);
/** Is a signed message of this time no replay? The clock follows it. */
bool snmp_remote_on_time(struct snmp_remote *remote, uint32_t boots, uint32_t time, int64_t now_ms);

/** A request to it, or a probe for its engine while that is not known. False: too big, or no crypto. */
bool snmp_remote_ask(struct snmp_remote *remote, const struct snmp_user *user, int32_t id,
                     struct snmp_view context, struct snmp_view pdu, uint64_t salt, int64_t now_ms,
                     struct snmp_out *out);

enum snmp_verdict {
    SNMP_TAKE,  /* message->pdu is the answer */
    SNMP_AGAIN, /* something was learned: ask again */
    SNMP_REFUSED_USER,
    SNMP_REFUSED_LEVEL,
    SNMP_REFUSED_AUTH,
    SNMP_REFUSED_PRIV,
    SNMP_REFUSED_OTHER, /* a report that is none of USM's */
    SNMP_DROP,          /* forged, unreadable, a replay, or of somebody else */
};
/** What an answer to such a request means; @p clear as snmp_open() wants it. */
enum snmp_verdict snmp_remote_judge(struct snmp_remote *remote, const struct snmp_user *user,
                                    struct snmp_view whole, struct snmp_message *message,
                                    uint8_t *clear, int64_t now_ms);

#endif
