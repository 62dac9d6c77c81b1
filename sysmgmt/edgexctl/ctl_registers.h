/** Rows of a table of registers as registers, each cell looked at, each wrong one named. */
#ifndef CTL_REGISTERS_H
#define CTL_REGISTERS_H

#include "ctl_cells.h"
#include "ctl_columns.h"
#include "edge/buf.h"

struct ctl_register {
    unsigned line;
    enum ctl_table table;
    uint32_t address; /* from 0 */
    int bit;          /* of a register; -1: none */
    enum ctl_raw raw;
    unsigned registers; /* it takes */
    struct ctl_order order;
    bool can_read, can_write;
    double scale, offset; /* 1, 0: as it is */
    const double *minimum, *maximum;
    const char *name, *description, *units, *group; /* as they stand there; "" */
    int unit_id;                                    /* -1: the device's */
};

struct ctl_registers {
    struct ctl_register *list;
    size_t n;
};

struct ctl_reading {
    enum ctl_base base;
    enum ctl_table table; /* of rows that do not say; CTL_NO_TABLE: by their type */
    bool hex;             /* addresses are */
};

/** What is said of lines: faults, after which there is no profile, and remarks. */
struct ctl_said {
    const char *file;
    struct edge_buf text;
    unsigned n_faults, n_remarks;
};
void ctl_said_done(struct ctl_said *said);
/** "file: line 7, column 3 (Scale): ..."; the first 50 of each are kept. @p column CTL_N_COLUMNS: of the whole row. */
void ctl_fault(struct ctl_said *said, const struct ctl_row *row, const struct ctl_columns *columns,
               enum ctl_column column, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void ctl_remark(struct ctl_said *said, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** In the context's arena; what is wrong is in @p said. */
void ctl_registers_read(struct edge_ctx *ctx, const struct ctl_csv *csv,
                        const struct ctl_columns *columns, const struct ctl_reading *how,
                        struct ctl_said *said, struct ctl_registers *ret);

#endif
