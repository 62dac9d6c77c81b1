/** Payloads and values: what a device sends as the text the SDK reads, what is written as text for the device. */
#ifndef REST_VALUE_H
#define REST_VALUE_H

#include "devsdk/devsdk.h"
#include "devsdk/json.h"

enum rest_found {
    REST_FOUND,
    REST_IS_NULL, /* the device says that there is no value */
    REST_EMPTY,   /* no payload */
    REST_NO_JSON,
    REST_NO_MEMBER, /* the pointer leads nowhere */
    REST_NO_TEXT    /* not UTF-8, or with a NUL */
};
/** In words: "is no JSON". */
const char *rest_found_text(enum rest_found found);

struct rest_text {
    const char *text;
    size_t n;
};

/**
 * The text of a value of @p type in a payload: all of it where @p pointer is NULL, else what that leads to in its
 * JSON. It lies in the payload or in @p buf, of n + 32 bytes. Not for Binary.
 */
enum rest_found rest_payload(const char *payload, size_t n, devsdk_type type, const char *pointer,
                             char *buf, struct rest_text *ret);
/** The same of a value of a JSON document; @p buf of node.n + 32 bytes. */
enum rest_found rest_node(devsdk_json node, devsdk_type type, char *buf, struct rest_text *ret);

/** A value as text: numbers shortest, arrays as JSON, texts and objects as they are. How long it is; at most @p size bytes
 * with a NUL are put into @p ret. 0 for Binary. */
size_t rest_value_text(const devsdk_value *v, char *ret, size_t size);
/** Is that text JSON as it stands? NaN and infinities are not, nor texts. */
bool rest_value_is_json(const devsdk_value *v);

/** Is the media type of a payload the one that is wanted? Parameters and case do not count. */
bool rest_media_type_is(const char *type, const char *wanted);

#endif
