/** What stands in the cells of a table of registers. Each parser is false where it cannot be that. */
#ifndef CTL_CELLS_H
#define CTL_CELLS_H

#include <stdbool.h>
#include <stdint.h>

enum ctl_table { CTL_NO_TABLE, CTL_COILS, CTL_DISCRETE, CTL_INPUT, CTL_HOLDING };

/** As it stands there; what it means follows from the base. */
struct ctl_address {
    uint32_t number;
    int bit;        /* -1: none */
    unsigned count; /* of a range "40001-40002"; 1 */
    bool is_hex;
    unsigned digits; /* of the number */
};
/** "40001", "10.3", "0x1F", "1Fh", "40001-40002"; @p hex: all digits are. */
bool ctl_address_parse(const char *text, bool hex, struct ctl_address *ret);

enum ctl_base { CTL_BASE_AUTO, CTL_BASE_0, CTL_BASE_1, CTL_BASE_MODICON };
/** Is it in Modicon's form: 1 to 9999, 10001, 30001, 40001 and up, or one digit more? */
bool ctl_is_modicon(const struct ctl_address *a);
/** The table its first digit says, and the address from 0. */
bool ctl_from_modicon(const struct ctl_address *a, enum ctl_table *ret_table, uint32_t *ret);

enum ctl_raw {
    CTL_BOOL,
    CTL_INT16,
    CTL_UINT16,
    CTL_INT32,
    CTL_UINT32,
    CTL_INT64,
    CTL_UINT64,
    CTL_FLOAT32,
    CTL_FLOAT64,
    CTL_STRING
};
struct ctl_order {
    bool bytes, words; /* swapped */
};
struct ctl_type {
    enum ctl_raw raw;
    unsigned characters; /* of "string[16]"; 0: not said */
    struct ctl_order order;
};
bool ctl_type_parse(const char *text, struct ctl_type *ret);
/** Registers; 0 of texts. */
unsigned ctl_raw_registers(enum ctl_raw raw);

/** "0.1", "0,1" where @p comma, "1e-3", "x0.1", "/10", "1/10". */
bool ctl_number_parse(const char *text, bool comma, double *ret);
bool ctl_count_parse(const char *text, unsigned *ret);
/** "holding", "4x", "Input Register"; a digit is Modicon's. */
bool ctl_table_parse(const char *text, enum ctl_table *ret);
/** "03", "3/6/16": the table, and whether one of them writes. */
bool ctl_function_parse(const char *text, enum ctl_table *ret, bool *ret_writes);
/** "R", "RO", "read/write", ... */
bool ctl_access_parse(const char *text, bool *ret_read, bool *ret_write);
/** "ABCD", "CDAB", "little endian", ... */
bool ctl_order_parse(const char *text, struct ctl_order *ret);
bool ctl_truth_parse(const char *text, bool *ret);

#endif
