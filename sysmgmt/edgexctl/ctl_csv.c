#include "ctl_csv.h"

#include <stdint.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/text.h"

struct reader {
    struct edge_ctx *ctx;
    const char *at, *end;
    char separator;
    unsigned line;
};

/* ---- characters ---------------------------------------------------------------------------------- */

static void put_code(struct edge_buf *out, uint32_t c)
{
    if (c < 0x80) {
        edge_buf_putc(out, (char)c);
    } else if (c < 0x800) {
        edge_buf_putc(out, (char)(0xc0 | c >> 6));
        edge_buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        edge_buf_putc(out, (char)(0xe0 | c >> 12));
        edge_buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        edge_buf_putc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* Windows-1252: Latin-1 but for 0x80 to 0x9f. */
static const char *from_windows(struct edge_arena *a, const char *text, size_t n, size_t *ret_n)
{
    static const uint16_t special[32] = {
        0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};
    struct edge_buf out = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        put_code(&out, c >= 0x80 && c < 0xa0 ? special[c - 0x80] : c);
    }
    *ret_n = out.len;
    const char *ret = edge_strndup(a, out.data ? out.data : "", out.len);
    edge_buf_done(&out);
    return ret;
}

/* The one that stands most often in the first line that has any, outside of quotes. */
static char separator_of(const char *text, const char *end)
{
    static const char candidates[] = ",;\t";
    size_t counts[3] = {0};
    bool quoted = false, any = false;
    for (const char *p = text; p < end && !(any && !quoted && (*p == '\n' || *p == '\r')); p++) {
        const char *at = *p ? strchr(candidates, *p) : NULL;
        quoted ^= *p == '"';
        if (at && !quoted) {
            counts[at - candidates]++;
            any = true;
        }
    }
    size_t best = 0;
    for (size_t i = 1; i < 3; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    return candidates[best];
}

/* ---- cells ----------------------------------------------------------------------------------------- */

static bool is_line_end(const struct reader *r)
{
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

/* CRLF is one; what stands in quotes counts, too. */
static void count_line(struct reader *r)
{
    if (*r->at == '\n' || (*r->at == '\r' && (r->at + 1 == r->end || r->at[1] != '\n'))) {
        r->line++;
    }
}

static const char *trimmed(struct edge_arena *a, const char *text, size_t n)
{
    while (n > 0 && (unsigned char)text[0] <= ' ') {
        text++;
        n--;
    }
    while (n > 0 && (unsigned char)text[n - 1] <= ' ') {
        n--;
    }
    return edge_strndup(a, text, n);
}

static enum edge_status quoted_cell(struct reader *r, const char **ret)
{
    unsigned began = r->line;
    struct edge_buf out = EDGE_BUF_INIT;
    for (r->at++; r->at < r->end; r->at++) {
        count_line(r);
        bool is_quote = *r->at == '"', is_pair = is_quote && r->at + 1 < r->end && r->at[1] == '"';
        if (is_quote && !is_pair) {
            break;
        }
        r->at += is_pair;
        edge_buf_putc(&out, *r->at);
    }
    *ret = trimmed(&r->ctx->arena, out.data ? out.data : "", out.len);
    edge_buf_done(&out);
    if (r->at == r->end) {
        return edge_fail(r->ctx, EDGE_INVALID, "line %u: a quote does not end", began);
    }
    r->at++;
    while (r->at < r->end && *r->at == ' ') {
        r->at++;
    }
    return is_line_end(r) || *r->at == r->separator
               ? EDGE_OK
               : edge_fail(r->ctx, EDGE_INVALID, "line %u: something stands behind a quote's end",
                           r->line);
}

static enum edge_status cell(struct reader *r, const char **ret)
{
    while (r->at < r->end && *r->at == ' ') {
        r->at++;
    }
    if (r->at < r->end && *r->at == '"') {
        return quoted_cell(r, ret);
    }
    const char *from = r->at;
    while (!is_line_end(r) && *r->at != r->separator) {
        r->at++;
    }
    *ret = trimmed(&r->ctx->arena, from, (size_t)(r->at - from));
    return EDGE_OK;
}

/* Up to the end of its line, which is passed. */
static enum edge_status row(struct reader *r, struct ctl_row *ret)
{
    const char *cells[CTL_CSV_COLUMNS];
    bool goes_on = true;
    *ret = (struct ctl_row){.line = r->line};
    while (goes_on) {
        if (ret->n == CTL_CSV_COLUMNS) {
            return edge_fail(r->ctx, EDGE_TOO_LARGE, "line %u: more than %d columns", ret->line,
                             CTL_CSV_COLUMNS);
        }
        EDGE_TRY(cell(r, &cells[ret->n++]));
        goes_on = !is_line_end(r);
        r->at += goes_on;
    }
    if (r->at < r->end) {
        bool is_pair = *r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n';
        r->at += is_pair ? 2 : 1;
        r->line++;
    }
    const char **kept = edge_new_n(&r->ctx->arena, const char *, ret->n);
    memcpy(kept, cells, ret->n * sizeof(cells[0]));
    ret->cells = kept;
    return EDGE_OK;
}

static bool is_empty(const struct ctl_row *row)
{
    for (size_t i = 0; i < row->n; i++) {
        if (row->cells[i][0] != '\0') {
            return false;
        }
    }
    return true;
}

static enum edge_status rows(struct reader *r, struct ctl_csv *ret)
{
    struct ctl_row *list = NULL;
    size_t cap = 0;
    while (r->at < r->end) {
        struct ctl_row one;
        EDGE_TRY(row(r, &one));
        if (is_empty(&one)) {
            continue;
        }
        if (ret->n == CTL_CSV_ROWS) {
            return edge_fail(r->ctx, EDGE_TOO_LARGE, "more than %d rows", CTL_CSV_ROWS);
        }
        edge_make_room(&r->ctx->arena, list, ret->n, cap);
        list[ret->n++] = one;
    }
    ret->rows = list;
    return EDGE_OK;
}

enum edge_status ctl_csv_read(struct edge_ctx *ctx, const char *text, size_t n, struct ctl_csv *ret)
{
    *ret = (struct ctl_csv){0};
    if (n > CTL_CSV_BYTES) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "more than %d bytes", CTL_CSV_BYTES);
    }
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        return edge_fail(ctx, EDGE_INVALID, "this is UTF-16: save it as UTF-8");
    }
    if (memchr(text, '\0', n)) {
        return edge_fail(ctx, EDGE_INVALID, "this is no text: it has NULs in it");
    }
    ret->is_windows = !edge_utf8_valid(text, n);
    if (ret->is_windows) {
        text = from_windows(&ctx->arena, text, n, &n);
    } else if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        n -= 3;
    }
    struct reader r = {ctx, text, text + n, separator_of(text, text + n), 1};
    ret->separator = r.separator;
    return rows(&r, ret);
}
