/** Values, variable bindings and protocol data units (RFC 1157, 3416). What is read are views into the bytes. */
#ifndef SNMP_PDU_H
#define SNMP_PDU_H

#include "codec/snmp_oid.h"

enum snmp_pdu_type {
    SNMP_GET = 0xa0,
    SNMP_GETNEXT = 0xa1,
    SNMP_RESPONSE = 0xa2,
    SNMP_SET = 0xa3,
    SNMP_TRAP_V1 = 0xa4,
    SNMP_GETBULK = 0xa5,
    SNMP_INFORM = 0xa6,
    SNMP_TRAP = 0xa7,
    SNMP_REPORT = 0xa8,
};

enum snmp_error {
    SNMP_NO_ERROR,
    SNMP_TOO_BIG,
    SNMP_NO_SUCH_NAME,
    SNMP_BAD_VALUE,
    SNMP_READ_ONLY,
    SNMP_GEN_ERR,
    SNMP_NO_ACCESS,
    SNMP_WRONG_TYPE,
    SNMP_WRONG_LENGTH,
    SNMP_WRONG_ENCODING,
    SNMP_WRONG_VALUE,
    SNMP_NO_CREATION,
    SNMP_INCONSISTENT_VALUE,
    SNMP_RESOURCE_UNAVAILABLE,
    SNMP_COMMIT_FAILED,
    SNMP_UNDO_FAILED,
    SNMP_AUTHORIZATION_ERROR,
    SNMP_NOT_WRITABLE,
    SNMP_INCONSISTENT_NAME,
    SNMP_ERRORS,
};

/** "noSuchName"; never NULL. */
const char *snmp_error_name(int64_t error);

/* What net-snmp wraps into an Opaque: 9f and one of these. */
enum {
    SNMP_UINTEGER32 = 0x47, /* historical */
    SNMP_OPAQUE_COUNTER64 = 0x76,
    SNMP_OPAQUE_FLOAT = 0x78,
    SNMP_OPAQUE_DOUBLE = 0x79,
    SNMP_OPAQUE_I64 = 0x7a,
    SNMP_OPAQUE_U64 = 0x7b,
};

struct snmp_value {
    uint8_t tag; /* SNMP_INTEGER, ..., SNMP_OPAQUE_FLOAT, ...; unknown ones are bytes */
    union {
        int64_t i; /* INTEGER, OPAQUE_I64 */
        uint64_t
            u; /* COUNTER32, GAUGE32, TIMETICKS, UINTEGER32, COUNTER64, OPAQUE_COUNTER64, OPAQUE_U64 */
        double f;               /* OPAQUE_FLOAT, OPAQUE_DOUBLE */
        struct snmp_view bytes; /* the contents of the others */
    };
};

enum snmp_value_kind { SNMP_IS_NOTHING, SNMP_IS_INT, SNMP_IS_UINT, SNMP_IS_FLOAT, SNMP_IS_BYTES };
/** NOTHING: NULL, noSuchObject, noSuchInstance, endOfMibView. */
enum snmp_value_kind snmp_kind(uint8_t tag);

/** False: these contents are none of that type. */
bool snmp_value_of(uint8_t tag, struct snmp_view body, struct snmp_value *ret);
void snmp_put_value(struct snmp_out *out, const struct snmp_value *value);

struct snmp_binding {
    struct snmp_view oid; /* contents */
    struct snmp_value value;
};

/** The next one of a list; false at its end, and where it is damaged. */
bool snmp_take_binding(struct snmp_view *list, struct snmp_binding *ret);
/** Bindings are put last one first, then the head of the list. */
void snmp_put_binding(struct snmp_out *out, struct snmp_view oid, const struct snmp_value *value);

struct snmp_pdu {
    uint8_t type;
    int32_t id;
    int64_t error_status, error_index; /* of GETBULK: non-repeaters, max-repetitions */
    struct snmp_view bindings;         /* for snmp_take_binding(), each of them sound */
    unsigned n_bindings;
    struct { /* of TRAP_V1 alone */
        struct snmp_view enterprise, agent;
        int64_t generic, specific;
        uint64_t uptime;
    } v1;
};

/** All of @p in is one PDU. */
bool snmp_pdu_of(struct snmp_view in, struct snmp_pdu *ret);
/** Head of a PDU before its list of bindings, which was written since @p end. Not of TRAP_V1. */
void snmp_put_pdu(struct snmp_out *out, uint8_t type, int32_t id, int64_t status, int64_t index,
                  size_t end);
/** A request for @p n names, as GET, GETNEXT and GETBULK have them. */
void snmp_put_request(struct snmp_out *out, uint8_t type, int32_t id, int64_t repetitions,
                      const struct snmp_view *oids, unsigned n);
/** What a trap says it is (snmpTrapOID), v1 ones translated as RFC 3584 3.1 says. */
bool snmp_trap_oid(const struct snmp_pdu *pdu, struct snmp_oid *ret);

#endif
