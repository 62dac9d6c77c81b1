#include "codec/mqtt_topic.h"

#include <string.h>

#include "devsdk/json.h"

enum { MAX_TOPIC = 4096, MAX_LEVELS = 100 };

bool mqtt_text_valid(const char *text, size_t n)
{
    return devsdk_utf8_valid(text, n) && !memchr(text, '\0', n);
}

/* ---- whose is it ---------------------------------------------------------------------------------------------- */

static size_t level_size(const char *p)
{
    return strcspn(p, "/");
}

/* The last two levels of @p rest, which has no others. */
static bool take_two(const char *rest, struct mqtt_level *ret_device, struct mqtt_level *ret_source)
{
    size_t n = level_size(rest);
    if (n == 0 || rest[n] != '/') {
        return false;
    }
    *ret_device = (struct mqtt_level){rest, n};
    rest += n + 1;
    *ret_source = (struct mqtt_level){rest, level_size(rest)};
    return ret_source->n > 0 && rest[ret_source->n] == '\0';
}

/* The levels of the filter before those that are wanted: all but #, or all but the last two. */
static size_t n_before(const char *filter)
{
    size_t n = 1, len = strlen(filter);
    for (const char *p = filter; *p; p++) {
        n += *p == '/';
    }
    bool rest = len > 0 && filter[len - 1] == '#';
    return rest ? n - 1 : n > 2 ? n - 2 : 0;
}

bool mqtt_topic_split(const char *filter, const char *topic, struct mqtt_level *ret_device,
                      struct mqtt_level *ret_source)
{
    for (size_t n = n_before(filter); n > 0; n--) {
        size_t wanted = level_size(filter), there = level_size(topic);
        bool any = wanted == 1 && *filter == '+';
        if ((!any && (wanted != there || memcmp(filter, topic, there) != 0)) ||
            topic[there] != '/') {
            return false;
        }
        filter += wanted + 1;
        topic += there + 1;
    }
    return take_two(topic, ret_device, ret_source);
}

struct mqtt_level mqtt_topic_last(const char *topic)
{
    const char *slash = strrchr(topic, '/');
    const char *last = slash ? slash + 1 : topic;
    return (struct mqtt_level){last, strlen(last)};
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

bool mqtt_level_decode(struct mqtt_level level, char *out)
{
    size_t n = 0;
    bool changed = false;
    for (size_t i = 0; i < level.n; i++) {
        bool escape = level.at[i] == '%' && level.n - i > 2 && hex_digit(level.at[i + 1]) >= 0 &&
                      hex_digit(level.at[i + 2]) >= 0;
        int byte =
            escape ? hex_digit(level.at[i + 1]) << 4 | hex_digit(level.at[i + 2]) : level.at[i];
        out[n++] = (char)byte;
        i += escape ? 2 : 0;
        changed |= escape;
    }
    out[n] = '\0';
    return changed && mqtt_text_valid(out, n);
}

/* ---- what brokers take ------------------------------------------------------------------------------------------ */

static const char *text_fault(const char *text)
{
    size_t len = strlen(text), levels = 1;
    for (const char *p = text; *p; p++) {
        levels += *p == '/';
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return "has a character no broker takes";
        }
    }
    if (len == 0) {
        return "is empty";
    }
    if (len > MAX_TOPIC || levels > MAX_LEVELS) {
        return "is too long";
    }
    return mqtt_text_valid(text, len) ? NULL : "has a character no broker takes";
}

const char *mqtt_topic_fault(const char *topic)
{
    return strpbrk(topic, "+#") ? "has a wildcard" : text_fault(topic);
}

const char *mqtt_filter_fault(const char *filter)
{
    for (const char *p = filter; *p; p++) {
        bool whole = (p == filter || p[-1] == '/') && (p[1] == '\0' || (*p == '+' && p[1] == '/'));
        if ((*p == '+' || *p == '#') && !whole) {
            return "has a wildcard that is not a whole level";
        }
    }
    return text_fault(filter);
}

/* ---- forms ------------------------------------------------------------------------------------------------------ */

static const char device_hole[] = "{device}", resource_hole[] = "{resource}";

static bool begins(const char *p, const char *with)
{
    return strncmp(p, with, strlen(with)) == 0;
}

const char *mqtt_topic_form_fault(const char *form, bool filter)
{
    for (const char *p = strchr(form, '{'); p; p = strchr(p + 1, '{')) {
        if (!begins(p, device_hole) && !begins(p, resource_hole)) {
            return "has a hole that is neither {device} nor {resource}";
        }
    }
    return filter ? mqtt_filter_fault(form) : mqtt_topic_fault(form);
}

static size_t put_name(const char *name, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = !strchr("/+#%", c) && c >= 0x20;
        size_t wants = plain ? 1 : 3;
        if (n + wants >= size) {
            return 0;
        }
        if (plain) {
            out[n] = *p;
        } else {
            memcpy(out + n, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
        }
        n += wants;
    }
    return n;
}

size_t mqtt_topic_fill(const char *form, const char *device, const char *resource, char *out,
                       size_t size)
{
    size_t n = 0;
    while (*form) {
        bool is_device = begins(form, device_hole), is_resource = begins(form, resource_hole);
        if (n + 1 >= size) {
            return 0;
        }
        if (!is_device && !is_resource) {
            out[n++] = *form++;
            continue;
        }
        size_t more = put_name(is_device ? device : resource, out + n, size - n);
        if (more == 0) {
            return 0;
        }
        n += more;
        form += is_device ? sizeof(device_hole) - 1 : sizeof(resource_hole) - 1;
    }
    out[n] = '\0';
    return n;
}
