#include "ctl_registers.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"

enum { SAID_MAX = 50, TEXT_REGISTERS_MAX = 123, REGISTERS = 65536 };

/* A row under way. */
struct line {
    struct edge_ctx *ctx;
    const struct ctl_row *row;
    const struct ctl_columns *columns;
    const struct ctl_reading *how;
    struct ctl_said *said;
    bool comma; /* numbers have decimal commas */
    struct ctl_register reg;
    struct ctl_address address;
    bool has_type, writes; /* said by the type's cell, by the function's */
};

/* ---- what is said ---------------------------------------------------------------------------------- */

void ctl_said_done(struct ctl_said *said)
{
    edge_buf_done(&said->text);
}

static void put_said(struct ctl_said *said, const char *where, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

static void put_said(struct ctl_said *said, const char *where, const char *fmt, va_list args)
{
    EDGE_CTX_SCOPE(ctx);
    edge_buf_printf(&said->text, "%s: %s%s\n", said->file, where,
                    edge_vprintf(&ctx.arena, fmt, args));
}

void ctl_fault(struct ctl_said *said, const struct ctl_row *row, const struct ctl_columns *columns,
               enum ctl_column column, const char *fmt, ...)
{
    EDGE_CTX_SCOPE(ctx);
    va_list args;
    bool is_cell = column < CTL_N_COLUMNS && columns->at[column] >= 0;
    const char *where = is_cell ? edge_printf(&ctx.arena, "line %u, column %d (%s): ", row->line,
                                              columns->at[column] + 1, ctl_column_name(column))
                                : edge_printf(&ctx.arena, "line %u: ", row->line);
    if (said->n_faults++ >= SAID_MAX) {
        return;
    }
    va_start(args, fmt);
    put_said(said, where, fmt, args);
    va_end(args);
}

void ctl_remark(struct ctl_said *said, const char *fmt, ...)
{
    va_list args;
    if (said->n_remarks++ >= SAID_MAX) {
        return;
    }
    va_start(args, fmt);
    put_said(said, "note: ", fmt, args);
    va_end(args);
}

#define FAULT(l, column, ...) ctl_fault((l)->said, (l)->row, (l)->columns, (column), __VA_ARGS__)

static const char *cell(const struct line *l, enum ctl_column column)
{
    return ctl_cell(l->row, l->columns, column);
}

/* ---- places ------------------------------------------------------------------------------------------ */

static const char *table_name(enum ctl_table table)
{
    static const char *const names[] = {"no table", "coils", "discrete inputs", "input registers",
                                        "holding registers"};
    return names[table];
}

static void take_table(struct line *l)
{
    const char *table = cell(l, CTL_TABLE), *function = cell(l, CTL_FUNCTION);
    enum ctl_table by_function = CTL_NO_TABLE;
    if (*table && !ctl_table_parse(table, &l->reg.table)) {
        FAULT(l, CTL_TABLE, "'%s' is none of coil, discrete, input, holding", table);
    }
    if (*function && !ctl_function_parse(function, &by_function, &l->writes)) {
        FAULT(l, CTL_FUNCTION, "'%s' is no function code, or those of several tables", function);
    } else if (by_function && l->reg.table && by_function != l->reg.table) {
        FAULT(l, CTL_FUNCTION, "function %s is not for %s", function, table_name(l->reg.table));
    }
    l->reg.table = l->reg.table ? l->reg.table : by_function;
}

/* Of a row that names no table. */
static void default_table(struct line *l)
{
    bool is_coil = l->reg.raw == CTL_BOOL && l->has_type && l->reg.bit < 0;
    if (!l->reg.table) {
        l->reg.table = l->how->table ? l->how->table : is_coil ? CTL_COILS : CTL_HOLDING;
    }
}

static void from_modicon(struct line *l)
{
    enum ctl_table table;
    uint32_t address;
    const bool has_prefix = l->address.digits >= 5;
    if (!has_prefix && l->reg.table && l->address.number > 0 && !l->address.is_hex) {
        l->reg.address = l->address.number - 1;
        return;
    }
    if (!ctl_from_modicon(&l->address, &table, &address)) {
        FAULT(l, CTL_ADDRESS, "'%s' is no address from 00001, 10001, 30001 or 40001 on",
              cell(l, CTL_ADDRESS));
        return;
    }
    if (l->reg.table && l->reg.table != table) {
        FAULT(l, CTL_ADDRESS, "%s are %s, the row says %s", cell(l, CTL_ADDRESS), table_name(table),
              table_name(l->reg.table));
    }
    l->reg.table = table;
    l->reg.address = address;
}

static void take_address(struct line *l, enum ctl_base base)
{
    const char *text = cell(l, CTL_ADDRESS);
    if (!ctl_address_parse(text, l->how->hex, &l->address)) {
        FAULT(l, CTL_ADDRESS, "'%s' is no address", text);
        return;
    }
    l->reg.bit = l->address.bit;
    if (base == CTL_BASE_MODICON) {
        from_modicon(l);
        return;
    }
    if (base == CTL_BASE_1 && l->address.number == 0) {
        FAULT(l, CTL_ADDRESS, "0, where addresses count from 1");
        return;
    }
    l->reg.address = l->address.number - (base == CTL_BASE_1);
}

static void take_bit(struct line *l)
{
    const char *text = cell(l, CTL_BIT);
    unsigned bit;
    if (!*text || strcmp(text, "-") == 0) {
        return;
    }
    if (!ctl_count_parse(text, &bit) || bit > 15) {
        FAULT(l, CTL_BIT, "'%s' is no bit, 0 to 15", text);
    } else if (l->reg.bit >= 0 && l->reg.bit != (int)bit) {
        FAULT(l, CTL_BIT, "%u, the address says %d", bit, l->reg.bit);
    } else {
        l->reg.bit = (int)bit;
    }
}

/* ---- types -------------------------------------------------------------------------------------------- */

static bool has_digit(const char *text)
{
    return strcspn(text, "0123456789") < strlen(text);
}

/* "int" of two registers is an int32. */
static void widen(struct ctl_register *reg, unsigned registers)
{
    bool is_signed = reg->raw == CTL_INT16;
    if (reg->raw == CTL_FLOAT32 && registers == 4) {
        reg->raw = CTL_FLOAT64;
    } else if ((is_signed || reg->raw == CTL_UINT16) && registers == 2) {
        reg->raw = is_signed ? CTL_INT32 : CTL_UINT32;
    } else if ((is_signed || reg->raw == CTL_UINT16) && registers == 4) {
        reg->raw = is_signed ? CTL_INT64 : CTL_UINT64;
    }
}

/* Registers the row says it takes; 0: it does not. */
static unsigned length_of(struct line *l)
{
    const char *text = cell(l, CTL_LENGTH);
    unsigned n = 0;
    if (*text && strcmp(text, "-") != 0 && (!ctl_count_parse(text, &n) || n == 0)) {
        FAULT(l, CTL_LENGTH, "'%s' is no number of registers", text);
        return 0;
    }
    return n > 0 ? n : l->address.count > 1 ? l->address.count : 0;
}

static void take_text_length(struct line *l, const struct ctl_type *type, unsigned length)
{
    unsigned n = type->characters > 0 ? (type->characters + 1) / 2 : length;
    if (n == 0 || n > TEXT_REGISTERS_MAX) {
        FAULT(l, CTL_TYPE,
              "a text needs its length, 1 to %d registers: a column length, or string[16]",
              TEXT_REGISTERS_MAX);
    }
    l->reg.registers = n;
}

static void take_type(struct line *l)
{
    const char *text = cell(l, CTL_TYPE);
    struct ctl_type type = {.raw = CTL_UINT16};
    unsigned length = length_of(l);
    bool is_bits = l->reg.table == CTL_COILS || l->reg.table == CTL_DISCRETE || l->reg.bit >= 0;
    l->reg.raw = CTL_UINT16; /* of one whose cell is wrong: nothing follows from that */
    l->reg.registers = 1;
    l->has_type = *text != '\0' && strcmp(text, "-") != 0;
    if (l->has_type && !ctl_type_parse(text, &type)) {
        bool is_byte = strcasecmp(text, "int8") == 0 || strcasecmp(text, "uint8") == 0 ||
                       strcasecmp(text, "byte") == 0;
        FAULT(l, CTL_TYPE,
              is_byte ? "'%s': registers have 16 bits, say int16 or uint16" : "'%s' is no type",
              text);
        return;
    }
    l->reg.raw = is_bits && (!l->has_type || type.raw == CTL_UINT16) ? CTL_BOOL : type.raw;
    l->reg.order = type.order;
    if (l->reg.raw == CTL_STRING) {
        take_text_length(l, &type, length);
        return;
    }
    if (!has_digit(text)) {
        widen(&l->reg, length);
    }
    l->reg.registers = ctl_raw_registers(l->reg.raw);
    if (length > 0 && length != l->reg.registers && length != 2 * l->reg.registers &&
        l->reg.raw != CTL_BOOL) {
        FAULT(l, CTL_TYPE, "%s takes %u registers, the row says %u", *text ? text : "uint16",
              l->reg.registers, length);
    }
    if (is_bits && l->reg.raw != CTL_BOOL) {
        FAULT(l, CTL_TYPE, "'%s' of %s", text,
              l->reg.bit >= 0 ? "a bit" : table_name(l->reg.table));
    }
}

static void take_order(struct line *l)
{
    const char *order = cell(l, CTL_ORDER), *bytes = cell(l, CTL_BYTE_SWAP),
               *words = cell(l, CTL_WORD_SWAP);
    if (*order && strcmp(order, "-") != 0 && !ctl_order_parse(order, &l->reg.order)) {
        FAULT(l, CTL_ORDER, "'%s' is none of ABCD, BADC, CDAB, DCBA", order);
    }
    if (*bytes && !ctl_truth_parse(bytes, &l->reg.order.bytes)) {
        FAULT(l, CTL_BYTE_SWAP, "'%s' is neither true nor false", bytes);
    }
    if (*words && !ctl_truth_parse(words, &l->reg.order.words)) {
        FAULT(l, CTL_WORD_SWAP, "'%s' is neither true nor false", words);
    }
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* False where there is none. */
static bool take_number(struct line *l, enum ctl_column column, double *ret)
{
    const char *text = cell(l, column);
    if (!*text || strcmp(text, "-") == 0) {
        return false;
    }
    if (!ctl_number_parse(text, l->comma, ret)) {
        bool has_comma = strchr(text, ',') != NULL;
        FAULT(l, column, "'%s' is no number%s", text,
              has_comma && !l->comma ? " (decimal commas are taken where ; or tabs separate)" : "");
        return false;
    }
    return true;
}

static const double *kept_number(struct line *l, enum ctl_column column)
{
    double value;
    if (!take_number(l, column, &value)) {
        return NULL;
    }
    double *kept = edge_new(&l->ctx->arena, double);
    *kept = value;
    return kept;
}

static void take_numbers(struct line *l)
{
    double divisor = 1;
    l->reg.scale = 1;
    (void)take_number(l, CTL_SCALE, &l->reg.scale);
    if (take_number(l, CTL_DIVISOR, &divisor) && divisor == 0) {
        FAULT(l, CTL_DIVISOR, "nothing can be divided by 0");
        divisor = 1;
    }
    l->reg.scale /= divisor;
    (void)take_number(l, CTL_OFFSET, &l->reg.offset);
    l->reg.minimum = kept_number(l, CTL_MINIMUM);
    l->reg.maximum = kept_number(l, CTL_MAXIMUM);
    bool scaled = l->reg.scale != 1 || l->reg.offset != 0;
    if (scaled && (l->reg.raw == CTL_BOOL || l->reg.raw == CTL_STRING)) {
        FAULT(l, CTL_SCALE, "a %s has no scale or offset", l->reg.raw == CTL_BOOL ? "bit" : "text");
    }
    if (l->reg.scale == 0 || !isfinite(l->reg.scale)) {
        FAULT(l, CTL_SCALE, "a scale of 0 leaves nothing");
    }
    if (l->reg.minimum && l->reg.maximum && *l->reg.minimum > *l->reg.maximum) {
        FAULT(l, CTL_MINIMUM, "is above the maximum");
    }
}

static void take_unit_id(struct line *l)
{
    const char *text = cell(l, CTL_UNIT_ID);
    unsigned id;
    l->reg.unit_id = -1;
    if (*text && (!ctl_count_parse(text, &id) || id > 255)) {
        FAULT(l, CTL_UNIT_ID, "'%s' is no unit id, 0 to 255", text);
    } else if (*text) {
        l->reg.unit_id = (int)id;
    }
}

static void take_access(struct line *l)
{
    const char *text = cell(l, CTL_ACCESS);
    bool is_input = l->reg.table == CTL_INPUT || l->reg.table == CTL_DISCRETE;
    l->reg.can_read = true;
    l->reg.can_write = l->writes;
    if (*text && strcmp(text, "-") != 0 &&
        !ctl_access_parse(text, &l->reg.can_read, &l->reg.can_write)) {
        FAULT(l, CTL_ACCESS, "'%s' is none of R, W, RW", text);
    }
    if (l->reg.can_write && is_input) {
        FAULT(l, CTL_ACCESS, "%s cannot be written", table_name(l->reg.table));
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static const char *first_filled(const struct ctl_row *row, size_t *ret_n)
{
    const char *first = "";
    *ret_n = 0;
    for (size_t i = 0; i < row->n; i++) {
        if (row->cells[i][0]) {
            first = *ret_n == 0 ? row->cells[i] : first;
            (*ret_n)++;
        }
    }
    return first;
}

static bool is_reserved(const struct line *l)
{
    const char *name = cell(l, CTL_NAME), *type = cell(l, CTL_TYPE);
    return strcasecmp(name, "reserved") == 0 || strcasecmp(type, "reserved") == 0 ||
           strcasecmp(name, "spare") == 0;
}

static void take_row(struct line *l, enum ctl_base base)
{
    unsigned before = l->said->n_faults;
    l->reg.line = l->row->line;
    take_table(l);
    take_address(l, base);
    take_bit(l);
    take_type(l);
    default_table(l);
    take_order(l);
    take_numbers(l);
    take_unit_id(l);
    take_access(l);
    l->reg.name = cell(l, CTL_NAME);
    l->reg.description = cell(l, CTL_DESCRIPTION);
    l->reg.units = cell(l, CTL_UNITS);
    bool is_register = l->reg.table == CTL_INPUT || l->reg.table == CTL_HOLDING;
    if (l->said->n_faults == before && l->reg.raw == CTL_BOOL && is_register && l->reg.bit < 0) {
        FAULT(l, CTL_TYPE, "a bit of a register: which one? (10.3, or a column bit)");
    }
    if (l->said->n_faults == before && l->reg.bit >= 0 && !is_register) {
        FAULT(l, CTL_ADDRESS, "%s have no bits", table_name(l->reg.table));
    }
    if (l->said->n_faults == before && l->reg.address + l->reg.registers > REGISTERS) {
        FAULT(l, CTL_ADDRESS, "beyond the last one, %d", REGISTERS - 1);
    }
}

/* Where all are in Modicon's form they are that; else they count from 0. */
static enum ctl_base base_of(const struct ctl_csv *csv, const struct ctl_columns *columns,
                             const struct ctl_reading *how, struct ctl_said *said)
{
    size_t n = 0, n_modicon = 0;
    if (how->base != CTL_BASE_AUTO) {
        return how->base;
    }
    for (size_t i = columns->header + 1; i < csv->n; i++) {
        struct ctl_address address;
        if (ctl_address_parse(ctl_cell(&csv->rows[i], columns, CTL_ADDRESS), how->hex, &address)) {
            n++;
            n_modicon += ctl_is_modicon(&address);
        }
    }
    if (n_modicon == n && n > 0) {
        return CTL_BASE_MODICON;
    }
    if (n_modicon > 0) {
        ctl_fault(said, &csv->rows[columns->header], columns, CTL_ADDRESS,
                  "%zu of %zu addresses are like 40001, the others are not: say --base", n_modicon,
                  n);
    } else {
        ctl_remark(said, "addresses are taken to count from 0; --base 1 where they count from 1");
    }
    return CTL_BASE_0;
}

void ctl_registers_read(struct edge_ctx *ctx, const struct ctl_csv *csv,
                        const struct ctl_columns *columns, const struct ctl_reading *how,
                        struct ctl_said *said, struct ctl_registers *ret)
{
    enum ctl_base base = base_of(csv, columns, how, said);
    const char *title = "";
    *ret = (struct ctl_registers){.list = edge_new_n(&ctx->arena, struct ctl_register, csv->n + 1)};
    for (size_t i = columns->header + 1; i < csv->n; i++) {
        struct line l = {.ctx = ctx,
                         .row = &csv->rows[i],
                         .columns = columns,
                         .how = how,
                         .said = said,
                         .comma = csv->separator != ',',
                         .reg = {.bit = -1}};
        size_t n_filled;
        const char *first = first_filled(l.row, &n_filled);
        struct ctl_address only;
        if (n_filled == 1 && !ctl_address_parse(first, how->hex, &only)) { /* between sections */
            title = first;
            continue;
        }
        if (is_reserved(&l)) {
            continue;
        }
        take_row(&l, base);
        const char *group = cell(&l, CTL_GROUP);
        l.reg.group = *group ? group : title;
        ret->list[ret->n++] = l.reg;
    }
    if (ret->n == 0) {
        ctl_fault(said, &csv->rows[columns->header], columns, CTL_N_COLUMNS,
                  "no register stands below the header");
    }
}
