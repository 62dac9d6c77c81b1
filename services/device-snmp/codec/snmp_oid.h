/** Object identifiers: as text, as numbers, as the contents of an OBJECT IDENTIFIER. */
#ifndef SNMP_OID_H
#define SNMP_OID_H

#include "codec/snmp_ber.h"

enum {
    SNMP_OID_MAX = 128,                /* sub-identifiers, RFC 2578 7.1.3 */
    SNMP_OID_BYTES = 5 * SNMP_OID_MAX, /* of the contents, at most */
    SNMP_OID_TEXT = 11 * SNMP_OID_MAX, /* of the text with its NUL, at most */
};

struct snmp_oid {
    unsigned n;
    uint32_t id[SNMP_OID_MAX];
};

/** "1.3.6.1" or ".1.3.6.1". False: no OID, and *ret_why says what is wrong with it. */
bool snmp_oid_parse(const char *text, struct snmp_oid *ret, const char **ret_why);
/** NUL-terminated; its length. @p size of SNMP_OID_TEXT is always enough. */
size_t snmp_oid_print(const struct snmp_oid *oid, char *ret, size_t size);
/** From an element's contents. Refused: padded or unfinished sub-identifiers, those above 32 bits, more than 128. */
bool snmp_oid_of(struct snmp_view body, struct snmp_oid *ret);
/** The contents, at most SNMP_OID_BYTES; how many there are. */
size_t snmp_oid_bytes(const struct snmp_oid *oid, uint8_t *ret);
void snmp_put_oid(struct snmp_out *out, const struct snmp_oid *oid);
/** < 0, 0, > 0, as agents order them. */
int snmp_oid_compare(const struct snmp_oid *a, const struct snmp_oid *b);
/** Is @p oid below @p root, or @p root itself? */
bool snmp_oid_below(const struct snmp_oid *oid, const struct snmp_oid *root);

#endif
