/**
 * JSON as devices send it, looked at where it lies: nothing is copied or allocated, what is given out points into the
 * document. A document is checked once, as a whole (RFC 8259, UTF-8, at most DEVSDK_JSON_DEPTH levels); everything else here
 * takes what devsdk_json_parse() or one of the others gave. Any thread.
 */
#ifndef DEVSDK_JSON_H
#define DEVSDK_JSON_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DEVSDK_JSON_DEPTH = 64 };

typedef enum devsdk_json_kind {
    DEVSDK_JSON_NONE, /* no value: nothing there, or no JSON */
    DEVSDK_JSON_NULL,
    DEVSDK_JSON_BOOL, /* its text says which */
    DEVSDK_JSON_NUMBER,
    DEVSDK_JSON_STRING,
    DEVSDK_JSON_ARRAY,
    DEVSDK_JSON_OBJECT
} devsdk_json_kind;

/** A value: its own bytes, quotes and brackets included, without the blanks around. */
typedef struct devsdk_json {
    devsdk_json_kind kind;
    const char *text;
    size_t n;
} devsdk_json;

/** The one value the @p n bytes are; NONE where they are no JSON. */
devsdk_json devsdk_json_parse(const char *text, size_t n);

/** The next member of an object, *cursor being 0 for the first; false behind the last, and where it is no object. */
bool devsdk_json_next(devsdk_json object, size_t *cursor, devsdk_json *ret_key,
                      devsdk_json *ret_value);
/** The member of that name (@p n bytes, as it is once unescaped), of equal ones the last; or NONE. */
devsdk_json devsdk_json_member(devsdk_json object, const char *name, size_t n);
/** The i-th element of an array; or NONE. */
devsdk_json devsdk_json_element(devsdk_json array, size_t i);
size_t devsdk_json_count(devsdk_json array);

/** What @p pointer (RFC 6901) leads to; or NONE. */
devsdk_json devsdk_json_at(devsdk_json doc, const char *pointer);
bool devsdk_json_pointer_valid(const char *pointer);

/** A string's own text, unescaped, in UTF-8 with a NUL behind it; @p size is enough where it is above string.n. False where
 * it is too small, the value is no string, or no text can hold what it says (U+0000, half of a surrogate pair). */
bool devsdk_json_string(devsdk_json string, char *ret, size_t size, size_t *ret_n);

/** Is it UTF-8 (RFC 3629)? */
bool devsdk_utf8_valid(const char *text, size_t n);

#ifdef __cplusplus
}
#endif
#endif
