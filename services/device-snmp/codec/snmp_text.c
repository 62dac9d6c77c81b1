#include "codec/snmp_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAC_BYTES = 6, EUI64_BYTES = 8, IPV4_BYTES = 4, IPV6_BYTES = 16, SMALL_ROOM = 64 };
enum { DAY = 8640000, HOUR = 360000, MINUTE = 6000, SECOND = 100 }; /* hundredths of seconds */

struct text {
    char *at;
    size_t size, n;
};

static bool put(struct text *t, const char *s, size_t n)
{
    if (n >= t->size - t->n) {
        return false;
    }
    memcpy(t->at + t->n, s, n);
    t->n += n;
    t->at[t->n] = '\0';
    return true;
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character that begins there; 0: none does. */
static size_t character(struct snmp_view in, size_t at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = in.p[at];
    size_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (n == 0 || n > in.n - at || first > 0xf4) {
        return 0;
    }
    uint32_t code = n == 1 ? first : first & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((in.p[at + i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (in.p[at + i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[n] || surrogate || code > 0x10ffff ? 0 : n;
}

static bool is_utf8(struct snmp_view in)
{
    for (size_t at = 0, n; at < in.n; at += n) {
        n = character(in, at);
        if (n == 0) {
            return false;
        }
    }
    return true;
}

/* No control characters but those of a text of lines. */
static bool is_printable(struct snmp_view in)
{
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
            return false;
        }
    }
    return is_utf8(in);
}

static bool put_hex(struct text *t, struct snmp_view in, const char *separator)
{
    for (size_t i = 0; i < in.n; i++) {
        char pair[4];
        int n = snprintf(pair, sizeof(pair), "%s%02x", i > 0 ? separator : "", in.p[i]);
        if (!put(t, pair, (size_t)n)) {
            return false;
        }
    }
    return true;
}

static bool put_ip(struct text *t, struct snmp_view in)
{
    char text[INET6_ADDRSTRLEN];
    if ((in.n != IPV4_BYTES && in.n != IPV6_BYTES) ||
        !inet_ntop(in.n == IPV4_BYTES ? AF_INET : AF_INET6, in.p, text, sizeof(text))) {
        return false;
    }
    return put(t, text, strlen(text));
}

static bool put_latin1(struct text *t, struct snmp_view in)
{
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        const char two[] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
        if (!(c < 0x80 ? put(t, (const char *)&c, 1) : put(t, two, sizeof(two)))) {
            return false;
        }
    }
    return true;
}

/* Some agents send the NUL of their C strings, too. */
static struct snmp_view without_nul(struct snmp_view in)
{
    return snmp_view(in.p, in.n > 0 && in.p[in.n - 1] == '\0' ? in.n - 1 : in.n);
}

static bool put_string(struct text *t, struct snmp_view in)
{
    struct snmp_view bare = without_nul(in);
    if (bare.n > 0 && memchr(bare.p, '\0', bare.n)) {
        return false;
    }
    return is_utf8(bare) ? put(t, (const char *)bare.p, bare.n) : put_latin1(t, bare);
}

static bool put_auto(struct text *t, struct snmp_view in)
{
    struct snmp_view bare = without_nul(in);
    if (is_printable(bare)) {
        return put(t, (const char *)bare.p, bare.n);
    }
    return put_hex(t, in, in.n == MAC_BYTES ? ":" : "");
}

static bool put_bytes(struct text *t, struct snmp_view in, uint8_t format)
{
    switch (format) {
    case SNMP_FORMAT_AUTO:
        return put_auto(t, in);
    case SNMP_FORMAT_MAC:
        return (in.n == MAC_BYTES || in.n == EUI64_BYTES) && put_hex(t, in, ":");
    case SNMP_FORMAT_HEX:
        return put_hex(t, in, "");
    case SNMP_FORMAT_STRING:
        return put_string(t, in);
    case SNMP_FORMAT_IP:
        return put_ip(t, in);
    default:
        return false;
    }
}

/* ---- all values ---------------------------------------------------------------------------- */

static bool put_oid(struct text *t, struct snmp_view in)
{
    char text[SNMP_OID_TEXT];
    struct snmp_oid oid;
    if (in.n == 0) {
        return put(t, "0.0", 3);
    }
    return snmp_oid_of(in, &oid) && put(t, text, snmp_oid_print(&oid, text, sizeof(text)));
}

static bool put_ticks(struct text *t, uint64_t ticks)
{
    char text[SMALL_ROOM];
    int n = snprintf(text, sizeof(text), "%" PRIu64 ":%02u:%02u:%02u.%02u", ticks / DAY,
                     (unsigned)(ticks % DAY / HOUR), (unsigned)(ticks % HOUR / MINUTE),
                     (unsigned)(ticks % MINUTE / SECOND), (unsigned)(ticks % SECOND));
    return put(t, text, (size_t)n);
}

static bool put_number(struct text *t, const struct snmp_value *value)
{
    char text[SMALL_ROOM];
    int n;
    switch (snmp_kind(value->tag)) {
    case SNMP_IS_INT:
        n = snprintf(text, sizeof(text), "%" PRId64, value->i);
        break;
    case SNMP_IS_UINT:
        n = snprintf(text, sizeof(text), "%" PRIu64, value->u);
        break;
    default:
        n = snprintf(text, sizeof(text), value->tag == SNMP_OPAQUE_FLOAT ? "%.9g" : "%.17g",
                     value->f);
    }
    return put(t, text, (size_t)n);
}

size_t snmp_text_room(const struct snmp_value *value)
{
    size_t bytes = snmp_kind(value->tag) == SNMP_IS_BYTES ? value->bytes.n : 0;
    return value->tag == SNMP_OID ? SNMP_OID_TEXT : 3 * bytes + SMALL_ROOM;
}

bool snmp_text_of(const struct snmp_value *value, uint8_t format, char *ret, size_t size,
                  size_t *ret_n)
{
    struct text t = {ret, size, 0};
    enum snmp_value_kind kind = snmp_kind(value->tag);
    bool plain = format == SNMP_FORMAT_AUTO || format == SNMP_FORMAT_STRING, done;
    if (size == 0 || kind == SNMP_IS_NOTHING) {
        return false;
    }
    ret[0] = '\0';
    if (kind == SNMP_IS_BYTES) {
        if (value->tag == SNMP_OID) {
            done = plain && put_oid(&t, value->bytes);
        } else {
            bool address = value->tag == SNMP_IP && plain;
            done = put_bytes(&t, value->bytes, address ? SNMP_FORMAT_IP : format);
        }
    } else if (format == SNMP_FORMAT_TIMETICKS) {
        done = kind == SNMP_IS_UINT && put_ticks(&t, value->u);
    } else {
        done = plain && put_number(&t, value);
    }
    *ret_n = t.n;
    return done;
}

const char *snmp_tag_name(uint8_t tag)
{
    static const struct {
        uint8_t tag;
        const char *name;
    } names[] = {
        {SNMP_INTEGER,          "INTEGER"          },
        {SNMP_OCTETS,           "OCTET STRING"     },
        {SNMP_NULL,             "NULL"             },
        {SNMP_OID,              "OID"              },
        {SNMP_IP,               "IpAddress"        },
        {SNMP_COUNTER32,        "Counter32"        },
        {SNMP_GAUGE32,          "Gauge32"          },
        {SNMP_TIMETICKS,        "TimeTicks"        },
        {SNMP_OPAQUE,           "Opaque"           },
        {SNMP_COUNTER64,        "Counter64"        },
        {SNMP_UINTEGER32,       "UInteger32"       },
        {SNMP_OPAQUE_COUNTER64, "Opaque Counter64" },
        {SNMP_OPAQUE_FLOAT,     "Opaque Float"     },
        {SNMP_OPAQUE_DOUBLE,    "Opaque Double"    },
        {SNMP_OPAQUE_I64,       "Opaque Integer64" },
        {SNMP_OPAQUE_U64,       "Opaque Unsigned64"},
        {SNMP_NO_OBJECT,        "noSuchObject"     },
        {SNMP_NO_INSTANCE,      "noSuchInstance"   },
        {SNMP_END_OF_VIEW,      "endOfMibView"     },
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].tag == tag) {
            return names[i].name;
        }
    }
    return "an unknown type";
}

/* ---- what is to be written ----------------------------------------------------------------- */

static const char *make_int(const struct snmp_wanted *wanted, struct snmp_value *ret)
{
    int64_t value = wanted->i;
    if (wanted->kind == SNMP_WANTED_TEXT) {
        return "a text is no INTEGER";
    }
    if (wanted->kind == SNMP_WANTED_BOOL) {
        value = wanted->u ? 1 : 2; /* TruthValue */
    } else if (wanted->kind == SNMP_WANTED_UINT) {
        value = wanted->u > INT32_MAX ? INT64_MAX : (int64_t)wanted->u;
    }
    if (value < INT32_MIN || value > INT32_MAX) {
        return "it does not fit an INTEGER of 32 bits";
    }
    *ret = (struct snmp_value){.tag = SNMP_INTEGER, .i = value};
    return NULL;
}

static const char *make_uint(uint8_t tag, const struct snmp_wanted *wanted, struct snmp_value *ret)
{
    if (wanted->kind == SNMP_WANTED_TEXT) {
        return "a text is no unsigned number";
    }
    if ((wanted->kind == SNMP_WANTED_INT && wanted->i < 0) || wanted->u > UINT32_MAX) {
        return "it does not fit an unsigned number of 32 bits";
    }
    *ret = (struct snmp_value){.tag = tag, .u = wanted->u};
    return NULL;
}

static int digit(uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | (c >= 'A' ? 0x20 : 0)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Pairs of hex digits, with a blank, : or - between them or not. */
static const char *make_hex(struct snmp_view text, uint8_t *scratch, size_t size,
                            struct snmp_value *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i += 2) {
        if (i > 0 && strchr(" :-", text.p[i]) && text.p[i] != '\0') {
            i++;
        }
        int high = i < text.n ? digit(text.p[i]) : -1,
            low = i + 1 < text.n ? digit(text.p[i + 1]) : -1;
        if (high < 0 || low < 0 || n == size) {
            return "it is no text of pairs of hex digits";
        }
        scratch[n++] = (uint8_t)(high << 4 | low);
    }
    *ret = (struct snmp_value){
        .tag = SNMP_OCTETS, .bytes = {scratch, n}
    };
    return NULL;
}

static const char *make_oid(const char *text, uint8_t *scratch, size_t size, struct snmp_value *ret)
{
    struct snmp_oid oid;
    const char *why;
    if (!snmp_oid_parse(text, &oid, &why) || size < SNMP_OID_BYTES) {
        return "it is no OID";
    }
    *ret = (struct snmp_value){
        .tag = SNMP_OID, .bytes = {scratch, snmp_oid_bytes(&oid, scratch)}
    };
    return NULL;
}

static const char *make_ip(const char *text, uint8_t *scratch, size_t size, struct snmp_value *ret)
{
    if (size < IPV4_BYTES || inet_pton(AF_INET, text, scratch) != 1) {
        return "it is no IPv4 address";
    }
    *ret = (struct snmp_value){
        .tag = SNMP_IP, .bytes = {scratch, IPV4_BYTES}
    };
    return NULL;
}

/* Those that are written as texts. */
static const char *make_of_text(uint8_t letter, struct snmp_view text, uint8_t *scratch,
                                size_t size, struct snmp_value *ret)
{
    char copy[SNMP_OID_TEXT];
    if (letter == SNMP_LETTER_S) {
        *ret = (struct snmp_value){.tag = SNMP_OCTETS, .bytes = text};
        return NULL;
    }
    if (letter == SNMP_LETTER_X) {
        return make_hex(text, scratch, size, ret);
    }
    if (text.n >= sizeof(copy) || (text.n > 0 && memchr(text.p, '\0', text.n))) {
        return letter == SNMP_LETTER_O ? "it is no OID" : "it is no IPv4 address";
    }
    snprintf(copy, sizeof(copy), "%.*s", (int)text.n, (const char *)text.p);
    return letter == SNMP_LETTER_O ? make_oid(copy, scratch, size, ret)
                                   : make_ip(copy, scratch, size, ret);
}

static uint8_t letter_of(uint8_t letter, const struct snmp_wanted *wanted)
{
    if (letter != SNMP_LETTER_AUTO) {
        return letter;
    }
    if (wanted->kind == SNMP_WANTED_TEXT) {
        return SNMP_LETTER_S;
    }
    return wanted->kind == SNMP_WANTED_UINT ? SNMP_LETTER_U : SNMP_LETTER_I;
}

const char *snmp_value_make(uint8_t letter, const struct snmp_wanted *wanted, uint8_t *scratch,
                            size_t size, struct snmp_value *ret)
{
    switch (letter_of(letter, wanted)) {
    case SNMP_LETTER_I:
        return make_int(wanted, ret);
    case SNMP_LETTER_U:
        return make_uint(SNMP_GAUGE32, wanted, ret);
    case SNMP_LETTER_C:
        return make_uint(SNMP_COUNTER32, wanted, ret);
    case SNMP_LETTER_T:
        return make_uint(SNMP_TIMETICKS, wanted, ret);
    default:
        if (wanted->kind != SNMP_WANTED_TEXT) {
            return "a number is no text";
        }
        return make_of_text(letter_of(letter, wanted), wanted->text, scratch, size, ret);
    }
}
