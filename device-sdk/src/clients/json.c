/* A scanner without recursion: what is open stands in one bit per level. */
#include "devsdk/json.h"

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

bool devsdk_utf8_valid(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + n;
    while (s < end) {
        size_t size = utf8_size(s, end);
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
    if (in->depth == DEVSDK_JSON_DEPTH) {
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

static devsdk_json_kind kind_of(char c)
{
    switch (c) {
    case '{':
        return DEVSDK_JSON_OBJECT;
    case '[':
        return DEVSDK_JSON_ARRAY;
    case '"':
        return DEVSDK_JSON_STRING;
    case 't':
    case 'f':
        return DEVSDK_JSON_BOOL;
    case 'n':
        return DEVSDK_JSON_NULL;
    default:
        return DEVSDK_JSON_NUMBER;
    }
}

/* The value that begins at p. */
static devsdk_json value_at(const char *p, const char *end)
{
    const char *behind = p < end ? scan_value(p, end) : NULL;
    return behind ? (devsdk_json){kind_of(*p), p, (size_t)(behind - p)} : (devsdk_json){0};
}

devsdk_json devsdk_json_parse(const char *text, size_t n)
{
    const char *end = text + n;
    devsdk_json v = value_at(skip_space(text, end), end);
    bool is_alone = v.kind != DEVSDK_JSON_NONE && skip_space(v.text + v.n, end) == end;
    return is_alone ? v : (devsdk_json){0};
}

/* ---- characters of strings ------------------------------------------------------------------------------------ */

enum { NO_CHARACTER = 0 }; /* U+0000 and halves of surrogate pairs: no text can hold them */

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
    return first >= 0xd800 && first < 0xe000 ? (uint32_t)NO_CHARACTER : first;
}

/* The next character of a string, escaped or not, into out; its size, 0: it is none. */
static size_t next_character(const char **p, char out[4])
{
    if (**p == '\\') {
        ++*p;
        uint32_t c = unescape(p);
        return c == NO_CHARACTER ? 0 : utf8_put(out, c);
    }
    out[0] = *(*p)++; /* bytes of longer characters pass one by one */
    return 1;
}

bool devsdk_json_string(devsdk_json string, char *ret, size_t size, size_t *ret_n)
{
    size_t at = 0;
    if (string.kind != DEVSDK_JSON_STRING) {
        return false;
    }
    for (const char *p = string.text + 1, *end = string.text + string.n - 1; p < end;) {
        char c[4];
        size_t n = next_character(&p, c);
        if (n == 0 || at + n >= size) {
            return false;
        }
        memcpy(ret + at, c, n);
        at += n;
    }
    if (at >= size) {
        return false;
    }
    ret[at] = '\0';
    *ret_n = at;
    return true;
}

/* ---- looking in ------------------------------------------------------------------------------------------------ */

bool devsdk_json_next(devsdk_json object, size_t *cursor, devsdk_json *ret_key,
                      devsdk_json *ret_value)
{
    if (object.kind != DEVSDK_JSON_OBJECT) {
        return false;
    }
    const char *end = object.text + object.n - 1; /* its brace */
    const char *p = skip_space(object.text + (*cursor > 0 ? *cursor : 1), end);
    if (p < end && *p == ',') {
        p = skip_space(p + 1, end);
    }
    if (p >= end) {
        return false;
    }
    const char *behind = scan_string(p, end);
    *ret_key = (devsdk_json){DEVSDK_JSON_STRING, p, (size_t)(behind - p)};
    *ret_value = value_at(scan_name(p, end), end);
    *cursor = (size_t)(ret_value->text + ret_value->n - object.text);
    return true;
}

static bool is_called(devsdk_json key, const char *wanted, size_t n)
{
    size_t done = 0;
    for (const char *p = key.text + 1, *end = key.text + key.n - 1; p < end;) {
        char c[4];
        size_t size = next_character(&p, c);
        if (size == 0 || n - done < size || memcmp(wanted + done, c, size) != 0) {
            return false;
        }
        done += size;
    }
    return done == n;
}

devsdk_json devsdk_json_member(devsdk_json object, const char *name, size_t n)
{
    devsdk_json found = {0}, key, value;
    size_t cursor = 0;
    while (devsdk_json_next(object, &cursor, &key, &value)) {
        if (is_called(key, name, n)) {
            found = value;
        }
    }
    return found;
}

/* The next element, from *p, which stands behind the last one or the opening bracket; NONE: there is no more. */
static devsdk_json next_element(devsdk_json array, const char **p)
{
    const char *end = array.text + array.n - 1;
    *p = skip_space(*p, end);
    if (*p < end && **p == ',') {
        *p = skip_space(*p + 1, end);
    }
    devsdk_json v = value_at(*p, end);
    *p = v.kind == DEVSDK_JSON_NONE ? end : v.text + v.n;
    return v;
}

devsdk_json devsdk_json_element(devsdk_json array, size_t i)
{
    devsdk_json v = {0};
    if (array.kind != DEVSDK_JSON_ARRAY) {
        return v;
    }
    const char *p = array.text + 1;
    do {
        v = next_element(array, &p);
    } while (v.kind != DEVSDK_JSON_NONE && i-- > 0);
    return v;
}

size_t devsdk_json_count(devsdk_json array)
{
    size_t n = 0;
    if (array.kind != DEVSDK_JSON_ARRAY) {
        return 0;
    }
    for (const char *p = array.text + 1; next_element(array, &p).kind != DEVSDK_JSON_NONE;) {
        n++;
    }
    return n;
}

/* ---- pointers (RFC 6901) ----------------------------------------------------------------------------------------- */

/* The next byte a token of a pointer stands for, *p behind it; '\0' and false at its end. */
static bool next_of_token(const char **p, char *ret)
{
    if (**p == '\0' || **p == '/') {
        return false;
    }
    bool escaped = **p == '~';
    *ret = !escaped ? **p : (*p)[1] == '0' ? '~' : '/';
    *p += escaped ? 2 : 1;
    return true;
}

/* Is the key what the token says? */
static bool is_key(devsdk_json key, const char *token)
{
    const char *p = key.text + 1, *end = key.text + key.n - 1;
    while (p < end) {
        char c[4], wanted;
        size_t n = next_character(&p, c);
        if (n == 0) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (!next_of_token(&token, &wanted) || wanted != c[i]) {
                return false;
            }
        }
    }
    return *token == '\0' || *token == '/';
}

static devsdk_json member_of(devsdk_json object, const char *token)
{
    devsdk_json found = {0}, key, value;
    size_t cursor = 0;
    while (devsdk_json_next(object, &cursor, &key, &value)) {
        if (is_key(key, token)) {
            found = value;
        }
    }
    return found;
}

/* The index a token is; false: none. */
static bool index_of(const char *token, size_t *ret)
{
    size_t len = strcspn(token, "/"), value = 0;
    if (len == 0 || len > 9 || (len > 1 && *token == '0')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (token[i] < '0' || token[i] > '9') {
            return false;
        }
        value = value * 10 + (size_t)(token[i] - '0');
    }
    *ret = value;
    return true;
}

static devsdk_json element_of(devsdk_json array, const char *token)
{
    size_t index;
    return index_of(token, &index) ? devsdk_json_element(array, index) : (devsdk_json){0};
}

devsdk_json devsdk_json_at(devsdk_json doc, const char *pointer)
{
    while (*pointer == '/') {
        pointer++;
        doc = doc.kind == DEVSDK_JSON_OBJECT  ? member_of(doc, pointer)
              : doc.kind == DEVSDK_JSON_ARRAY ? element_of(doc, pointer)
                                              : (devsdk_json){0};
        pointer += strcspn(pointer, "/");
    }
    return doc;
}

bool devsdk_json_pointer_valid(const char *pointer)
{
    if (*pointer != '\0' && *pointer != '/') {
        return false;
    }
    for (const char *p = pointer; *p; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1') {
            return false;
        }
    }
    return devsdk_utf8_valid(pointer, strlen(pointer));
}
