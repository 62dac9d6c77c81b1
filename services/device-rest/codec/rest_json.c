#include "codec/rest_json.h"

#include <stdint.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

/* ---- UTF-8 ------------------------------------------------------------------------------------ */

/* Length of the character at @p p; 0: none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        size_t len;
    } forms[] = {
        {0x00, 0x7f, 0,    0,    1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t i = 0;
    while (i < sizeof(forms) / sizeof(forms[0]) && (*p < forms[i].first || *p > forms[i].last)) {
        i++;
    }
    if (i == sizeof(forms) / sizeof(forms[0]) || forms[i].len > left) {
        return 0;
    }
    for (size_t k = 1; k < forms[i].len; k++) {
        unsigned char min = k == 1 ? forms[i].second_min : 0x80,
                      max = k == 1 ? forms[i].second_max : 0xbf;
        if (p[k] < min || p[k] > max) {
            return 0;
        }
    }
    return forms[i].len;
}

bool rest_utf8_valid(const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t len = utf8_len((const unsigned char *)text + at, n - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

static size_t utf8_put(uint32_t c, char ret[4])
{
    if (c < 0x80) {
        ret[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        ret[0] = (char)(0xc0 | c >> 6);
        ret[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        ret[0] = (char)(0xe0 | c >> 12);
        ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
        ret[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    ret[0] = (char)(0xf0 | c >> 18);
    ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
    ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
    ret[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* ---- skipping: where a value ends; NULL: it is none ---------------------------------------------- */

static const char *skip_value(const char *p, const char *end, unsigned depth);

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

static const char *skip_word(const char *p, const char *end, const char *word)
{
    size_t len = strlen(word);
    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    if (!is_digit(p, end)) {
        return NULL;
    }
    while (is_digit(p, end)) {
        p++;
    }
    return p;
}

static const char *skip_number(const char *p, const char *end)
{
    p += p < end && *p == '-';
    p = is_digit(p, end) && *p == '0' ? p + 1 : skip_digits(p, end);
    if (p && p < end && *p == '.') {
        p = skip_digits(p + 1, end);
    }
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        p = skip_digits(p, end);
    }
    return p;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The four digits of an escape; -1: they are none. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4) {
        return -1;
    }
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_of(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* One \u escape, p behind the u; a pair of surrogates is one character, and half of one is none. */
static const char *take_unicode(const char *p, const char *end, uint32_t *ret)
{
    int32_t c = hex4(p, end);
    if (c < 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return NULL;
    }
    p += 4;
    if (c < 0xd800 || c > 0xdbff) {
        *ret = (uint32_t)c;
        return p;
    }
    int32_t low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return NULL;
    }
    *ret = 0x10000 + ((uint32_t)c - 0xd800) * 0x400 + ((uint32_t)low - 0xdc00);
    return p + 6;
}

/* One character within a string as UTF-8; NULL: none can be there. */
static const char *take_char(const char *p, const char *end, char ret[4], size_t *ret_n)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (*p != '\\') {
        size_t len = utf8_len((const unsigned char *)p, (size_t)(end - p));
        if (len == 0 || (unsigned char)*p < ' ') {
            return NULL;
        }
        memcpy(ret, p, len);
        *ret_n = len;
        return p + len;
    }
    if (end - p < 2) {
        return NULL;
    }
    if (p[1] == 'u') {
        uint32_t c;
        p = take_unicode(p + 2, end, &c);
        *ret_n = p ? utf8_put(c, ret) : 0;
        return p;
    }
    const char *at = p[1] ? strchr(escapes, p[1]) : NULL;
    if (!at) {
        return NULL;
    }
    ret[0] = meant[at - escapes];
    *ret_n = 1;
    return p + 2;
}

static const char *skip_string(const char *p, const char *end)
{
    char c[4];
    size_t n;
    if (p == end || *p != '"') {
        return NULL;
    }
    p++;
    while (p && p < end && *p != '"') {
        p = take_char(p, end, c, &n);
    }
    return p && p < end ? p + 1 : NULL;
}

/* "key" :, up to the value. */
static const char *skip_key(const char *p, const char *end)
{
    p = skip_string(p, end);
    p = p ? skip_blanks(p, end) : NULL;
    return p && p < end && *p == ':' ? skip_blanks(p + 1, end) : NULL;
}

/* Array or object. */
static const char *skip_list(const char *p, const char *end, unsigned depth)
{
    bool is_object = *p == '{';
    const char close = is_object ? '}' : ']';
    if (depth == 0) {
        return NULL;
    }
    p = skip_blanks(p + 1, end);
    if (p < end && *p == close) {
        return p + 1;
    }
    for (;;) {
        p = is_object ? skip_key(p, end) : p;
        p = p ? skip_value(p, end, depth - 1) : NULL;
        p = p ? skip_blanks(p, end) : NULL;
        if (!p || p == end || (*p != ',' && *p != close)) {
            return NULL;
        }
        if (*p == close) {
            return p + 1;
        }
        p = skip_blanks(p + 1, end);
    }
}

static const char *skip_value(const char *p, const char *end, unsigned depth)
{
    switch (p < end ? *p : '\0') {
    case '{':
    case '[':
        return skip_list(p, end, depth);
    case '"':
        return skip_string(p, end);
    case 't':
        return skip_word(p, end, "true");
    case 'f':
        return skip_word(p, end, "false");
    case 'n':
        return skip_word(p, end, "null");
    default:
        return skip_number(p, end);
    }
}

static enum rest_kind kind_of(char c)
{
    switch (c) {
    case '{':
        return REST_OBJECT;
    case '[':
        return REST_ARRAY;
    case '"':
        return REST_STRING;
    case 't':
        return REST_TRUE;
    case 'f':
        return REST_FALSE;
    case 'n':
        return REST_NULL;
    default:
        return REST_NUMBER;
    }
}

static struct rest_json value_at(const char *p, const char *end)
{
    const char *behind = skip_value(p, end, DEPTH_MAX);
    if (!behind) {
        return (struct rest_json){.kind = REST_NONE};
    }
    return (struct rest_json){kind_of(*p), p, (size_t)(behind - p)};
}

struct rest_json rest_json_parse(const char *text, size_t n)
{
    const char *end = text + n;
    struct rest_json v = value_at(skip_blanks(text, end), end);
    bool is_alone = v.kind != REST_NONE && skip_blanks(v.text + v.n, end) == end;
    return is_alone ? v : (struct rest_json){.kind = REST_NONE};
}

/* ---- looking in ----------------------------------------------------------------------------------- */

bool rest_json_member(struct rest_json object, size_t *cursor, struct rest_json *ret_key,
                      struct rest_json *ret_value)
{
    if (object.kind != REST_OBJECT) {
        return false;
    }
    const char *end = object.text + object.n - 1; /* its brace */
    const char *p = skip_blanks(object.text + (*cursor > 0 ? *cursor : 1), end);
    if (p < end && *p == ',') {
        p = skip_blanks(p + 1, end);
    }
    if (p >= end) {
        return false;
    }
    const char *behind = skip_string(p, end);
    *ret_key = (struct rest_json){REST_STRING, p, (size_t)(behind - p)};
    *ret_value = value_at(skip_key(p, end), end);
    *cursor = (size_t)(ret_value->text + ret_value->n - object.text);
    return true;
}

bool rest_json_string(struct rest_json string, char *ret, size_t size, size_t *ret_n)
{
    const char *end = string.text + string.n - 1, *p = string.text + 1;
    size_t at = 0;
    if (string.kind != REST_STRING) {
        return false;
    }
    while (p < end) {
        char c[4];
        size_t n;
        p = take_char(p, end, c, &n);
        if (at + n >= size || c[0] == '\0') {
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
static bool is_key(struct rest_json key, const char *token)
{
    const char *p = key.text + 1, *end = key.text + key.n - 1;
    while (p < end) {
        char c[4], wanted;
        size_t n;
        p = take_char(p, end, c, &n);
        for (size_t i = 0; i < n; i++) {
            if (!next_of_token(&token, &wanted) || wanted != c[i]) {
                return false;
            }
        }
    }
    return *token == '\0' || *token == '/';
}

static struct rest_json member_of(struct rest_json object, const char *token)
{
    struct rest_json found = {.kind = REST_NONE}, key, value;
    size_t cursor = 0;
    while (rest_json_member(object, &cursor, &key, &value)) {
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

static struct rest_json element_of(struct rest_json array, const char *token)
{
    const struct rest_json none = {.kind = REST_NONE};
    const char *end = array.text + array.n - 1, *p = skip_blanks(array.text + 1, end);
    size_t index;
    if (!index_of(token, &index)) {
        return none;
    }
    while (p < end) {
        struct rest_json v = value_at(p, end);
        if (index-- == 0) {
            return v;
        }
        p = skip_blanks(v.text + v.n, end);
        p = p < end ? skip_blanks(p + 1, end) : p; /* the comma */
    }
    return none;
}

struct rest_json rest_json_at(struct rest_json doc, const char *pointer)
{
    while (*pointer == '/') {
        pointer++;
        doc = doc.kind == REST_OBJECT  ? member_of(doc, pointer)
              : doc.kind == REST_ARRAY ? element_of(doc, pointer)
                                       : (struct rest_json){.kind = REST_NONE};
        pointer += strcspn(pointer, "/");
    }
    return doc;
}

bool rest_pointer_valid(const char *pointer)
{
    if (*pointer != '\0' && *pointer != '/') {
        return false;
    }
    for (const char *p = pointer; *p; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1') {
            return false;
        }
    }
    return rest_utf8_valid(pointer, strlen(pointer));
}
