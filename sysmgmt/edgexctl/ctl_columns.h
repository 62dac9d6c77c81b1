/** What the columns of a table of registers are, by the names vendors give them. */
#ifndef CTL_COLUMNS_H
#define CTL_COLUMNS_H

#include "ctl_csv.h"

enum ctl_column {
    CTL_ADDRESS,
    CTL_TYPE,
    CTL_NAME,
    CTL_DESCRIPTION,
    CTL_UNITS,
    CTL_SCALE,
    CTL_DIVISOR,
    CTL_OFFSET,
    CTL_TABLE,
    CTL_FUNCTION,
    CTL_ACCESS,
    CTL_MINIMUM,
    CTL_MAXIMUM,
    CTL_LENGTH,
    CTL_BIT,
    CTL_ORDER,
    CTL_BYTE_SWAP,
    CTL_WORD_SWAP,
    CTL_UNIT_ID,
    CTL_GROUP,
    CTL_N_COLUMNS
};

/** "scale" */
const char *ctl_column_name(enum ctl_column column);

struct ctl_columns {
    int at[CTL_N_COLUMNS]; /* from 0; -1: there is none */
    size_t header;         /* its row; those before are titles */
    const char *ignored;   /* names nobody knows, with commas; "" */
};

/** INVALID where no row is a header: one with an address and a name, a type or a description; or a column is there twice. */
enum edge_status ctl_columns_find(struct edge_ctx *ctx, const struct ctl_csv *csv,
                                  struct ctl_columns *ret);

/** The cell; "" where there is none. */
const char *ctl_cell(const struct ctl_row *row, const struct ctl_columns *columns,
                     enum ctl_column column);

#endif
