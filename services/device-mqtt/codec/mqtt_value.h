/**
 * Payloads and values: what a device says as a value of the type a resource has, and what is said to it. Nothing here
 * allocates: what is read goes to room the caller gives, what is written is counted where it does not fit, as snprintf does.
 */
#ifndef MQTT_VALUE_H
#define MQTT_VALUE_H

#include "devsdk/devsdk.h"
#include "devsdk/json.h"

enum { MQTT_VALUE_ROOM = 32 };

/**
 * @p json for devsdk_set() of a resource of @p type; @p room has json->n + MQTT_VALUE_ROOM bytes. NULL, or why it cannot be one:
 * a constant. Numbers may be texts and the reverse; a Binary is base64; null is a null reading. Ranges are devsdk_set()'s.
 */
const char *mqtt_value_read(devsdk_json json, devsdk_type type, char *room, devsdk_value *ret);

/**
 * A whole payload that is the value of @p resource: {"resource": value}, a JSON value, or plain text. What is no such
 * object is a Binary's bytes, and a String's text. @p room has n +
 * MQTT_VALUE_ROOM bytes.
 */
const char *mqtt_value_bare(const char *payload, size_t n, const char *resource, devsdk_type type,
                            char *room, devsdk_value *ret);

/**
 * What to publish for a write: @p form with {value} (JSON), {text} (strings without quotes), {resource} and {device}
 * filled in, "{{" for a brace; NULL: {"resource": value}. Returns its length; at most @p size bytes are written, no NUL.
 */
size_t mqtt_payload_write(const char *form, const char *device, const char *resource,
                          const devsdk_value *value, char *out, size_t size);
/** NULL, or what is wrong with a form: "has {foo}, ..." */
const char *mqtt_form_fault(const char *form);

#endif
