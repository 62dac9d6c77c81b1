/*
 * Payloads and topics of MQTT devices. Asserts that the JSON scanner takes what the library's door takes and nothing
 * else, that what it finds lies inside and can be read again, that texts and bytes come back as they were written, and that
 * a topic's device and source are its last levels.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/mqtt_path.h"
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
    struct edge_json_limits limits = {
        .bytes = 1 << 20, .depth = DEVSDK_JSON_DEPTH, .nodes = 1 << 20};
    bool door = edge_json_parse(&ctx, text, n, &limits, &tree) == EDGE_OK;
    limits.depth = DEVSDK_JSON_DEPTH - 1; /* at the bound itself they may differ */
    bool shallow = edge_json_parse(&ctx, text, n, &limits, &tree) == EDGE_OK;
    check(taken || !shallow);
    bool may_be_infinite = n > 300 || memchr(text, 'e', n) || memchr(text, 'E', n);
    check(!taken || door || may_be_infinite); /* the door takes no number a double cannot hold */
}

static void inside(devsdk_json outer, devsdk_json inner)
{
    devsdk_json again = devsdk_json_parse(inner.text, inner.n);
    check(inner.text >= outer.text && inner.text + inner.n <= outer.text + outer.n && inner.n > 0);
    check(again.kind != DEVSDK_JSON_NONE);
    check(again.kind == inner.kind && again.n == inner.n);
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

static void paths(devsdk_json json, const char *path)
{
    devsdk_json found = mqtt_path_fault(path) ? (devsdk_json){0} : mqtt_path_find(json, path);
    if (found.kind != DEVSDK_JSON_NONE) {
        inside(json, found);
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
    devsdk_json json = devsdk_json_parse(text, n);
    bool taken = json.kind != DEVSDK_JSON_NONE;
    like_the_door(text, n, taken);
    if (taken) {
        check(json.text >= text && json.text + json.n <= text + n);
        paths(json, tail);
        devsdk_json member = devsdk_json_member(json, "a", 1);
        if (member.kind != DEVSDK_JSON_NONE) {
            inside(json, member);
        }
        size_t count = devsdk_json_count(json);
        check(count == 0 || (devsdk_json_element(json, count - 1).kind != DEVSDK_JSON_NONE &&
                             devsdk_json_element(json, count).kind == DEVSDK_JSON_NONE));
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
