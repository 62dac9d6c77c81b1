/** Messages around PDUs: SNMPv1 and v2c with a community, v3 with a header and USM's parameters (RFC 3412, 3414). */
#ifndef SNMP_MESSAGE_H
#define SNMP_MESSAGE_H

#include "codec/snmp_pdu.h"

enum { SNMP_V1 = 0, SNMP_V2C = 1, SNMP_V3 = 3 };

enum {
    SNMP_MESSAGE_MAX = 65507, /* what a datagram holds */
    SNMP_ENGINE_ID_MAX = 32,
    SNMP_USER_MAX = 32,
    SNMP_SALT_BYTES = 8,
    SNMP_MAC_MAX = 48,
};

/* msgFlags */
enum { SNMP_FLAG_AUTH = 1, SNMP_FLAG_PRIV = 2, SNMP_FLAG_REPORTABLE = 4 };

struct snmp_message {
    int version;
    struct snmp_view community; /* v1, v2c */
    /* v3 */
    int32_t id;
    uint8_t flags;
    uint32_t boots, time;
    struct snmp_view engine_id, user, mac, salt;
    struct snmp_view sealed; /* the encrypted scoped PDU, where flags have PRIV; no PDU then */
    struct snmp_view context_engine_id, context_name;
    struct snmp_pdu pdu;
};

/** All of @p in is one message; what is encrypted comes as it is. Views stay inside of @p in. */
bool snmp_message_of(struct snmp_view in, struct snmp_message *ret);
/** What was encrypted, now in clear; padding behind it is allowed. */
bool snmp_scoped_of(struct snmp_view in, struct snmp_message *ret);

/** v1, v2c: around the PDU written since @p end. */
void snmp_put_message(struct snmp_out *out, int version, struct snmp_view community, size_t end);
/** v3: a scoped PDU around the PDU written since @p end. */
void snmp_put_scoped(struct snmp_out *out, struct snmp_view engine_id, struct snmp_view context,
                     size_t end);
/**
 * v3: header and USM's parameters before the scoped PDU, in clear or sealed in an OCTET STRING, written since
 * @p end. head->mac says how many zeros to leave for it (its p is ignored); where they are is told.
 */
void snmp_put_v3(struct snmp_out *out, const struct snmp_message *head, size_t end,
                 size_t *ret_mac_at);

#endif
