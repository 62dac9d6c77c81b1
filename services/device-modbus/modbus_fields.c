/*
 * The tables, and what tables cannot say: which members go together, and what a starting address is.
 */
#include "modbus_fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- tables -------------------------------------------------------------------------------- */

static const char *const parities[] = {"N", "O", "E", NULL}; /* as enum modbus_parity */

/* clang-format off */
#define COMMON                                                                                                                                              \
    DEVSDK_FIELD(struct modbus_addr, unit, "UnitID", DEVSDK_U8, .def = "1", .max = 255, .help = "the unit's number; 0 on a serial line: all of them, who only listen"), \
    DEVSDK_FIELD(struct modbus_addr, timeout_s, "Timeout", DEVSDK_F64, .def = "5", .unit = "s", .min = 0.001, .max = 3600, .help = "until an answer or connection has to be there"), \
    DEVSDK_FIELD(struct modbus_addr, idle_s, "IdleTimeout", DEVSDK_F64, .def = "5", .unit = "s", .min = -86400, .max = 86400, .help = "close what was not used for so long; 0: after each request, negative: never")

#define TCP                                                                                                                                                 \
    DEVSDK_FIELD(struct modbus_addr, address, "Address", DEVSDK_STRING, .required = true, .min = 1, .max = 255, .help = "host name or address"),                       \
    DEVSDK_FIELD(struct modbus_addr, port, "Port", DEVSDK_U16, .def = "502", .min = 1, .max = 65535),                                                       \
    COMMON,                                                                                                                                                 \
    DEVSDK_FIELD(struct modbus_addr, protocol_recovery_s, "ProtocolRecoveryTimeout", DEVSDK_F64, .def = "0", .unit = "s", .max = 3600, .help = "wait longer where another answer came meanwhile"), \
    DEVSDK_FIELD(struct modbus_addr, link_recovery_s, "LinkRecoveryTimeout", DEVSDK_F64, .def = "0", .unit = "s", .max = 3600, .help = "go on trying for so long where a connection breaks or cannot be had"), \
    DEVSDK_FIELD(struct modbus_addr, connect_delay_s, "ConnectDelay", DEVSDK_F64, .def = "0", .unit = "s", .max = 60, .help = "silence after connecting")

#define SERIAL                                                                                                                                              \
    DEVSDK_FIELD(struct modbus_addr, address, "Address", DEVSDK_STRING, .required = true, .min = 1, .max = 255, .help = "the port: /dev/ttyUSB0, /dev/serial/by-id/..."), \
    COMMON,                                                                                                                                                 \
    DEVSDK_FIELD(struct modbus_addr, baud, "BaudRate", DEVSDK_U32, .def = "19200"),                                                                         \
    DEVSDK_FIELD(struct modbus_addr, data_bits, "DataBits", DEVSDK_U8, .def = "8", .min = 7, .max = 8),                                                     \
    DEVSDK_FIELD(struct modbus_addr, stop_bits, "StopBits", DEVSDK_U8, .def = "1", .min = 1, .max = 2),                                                     \
    DEVSDK_FIELD(struct modbus_addr, parity, "Parity", DEVSDK_U8, .def = "N", .one_of = parities),                                                          \
    TURNAROUND

#define TURNAROUND                                                                                                                                          \
    DEVSDK_FIELD(struct modbus_addr, turnaround_s, "TurnaroundDelay", DEVSDK_F64, .def = "0.1", .unit = "s", .max = 10, .help = "silence after a write to unit 0")

static const devsdk_field tcp_fields[] = {
    TCP,
    DEVSDK_FIELD(struct modbus_addr, window, "MaxInFlight", DEVSDK_U8, .def = "8", .min = 1, .max = MODBUS_MAX_IN_FLIGHT, .help = "questions under way at a time"),
    {0},
};
static const devsdk_field rtu_tcp_fields[] = {TCP, TURNAROUND, {0}};
static const devsdk_field serial_fields[] = {SERIAL, {0}};

const devsdk_protocol modbus_protocols[] = {
    {"modbus-tcp", tcp_fields},
    {"modbus-rtu", serial_fields},
    {"modbus-ascii", serial_fields},
    {"modbus-rtu-tcp", rtu_tcp_fields},
    {0},
};

static const char *const tables[] = {"COILS", "DISCRETES_INPUT", "DISCRETE_INPUTS", "INPUT_REGISTERS", "HOLDING_REGISTERS", NULL};
static const char *const raw_types[] = {"NONE", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "FLOAT32", "FLOAT64", NULL}; /* as enum modbus_raw */

const devsdk_field modbus_attributes[] = {
    DEVSDK_FIELD(struct modbus_attr, table_row, "primaryTable", DEVSDK_U8, .required = true, .one_of = tables),
    DEVSDK_FIELD(struct modbus_attr, start, "startingAddress", DEVSDK_STRING, .required = true, .unit = ".2", .max = 16, .help = "from 0; '10.3' is bit 3 of register 10"),
    DEVSDK_FIELD(struct modbus_attr, byte_swap, "isByteSwap", DEVSDK_BOOL, .def = "false", .help = "the low byte of each register comes first"),
    DEVSDK_FIELD(struct modbus_attr, word_swap, "isWordSwap", DEVSDK_BOOL, .def = "false", .help = "the low register comes first"),
    DEVSDK_FIELD(struct modbus_attr, raw_row, "rawType", DEVSDK_U8, .def = "NONE", .one_of = raw_types, .help = "what the device has, where it is not the resource's type"),
    DEVSDK_FIELD(struct modbus_attr, text_registers, "stringRegisterSize", DEVSDK_U16, .help = "registers of a String, 1 to 123"),
    DEVSDK_FIELD(struct modbus_attr, array_size, "arraySize", DEVSDK_U16, .help = "elements of an array"),
    DEVSDK_FIELD(struct modbus_attr, bits, "bits", DEVSDK_U8, .max = 16, .help = "so many bits of the register, from the one of startingAddress on"),
    DEVSDK_FIELD(struct modbus_attr, unit, "unitId", DEVSDK_I16, .def = "-1", .min = -1, .max = 255, .help = "in place of the device's UnitID; -1: that one"),
    DEVSDK_FIELD(struct modbus_attr, max_gap, "maxGap", DEVSDK_U16, .def = "8", .max = 124, .help = "registers nobody asked for that are read to make one read of two"),
    DEVSDK_FIELD(struct modbus_attr, max_registers, "maxRegisters", DEVSDK_U16, .def = "125", .min = 1, .max = 125, .help = "registers of a read it is part of, and sixteen times as many bits"),
    {0},
};

const devsdk_field modbus_config_fields[] = {
    DEVSDK_FIELD(struct modbus_config, max_queued, "MaxQueued", DEVSDK_U32, .def = "100", .min = 1, .max = 100000, .help = "requests that may wait for a host and port, or serial port"),
    DEVSDK_FIELD(struct modbus_config, discovery_addresses, "DiscoveryAddresses", DEVSDK_STRING, .help = "where discovery looks: 10.0.0.0/24, 10.0.0.5-10.0.0.20, 10.0.0.7; none: nowhere"),
    DEVSDK_FIELD(struct modbus_config, discovery_port, "DiscoveryPort", DEVSDK_U16, .def = "502", .min = 1, .max = 65535),
    DEVSDK_FIELD(struct modbus_config, discovery_units, "DiscoveryUnits", DEVSDK_STRING, .def = "1", .help = "unit numbers asked at each address: 1-10, 255"),
    DEVSDK_FIELD(struct modbus_config, discovery_register, "DiscoveryRegister", DEVSDK_U16, .def = "0", .help = "the holding register that is asked for"),
    DEVSDK_FIELD(struct modbus_config, discovery_timeout_ms, "DiscoveryTimeout", DEVSDK_U32, .def = "500ms", .unit = "ms", .min = 10, .max = 60000),
    DEVSDK_FIELD(struct modbus_config, discovery_parallel, "DiscoveryParallel", DEVSDK_U32, .def = "32", .min = 1, .max = 256, .help = "addresses looked at at a time"),
    {0},
};
/* clang-format on */

static devsdk_result wrong(char *why, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static devsdk_result wrong(char *why, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, size, fmt, args);
    va_end(args);
    return DEVSDK_INVALID;
}

/* ---- addresses ----------------------------------------------------------------------------- */

devsdk_result modbus_check_addr(const char *protocol, void *addr, char *why, size_t size)
{
    struct modbus_addr *a = addr;
    bool is_tcp = strcmp(protocol, "modbus-tcp") == 0;
    bool serial = !is_tcp && strcmp(protocol, "modbus-rtu-tcp") != 0;
    if (serial && !modbus_baud_known(a->baud)) {
        return wrong(why, size, "BaudRate: %u is none a serial port has", a->baud);
    }
    if (strcmp(protocol, "modbus-rtu") == 0 && a->data_bits != 8) {
        return wrong(why, size, "DataBits: RTU has 8");
    }
    if (!is_tcp && a->unit > 247) {
        return wrong(why, size, "UnitID: %u is above 247, the last one of a serial line", a->unit);
    }
    a->place = (struct modbus_place){.serial = serial,
                                     .address = a->address,
                                     .port = serial ? 0 : a->port,
                                     .baud = a->baud,
                                     .data_bits = a->data_bits,
                                     .stop_bits = a->stop_bits,
                                     .parity = a->parity};
    a->place.framing = is_tcp                                  ? MODBUS_TCP
                       : strcmp(protocol, "modbus-ascii") == 0 ? MODBUS_ASCII
                                                               : MODBUS_RTU;
    return DEVSDK_OK;
}

/* ---- attributes ---------------------------------------------------------------------------- */

/* "10", "0x0a", "10.3": the bit is -1 where there is none. */
static bool parse_start(const char *text, long *ret_address, int *ret_bit)
{
    char *end;
    bool hex = strncasecmp(text, "0x", 2) == 0;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    *ret_address = strtol(text, &end, hex ? 16 : 10);
    *ret_bit = -1;
    if (*end != '.') {
        return *end == '\0';
    }
    const char *digits = end + 1;
    size_t n = strspn(digits, "0123456789");
    if (n < 1 || n > 2 || digits[n] != '\0') {
        return false;
    }
    *ret_bit = (int)strtol(digits, NULL, 10);
    return true;
}

static const uint8_t raw_of_type[] = {
    [DEVSDK_BOOL] = MODBUS_UINT16, [DEVSDK_I8] = MODBUS_INT16,    [DEVSDK_I16] = MODBUS_INT16,
    [DEVSDK_I32] = MODBUS_INT32,   [DEVSDK_I64] = MODBUS_INT64,   [DEVSDK_U8] = MODBUS_UINT16,
    [DEVSDK_U16] = MODBUS_UINT16,  [DEVSDK_U32] = MODBUS_UINT32,  [DEVSDK_U64] = MODBUS_UINT64,
    [DEVSDK_F32] = MODBUS_FLOAT32, [DEVSDK_F64] = MODBUS_FLOAT64,
};

/* The type of the value, or of an array's elements. */
static devsdk_type scalar(const devsdk_point *point)
{
    return point->type == DEVSDK_ARRAY ? point->elem : point->type;
}

static bool is_number(devsdk_type type)
{
    return type >= DEVSDK_BOOL && type <= DEVSDK_F64;
}

static void take_table(struct modbus_attr *a)
{
    static const uint8_t functions[] = {MODBUS_READ_COILS, MODBUS_READ_DISCRETE_INPUTS,
                                        MODBUS_READ_DISCRETE_INPUTS, MODBUS_READ_INPUT_REGISTERS,
                                        MODBUS_READ_HOLDING_REGISTERS};
    a->function = functions[a->table_row];
    a->is_bits = a->function <= MODBUS_READ_DISCRETE_INPUTS;
    a->max_count = (uint16_t)(a->is_bits ? a->max_registers * 16 : a->max_registers);
}

static devsdk_result check_table(const devsdk_point *point, const struct modbus_attr *a, char *why,
                                 size_t size)
{
    bool only_read =
        a->function == MODBUS_READ_DISCRETE_INPUTS || a->function == MODBUS_READ_INPUT_REGISTERS;
    if (point->writable && only_read) {
        return wrong(why, size, "primaryTable: %s cannot be written, readWrite has to be R",
                     tables[a->table_row]);
    }
    if (a->is_bits && scalar(point) != DEVSDK_BOOL) {
        return wrong(why, size, "primaryTable: %s has Bool only", tables[a->table_row]);
    }
    if (scalar(point) != DEVSDK_STRING && !is_number(scalar(point))) {
        return wrong(why, size, "valueType: registers and coils have no such values");
    }
    return point->type == DEVSDK_ARRAY && point->elem == DEVSDK_STRING
               ? wrong(why, size, "valueType: there are no arrays of texts in registers")
               : DEVSDK_OK;
}

static devsdk_result check_bits(const devsdk_point *point, struct modbus_attr *a, int bit,
                                char *why, size_t size)
{
    bool whole =
        a->raw_row == MODBUS_RAW_NONE || a->raw_row == MODBUS_INT16 || a->raw_row == MODBUS_UINT16;
    if (bit < 0 && a->bits == 0) {
        return DEVSDK_OK;
    }
    if (a->is_bits || !is_number(point->type)) {
        return wrong(why, size, "%s: only numbers and Bool in registers have bits",
                     bit >= 0 ? "startingAddress" : "bits");
    }
    if (bit > 15) {
        return wrong(
            why, size,
            "startingAddress: bit %d is above 15 (without quotes 10.3 is 10.30: write '10.3')",
            bit);
    }
    unsigned first = bit < 0 ? 0 : (unsigned)bit, n = a->bits == 0 ? 1 : a->bits;
    if (first + n > 16) {
        return wrong(why, size, "bits: %u from bit %u on are more than a register has", n, first);
    }
    if (point->type == DEVSDK_BOOL && n > 1) {
        return wrong(why, size, "bits: a Bool is one");
    }
    if (!whole) {
        return wrong(why, size, "rawType: of bits of a register it can be INT16 or UINT16 only");
    }
    bool is_signed = point->type >= DEVSDK_I8 && point->type <= DEVSDK_I64;
    a->format.raw = a->raw_row == MODBUS_INT16 || (is_signed && a->raw_row == MODBUS_RAW_NONE)
                        ? MODBUS_INT16
                        : MODBUS_UINT16;
    a->format.bit = (uint8_t)first;
    a->format.bits = (uint8_t)n;
    return DEVSDK_OK;
}

static devsdk_result check_string(struct modbus_attr *a, char *why, size_t size)
{
    if (a->text_registers < 1 || a->text_registers > MODBUS_MAX_REGISTERS_WRITTEN) {
        return wrong(why, size, "stringRegisterSize: a String needs 1 to %d, not %u",
                     MODBUS_MAX_REGISTERS_WRITTEN, a->text_registers);
    }
    if (a->raw_row != MODBUS_RAW_NONE) {
        return wrong(why, size, "rawType: a String has none");
    }
    a->count = a->text_registers;
    return DEVSDK_OK;
}

static devsdk_result check_number(const devsdk_point *point, struct modbus_attr *a, char *why,
                                  size_t size)
{
    if (a->raw_row != MODBUS_RAW_NONE && (a->is_bits || scalar(point) == DEVSDK_BOOL)) {
        return wrong(why, size, "rawType: a Bool has none");
    }
    if (a->raw_row >= MODBUS_FLOAT32 && scalar(point) < DEVSDK_F32) {
        return wrong(why, size, "rawType: %s needs a Float32 or Float64", raw_types[a->raw_row]);
    }
    if (a->format.bits == 0) {
        a->format.raw = a->raw_row != MODBUS_RAW_NONE ? a->raw_row : raw_of_type[scalar(point)];
    }
    a->count = a->is_bits ? 1 : (uint16_t)modbus_raw_registers(a->format.raw);
    return DEVSDK_OK;
}

static devsdk_result check_array(const devsdk_point *point, struct modbus_attr *a, char *why,
                                 size_t size)
{
    if (point->type != DEVSDK_ARRAY) {
        return a->array_size == 0 ? DEVSDK_OK : wrong(why, size, "arraySize: this is no array");
    }
    uint32_t most = a->is_bits ? MODBUS_MAX_BITS_WRITTEN : MODBUS_MAX_REGISTERS_WRITTEN;
    if (a->array_size == 0 || (uint32_t)a->array_size * a->count > most) {
        return wrong(why, size, "arraySize: an array of these needs 1 to %u, not %u",
                     most / a->count, a->array_size);
    }
    a->elements = a->array_size;
    a->count = (uint16_t)(a->array_size * a->count);
    return DEVSDK_OK;
}

static devsdk_result check_swaps(const devsdk_point *point, const struct modbus_attr *a, char *why,
                                 size_t size)
{
    unsigned width =
        a->is_bits || point->type == DEVSDK_STRING ? 1 : modbus_raw_registers(a->format.raw);
    if (a->byte_swap && a->is_bits) {
        return wrong(why, size, "isByteSwap: coils and inputs have no bytes");
    }
    if (a->word_swap && width < 2) {
        return wrong(why, size, "isWordSwap: this is not a number of several registers");
    }
    return DEVSDK_OK;
}

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        devsdk_result result_ = (expr);                                                            \
        if (result_ != DEVSDK_OK) {                                                                \
            return result_;                                                                        \
        }                                                                                          \
    } while (0)

devsdk_result modbus_check_attr(const devsdk_point *point, void *attr, char *why, size_t size)
{
    struct modbus_attr *a = attr;
    long address;
    int bit;
    if (!parse_start(a->start, &address, &bit)) {
        return wrong(why, size, "startingAddress: '%s' is neither like '10' nor like '10.3'",
                     a->start);
    }
    take_table(a);
    TRY(check_table(point, a, why, size));
    TRY(check_bits(point, a, bit, why, size));
    TRY(point->type == DEVSDK_STRING ? check_string(a, why, size)
                                     : check_number(point, a, why, size));
    TRY(check_array(point, a, why, size));
    TRY(check_swaps(point, a, why, size));
    if (address > 65535) {
        return wrong(why, size, "startingAddress: %ld is above 65535", address);
    }
    if (address + a->count > 65536) {
        return wrong(why, size, "startingAddress: %u from %ld on reach behind 65535", a->count,
                     address);
    }
    a->address = (uint16_t)address;
    a->format.byte_swap = a->byte_swap;
    a->format.word_swap = a->word_swap;
    return DEVSDK_OK;
}
