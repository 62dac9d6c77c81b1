/**
 * JSON where it lies: a text is checked once (RFC 8259, UTF-8, not too deep), then values are found in it without copying
 * anything. Nothing here allocates.
 */
#ifndef MQTT_JSON_H
#define MQTT_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { MQTT_JSON_DEPTH = 64 };

enum mqtt_json_kind {
    MQTT_JSON_NULL,
    MQTT_JSON_BOOL,
    MQTT_JSON_NUMBER,
    MQTT_JSON_STRING,
    MQTT_JSON_ARRAY,
    MQTT_JSON_OBJECT
};

/** A value inside a checked text: its own bytes, quotes and brackets included. */
struct mqtt_json {
    enum mqtt_json_kind kind;
    const char *at;
    size_t n;
};

/** The one value of a text, with white space around it; false where the text is no JSON. */
bool mqtt_json_read(const char *text, size_t n, struct mqtt_json *ret);

/** The member of that name (@p n bytes, as it is after unescaping), of equal ones the last; false where @p object is none
 * or has none. */
bool mqtt_json_member(const struct mqtt_json *object, const char *name, size_t n,
                      struct mqtt_json *ret);
/** The i-th element; false where @p array is none or has fewer. */
bool mqtt_json_element(const struct mqtt_json *array, size_t i, struct mqtt_json *ret);
size_t mqtt_json_count(const struct mqtt_json *array);

/** The text of a string, unescaped, into @p out of @p string->n bytes; its length (a NUL stands behind it). What no C
 * string can hold (U+0000, half of a surrogate pair) becomes U+FFFD. */
size_t mqtt_json_text(const struct mqtt_json *string, char *out);

/** Valid UTF-8 without a NUL? */
bool mqtt_text_valid(const char *text, size_t n);

/* ---- paths: JSONPath as RFC 9535 has it, those that name one value: $.a.b[0]['c d'] ------------------------- */

/** What is wrong with a path; NULL: nothing. "$" may be left out: a.b[0]. */
const char *mqtt_path_fault(const char *path);
/** The value @p path names below @p root; false where there is none. */
bool mqtt_path_find(const struct mqtt_json *root, const char *path, struct mqtt_json *ret);

#endif
