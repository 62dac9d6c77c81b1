/* A scanner without recursion: what is open stands in one bit per level. */
#include "codec/mqtt_json.h"

#include <stdint.h>
#include <string.h>

/* ---- UTF-8 ------------------------------------------------------------------------------------------------ */

/* Bytes of the character that begins here, 0 where none does. */
static size_t utf8_size(const unsigned char *s, const unsigned char *end)
{
    size_t n = *s < 0x80                 ? 1
               : *s >= 0xc2 && *s < 0xe0 ? 2
               : *s >= 0xe0 && *s < 0xf0 ? 3
               : *s >= 0xf0 && *s < 0xf5 ? 4
                                         : 0;
    if (n == 0 || (size_t)(end - s) < n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool longer_than_needed = (*s == 0xe0 && s[1] < 0xa0) || (*s == 0xf0 && s[1] < 0x90);
    bool no_character = (*s == 0xed && s[1] >= 0xa0) || (*s == 0xf4 && s[1] >= 0x90);
    return longer_than_needed || no_character ? 0 : n;
}

bool mqtt_text_valid(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + n;
    while (s < end) {
        size_t size = *s ? utf8_size(s, end) : 0;
        if (size == 0) {
            return false;
        }
        s += size;
    }
    return true;
}

static size_t utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* ---- scanning: each function is behind what it has read, or NULL ------------------------------------------- */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *scan_escape(const char *p, const char *end)
{
    if (p == end) {
        return NULL;
    }
    if (*p != 'u') {
        return strchr("\"\\/bfnrt", *p) && *p ? p + 1 : NULL;
    }
    for (int i = 1; i <= 4; i++) {
        if (end - p <= i || hex_digit(p[i]) < 0) {
            return NULL;
        }
    }
    return p + 5;
}

static const char *scan_string(const char *p, const char *end)
{
    p++;
    while (p && p < end && *p != '"') {
        unsigned char c = (unsigned char)*p;
        if (c == '\\') {
            p = scan_escape(p + 1, end);
        } else {
            size_t n =
                c < 0x20 ? 0 : utf8_size((const unsigned char *)p, (const unsigned char *)end);
            p = n > 0 ? p + n : NULL;
        }
    }
    return p && p < end ? p + 1 : NULL;
}

static const char *scan_digits(const char *p, const char *end)
{
    if (!is_digit(p, end)) {
        return NULL;
    }
    while (is_digit(p, end)) {
        p++;
    }
    return p;
}

static const char *scan_number(const char *p, const char *end)
{
    p += *p == '-';
    if (p < end && *p == '0') {
        p++;
    } else {
        p = scan_digits(p, end);
    }
    if (p && p < end && *p == '.') {
        p = scan_digits(p + 1, end);
    }
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        p = scan_digits(p, end);
    }
    return p;
}

static const char *scan_word(const char *p, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(end - p) >= n && memcmp(p, words[i], n) == 0) {
            return p + n;
        }
    }
    return NULL;
}

static const char *scan_scalar(const char *p, const char *end)
{
    if (*p == '"') {
        return scan_string(p, end);
    }
    return *p == '-' || is_digit(p, end) ? scan_number(p, end) : scan_word(p, end);
}

/* "name": and the space around it. */
static const char *scan_name(const char *p, const char *end)
{
    p = p < end && *p == '"' ? scan_string(p, end) : NULL;
    p = p ? skip_space(p, end) : NULL;
    return p && p < end && *p == ':' ? skip_space(p + 1, end) : NULL;
}

/* What is open: one bit per level, 1 for an object. */
struct nesting {
    uint64_t objects;
    int depth;
};

static bool in_object(const struct nesting *in)
{
    return in->objects & 1;
}

/* Behind an opening bracket: at the first value inside, or behind the closing one (*ret_value false). */
static const char *scan_open(const char *p, const char *end, struct nesting *in, bool *ret_value)
{
    bool object = *p == '{';
    if (in->depth == MQTT_JSON_DEPTH) {
        return NULL;
    }
    p = skip_space(p + 1, end);
    if (p < end && *p == (object ? '}' : ']')) {
        *ret_value = false;
        return p + 1;
    }
    in->depth++;
    in->objects = in->objects << 1 | object;
    *ret_value = true;
    return object ? scan_name(p, end) : p;
}

/* Behind a value: at the next one, or behind all that closes (*ret_value false). */
static const char *scan_on(const char *p, const char *end, struct nesting *in, bool *ret_value)
{
    *ret_value = false;
    while (in->depth > 0) {
        p = skip_space(p, end);
        if (p == end) {
            return NULL;
        }
        if (*p == ',') {
            *ret_value = true;
            p = skip_space(p + 1, end);
            return in_object(in) ? scan_name(p, end) : p;
        }
        if (*p != (in_object(in) ? '}' : ']')) {
            return NULL;
        }
        p++;
        in->depth--;
        in->objects >>= 1;
    }
    return p;
}

static const char *scan_value(const char *p, const char *end)
{
    struct nesting in = {0};
    bool value = true;
    while (p && value) {
        if (p == end) {
            return NULL;
        }
        if (*p == '{' || *p == '[') {
            p = scan_open(p, end, &in, &value);
            if (p && !value) {
                p = scan_on(p, end, &in, &value);
            }
        } else {
            p = scan_scalar(p, end);
            p = p ? scan_on(p, end, &in, &value) : NULL;
        }
    }
    return p;
}

static enum mqtt_json_kind kind_of(char c)
{
    switch (c) {
    case '{':
        return MQTT_JSON_OBJECT;
    case '[':
        return MQTT_JSON_ARRAY;
    case '"':
        return MQTT_JSON_STRING;
    case 't':
    case 'f':
        return MQTT_JSON_BOOL;
    case 'n':
        return MQTT_JSON_NULL;
    default:
        return MQTT_JSON_NUMBER;
    }
}

/* The value that begins at p; behind it. */
static const char *take(const char *p, const char *end, struct mqtt_json *ret)
{
    const char *behind = p < end ? scan_value(p, end) : NULL;
    if (behind) {
        *ret = (struct mqtt_json){kind_of(*p), p, (size_t)(behind - p)};
    }
    return behind;
}

bool mqtt_json_read(const char *text, size_t n, struct mqtt_json *ret)
{
    const char *end = text + n;
    const char *behind = take(skip_space(text, end), end, ret);
    return behind && skip_space(behind, end) == end;
}

/* ---- finding; what is given was checked -------------------------------------------------------------------- */

/* The next value of an object or array, from p, which stands behind the last one or the opening bracket; NULL: there is
 * none. *ret_name: of an object's member, else untouched. */
static const char *next_value(const struct mqtt_json *of, const char *p, struct mqtt_json *ret_name,
                              struct mqtt_json *ret)
{
    const char *end = of->at + of->n;
    p = skip_space(p, end);
    if (p < end && *p == ',') {
        p = skip_space(p + 1, end);
    }
    if (p >= end - 1) { /* at the closing bracket */
        return NULL;
    }
    if (of->kind == MQTT_JSON_OBJECT) {
        const char *behind = scan_string(p, end);
        if (!behind) {
            return NULL;
        }
        *ret_name = (struct mqtt_json){MQTT_JSON_STRING, p, (size_t)(behind - p)};
        p = scan_name(p, end);
    }
    return p ? take(p, end, ret) : NULL;
}

static uint32_t hex4(const char *p)
{
    uint32_t c = 0;
    for (int i = 0; i < 4; i++) {
        c = c << 4 | (uint32_t)hex_digit(p[i]);
    }
    return c;
}

/* The character an escape stands for; *p, behind the backslash, moves behind it. */
static uint32_t unescape(const char **p)
{
    enum { LOST = 0xfffd };
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = *(*p)++;
    if (c != 'u') {
        const char *at = strchr(from, c);
        return (unsigned char)(at ? to[at - from] : c);
    }
    uint32_t first = hex4(*p);
    *p += 4;
    if (first >= 0xd800 && first < 0xdc00 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        uint32_t second = hex4(*p + 2);
        if (second >= 0xdc00 && second < 0xe000) {
            *p += 6;
            return 0x10000 + ((first - 0xd800) << 10 | (second - 0xdc00));
        }
    }
    return first == 0 || (first >= 0xd800 && first < 0xe000) ? (uint32_t)LOST : first;
}

/* The next character of a string, escaped or not, into out; its size. */
static size_t next_character(const char **p, char out[4])
{
    if (**p == '\\') {
        ++*p;
        return utf8_put(out, unescape(p));
    }
    out[0] = *(*p)++; /* bytes of longer characters pass one by one */
    return 1;
}

size_t mqtt_json_text(const struct mqtt_json *string, char *out)
{
    const char *p = string->at + 1, *end = string->at + string->n - 1;
    size_t n = 0;
    while (p < end) {
        char c[4];
        size_t size = next_character(&p, c);
        memcpy(out + n, c, size);
        n += size;
    }
    out[n] = '\0';
    return n;
}

static bool is_called(const struct mqtt_json *name, const char *wanted, size_t n)
{
    const char *p = name->at + 1, *end = name->at + name->n - 1;
    size_t done = 0;
    while (p < end) {
        char c[4];
        size_t size = next_character(&p, c);
        if (n - done < size || memcmp(wanted + done, c, size) != 0) {
            return false;
        }
        done += size;
    }
    return done == n;
}

bool mqtt_json_member(const struct mqtt_json *object, const char *name, size_t n,
                      struct mqtt_json *ret)
{
    struct mqtt_json called = {0}, value;
    bool found = false;
    if (object->kind != MQTT_JSON_OBJECT) {
        return false;
    }
    struct mqtt_json last = {0};
    for (const char *p = next_value(object, object->at + 1, &called, &value); p;
         p = next_value(object, p, &called, &value)) {
        if (is_called(&called, name, n)) {
            last = value;
            found = true;
        }
    }
    *ret = found ? last : *ret;
    return found;
}

bool mqtt_json_element(const struct mqtt_json *array, size_t i, struct mqtt_json *ret)
{
    struct mqtt_json none, value;
    if (array->kind != MQTT_JSON_ARRAY) {
        return false;
    }
    for (const char *p = next_value(array, array->at + 1, &none, &value); p;
         p = next_value(array, p, &none, &value)) {
        if (i-- == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

size_t mqtt_json_count(const struct mqtt_json *array)
{
    struct mqtt_json none, value;
    size_t n = 0;
    if (array->kind != MQTT_JSON_ARRAY) {
        return 0;
    }
    for (const char *p = next_value(array, array->at + 1, &none, &value); p;
         p = next_value(array, p, &none, &value)) {
        n++;
    }
    return n;
}
