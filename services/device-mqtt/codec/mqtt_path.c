/* Paths into JSON: the singular queries of RFC 9535, one segment after the other. */
#include "codec/mqtt_path.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INDEX_DIGITS = 9 };

/* One step: a name (as it stands in the path), or an index. */
struct segment {
    const char *name; /* NULL: an index */
    size_t n;
    long index; /* negative: from the end */
};

static bool ends_name(char c)
{
    return c == '\0' || c == '.' || c == '[';
}

/* .name, or name at the beginning; behind it, or NULL. */
static const char *read_name(const char *p, struct segment *ret)
{
    ret->name = p;
    while (!ends_name(*p)) {
        if (strchr("]'\"*?@(), ", *p)) {
            return NULL;
        }
        p++;
    }
    ret->n = (size_t)(p - ret->name);
    return ret->n > 0 ? p : NULL;
}

/* ['name'] or ["name"], behind the bracket. A quote of that kind inside cannot be said. */
static const char *read_quoted(const char *p, struct segment *ret)
{
    char quote = *p++;
    const char *end = strchr(p, quote);
    if (!end || end[1] != ']' || memchr(p, '\\', (size_t)(end - p))) {
        return NULL;
    }
    ret->name = p;
    ret->n = (size_t)(end - p);
    return end + 2;
}

/* [12] or [-1], behind the bracket. */
static const char *read_index(const char *p, struct segment *ret)
{
    const char *digits = p + (*p == '-');
    size_t n = strspn(digits, "0123456789");
    bool odd = n == 0 || n > MAX_INDEX_DIGITS || digits[n] != ']' ||
               (*digits == '0' && (n > 1 || *p == '-'));
    if (odd) {
        return NULL;
    }
    ret->name = NULL;
    ret->index = strtol(p, NULL, 10);
    return digits + n + 1;
}

/* Behind the next segment; NULL where there is none that can be read. */
static const char *read_segment(const char *p, bool first, struct segment *ret)
{
    if (*p == '.') {
        return read_name(p + 1, ret);
    }
    if (*p != '[') {
        return first ? read_name(p, ret) : NULL;
    }
    p++;
    return *p == '\'' || *p == '"' ? read_quoted(p, ret) : read_index(p, ret);
}

/* "$" may be left out; then a name begins. */
static const char *start_of(const char *path, bool *ret_first)
{
    *ret_first = *path != '$';
    return *ret_first ? path : path + 1;
}

const char *mqtt_path_fault(const char *path)
{
    bool first;
    struct segment s = {0};
    const char *p = start_of(path, &first);
    if (first && (*p == '\0' || *p == '.')) {
        return "is no path like $.a.b[0]";
    }
    if (!devsdk_utf8_valid(path, strlen(path))) {
        return "is no UTF-8";
    }
    while (*p) {
        p = read_segment(p, first, &s);
        if (!p) {
            return "is no path like $.a.b[0] or $['a b'] to one value";
        }
        first = false;
    }
    return NULL;
}

static devsdk_json step(devsdk_json from, const struct segment *s)
{
    if (s->name) {
        return devsdk_json_member(from, s->name, s->n);
    }
    if (s->index >= 0) {
        return devsdk_json_element(from, (size_t)s->index);
    }
    size_t n = devsdk_json_count(from), back = (size_t)-s->index;
    return back <= n ? devsdk_json_element(from, n - back) : (devsdk_json){0};
}

devsdk_json mqtt_path_find(devsdk_json root, const char *path)
{
    bool first;
    const char *p = start_of(path, &first);
    while (*p && root.kind != DEVSDK_JSON_NONE) {
        struct segment s = {0};
        p = read_segment(p, first, &s);
        if (!p) {
            return (devsdk_json){0};
        }
        root = step(root, &s);
        first = false;
    }
    return root;
}
