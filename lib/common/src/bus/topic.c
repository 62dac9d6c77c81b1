/* Topics: MQTT's matching rule, levels, and which topics and patterns a broker would accept. */
#include "edge/bus.h"

#include <string.h>

#include "bus_internal.h"
#include "edge/text.h"

bool edge_topic_matches(const char *pattern, const char *topic)
{
    const char *p = pattern, *t = topic;
    if (*t == '$' && (*p == '+' || *p == '#')) {
        return false; /* the broker's own topics are asked for by name only */
    }
    for (;;) {
        if (*p == '#') {
            return true;
        }
        if (*p == '+') {
            p++;
            t += strcspn(t, "/");
        } else {
            while (*p == *t && *p != '\0' && *p != '/') {
                p++;
                t++;
            }
        }
        if ((*p != '\0' && *p != '/') || (*t != '\0' && *t != '/')) {
            return false;
        }
        if (*t == '\0') {
            return *p == '\0' || strcmp(p, "/#") == 0;
        }
        if (*p == '\0') {
            return false;
        }
        p++;
        t++;
    }
}

size_t edge_topic_levels(struct edge_arena *a, const char *topic, bool decode, const char ***ret)
{
    size_t n = 1;
    for (const char *c = topic; *c; c++) {
        n += *c == '/';
    }
    const char **levels = edge_new_n(a, const char *, n);
    const char *at = topic;
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(at, "/");
        const char *name = decode ? edge_percent_decode(a, at, len) : NULL;
        bool sound = name && edge_utf8_valid(name, strlen(name));
        levels[i] = sound ? name : edge_strndup(a, at, len);
        at += len + 1;
    }
    *ret = levels;
    return n;
}

static const char *text_fault(const char *text)
{
    size_t len = strlen(text);
    if (len == 0) {
        return "is empty";
    }
    if (len > BUS_MAX_TOPIC) {
        return "is too long";
    }
    size_t levels = 1;
    for (const char *c = text; *c; c++) {
        levels += *c == '/';
    }
    if (levels > BUS_MAX_LEVELS) {
        return "has too many levels";
    }
    return edge_text_is_plain(text) ? NULL : "has a character no broker takes";
}

const char *bus_topic_fault(const char *topic)
{
    if (topic[strcspn(topic, "+#")] != '\0') {
        return "has a wildcard";
    }
    return text_fault(topic);
}

const char *edge_topic_pattern_fault(const char *pattern)
{
    const char *fault = text_fault(pattern);
    if (fault) {
        return fault;
    }
    for (const char *c = pattern; *c; c++) {
        if (*c != '+' && *c != '#') {
            continue;
        }
        bool starts = c == pattern || c[-1] == '/';
        bool ends = c[1] == '\0' || (*c == '+' && c[1] == '/');
        if (!starts || !ends) {
            return "has a wildcard that is not a whole level";
        }
    }
    return NULL;
}
