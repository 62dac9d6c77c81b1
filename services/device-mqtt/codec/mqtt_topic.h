/** Topics: whose message it is, and the topics of a device. */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

/** A level of a topic, inside it. */
struct mqtt_level {
    const char *at;
    size_t n;
};

/**
 * Device and source of a message that @p filter brought: the last two levels, where nothing but the filter's own levels
 * stand before them ("incoming/data/#": incoming/data/<device>/<source>; "site/+/in/#": site/7/in/<device>/<source>;
 * "in/+/+"). False where the topic is another, has more levels, fewer, or empty ones.
 */
bool mqtt_topic_split(const char *filter, const char *topic, struct mqtt_level *ret_device,
                      struct mqtt_level *ret_source);
/** The last level; empty where the topic ends with a slash. */
struct mqtt_level mqtt_topic_last(const char *topic);

/** The level with %2F and the like undone, as a text of its own in @p out (level.n + 1 bytes); false where that is no
 * UTF-8, or nothing would change. */
bool mqtt_level_decode(struct mqtt_level level, char *out);

/** NULL, or why no broker takes it. */
const char *mqtt_topic_fault(const char *topic);
const char *mqtt_filter_fault(const char *filter);
/** Of a topic with {device} and {resource} in it; @p filter: may have wildcards. */
const char *mqtt_topic_form_fault(const char *form, bool filter);
/** A topic with {device} and {resource} filled in; '/', '+', '#' and '%' of names escaped. Returns its length, or 0
 * where it has not that many bytes. */
size_t mqtt_topic_fill(const char *form, const char *device, const char *resource, char *out,
                       size_t size);

/** Valid UTF-8 without a NUL, as topics and texts are? */
bool mqtt_text_valid(const char *text, size_t n);

#endif
