/** The tables of functions, each ended by a row without a name. */
#ifndef RULES_TABLES_H
#define RULES_TABLES_H

#include "rules_functions.h"

extern const struct rules_function RULES_MATHS[], RULES_TEXTS[], RULES_TIMES[], RULES_CONVERSIONS[],
    RULES_OBJECTS_TABLE[], RULES_ARRAYS[], RULES_AGGREGATES[], RULES_ANALYTICS[];

#endif
