/** Value types of readings and their texts (contract 3.4). */
#ifndef EDGE_CONTRACTS_VALUE_H
#define EDGE_CONTRACTS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/dto.h"

enum value_type {
    VT_BOOL,
    VT_STRING,
    VT_UINT8,
    VT_UINT16,
    VT_UINT32,
    VT_UINT64,
    VT_INT8,
    VT_INT16,
    VT_INT32,
    VT_INT64,
    VT_FLOAT32,
    VT_FLOAT64,
    VT_BINARY,
    VT_OBJECT,
    VT_BOOL_ARRAY,
    VT_STRING_ARRAY,
    VT_UINT8_ARRAY,
    VT_UINT16_ARRAY,
    VT_UINT32_ARRAY,
    VT_UINT64_ARRAY,
    VT_INT8_ARRAY,
    VT_INT16_ARRAY,
    VT_INT32_ARRAY,
    VT_INT64_ARRAY,
    VT_FLOAT32_ARRAY,
    VT_FLOAT64_ARRAY,
    VT_OBJECT_ARRAY,
    VT_COUNT
};
extern const char *const VALUE_TYPES[]; /* canonical spellings, NULL-ended */
/** What is said of another one. */
#define VALUE_TYPE_FAULT "field validation failed on the edgex-dto-value-type tag with value ''"

bool value_type_parse(const char *text, unsigned *ret); /* any case */
bool value_type_is_integer(unsigned type);              /* scalars */
bool value_type_is_unsigned(unsigned type);             /* scalars */
bool value_type_is_float(unsigned type);                /* scalars */
static inline bool value_type_is_numeric(unsigned type)
{
    return value_type_is_integer(type) || value_type_is_float(type);
}
bool value_type_is_array(unsigned type);          /* ObjectArray too */
unsigned value_type_element(unsigned array_type); /* VT_INT8_ARRAY -> VT_INT8 */
/** Limits of an integer type. */
void value_type_range(unsigned type, int64_t *ret_min, uint64_t *ret_max);

/** Is @p text a value of @p type, as official services judge it on input? */
bool value_text_valid(unsigned type, const char *text);

/** One scalar number of any type. */
struct value_number {
    int64_t i;  /* Int types and Bool (0, 1) */
    uint64_t u; /* Uint types */
    double f;   /* Float types; of a Float32: exactly representable as float */
};
/** The number behind a valid text of a numeric scalar or Bool. */
bool value_number_parse(unsigned type, const char *text, struct value_number *ret);
enum { VALUE_NUMBER_TEXT = 48 };
/** The text official SDKs write: integers decimal, floats shortest e-notation, true/false. */
void value_number_text(unsigned type, const struct value_number *n, char text[VALUE_NUMBER_TEXT]);
/** The same as a JSON number (for numeric=true); NaN and infinities: null. */
void value_number_json(unsigned type, const struct value_number *n, char text[VALUE_NUMBER_TEXT]);
/** As a double; a Float32 as the double with the same shortest digits (1.1, not 1.10000002...). */
double value_number_real(unsigned type, const struct value_number *n);

/**
 * Elements of an array text, trimmed: "[1, 2]" -> "1","2"; StringArray: its JSON strings (or, as
 * before 4.0.2, bare texts between commas). False where malformed. Elements are not validated.
 */
bool value_array_split(struct edge_arena *a, unsigned type, const char *text, const char ***ret,
                       size_t *ret_n);

#endif
