/*
 * Payloads and topics of MQTT devices. Asserts that the JSON scanner takes what the library's door takes and nothing
 * else, that what it finds lies inside and can be read again, that texts and bytes come back as they were written, and that
 * a topic's device and source are its last levels.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/mqtt_json.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_value.h"
#include "edge/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool met)
{
    if (!met) {
        abort();
    }
}

static void like_the_door(const char *text, size_t n, bool taken)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    struct edge_json_limits limits = {.bytes = 1 << 20, .depth = MQTT_JSON_DEPTH, .nodes = 1 << 20};
    bool door = edge_json_parse(&ctx, text, n, &limits, &tree) == EDGE_OK;
    limits.depth = MQTT_JSON_DEPTH - 1; /* at the bound itself they may differ */
    bool shallow = edge_json_parse(&ctx, text, n, &limits, &tree) == EDGE_OK;
    check(taken || !shallow);
    bool may_be_infinite = n > 300 || memchr(text, 'e', n) || memchr(text, 'E', n);
    check(!taken || door || may_be_infinite); /* the door takes no number a double cannot hold */
}

static void inside(const struct mqtt_json *outer, const struct mqtt_json *inner)
{
    struct mqtt_json again;
    check(inner->at >= outer->at && inner->at + inner->n <= outer->at + outer->n && inner->n > 0);
    check(mqtt_json_read(inner->at, inner->n, &again));
    check(again.kind == inner->kind && again.n == inner->n);
}

static void values(const char *text, size_t n, devsdk_type type)
{
    char *room = malloc(n + MQTT_VALUE_ROOM);
    devsdk_value value;
    if (!mqtt_value_bare(text, n, "r", type, room, &value)) {
        size_t size = mqtt_payload_write(NULL, "d", "r", &value, NULL, 0);
        char *out = malloc(size + 1), *back = malloc(size + MQTT_VALUE_ROOM);
        devsdk_value second;
        check(mqtt_payload_write(NULL, "d", "r", &value, out, size) == size);
        check(!mqtt_value_bare(out, size, "r", type, back, &second));
        check(second.type == value.type && second.n == value.n);
        check(value.type < DEVSDK_STRING || memcmp(second.p, value.p, value.n) == 0);
        free(out);
        free(back);
    }
    free(room);
}

static void paths(const struct mqtt_json *json, const char *path)
{
    struct mqtt_json found;
    if (!mqtt_path_fault(path) && mqtt_path_find(json, path, &found)) {
        inside(json, &found);
    }
}

static void topics(const char *filter, const char *topic)
{
    struct mqtt_level device, source;
    char out[300];
    if (!mqtt_filter_fault(filter) && mqtt_topic_split(filter, topic, &device, &source)) {
        check(device.n > 0 && source.n > 0 && device.at + device.n + 1 == source.at);
        check(source.at[source.n] == '\0' && !memchr(device.at, '/', device.n) &&
              !memchr(source.at, '/', source.n));
        struct mqtt_level last = mqtt_topic_last(topic);
        check(last.at == source.at && last.n == source.n);
    }
    if (mqtt_topic_fill("{device}", topic, "r", out, sizeof(out)) > 0) {
        check(!strpbrk(out, "/+#"));
        char back[300];
        bool changed = mqtt_level_decode((struct mqtt_level){out, strlen(out)}, back);
        check(!changed || strcmp(back, topic) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    /* the payload, a NUL, then a path or topic */
    size_t n = strnlen((const char *)data + 1, size - 1);
    char *text = malloc(n ? n : 1);
    char *tail =
        n + 1 < size - 1 ? strndup((const char *)data + 2 + n, size - 2 - n) : strdup("$.a");
    memcpy(text, data + 1, n);
    struct mqtt_json json, member;
    bool taken = mqtt_json_read(text, n, &json);
    like_the_door(text, n, taken);
    if (taken) {
        check(json.at >= text && json.at + json.n <= text + n);
        paths(&json, tail);
        if (mqtt_json_member(&json, "a", 1, &member)) {
            inside(&json, &member);
        }
        size_t count = mqtt_json_count(&json);
        check(count == 0 || (mqtt_json_element(&json, count - 1, &member) &&
                             !mqtt_json_element(&json, count, &member)));
    }
    values(text, n, (devsdk_type)(data[0] % (DEVSDK_ARRAY + 1)));
    char *whole = strndup(text, n);
    topics(tail, whole);
    topics("in/+/#", whole);
    free(whole);
    free(tail);
    free(text);
    return 0;
}
