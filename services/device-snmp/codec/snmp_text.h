/** Values as texts, and what is to be written as values. */
#ifndef SNMP_TEXT_H
#define SNMP_TEXT_H

#include "codec/snmp_pdu.h"

enum snmp_format {
    SNMP_FORMAT_AUTO, /* text where it is one, a MAC address where it is six other bytes, else hex */
    SNMP_FORMAT_MAC,
    SNMP_FORMAT_HEX,
    SNMP_FORMAT_STRING, /* what is no UTF-8 is read as ISO 8859-1 */
    SNMP_FORMAT_IP,
    SNMP_FORMAT_TIMETICKS, /* days:hours:minutes:seconds.hundredths */
    SNMP_FORMATS,
};

/** Room that is enough for the text of @p value in any format, its NUL included. */
size_t snmp_text_room(const struct snmp_value *value);
/** False: the value has no such form. NUL-terminated; a NUL inside of a text is no form. */
bool snmp_text_of(const struct snmp_value *value, uint8_t format, char *ret, size_t size,
                  size_t *ret_n);
/** "INTEGER", "OCTET STRING"; never NULL. */
const char *snmp_tag_name(uint8_t tag);

/* What a resource is written as: net-snmp's letters, as far as they make sense. */
enum snmp_letter {
    SNMP_LETTER_AUTO, /* i, u or s, as the wanted value is */
    SNMP_LETTER_I,
    SNMP_LETTER_U,
    SNMP_LETTER_C,
    SNMP_LETTER_T,
    SNMP_LETTER_O,
    SNMP_LETTER_S,
    SNMP_LETTER_X,
    SNMP_LETTER_A,
    SNMP_LETTERS,
};

enum snmp_wanted_kind { SNMP_WANTED_INT, SNMP_WANTED_UINT, SNMP_WANTED_BOOL, SNMP_WANTED_TEXT };
struct snmp_wanted {
    uint8_t kind; /* BOOL: u is 0 or 1, and is written as a TruthValue: 1 true, 2 false */
    union {
        int64_t i;
        uint64_t u;
        struct snmp_view text; /* or bytes */
    };
};

/** NULL, or why there is no such value. It may refer to @p wanted and to @p scratch, whose size is at least
 * SNMP_OID_BYTES and half of the text's. */
const char *snmp_value_make(uint8_t letter, const struct snmp_wanted *wanted, uint8_t *scratch,
                            size_t size, struct snmp_value *ret);

#endif
