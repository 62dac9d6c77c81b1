/**
 * Texts with places for values: "${value}" in a body or a path, escaped as the format wants it. "$${" is "${" itself.
 */
#ifndef REST_TEMPLATE_H
#define REST_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

enum rest_format {
    REST_RAW,     /* as it is */
    REST_AS_JSON, /* within quotes as a JSON string has it; elsewhere a JSON value of its own */
    REST_AS_URL,  /* percent-encoded: paths, queries, forms */
    REST_AS_XML   /* entities */
};

struct rest_var {
    const char *name, *text;
    size_t n;
    bool is_json; /* the text is JSON as it stands: a number, true, an array, an object */
};

/**
 * Put @p source with its places filled in into @p ret, at most @p size bytes with a NUL; how long it is without
 * that. Twice is the way: first for the size (@p ret NULL, @p size 0).
 */
size_t rest_template_put(enum rest_format format, const char *source, const struct rest_var *vars,
                         size_t n_vars, char *ret, size_t size);

/** False, and @p why (@p size bytes): a place is not closed, or none of the variables. */
bool rest_template_check(const char *source, const struct rest_var *vars, size_t n_vars, char *why,
                         size_t size);

/** What bodies of that media type want. */
enum rest_format rest_format_of(const char *media_type);

#endif
