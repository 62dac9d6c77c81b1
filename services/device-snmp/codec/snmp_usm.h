/**
 * The user-based security model: keys, signatures, encryption (RFC 3414, 3826, 7860). AES of 192 and 256 bits is in
 * no RFC; both ways of making keys long enough that are in use are here: Blumenthal's, and Reeder's, which Cisco took.
 */
#ifndef SNMP_USM_H
#define SNMP_USM_H

#include "codec/snmp_message.h"

enum snmp_auth {
    SNMP_AUTH_NONE,
    SNMP_AUTH_MD5,
    SNMP_AUTH_SHA,
    SNMP_AUTH_SHA224,
    SNMP_AUTH_SHA256,
    SNMP_AUTH_SHA384,
    SNMP_AUTH_SHA512,
    SNMP_AUTHS,
};

enum snmp_priv {
    SNMP_PRIV_NONE,
    SNMP_PRIV_DES,
    SNMP_PRIV_AES,
    SNMP_PRIV_AES192,
    SNMP_PRIV_AES256,
    SNMP_PRIV_AES192_REEDER,
    SNMP_PRIV_AES256_REEDER,
    SNMP_PRIVS,
};

enum { SNMP_KEY_MAX = 64, SNMP_PASSWORD_MIN = 8 };

struct snmp_key {
    size_t n;
    uint8_t bytes[SNMP_KEY_MAX];
};

/** A user's keys for one engine. */
struct snmp_keys {
    uint8_t auth, priv; /* enum snmp_auth, enum snmp_priv */
    struct snmp_key auth_key, priv_key;
};

/** Bytes of a signature in a message; 0: none. */
size_t snmp_mac_size(uint8_t auth);
/** The password's key, the same for all engines (RFC 3414 A.2): slow on purpose, some milliseconds. False: the
 * crypto library does not do this hash. */
bool snmp_master_key(uint8_t auth, struct snmp_view password, struct snmp_key *ret);
/** The key for one engine. */
bool snmp_localise(uint8_t auth, const struct snmp_key *master, struct snmp_view engine_id,
                   struct snmp_key *ret);
/** The same for encryption: as long as the cipher wants it. */
bool snmp_localise_priv(uint8_t auth, uint8_t priv, const struct snmp_key *master,
                        struct snmp_view engine_id, struct snmp_key *ret);

enum snmp_open {
    SNMP_OPENED,
    SNMP_OPEN_UNSIGNED,   /* the flags say less security than there are keys for */
    SNMP_OPEN_FORGED,     /* the signature is none of this key */
    SNMP_OPEN_UNREADABLE, /* it does not decrypt to a PDU */
};

/** Check @p whole, from which @p message was taken, and decrypt it into @p clear, which is as long as it.
 * Reports may be less secure than the keys (RFC 3414 3.2): ask for message->flags before believing one. */
enum snmp_open snmp_open(const struct snmp_keys *keys, struct snmp_view whole,
                         struct snmp_message *message, uint8_t *clear);

/**
 * A whole v3 message around @p pdu. Of @p head: id, flags, boots, time, engine_id, user, context_name, and
 * context_engine_id where it is another engine's; @p salt is one no message of this key had. False: it does not fit, or the crypto library does not do it.
 */
bool snmp_seal(const struct snmp_keys *keys, const struct snmp_message *head, struct snmp_view pdu,
               uint64_t salt, struct snmp_out *out);

#endif
