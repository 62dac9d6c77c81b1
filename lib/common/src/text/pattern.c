/* Regular expressions from outside, over PCRE2 with its limits set low. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "edge/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_PATTERN = 1024,   /* bytes */
    MATCH_LIMIT = 100000, /* steps of one match: below 10 ms */
    HEAP_LIMIT = 1024,    /* KiB of one match */
};

struct edge_pattern {
    char *text;
    pcre2_code *code;
    pcre2_match_context *limits;
};

enum edge_status edge_pattern_create(struct edge_ctx *ctx, const char *text,
                                     enum edge_pattern_mode mode, struct edge_pattern **ret)
{
    size_t len = strlen(text);
    if (len > MAX_PATTERN) {
        return edge_fail(ctx, EDGE_INVALID, "regular expression of %zu bytes is longer than %d",
                         len, MAX_PATTERN);
    }
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    if (mode == EDGE_PATTERN_WHOLE) {
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    }
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, len, options, &error, &at, NULL);
    if (!code) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(error, why, sizeof(why));
        return edge_fail(ctx, EDGE_INVALID, "regular expression '%s' is wrong at %zu: %s", text,
                         (size_t)at, (const char *)why);
    }
    struct edge_pattern *p = edge_xalloc(1, sizeof(*p));
    p->text = edge_xstrdup(text);
    p->code = code;
    p->limits = pcre2_match_context_create(NULL);
    if (!p->limits) {
        abort();
    }
    pcre2_set_match_limit(p->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(p->limits, HEAP_LIMIT);
    *ret = p;
    return EDGE_OK;
}

void edge_pattern_free(struct edge_pattern *p)
{
    if (p) {
        pcre2_match_context_free(p->limits);
        pcre2_code_free(p->code);
        free(p->text);
        free(p);
    }
}

enum edge_status edge_pattern_find(struct edge_ctx *ctx, const struct edge_pattern *p,
                                   const char *text, size_t from, bool *ret, size_t *ret_start,
                                   size_t *ret_end)
{
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    if (!found) {
        abort();
    }
    int n = pcre2_match(p->code, (PCRE2_SPTR)text, strlen(text), from, 0, found, p->limits);
    if (n >= 0) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(found);
        *ret_start = at[0];
        *ret_end = at[1] < at[0] ? at[0] : at[1]; /* \K may put the start behind the end */
    }
    pcre2_match_data_free(found);
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_HEAPLIMIT) {
        return edge_fail(ctx, EDGE_INVALID,
                         "regular expression '%s' takes too many steps to compare with '%.64s'",
                         p->text, text);
    }
    *ret = n >= 0;
    return EDGE_OK;
}

enum edge_status edge_pattern_match(struct edge_ctx *ctx, const struct edge_pattern *p,
                                    const char *text, bool *ret)
{
    size_t start, end;
    return edge_pattern_find(ctx, p, text, 0, ret, &start, &end);
}

bool edge_pattern_is_plain(const char *text)
{
    return !strpbrk(text, "\\^$.|?*+()[]{}");
}
