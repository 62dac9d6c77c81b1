/**
 * Tables as spreadsheets save them: separators , ; or tab, which is found out; quotes, lines that end in CRLF, LF or CR,
 * a byte order mark. Texts that are no UTF-8 are taken as Windows-1252.
 */
#ifndef CTL_CSV_H
#define CTL_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "edge/ctx.h"

enum { CTL_CSV_BYTES = 16 * 1024 * 1024, CTL_CSV_ROWS = 10000, CTL_CSV_COLUMNS = 256 };

struct ctl_row {
    unsigned line;            /* where it begins, from 1 */
    const char *const *cells; /* without blanks around */
    size_t n;
};

struct ctl_csv {
    const struct ctl_row *rows; /* empty ones are left out */
    size_t n;
    char separator;
    bool is_windows; /* it was no UTF-8 */
};

/** In the context's arena. INVALID with the line: a quote that does not end, something behind one that did; TOO_LARGE. */
enum edge_status ctl_csv_read(struct edge_ctx *ctx, const char *text, size_t n,
                              struct ctl_csv *ret);

#endif
