#include "codec/mqtt_value.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/mqtt_topic.h"

enum { MAX_NUMBER = 400 }; /* characters of a number with a point or exponent */

/* ---- in ------------------------------------------------------------------------------------------------------ */

static bool is_whole(devsdk_type type)
{
    return type >= DEVSDK_I8 && type <= DEVSDK_U64;
}

static const char *put_text(const char *text, size_t n, devsdk_value *ret)
{
    *ret = (devsdk_value){.type = DEVSDK_STRING, .p = text, .n = n};
    return NULL;
}

/* A number of JSON's form. Whole ones pass as digits, exactly; 12.0 and 1.2e1 are whole too. */
static const char *put_number(const char *at, size_t n, devsdk_type type, char *room,
                              devsdk_value *ret)
{
    memmove(room, at, n);
    room[n] = '\0';
    bool plain = n == strspn(room, "-0123456789");
    if (plain || !is_whole(type)) {
        return put_text(room, n, ret);
    }
    if (n > MAX_NUMBER) {
        return "is too long for a number";
    }
    double real = strtod(room, NULL);
    if (real != trunc(real)) {
        return "is no whole number";
    }
    if (!(fabs(real) < 0x1p64)) {
        return "is out of range";
    }
    return put_text(room, (size_t)snprintf(room, MQTT_VALUE_ROOM, "%.0f", real), ret);
}

static const char *put_trimmed(char *text, size_t n, devsdk_type type, devsdk_value *ret)
{
    static const char space[] = " \t\r\n";
    while (n > 0 && strchr(space, text[n - 1])) {
        n--;
    }
    size_t before = 0;
    while (before < n && strchr(space, text[before])) {
        before++;
    }
    memmove(text, text + before, n - before);
    n -= before;
    text[n] = '\0';
    devsdk_json number = devsdk_json_parse(text, n);
    if (n == 0) {
        return "is empty";
    }
    if (number.kind == DEVSDK_JSON_NUMBER) {
        return put_number(text, n, type, text, ret);
    }
    return put_text(text, n, ret);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* In place; both alphabets. False where it is none. */
static bool base64_decode(char *text, size_t n, size_t *ret_n)
{
    uint32_t bits = 0;
    size_t out = 0, digits = n;
    while (digits > 0 && text[digits - 1] == '=' && n - digits < 2) {
        digits--;
    }
    if (digits % 4 == 1 || (digits != n && n % 4 != 0)) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 > 0) {
            unsigned left = (unsigned)(6 - 2 * (i % 4));
            text[out++] = (char)(bits >> left & 0xff);
        }
    }
    *ret_n = out;
    return true;
}

static const char *put_string(devsdk_json json, devsdk_type type, char *room, devsdk_value *ret)
{
    size_t n;
    if (!devsdk_json_string(json, room, json.n, &n)) {
        return "has a character no text can hold";
    }
    if (type == DEVSDK_BINARY) {
        if (!base64_decode(room, n, &n)) {
            return "is no base64";
        }
        *ret = (devsdk_value){.type = DEVSDK_BINARY, .p = room, .n = n};
        return NULL;
    }
    return type == DEVSDK_STRING ? put_text(room, n, ret) : put_trimmed(room, n, type, ret);
}

/* Lists and objects as they stand, without the space around elements. */
static const char *put_whole(devsdk_json json, char *room, devsdk_value *ret)
{
    size_t n = 0;
    bool in_text = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.text[i];
        if (!in_text && strchr(" \t\r\n", c)) {
            continue;
        }
        room[n++] = c;
        if (c == '\\' && in_text) {
            room[n++] = json.text[++i];
        } else if (c == '"') {
            in_text = !in_text;
        }
    }
    room[n] = '\0';
    *ret = (devsdk_value){.type = DEVSDK_OBJECT, .p = room, .n = n};
    return NULL;
}

const char *mqtt_value_read(devsdk_json json, devsdk_type type, char *room, devsdk_value *ret)
{
    switch (json.kind) {
    case DEVSDK_JSON_NULL:
        *ret = (devsdk_value){.type = DEVSDK_NULL};
        return NULL;
    case DEVSDK_JSON_STRING:
        return put_string(json, type, room, ret);
    case DEVSDK_JSON_ARRAY:
        return type == DEVSDK_ARRAY || type == DEVSDK_OBJECT ? put_whole(json, room, ret)
                                                             : "is a list";
    case DEVSDK_JSON_OBJECT:
        return type == DEVSDK_OBJECT ? put_whole(json, room, ret) : "is an object";
    default:
        break;
    }
    if (type == DEVSDK_BINARY || type == DEVSDK_ARRAY || type == DEVSDK_OBJECT) {
        return "is a single value";
    }
    if (json.kind == DEVSDK_JSON_NUMBER) {
        return put_number(json.text, json.n, type, room, ret);
    }
    memcpy(room, json.text, json.n); /* true, false */
    room[json.n] = '\0';
    return put_text(room, json.n, ret);
}

const char *mqtt_value_bare(const char *payload, size_t n, const char *resource, devsdk_type type,
                            char *room, devsdk_value *ret)
{
    devsdk_json json = devsdk_json_parse(payload, n);
    devsdk_json member = devsdk_json_member(json, resource, strlen(resource));
    if (member.kind != DEVSDK_JSON_NONE) {
        return mqtt_value_read(member, type, room, ret);
    }
    if (type == DEVSDK_BINARY) {
        memcpy(room, payload, n);
        *ret = (devsdk_value){.type = DEVSDK_BINARY, .p = room, .n = n};
        return NULL;
    }
    if (json.kind != DEVSDK_JSON_NONE) {
        return mqtt_value_read(json, type, room, ret);
    }
    if (!mqtt_text_valid(payload, n)) {
        return "is no text";
    }
    if (type == DEVSDK_OBJECT) {
        return "is no JSON";
    }
    memcpy(room, payload, n);
    room[n] = '\0';
    return type == DEVSDK_STRING ? put_text(room, n, ret) : put_trimmed(room, n, type, ret);
}

/* ---- out ----------------------------------------------------------------------------------------------------- */

struct sink {
    char *at;
    size_t size, n;
};

static void put(struct sink *s, const char *bytes, size_t n)
{
    if (s->n < s->size) {
        memcpy(s->at + s->n, bytes, n < s->size - s->n ? n : s->size - s->n);
    }
    s->n += n;
}

static void put_escaped(struct sink *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        if (c == '"' || c == '\\') {
            put(s, (const char[]){'\\', (char)c}, 2);
        } else if (c < 0x20) {
            put(s, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        } else {
            put(s, (const char *)&text[i], 1);
        }
    }
}

static void put_quoted(struct sink *s, const char *text, size_t n)
{
    put(s, "\"", 1);
    put_escaped(s, text, n);
    put(s, "\"", 1);
}

static void put_base64(struct sink *s, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                        left > 1 ? digits[bits >> 6 & 63] : '=',
                        left > 2 ? digits[bits & 63] : '='};
        put(s, four, sizeof(four));
    }
}

/* The shortest that reads back the same. */
static void put_real(struct sink *s, double v, bool single)
{
    char text[40];
    int n = 0;
    if (!isfinite(v)) {
        put(s, "null", 4);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        n = snprintf(text, sizeof(text), "%.*g", digits, v);
        if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v) {
            break;
        }
    }
    put(s, text, (size_t)n);
}

static void put_scalar(struct sink *s, devsdk_type type, const devsdk_value *v)
{
    char text[24];
    if (type == DEVSDK_BOOL) {
        put(s, v->b ? "true" : "false", v->b ? 4 : 5);
    } else if (type == DEVSDK_F32 || type == DEVSDK_F64) {
        put_real(s, v->f, type == DEVSDK_F32);
    } else if (type >= DEVSDK_U8 && type <= DEVSDK_U64) {
        put(s, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)v->u));
    } else {
        put(s, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)v->i));
    }
}

static void put_list(struct sink *s, const devsdk_value *v)
{
    put(s, "[", 1);
    for (size_t i = 0; i < v->n; i++) {
        put(s, ",", i > 0);
        if (v->elem == DEVSDK_STRING) {
            const char *text = ((const char *const *)v->p)[i];
            put_quoted(s, text, strlen(text));
        } else if (v->elem == DEVSDK_BOOL) {
            put_scalar(s, v->elem, &(devsdk_value){.b = ((const bool *)v->p)[i]});
        } else { /* 64 bits of whichever kind */
            devsdk_value one = {0};
            memcpy(&one.u, (const char *)v->p + i * sizeof(uint64_t), sizeof(uint64_t));
            put_scalar(s, v->elem, &one);
        }
    }
    put(s, "]", 1);
}

static void put_json(struct sink *s, const devsdk_value *v)
{
    switch (v->type) {
    case DEVSDK_NULL:
        put(s, "null", 4);
        break;
    case DEVSDK_STRING:
        put_quoted(s, v->p, v->n);
        break;
    case DEVSDK_BINARY:
        put(s, "\"", 1);
        put_base64(s, v->p, v->n);
        put(s, "\"", 1);
        break;
    case DEVSDK_OBJECT:
        put(s, v->p, v->n);
        break;
    case DEVSDK_ARRAY:
        put_list(s, v);
        break;
    default:
        put_scalar(s, v->type, v);
    }
}

/* Where it is not JSON's: strings and bytes as they are. */
static void put_plain(struct sink *s, const devsdk_value *v)
{
    if (v->type == DEVSDK_STRING || v->type == DEVSDK_BINARY) {
        put(s, v->p, v->n);
    } else {
        put_json(s, v);
    }
}

static const char *const holes[] = {"{value}", "{text}", "{resource}", "{device}", "{{"};
enum { VALUE, TEXT, RESOURCE, DEVICE, BRACE, N_HOLES };

static int hole_at(const char *p)
{
    for (int i = 0; i < N_HOLES; i++) {
        if (strncmp(p, holes[i], strlen(holes[i])) == 0) {
            return i;
        }
    }
    return -1;
}

const char *mqtt_form_fault(const char *form)
{
    if (!mqtt_text_valid(form, strlen(form))) {
        return "is no UTF-8";
    }
    for (const char *p = strchr(form, '{'); p; p = strchr(p, '{')) {
        int hole = hole_at(p);
        size_t word = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz");
        if (hole < 0 && word > 0 && p[1 + word] == '}') {
            return "has a hole that is none of {value}, {text}, {resource} and {device}";
        }
        p += hole < 0 ? 1 : strlen(holes[hole]);
    }
    return NULL;
}

size_t mqtt_payload_write(const char *form, const char *device, const char *resource,
                          const devsdk_value *value, char *out, size_t size)
{
    struct sink s = {out, size, 0};
    if (!form) {
        put(&s, "{", 1);
        put_quoted(&s, resource, strlen(resource));
        put(&s, ":", 1);
        put_json(&s, value);
        put(&s, "}", 1);
        return s.n;
    }
    for (const char *p = form; *p;) {
        int hole = *p == '{' ? hole_at(p) : -1;
        if (hole == VALUE) {
            put_json(&s, value);
        } else if (hole == TEXT) {
            put_plain(&s, value);
        } else if (hole == RESOURCE || hole == DEVICE) {
            const char *name = hole == RESOURCE ? resource : device;
            put_escaped(&s, name, strlen(name));
        } else {
            put(&s, p, 1);
        }
        p += hole < 0 ? 1 : strlen(holes[hole]);
    }
    return s.n;
}
