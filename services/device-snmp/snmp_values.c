#include "snmp_values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 2048 };

/* The text of a value, malloc'd where it is long: text_done(). */
struct text {
    char small[SMALL];
    char *at;
    size_t n;
};

static void text_done(struct text *t)
{
    if (t->at != t->small) {
        free(t->at);
    }
}

static bool text_make(struct text *t, uint8_t format, const struct snmp_value *value)
{
    size_t room = snmp_text_room(value);
    t->at = room <= sizeof(t->small) ? t->small : malloc(room);
    return t->at && snmp_text_of(value, format, t->at, room, &t->n);
}

/* ---- readings ------------------------------------------------------------------------------ */

static bool is_text(const struct snmp_value *value)
{
    return value->tag == SNMP_OCTETS || value->tag == SNMP_OID || value->tag == SNMP_IP;
}

static const char *set_text(devsdk_request *r, unsigned i, uint8_t format,
                            const struct snmp_value *value)
{
    __attribute__((cleanup(text_done))) struct text t = {.at = NULL};
    t.at = t.small;
    if (!text_make(&t, format, value)) {
        return "the value has no such format";
    }
    (void)devsdk_set_string(r, i, t.at, t.n); /* RANGE reads "overflow" */
    return NULL;
}

/* TruthValue: 1 is true, 2 is false; and so is 0 of agents that do not know it. */
static const char *set_bool(devsdk_request *r, unsigned i, const struct snmp_value *value)
{
    bool is_number = snmp_kind(value->tag) == SNMP_IS_INT || snmp_kind(value->tag) == SNMP_IS_UINT;
    if (!is_number) {
        return is_text(value) ? set_text(r, i, SNMP_FORMAT_AUTO, value) : "the value is no truth";
    }
    if (value->u > 2) {
        return "the value is neither 1 (true) nor 2 (false)";
    }
    (void)devsdk_set_bool(r, i, value->u == 1);
    return NULL;
}

static const char *set_number(devsdk_request *r, unsigned i, const struct snmp_value *value)
{
    switch (snmp_kind(value->tag)) {
    case SNMP_IS_INT:
        (void)devsdk_set_int(r, i, value->i);
        return NULL;
    case SNMP_IS_UINT:
        (void)devsdk_set_uint(r, i, value->u);
        return NULL;
    case SNMP_IS_FLOAT:
        (void)devsdk_set_float(r, i, value->f);
        return NULL;
    default:
        /* "23.5" is a number for many an agent */
        return value->tag == SNMP_OCTETS ? set_text(r, i, SNMP_FORMAT_STRING, value)
                                         : "the value is no number";
    }
}

const char *snmp_reading_set(devsdk_request *r, unsigned i, devsdk_type type, uint8_t format,
                             const struct snmp_value *value)
{
    if (snmp_kind(value->tag) == SNMP_IS_NOTHING) {
        return snmp_tag_name(value->tag);
    }
    if (type == DEVSDK_STRING) {
        return set_text(r, i, format, value);
    }
    if (type == DEVSDK_BOOL) {
        return set_bool(r, i, value);
    }
    if (type != DEVSDK_BINARY) {
        return set_number(r, i, value);
    }
    if (snmp_kind(value->tag) != SNMP_IS_BYTES) {
        return "the value is no bytes";
    }
    (void)devsdk_set(
        r, i, (devsdk_value){.type = DEVSDK_BINARY, .p = value->bytes.p, .n = value->bytes.n});
    return NULL;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

void snmp_text_json(FILE *to, const char *text, size_t n)
{
    fputc('"', to);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            fprintf(to, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(to, "\\u%04x", c);
        } else {
            fputc(c, to);
        }
    }
    fputc('"', to);
}

void snmp_value_json(FILE *to, uint8_t format, const struct snmp_value *value)
{
    enum snmp_value_kind kind = snmp_kind(value->tag);
    if (kind == SNMP_IS_INT) {
        fprintf(to, "%" PRId64, value->i);
        return;
    }
    bool ticks = format == SNMP_FORMAT_TIMETICKS && value->tag == SNMP_TIMETICKS;
    if (kind == SNMP_IS_UINT && !ticks) {
        fprintf(to, "%" PRIu64, value->u);
        return;
    }
    if (kind == SNMP_IS_FLOAT) {
        fprintf(to, isfinite(value->f) ? "%.17g" : "null", value->f);
        return;
    }
    __attribute__((cleanup(text_done))) struct text t = {.at = NULL};
    t.at = t.small;
    bool made = text_make(&t, format, value);
    if (!made && format != SNMP_FORMAT_AUTO) { /* of a table with columns of other types */
        text_done(&t);
        made = text_make(&t, SNMP_FORMAT_AUTO, value);
    }
    if (made) {
        snmp_text_json(to, t.at, t.n);
    } else {
        fputs("null", to);
    }
}

/* ---- writes -------------------------------------------------------------------------------- */

/* Numbers of 8 and 16 bits are mostly enumerations and settings, which are INTEGERs. */
static uint8_t letter_of(uint8_t letter, devsdk_type type)
{
    bool small = type == DEVSDK_U8 || type == DEVSDK_U16;
    return letter == SNMP_LETTER_AUTO && small ? SNMP_LETTER_I : letter;
}

const char *snmp_wanted_value(devsdk_request *r, unsigned i, uint8_t *scratch, size_t size,
                              struct snmp_value *ret)
{
    const struct snmp_attribute *attr = devsdk_attr(r, i);
    devsdk_value v = devsdk_wanted(r, i);
    struct snmp_wanted wanted = {0};
    switch (v.type) {
    case DEVSDK_BOOL:
        wanted = (struct snmp_wanted){SNMP_WANTED_BOOL, .u = v.b};
        break;
    case DEVSDK_U8:
    case DEVSDK_U16:
    case DEVSDK_U32:
    case DEVSDK_U64:
        wanted = (struct snmp_wanted){SNMP_WANTED_UINT, .u = v.u};
        break;
    case DEVSDK_I8:
    case DEVSDK_I16:
    case DEVSDK_I32:
    case DEVSDK_I64:
        wanted = (struct snmp_wanted){SNMP_WANTED_INT, .i = v.i};
        break;
    case DEVSDK_STRING:
    case DEVSDK_BINARY:
        wanted = (struct snmp_wanted){SNMP_WANTED_TEXT, .text = snmp_view(v.p, v.n)};
        break;
    default:
        return "SNMP has no type to write it as";
    }
    const char *why = snmp_value_make(letter_of(attr->type, v.type), &wanted, scratch, size, ret);
    if (!why && ret->tag == SNMP_OCTETS && attr->size > 0 && ret->bytes.n > attr->size) {
        return "it is longer than 'size' allows";
    }
    return why;
}
