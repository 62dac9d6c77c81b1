/*
 * Tables of registers: what is read, written with quotes, is read again as the same cells; and where no cell is said to be
 * wrong there is a profile that comes back as it was written.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "ctl_profile.h"

static void put_quoted(struct edge_buf *out, const struct ctl_csv *csv)
{
    for (size_t i = 0; i < csv->n; i++) {
        for (size_t k = 0; k < csv->rows[i].n; k++) {
            edge_buf_putc(out, '"');
            for (const char *c = csv->rows[i].cells[k]; *c; c++) {
                edge_buf_puts(out, *c == '"' ? "\"\"" : (char[]){*c, '\0'});
            }
            edge_buf_putc(out, '"');
            edge_buf_putc(out, k + 1 < csv->rows[i].n ? csv->separator : '\r');
        }
        edge_buf_putc(out, '\n');
    }
}

static void check_round(struct edge_ctx *ctx, const struct ctl_csv *csv)
{
    struct edge_buf text = EDGE_BUF_INIT;
    struct ctl_csv again;
    put_quoted(&text, csv);
    assert(ctl_csv_read(ctx, edge_buf_str(&text), text.len, &again) == EDGE_OK);
    assert(again.n == csv->n);
    for (size_t i = 0; i < csv->n; i++) {
        bool one = csv->rows[i].n == 1; /* has no separator to find out */
        assert(again.rows[i].n == csv->rows[i].n || one);
        for (size_t k = 0; k < csv->rows[i].n && again.separator == csv->separator; k++) {
            assert(strcmp(csv->rows[i].cells[k], again.rows[i].cells[k]) == 0);
        }
    }
    edge_buf_done(&text);
}

static void check_profile(struct edge_ctx *ctx, const struct ctl_csv *csv, uint8_t options)
{
    struct ctl_columns columns;
    struct ctl_registers registers;
    struct ctl_said said = {.file = "f", .text = EDGE_BUF_INIT};
    const struct ctl_reading how = {.base = (enum ctl_base)(options & 3), .hex = options & 4};
    const struct ctl_profile_wish wish = {.name = "p", .commands = options & 8};
    struct device_profile profile = {0};
    struct edge_buf yaml = EDGE_BUF_INIT;
    if (ctl_columns_find(ctx, csv, &columns) != EDGE_OK) {
        return;
    }
    ctl_registers_read(ctx, csv, &columns, &how, &said, &registers);
    for (size_t i = 0; said.n_faults == 0 && i < registers.n; i++) {
        const struct ctl_register *r = &registers.list[i];
        assert(r->table != CTL_NO_TABLE && r->address + r->registers <= 65536 && r->bit < 16 &&
               r->registers > 0);
        assert(!r->can_write || r->table == CTL_COILS || r->table == CTL_HOLDING);
    }
    if (said.n_faults == 0) {
        assert(ctl_profile_make(ctx, &registers, &wish, &said, &profile) == EDGE_OK);
        assert(ctl_profile_yaml(ctx, &profile, &yaml) == EDGE_OK);
    } else {
        assert(said.text.len > 0);
    }
    edge_buf_done(&yaml);
    ctl_said_done(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    struct ctl_csv csv;
    if (size == 0 || ctl_csv_read(&ctx, (const char *)data + 1, size - 1, &csv) != EDGE_OK) {
        return 0;
    }
    check_round(&ctx, &csv);
    check_profile(&ctx, &csv, data[0]);
    return 0;
}
