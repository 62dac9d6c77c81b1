/**
 * JSON as devices send it, looked at where it lies: nothing is copied or allocated. What is given out points into
 * the document.
 */
#ifndef REST_JSON_H
#define REST_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum rest_kind {
    REST_NONE, /* no value: nothing there, or no JSON */
    REST_NULL,
    REST_TRUE,
    REST_FALSE,
    REST_NUMBER,
    REST_STRING,
    REST_ARRAY,
    REST_OBJECT
};

/** A value: its bytes without blanks around; a string with its quotes. */
struct rest_json {
    enum rest_kind kind;
    const char *text;
    size_t n;
};

/** The one value @p text (@p n bytes) is; NONE where it is no JSON (RFC 8259, UTF-8 required), or nested deeper than 64. */
struct rest_json rest_json_parse(const char *text, size_t n);

/** What @p pointer (RFC 6901) leads to in @p doc; of equal keys the last. */
struct rest_json rest_json_at(struct rest_json doc, const char *pointer);
bool rest_pointer_valid(const char *pointer);

/** The next member of an object, *cursor being 0 for the first; false behind the last. */
bool rest_json_member(struct rest_json object, size_t *cursor, struct rest_json *ret_key,
                      struct rest_json *ret_value);

/** A string's own text, in UTF-8 with a NUL behind it; @p size is enough where it is above string.n. False where it is not,
 * or the text has a NUL in it. */
bool rest_json_string(struct rest_json string, char *ret, size_t size, size_t *ret_n);

/** Is it UTF-8 (RFC 3629)? */
bool rest_utf8_valid(const char *text, size_t n);

#endif
