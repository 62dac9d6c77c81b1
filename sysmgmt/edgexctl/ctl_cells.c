#include "ctl_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"

enum { WORD_SIZE = 40 };

/* Lower case, letters and digits alone; false where that is too long. */
static bool simple(const char *text, char ret[WORD_SIZE])
{
    size_t n = 0;
    for (; *text; text++) {
        bool is_upper = *text >= 'A' && *text <= 'Z';
        if (is_upper || (*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9')) {
            if (n + 1 == WORD_SIZE) {
                return false;
            }
            ret[n++] = is_upper ? (char)(*text - 'A' + 'a') : *text;
        }
    }
    ret[n] = '\0';
    return true;
}

struct word {
    const char *text;
    int value;
};

/* The value of the word; -1: none of them. */
static int find(const struct word *words, size_t n, const char *text)
{
    char word[WORD_SIZE];
    for (size_t i = 0; simple(text, word) && i < n; i++) {
        if (strcmp(words[i].text, word) == 0) {
            return words[i].value;
        }
    }
    return -1;
}
#define FIND(words, text) find((words), sizeof(words) / sizeof((words)[0]), (text))

/* ---- addresses ------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    return p;
}

/* NULL: no number of at most 65536 and Modicon's six digits. */
static const char *take_number(const char *p, bool hex, struct ctl_address *ret)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    bool prefixed = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    p += prefixed ? 2 : 0;
    size_t len = strspn(p, digits);
    bool suffixed = !prefixed && len > 0 && (p[len] == 'h' || p[len] == 'H');
    ret->is_hex = prefixed || suffixed || hex;
    if (!ret->is_hex) {
        len = strspn(p, "0123456789");
    }
    if (len == 0 || len > 8) {
        return NULL;
    }
    ret->digits = (unsigned)len;
    ret->number = 0;
    for (size_t i = 0; i < len; i++) {
        const char *at = strchr(digits, p[i]);
        uint32_t digit = (uint32_t)(at - digits);
        ret->number = ret->number * (ret->is_hex ? 16 : 10) + (digit > 15 ? digit - 6 : digit);
    }
    return ret->number <= 999999 ? p + len + suffixed : NULL;
}

static bool take_range(const char *p, bool hex, struct ctl_address *ret)
{
    struct ctl_address last;
    p = skip_blanks(p);
    if (strncmp(p, "..", 2) == 0) {
        p += 2;
    } else if (*p == '-' || *p == '~') {
        p++;
    } else if (strncmp(p, "\xe2\x80\x93", 3) == 0) { /* a dash of text programs */
        p += 3;
    } else {
        return *p == '\0';
    }
    p = take_number(skip_blanks(p), hex || ret->is_hex, &last);
    if (!p || *skip_blanks(p) != '\0' || last.number < ret->number ||
        last.number - ret->number > 125) {
        return false;
    }
    ret->count = last.number - ret->number + 1;
    return true;
}

bool ctl_address_parse(const char *text, bool hex, struct ctl_address *ret)
{
    *ret = (struct ctl_address){.bit = -1, .count = 1};
    const char *p = take_number(text, hex, ret);
    if (!p) {
        return false;
    }
    if ((p[0] == '.' || p[0] == ':') && p[1] >= '0' && p[1] <= '9') {
        size_t len = strspn(p + 1, "0123456789");
        long bit = strtol(p + 1, NULL, 10);
        ret->bit = (int)bit;
        return len <= 2 && bit < 16 && p[1 + len] == '\0';
    }
    return take_range(p, hex, ret);
}

bool ctl_is_modicon(const struct ctl_address *a)
{
    enum ctl_table table;
    uint32_t address;
    return a->digits >= 5 && ctl_from_modicon(a, &table, &address);
}

bool ctl_from_modicon(const struct ctl_address *a, enum ctl_table *ret_table, uint32_t *ret)
{
    static const enum ctl_table tables[] = {CTL_COILS, CTL_DISCRETE, CTL_NO_TABLE, CTL_INPUT,
                                            CTL_HOLDING};
    uint32_t unit = a->digits > 5 ? 100000 : 10000, table = a->number / unit, n = a->number % unit;
    if (a->is_hex || table > 4 || tables[table] == CTL_NO_TABLE || n == 0 || n > 65536) {
        return false;
    }
    *ret_table = tables[table];
    *ret = n - 1;
    return true;
}

/* ---- types ------------------------------------------------------------------------------------------ */

static const struct word TYPES[] = {
    {"bool",          CTL_BOOL   },
    {"boolean",       CTL_BOOL   },
    {"bit",           CTL_BOOL   },
    {"coil",          CTL_BOOL   },
    {"digital",       CTL_BOOL   },
    {"discrete",      CTL_BOOL   },
    {"flag",          CTL_BOOL   },
    {"int16",         CTL_INT16  },
    {"s16",           CTL_INT16  },
    {"i16",           CTL_INT16  },
    {"sint16",        CTL_INT16  },
    {"int",           CTL_INT16  },
    {"short",         CTL_INT16  },
    {"signed",        CTL_INT16  },
    {"signed16",      CTL_INT16  },
    {"integer",       CTL_INT16  },
    {"int16t",        CTL_INT16  },
    {"signedint16",   CTL_INT16  },
    {"16bitsigned",   CTL_INT16  },
    {"sint",          CTL_INT16  },
    {"uint16",        CTL_UINT16 },
    {"u16",           CTL_UINT16 },
    {"ui16",          CTL_UINT16 },
    {"word",          CTL_UINT16 },
    {"ushort",        CTL_UINT16 },
    {"unsigned",      CTL_UINT16 },
    {"unsigned16",    CTL_UINT16 },
    {"uint",          CTL_UINT16 },
    {"uint16t",       CTL_UINT16 },
    {"unsignedint16", CTL_UINT16 },
    {"16bitunsigned", CTL_UINT16 },
    {"enum",          CTL_UINT16 },
    {"enum16",        CTL_UINT16 },
    {"bitfield",      CTL_UINT16 },
    {"bitfield16",    CTL_UINT16 },
    {"bitmap",        CTL_UINT16 },
    {"int32",         CTL_INT32  },
    {"s32",           CTL_INT32  },
    {"i32",           CTL_INT32  },
    {"sint32",        CTL_INT32  },
    {"dint",          CTL_INT32  },
    {"long",          CTL_INT32  },
    {"signed32",      CTL_INT32  },
    {"int32t",        CTL_INT32  },
    {"signedint32",   CTL_INT32  },
    {"32bitsigned",   CTL_INT32  },
    {"uint32",        CTL_UINT32 },
    {"u32",           CTL_UINT32 },
    {"ui32",          CTL_UINT32 },
    {"dword",         CTL_UINT32 },
    {"udint",         CTL_UINT32 },
    {"ulong",         CTL_UINT32 },
    {"unsigned32",    CTL_UINT32 },
    {"uint32t",       CTL_UINT32 },
    {"unsignedint32", CTL_UINT32 },
    {"32bitunsigned", CTL_UINT32 },
    {"acc32",         CTL_UINT32 },
    {"bitfield32",    CTL_UINT32 },
    {"int64",         CTL_INT64  },
    {"s64",           CTL_INT64  },
    {"i64",           CTL_INT64  },
    {"sint64",        CTL_INT64  },
    {"lint",          CTL_INT64  },
    {"longlong",      CTL_INT64  },
    {"int64t",        CTL_INT64  },
    {"uint64",        CTL_UINT64 },
    {"u64",           CTL_UINT64 },
    {"ulint",         CTL_UINT64 },
    {"qword",         CTL_UINT64 },
    {"acc64",         CTL_UINT64 },
    {"uint64t",       CTL_UINT64 },
    {"float",         CTL_FLOAT32},
    {"float32",       CTL_FLOAT32},
    {"f32",           CTL_FLOAT32},
    {"real",          CTL_FLOAT32},
    {"real32",        CTL_FLOAT32},
    {"single",        CTL_FLOAT32},
    {"floatingpoint", CTL_FLOAT32},
    {"ieee754",       CTL_FLOAT32},
    {"ieee754float",  CTL_FLOAT32},
    {"flt",           CTL_FLOAT32},
    {"double",        CTL_FLOAT64},
    {"float64",       CTL_FLOAT64},
    {"f64",           CTL_FLOAT64},
    {"lreal",         CTL_FLOAT64},
    {"real64",        CTL_FLOAT64},
    {"string",        CTL_STRING },
    {"str",           CTL_STRING },
    {"char",          CTL_STRING },
    {"ascii",         CTL_STRING },
    {"text",          CTL_STRING },
    {"utf8",          CTL_STRING },
};

static const struct word ORDERS[] = {
  /* the bits: 1 bytes, 2 words */
    {"abcd",                 0},
    {"ab",                   0},
    {"abcdefgh",             0},
    {"1234",                 0},
    {"big",                  0},
    {"bigendian",            0},
    {"be",                   0},
    {"none",                 0},
    {"no",                   0},
    {"msb",                  0},
    {"msbfirst",             0},
    {"msw",                  0},
    {"mswfirst",             0},
    {"highfirst",            0},
    {"highwordfirst",        0},
    {"badc",                 1},
    {"ba",                   1},
    {"2143",                 1},
    {"byte",                 1},
    {"bytes",                1},
    {"byteswap",             1},
    {"byteswapped",          1},
    {"bigendianbyteswap",    1},
    {"cdab",                 2},
    {"ghefcdab",             2},
    {"3412",                 2},
    {"word",                 2},
    {"words",                2},
    {"wordswap",             2},
    {"wordswapped",          2},
    {"lsw",                  2},
    {"lswfirst",             2},
    {"lowfirst",             2},
    {"lowwordfirst",         2},
    {"swapped",              2},
    {"inverse",              2},
    {"littleendianbyteswap", 2},
    {"midlittleendian",      2},
    {"dcba",                 3},
    {"hgfedcba",             3},
    {"4321",                 3},
    {"little",               3},
    {"littleendian",         3},
    {"le",                   3},
    {"lsb",                  3},
    {"lsbfirst",             3},
    {"both",                 3},
};

bool ctl_order_parse(const char *text, struct ctl_order *ret)
{
    int order = FIND(ORDERS, text);
    *ret = (struct ctl_order){order > 0 && (order & 1), order > 0 && (order & 2)};
    return order >= 0;
}

unsigned ctl_raw_registers(enum ctl_raw raw)
{
    static const unsigned char registers[] = {1, 1, 1, 2, 2, 4, 4, 2, 4, 0};
    return registers[raw];
}

/* What stands in brackets behind a type: characters of a text, or an order. */
static bool take_detail(const char *text, size_t n, struct ctl_type *ret)
{
    char detail[WORD_SIZE];
    if (n >= sizeof(detail)) {
        return false;
    }
    memcpy(detail, text, n);
    detail[n] = '\0';
    return ret->raw == CTL_STRING ? ctl_count_parse(detail, &ret->characters)
                                  : ctl_order_parse(detail, &ret->order);
}

bool ctl_type_parse(const char *text, struct ctl_type *ret)
{
    char word[WORD_SIZE];
    size_t n = strcspn(text, "[(");
    if (n >= sizeof(word)) {
        return false;
    }
    memcpy(word, text, n);
    word[n] = '\0';
    int raw = FIND(TYPES, word);
    *ret = (struct ctl_type){.raw = (enum ctl_raw)(raw < 0 ? 0 : raw)};
    if (raw < 0) {
        return false;
    }
    if (text[n] == '\0') {
        return true;
    }
    size_t len = strcspn(text + n + 1, "])");
    return text[n + 1 + len] != '\0' && text[n + 2 + len] == '\0' &&
           take_detail(text + n + 1, len, ret);
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

static bool plain_number(const char *text, bool comma, double *ret)
{
    char copy[WORD_SIZE], *end;
    size_t n = strlen(text);
    if (n == 0 || n >= sizeof(copy) || strspn(text, "+-0123456789.,eE") != n) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        if (text[i] == ',' && !comma) {
            return false;
        }
        copy[i] = text[i] == ',' ? '.' : text[i];
    }
    *ret = strtod(copy, &end);
    return end != copy && *end == '\0' && isfinite(*ret);
}

bool ctl_number_parse(const char *text, bool comma, double *ret)
{
    double divisor;
    if (*text == 'x' || *text == '*') {
        text = skip_blanks(text + 1);
    }
    bool bare = *text == '/';
    const char *slash = strchr(text, '/');
    if (!slash) {
        return plain_number(text, comma, ret);
    }
    if (!plain_number(skip_blanks(slash + 1), comma, &divisor) || divisor == 0) {
        return false;
    }
    if (!bare && (strncmp(text, "1", 1) != 0 || *skip_blanks(text + 1) != '/')) {
        return false;
    }
    *ret = 1 / divisor;
    return isfinite(*ret);
}

bool ctl_count_parse(const char *text, unsigned *ret)
{
    uint64_t value;
    if (!edge_uint_parse(text, &value) || value > 65535) {
        return false;
    }
    *ret = (unsigned)value;
    return true;
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

bool ctl_table_parse(const char *text, enum ctl_table *ret)
{
    static const struct word words[] = {
        {"coil",             CTL_COILS   },
        {"coils",            CTL_COILS   },
        {"0x",               CTL_COILS   },
        {"0",                CTL_COILS   },
        {"do",               CTL_COILS   },
        {"digitaloutput",    CTL_COILS   },
        {"c",                CTL_COILS   },
        {"discrete",         CTL_DISCRETE},
        {"discreteinput",    CTL_DISCRETE},
        {"discreteinputs",   CTL_DISCRETE},
        {"discretesinput",   CTL_DISCRETE},
        {"1x",               CTL_DISCRETE},
        {"1",                CTL_DISCRETE},
        {"di",               CTL_DISCRETE},
        {"digitalinput",     CTL_DISCRETE},
        {"inputstatus",      CTL_DISCRETE},
        {"contact",          CTL_DISCRETE},
        {"input",            CTL_INPUT   },
        {"inputs",           CTL_INPUT   },
        {"inputregister",    CTL_INPUT   },
        {"inputregisters",   CTL_INPUT   },
        {"3x",               CTL_INPUT   },
        {"3",                CTL_INPUT   },
        {"ir",               CTL_INPUT   },
        {"ai",               CTL_INPUT   },
        {"holding",          CTL_HOLDING },
        {"holdingregister",  CTL_HOLDING },
        {"holdingregisters", CTL_HOLDING },
        {"4x",               CTL_HOLDING },
        {"4",                CTL_HOLDING },
        {"hr",               CTL_HOLDING },
        {"ao",               CTL_HOLDING },
        {"output",           CTL_HOLDING },
        {"outputregister",   CTL_HOLDING },
    };
    int table = FIND(words, text);
    *ret = (enum ctl_table)(table < 0 ? 0 : table);
    return table >= 0;
}

static bool take_function(unsigned long code, enum ctl_table *ret, bool *ret_writes)
{
    static const struct {
        unsigned char code, table;
        bool writes;
    } codes[] = {
        {1,  CTL_COILS,    false},
        {2,  CTL_DISCRETE, false},
        {3,  CTL_HOLDING,  false},
        {4,  CTL_INPUT,    false},
        {5,  CTL_COILS,    true },
        {6,  CTL_HOLDING,  true },
        {15, CTL_COILS,    true },
        {16, CTL_HOLDING,  true },
        {22, CTL_HOLDING,  true },
        {23, CTL_HOLDING,  true }
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == code && (*ret == CTL_NO_TABLE || *ret == codes[i].table)) {
            *ret = codes[i].table;
            *ret_writes |= codes[i].writes;
            return true;
        }
    }
    return false;
}

bool ctl_function_parse(const char *text, enum ctl_table *ret, bool *ret_writes)
{
    *ret = CTL_NO_TABLE;
    *ret_writes = false;
    while (*text) {
        char *end;
        text += strcspn(text, "0123456789"); /* "FC03", "3 / 6" */
        if (*text == '\0') {
            break;
        }
        bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
        if (!take_function(strtoul(text, &end, hex ? 16 : 10), ret, ret_writes)) {
            return false;
        }
        text = end;
    }
    return *ret != CTL_NO_TABLE;
}

bool ctl_access_parse(const char *text, bool *ret_read, bool *ret_write)
{
    static const struct word words[] = {
  /* the bits: 1 read, 2 write */
        {"r",              1},
        {"ro",             1},
        {"read",           1},
        {"readonly",       1},
        {"lesen",          1},
        {"w",              2},
        {"wo",             2},
        {"write",          2},
        {"writeonly",      2},
        {"schreiben",      2},
        {"rw",             3},
        {"wr",             3},
        {"readwrite",      3},
        {"writeread",      3},
        {"readandwrite",   3},
        {"both",           3},
        {"lesenschreiben", 3},
    };
    int access = FIND(words, text);
    *ret_read = access > 0 && (access & 1);
    *ret_write = access > 0 && (access & 2);
    return access > 0;
}

bool ctl_truth_parse(const char *text, bool *ret)
{
    static const struct word words[] = {
        {"true",  1},
        {"yes",   1},
        {"y",     1},
        {"1",     1},
        {"x",     1},
        {"false", 0},
        {"no",    0},
        {"n",     0},
        {"0",     0}
    };
    int truth = FIND(words, text);
    *ret = truth > 0;
    return truth >= 0;
}
