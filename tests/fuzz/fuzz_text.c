/* The small grammars: what they write they read back, what they read is what was written. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/arena.h"
#include "edge/text.h"

static void numbers(const uint8_t *data, size_t size)
{
    char text[EDGE_REAL_TEXT_SIZE];
    double v = 0;
    float f = 0;
    memcpy(&v, data, size < sizeof(v) ? size : sizeof(v));
    memcpy(&f, data, size < sizeof(f) ? size : sizeof(f));
    if (isfinite(v)) {
        assert(edge_real_json(v, text) == strlen(text) && strtod(text, NULL) == v);
        assert(edge_real_e(v, text) == strlen(text) && strtod(text, NULL) == v);
    }
    assert(edge_float_e(f, text) == strlen(text));
    assert(isnan(f) || strtof(text, NULL) == f);
}

static void grammars(const char *s)
{
    char uuid[EDGE_UUID_SIZE], again[EDGE_UUID_SIZE];
    int64_t ns, with_days;
    bool b;
    uint64_t u;
    int64_t i;
    if (edge_uuid_parse(s, uuid)) {
        assert(edge_uuid_is_strict(uuid));
        assert(edge_uuid_parse(uuid, again) && strcmp(uuid, again) == 0);
    }
    assert(!edge_uuid_is_strict(s) || edge_uuid_parse(s, NULL));
    if (edge_duration_parse(s, false, &ns)) {
        assert(edge_duration_parse(s, true, &with_days) && ns == with_days);
    }
    if (edge_uint_parse(s, &u) && u <= INT64_MAX) {
        assert(edge_int_parse(s, &i) && (uint64_t)i == u);
    }
    (void)edge_bool_parse(s, &b);
}

static void escapes(struct edge_arena *a, const char *s, size_t len)
{
    const char *name = edge_percent_decode(a, s, len);
    if (name) {
        const char *text = edge_name_escape(a, name);
        assert(strcmp(edge_percent_decode(a, text, strlen(text)), name) == 0);
    }
    const void *bytes;
    size_t n;
    assert(edge_base64_decode(a, edge_base64_encode(a, s, len), &bytes, &n));
    assert(n == len && memcmp(bytes, s, len) == 0);
    (void)edge_base64_decode(a, s, &bytes, &n);
    size_t at = 0;
    while (at < len && edge_utf8_char(s + at, len - at) > 0) {
        at += edge_utf8_char(s + at, len - at);
    }
    assert(edge_utf8_valid(s, len) == (at == len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *s = edge_strndup(&a, (const char *)data, size);
    numbers(data, size);
    grammars(s);
    escapes(&a, s, size);
    edge_arena_done(&a);
    return 0;
}
