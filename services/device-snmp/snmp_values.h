/** Values of agents become readings, and what is to be written becomes values of agents. */
#ifndef SNMP_VALUES_H
#define SNMP_VALUES_H

#include <stdio.h>

#include "codec/snmp_text.h"
#include "snmp_driver.h"

/** NULL: the reading is set, if only as "overflow"; else what is wrong with the value. */
const char *snmp_reading_set(devsdk_request *r, unsigned i, devsdk_type type, uint8_t format,
                             const struct snmp_value *value);
/** The value of write @p i, which may refer to the request and to @p scratch; NULL, or why there is none. */
const char *snmp_wanted_value(devsdk_request *r, unsigned i, uint8_t *scratch, size_t size,
                              struct snmp_value *ret);
/** As JSON: a number, or a text. */
void snmp_value_json(FILE *to, uint8_t format, const struct snmp_value *value);
/** Quoted and escaped. */
void snmp_text_json(FILE *to, const char *text, size_t n);

#endif
