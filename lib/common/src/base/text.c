/* The small grammars of the wire: characters, escapes, truth and integers, durations. Pure text. */
#include "edge/text.h"

#include <string.h>
#include <strings.h>

#include "edge/arena.h"
#include "hex.h"

/* ---- UTF-8 ------------------------------------------------------------------------------- */

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t edge_utf8_char(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        return len >= 2 && is_tail(s[1]) ? 2 : 0;
    }
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        bool overlong = s[0] == 0xe0 && len >= 2 && s[1] < 0xa0;
        bool surrogate = s[0] == 0xed && len >= 2 && s[1] > 0x9f;
        return len >= 3 && is_tail(s[1]) && is_tail(s[2]) && !overlong && !surrogate ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        bool overlong = s[0] == 0xf0 && len >= 2 && s[1] < 0x90;
        bool beyond = s[0] == 0xf4 && len >= 2 && s[1] > 0x8f;
        return len >= 4 && is_tail(s[1]) && is_tail(s[2]) && is_tail(s[3]) && !overlong && !beyond
                   ? 4
                   : 0;
    }
    return 0;
}

bool edge_utf8_valid(const char *s, size_t len)
{
    while (len > 0) {
        uint64_t word = UINT64_MAX;
        if (len >= sizeof(word)) { /* eight ASCII characters at once */
            memcpy(&word, s, sizeof(word));
        }
        if (!(word & 0x8080808080808080u)) {
            s += sizeof(word);
            len -= sizeof(word);
            continue;
        }
        size_t n = edge_utf8_char(s, len);
        if (n == 0) {
            return false;
        }
        s += n;
        len -= n;
    }
    return true;
}

static bool is_plain(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    if (n == 1) {
        return s[0] >= 0x20 && s[0] != 0x7f;
    }
    uint32_t c = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c >= 0xa0 && (c < 0xfdd0 || c > 0xfdef) && (c & 0xfffe) != 0xfffe;
}

bool edge_text_is_plain(const char *s)
{
    size_t n;
    for (size_t len = strlen(s); len > 0; len -= n, s += n) {
        n = edge_utf8_char(s, len);
        if (n == 0 || !is_plain(s, n)) {
            return false;
        }
    }
    return true;
}

/* ---- long texts -------------------------------------------------------------------------- */

/* What nobody should see half of: words, names, numbers, escapes. */
static bool in_word(char c)
{
    return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (c && strchr("_-+.%\\", c));
}

void edge_text_mark_cut(char *text, size_t len)
{
    enum { LONGEST_WORD = 100 };
    static const char cut_mark[] = "...";
    size_t at = len - strlen(cut_mark), word = at;
    while (word > at / 2 && at - word < LONGEST_WORD && in_word(text[word - 1]) &&
           in_word(text[word])) {
        word--;
    }
    if (!in_word(text[word - 1]) || !in_word(text[word])) {
        at = word;
    }
    while (at > 0 && is_tail((unsigned char)text[at])) {
        at--;
    }
    memcpy(text + at, cut_mark, sizeof(cut_mark));
}

const char *edge_text_brief(struct edge_arena *a, const char *text, size_t max)
{
    if (strnlen(text, max + 1) <= max) {
        return text;
    }
    char *brief = edge_new_n(a, char, max + 1);
    edge_text_fit(brief, max + 1, text);
    return brief;
}

void edge_text_fit(char *buf, size_t size, const char *text)
{
    size_t len = strnlen(text, size);
    bool whole = len < size;
    memcpy(buf, text, whole ? len : size - 1);
    buf[whole ? len : size - 1] = '\0';
    if (!whole) {
        edge_text_mark_cut(buf, size - 1);
    }
}

/* ---- percent escapes --------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *edge_name_escape(struct edge_arena *a, const char *name)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = edge_alloc(a, strlen(name) * 3 + 1, 1);
    char *out = text;
    for (const char *s = name; *s; s++) {
        if (is_alnum(*s) || strchr("$&:=@", *s)) {
            *out++ = *s;
            continue;
        }
        *out++ = '%';
        *out++ = digits[(unsigned char)*s >> 4];
        *out++ = digits[(unsigned char)*s & 0xf];
    }
    return text;
}

const char *edge_name_level(struct edge_arena *a, const char *name, bool escape)
{
    bool stands = !strpbrk(name, "/+#%") && edge_text_is_plain(name);
    return escape || !stands ? edge_name_escape(a, name) : name;
}

const char *edge_name_fault(struct edge_arena *a, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return "cannot be part of a path";
    }
    if (strstr(name, EDGE_REPLACEMENT)) { /* it would be called otherwise than it was asked for */
        return "has a character that cannot be kept";
    }
    /* Escaping makes nothing shorter: what is too long anyway is not copied. */
    if (strlen(name) > EDGE_MAX_NAME || strlen(edge_name_escape(a, name)) > EDGE_MAX_NAME) {
        return edge_printf(a, "is longer than %d bytes when it is escaped", EDGE_MAX_NAME);
    }
    return NULL;
}

const char *edge_percent_decode(struct edge_arena *a, const char *s, size_t len)
{
    char *text = edge_alloc(a, len + 1, 1);
    char *out = text;
    for (size_t i = 0; i < len; i++) {
        if (s[i] != '%') {
            *out++ = s[i];
        } else {
            int high = len - i > 2 ? hex_value(s[i + 1]) : -1;
            int low = len - i > 2 ? hex_value(s[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return NULL;
            }
            *out++ = (char)(high * 16 + low);
            i += 2;
        }
        if (out[-1] == '\0') { /* would hide the rest of the name */
            return NULL;
        }
    }
    return text;
}

/* ---- truth and integers ------------------------------------------------------------------ */

bool edge_bool_parse(const char *s, bool *ret)
{
    static const struct {
        const char *text;
        bool value;
    } forms[] = {
        {"true",  true },
        {"false", false},
        {"1",     true },
        {"0",     false},
        {"t",     true },
        {"f",     false},
        {"T",     true },
        {"F",     false},
        {"TRUE",  true },
        {"FALSE", false},
        {"True",  true },
        {"False", false},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(s, forms[i].text) == 0) {
            *ret = forms[i].value;
            return true;
        }
    }
    return false;
}

bool edge_uint_parse(const char *s, uint64_t *ret)
{
    if (!*s) {
        return false;
    }
    uint64_t v = 0;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v)) {
            return false;
        }
    }
    *ret = v;
    return true;
}

bool edge_int_parse(const char *s, int64_t *ret)
{
    bool negative = *s == '-';
    uint64_t magnitude;
    if (!edge_uint_parse(s + (*s == '-' || *s == '+'), &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *ret = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* ---- durations --------------------------------------------------------------------------- */

static const struct unit {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns",        1                 },
    {"us",        1000              },
    {"\xc2\xb5s", 1000              }, /* micro sign */
    {"\xce\xbcs", 1000              }, /* Greek mu */
    {"ms",        1000000           },
    {"s",         1000000000        },
    {"m",         60000000000       },
    {"h",         3600000000000     },
    {"d",         24 * 3600000000000},
};

/* The unit at *s, up to the next digit or point; moves *s behind it. 0 where there is none. */
static uint64_t unit_read(const char **s, bool days)
{
    size_t len = strcspn(*s, ".0123456789");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == len && memcmp(units[i].name, *s, len) == 0) {
            *s += len;
            return units[i].name[0] == 'd' && !days ? 0 : units[i].ns;
        }
    }
    return 0;
}

/* One "<decimal><unit>"; moves *s behind it. Digits no int64 holds are left out of a fraction. */
static bool duration_part(const char **s, bool days, uint64_t *ret_ns)
{
    const char *start = *s;
    uint64_t whole = 0, fraction = 0;
    double scale = 1;
    size_t digits = 0;
    for (; **s >= '0' && **s <= '9'; ++*s, digits++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(**s - '0'), &whole)) {
            return false;
        }
    }
    if (**s == '.') {
        for (++*s; **s >= '0' && **s <= '9'; ++*s, digits++) {
            if (fraction <= (INT64_MAX - 9) / 10) {
                fraction = fraction * 10 + (uint64_t)(**s - '0');
                scale *= 10;
            }
        }
    }
    uint64_t unit = digits > 0 && *s > start ? unit_read(s, days) : 0;
    if (unit == 0 || __builtin_mul_overflow(whole, unit, &whole)) {
        return false;
    }
    uint64_t part = (uint64_t)((double)fraction * ((double)unit / scale));
    return !__builtin_add_overflow(whole, part, ret_ns);
}

bool edge_duration_parse(const char *s, bool days, int64_t *ret_ns)
{
    bool negative = *s == '-';
    if (*s == '-' || *s == '+') {
        s++;
    }
    uint64_t sum = 0;
    if (strcmp(s, "0") != 0) {
        if (!*s) {
            return false;
        }
        while (*s) {
            uint64_t part;
            if (!duration_part(&s, days, &part) || __builtin_add_overflow(sum, part, &sum)) {
                return false;
            }
        }
    }
    if (sum > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *ret_ns = (int64_t)(negative ? 0 - sum : sum);
    return true;
}

/* ---- media types ---------------------------------------------------------------------------- */

bool edge_media_is(const char *media, const char *type)
{
    size_t len = media ? strcspn(media, "; \t") : 0;
    return len == strlen(type) && strncasecmp(media, type, len) == 0;
}

/* ---- hashes -------------------------------------------------------------------------------- */

uint64_t edge_hash(uint64_t hash, const char *text)
{
    const uint64_t prime = 1099511628211u;
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * prime;
    }
    return hash * prime; /* the NUL */
}
