#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"
#include "rules_code.h"
#include "rules_tables.h"

static bool text_result(struct rules_call *c, const char *s, size_t n, struct rules_value *ret)
{
    char *text = rules_new_text(c, n);
    if (!text) {
        return false;
    }
    memcpy(text, s, n);
    *ret = (struct rules_value){.kind = RULES_TEXT, .n = (uint32_t)n, .text = text};
    return true;
}

/* ---- characters --------------------------------------------------------------------------- */

static bool starts_char(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static int64_t count_chars(const char *s, size_t n)
{
    int64_t chars = 0;
    for (size_t i = 0; i < n; i++) {
        chars += starts_char(s[i]);
    }
    return chars;
}

/* Where the character number @p i begins; the end where there are fewer. */
static const char *char_at(const char *s, int64_t i)
{
    for (; *s; s++) {
        if (starts_char(*s) && i-- == 0) {
            break;
        }
    }
    return s;
}

/* ---- functions ---------------------------------------------------------------------------- */

bool rules_concat_arrays(struct rules_call *c, const struct rules_value *args, size_t n,
                         struct rules_value *ret)
{
    size_t total = 0, used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!rules_is_nothing(&args[i]) && !rules_arg_array(c, args, i)) {
            return false;
        }
        total += args[i].kind == RULES_ARRAY ? args[i].n : 0;
    }
    struct rules_value *items = rules_new_items(c, total);
    for (size_t i = 0; items && i < n; i++) {
        for (uint32_t k = 0; args[i].kind == RULES_ARRAY && k < args[i].n; k++) {
            items[used++] = args[i].items[k];
        }
    }
    *ret = rules_array(items, used);
    return items != NULL;
}

static bool fn_concat(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    const char *texts[RULES_ARGS_MAX];
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (args[i].kind == RULES_ARRAY) {
            return rules_concat_arrays(c, args, n, ret);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!rules_to_text(c, &args[i], &texts[i])) {
            return false;
        }
        total += strlen(texts[i]);
    }
    char *text = rules_new_text(c, total), *at = text;
    for (size_t i = 0; text && i < n; i++) {
        at = stpcpy(at, texts[i]);
    }
    *ret = (struct rules_value){.kind = RULES_TEXT, .n = (uint32_t)total, .text = text};
    return text != NULL;
}

static bool two_texts(struct rules_call *c, const struct rules_value *args, const char **a,
                      const char **b)
{
    return rules_arg_text(c, args, 0, a) && rules_arg_text(c, args, 1, b);
}

static bool fn_startswith(struct rules_call *c, const struct rules_value *args, size_t n,
                          struct rules_value *ret)
{
    const char *a, *b;
    (void)n;
    if (!two_texts(c, args, &a, &b)) {
        return false;
    }
    *ret = rules_bool(strncmp(a, b, strlen(b)) == 0);
    return true;
}

static bool fn_endswith(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    const char *a, *b;
    (void)n;
    if (!two_texts(c, args, &a, &b)) {
        return false;
    }
    *ret = rules_bool(args[0].n >= args[1].n && strcmp(a + args[0].n - args[1].n, b) == 0);
    return true;
}

static bool fn_indexof(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    const char *a, *b;
    (void)n;
    if (!two_texts(c, args, &a, &b)) {
        return false;
    }
    const char *at = strstr(a, b);
    *ret = rules_int(at ? count_chars(a, (size_t)(at - a)) : -1);
    return true;
}

static bool fn_length(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    const char *s;
    (void)n;
    if (args[0].kind == RULES_ARRAY || args[0].kind == RULES_BYTES) {
        *ret = rules_int(args[0].n);
        return true;
    }
    if (!rules_arg_text(c, args, 0, &s)) {
        return false;
    }
    *ret = rules_int(count_chars(s, args[0].n));
    return true;
}

static bool fn_numbytes(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    const char *s;
    (void)n;
    if (!rules_arg_text(c, args, 0, &s)) {
        return false;
    }
    *ret = rules_int(args[0].n);
    return true;
}

static bool change_case(struct rules_call *c, const struct rules_value *args, int (*fn)(int),
                        struct rules_value *ret)
{
    const char *s;
    if (!rules_arg_text(c, args, 0, &s) || !text_result(c, s, args[0].n, ret)) {
        return false;
    }
    for (char *at = (char *)ret->text; *at; at++) {
        if ((unsigned char)*at < 0x80) {
            *at = (char)fn(*at);
        }
    }
    return true;
}

static bool fn_lower(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    (void)n;
    return change_case(c, args, tolower, ret);
}

static bool fn_upper(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    (void)n;
    return change_case(c, args, toupper, ret);
}

static bool pad(struct rules_call *c, const struct rules_value *args, bool left,
                struct rules_value *ret)
{
    const char *s;
    int64_t blanks;
    if (!rules_arg_text(c, args, 0, &s) || !rules_arg_int(c, args, 1, &blanks)) {
        return false;
    }
    blanks = blanks < 0 ? 0 : blanks > RULES_TEXT_MAX ? RULES_TEXT_MAX + 1 : blanks;
    size_t len = args[0].n, n = len + (size_t)blanks;
    char *text = rules_new_text(c, n);
    if (!text) {
        return false;
    }
    memset(text, ' ', n);
    memcpy(text + (left ? blanks : 0), s, len);
    *ret = (struct rules_value){.kind = RULES_TEXT, .n = (uint32_t)n, .text = text};
    return true;
}

static bool fn_lpad(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    (void)n;
    return pad(c, args, true, ret);
}

static bool fn_rpad(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    (void)n;
    return pad(c, args, false, ret);
}

static bool trim(struct rules_call *c, const struct rules_value *args, int sides,
                 struct rules_value *ret)
{
    const char *s;
    if (!rules_arg_text(c, args, 0, &s)) {
        return false;
    }
    size_t n = args[0].n;
    for (; sides & 1 && n && strchr(" \t\r\n", *s); n--) {
        s++;
    }
    while (sides & 2 && n && strchr(" \t\r\n", s[n - 1])) {
        n--;
    }
    return text_result(c, s, n, ret);
}

static bool fn_trim(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    (void)n;
    return trim(c, args, 3, ret);
}

static bool fn_ltrim(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    (void)n;
    return trim(c, args, 1, ret);
}

static bool fn_rtrim(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    (void)n;
    return trim(c, args, 2, ret);
}

static bool fn_substring(struct rules_call *c, const struct rules_value *args, size_t n,
                         struct rules_value *ret)
{
    const char *s;
    int64_t start, len = INT64_MAX;
    if (!rules_arg_text(c, args, 0, &s) || !rules_arg_int(c, args, 1, &start) ||
        (n == 3 && !rules_arg_int(c, args, 2, &len))) {
        return false;
    }
    if (start < 0 || len < 0) {
        return rules_error(c, "a start or length below 0");
    }
    const char *from = char_at(s, start), *to = char_at(from, len);
    return text_result(c, from, (size_t)(to - from), ret);
}

static bool fn_replace(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    const char *s, *from, *to;
    (void)n;
    if (!two_texts(c, args, &s, &from) || !rules_arg_text(c, args, 2, &to)) {
        return false;
    }
    size_t found = 0, step = args[1].n;
    for (const char *at = s; step && (at = strstr(at, from)); at += step) {
        found++;
    }
    size_t size = args[0].n - found * step + found * args[2].n;
    char *text = rules_new_text(c, size), *out = text;
    while (text && *s) {
        const char *at = found-- ? strstr(s, from) : NULL;
        size_t keep = at ? (size_t)(at - s) : strlen(s);
        memcpy(out, s, keep);
        out += keep;
        s += keep;
        if (at) {
            out = stpcpy(out, to);
            s += step;
        } else {
            break;
        }
    }
    *ret = (struct rules_value){.kind = RULES_TEXT, .n = (uint32_t)size, .text = text};
    return text != NULL;
}

static bool fn_reverse(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    const char *s;
    (void)n;
    if (!rules_arg_text(c, args, 0, &s) || !text_result(c, s, args[0].n, ret)) {
        return false;
    }
    char *out = (char *)ret->text + args[0].n;
    while (*s) {
        size_t len = 1;
        while (!starts_char(s[len])) {
            len++;
        }
        out -= len;
        memcpy(out, s, len);
        s += len;
    }
    return true;
}

static bool fn_split_value(struct rules_call *c, const struct rules_value *args, size_t n,
                           struct rules_value *ret)
{
    const char *s, *by;
    int64_t index, parts = 1;
    (void)n;
    if (!two_texts(c, args, &s, &by) || !rules_arg_int(c, args, 2, &index)) {
        return false;
    }
    if (!*by) {
        return rules_error(c, "the separator is empty");
    }
    for (const char *at = s; (at = strstr(at, by)); at += args[1].n) {
        parts++;
    }
    int64_t wanted = index < 0 ? index + parts : index;
    if (wanted < 0 || wanted >= parts) {
        return rules_error(c, "part %lld of %lld", (long long)index, (long long)parts);
    }
    while (wanted-- > 0) {
        s = strstr(s, by) + args[1].n;
    }
    const char *end = strstr(s, by);
    return text_result(c, s, end ? (size_t)(end - s) : strlen(s), ret);
}

/* ---- patterns ----------------------------------------------------------------------------- */

struct search {
    struct edge_ctx ctx;
    const struct edge_pattern *pattern;
    struct edge_pattern *own; /* compiled for this row alone */
};

static bool search_begin(struct rules_call *c, const struct rules_value *args, struct search *s)
{
    const char *text;
    *s = (struct search){.ctx = EDGE_CTX_INIT, .pattern = c->pattern};
    if (s->pattern) {
        return true;
    }
    if (!rules_arg_text(c, args, 1, &text)) {
        return false;
    }
    enum edge_status st = edge_pattern_create(&s->ctx, text, EDGE_PATTERN_SEARCH, &s->own);
    s->pattern = s->own;
    return st == EDGE_OK || rules_error(c, "%s", edge_ctx_message(&s->ctx, st));
}

static bool search_end(struct search *s, bool ok)
{
    edge_pattern_free(s->own);
    edge_ctx_done(&s->ctx);
    return ok;
}

static bool search_find(struct rules_call *c, struct search *s, const char *text, size_t from,
                        bool *ret, size_t *start, size_t *end)
{
    if (!rules_spend(c, 1000)) { /* a guess: the pattern has bounds of its own */
        return false;
    }
    enum edge_status st = edge_pattern_find(&s->ctx, s->pattern, text, from, ret, start, end);
    return st == EDGE_OK || rules_error(c, "%s", edge_ctx_message(&s->ctx, st));
}

static bool fn_regexp_matches(struct rules_call *c, const struct rules_value *args, size_t n,
                              struct rules_value *ret)
{
    struct search s;
    const char *text;
    bool found = false;
    size_t start, end;
    (void)n;
    bool ok = rules_arg_text(c, args, 0, &text);
    if (!ok) {
        return false;
    }
    ok = search_begin(c, args, &s) && search_find(c, &s, text, 0, &found, &start, &end);
    *ret = rules_bool(found);
    return search_end(&s, ok);
}

static bool fn_regexp_substring(struct rules_call *c, const struct rules_value *args, size_t n,
                                struct rules_value *ret)
{
    struct search s;
    const char *text;
    bool found = false;
    size_t start = 0, end = 0;
    (void)n;
    if (!rules_arg_text(c, args, 0, &text)) {
        return false;
    }
    bool ok = search_begin(c, args, &s) && search_find(c, &s, text, 0, &found, &start, &end);
    return search_end(
        &s, ok && text_result(c, found ? text + start : "", found ? end - start : 0, ret));
}

enum { REPLACES_MAX = 1000 };

/* Every match, from left to right, replaced; the replacement is taken as it stands. */
static bool replace_all(struct rules_call *c, struct search *s, const char *text, const char *by,
                        struct edge_buf *out)
{
    size_t at = 0, len = strlen(text), start, end;
    for (int i = 0; at <= len; i++) {
        bool found;
        if (i == REPLACES_MAX || out->len > RULES_TEXT_MAX) {
            return rules_error(c, "too much to replace");
        }
        if (!search_find(c, s, text, at, &found, &start, &end)) {
            return false;
        }
        if (!found) {
            break;
        }
        edge_buf_put(out, text + at, start - at);
        edge_buf_puts(out, by);
        if (end == start && start < len) { /* nothing was matched: on by a character */
            end = (size_t)(char_at(text + start, 1) - text);
            edge_buf_put(out, text + start, end - start);
        }
        at = end == start ? end + 1 : end;
    }
    if (at < len) {
        edge_buf_put(out, text + at, len - at);
    }
    return true;
}

static bool fn_regexp_replace(struct rules_call *c, const struct rules_value *args, size_t n,
                              struct rules_value *ret)
{
    struct search s;
    struct edge_buf out = EDGE_BUF_INIT;
    const char *text, *by;
    (void)n;
    if (!rules_arg_text(c, args, 0, &text) || !rules_arg_text(c, args, 2, &by)) {
        return false;
    }
    bool ok = search_begin(c, args, &s) && replace_all(c, &s, text, by, &out) &&
              text_result(c, out.len ? out.data : "", out.len, ret);
    edge_buf_done(&out);
    return search_end(&s, ok);
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, fn, NULL, NULL, args, doc}
const struct rules_function RULES_TEXTS[] = {
    ROW("concat", 1, -1, RULES_FN_NULLS, fn_concat, "value, ...", "Texts behind each other, or arrays; null is empty."),
    ROW("endswith", 2, 2, 0, fn_endswith, "text, end", "Whether it ends so."),
    ROW("indexof", 2, 2, 0, fn_indexof, "text, part", "First place of the part, from 0, in characters; -1 where it is not."),
    ROW("length", 1, 1, 0, fn_length, "text", "Characters; members of an array."),
    ROW("lower", 1, 1, 0, fn_lower, "text", "A to Z as small letters."),
    ROW("lpad", 2, 2, 0, fn_lpad, "text, n", "With n blanks before it."),
    ROW("ltrim", 1, 1, 0, fn_ltrim, "text", "Without blanks at its beginning."),
    ROW("numbytes", 1, 1, 0, fn_numbytes, "text", "Bytes in UTF-8."),
    ROW("regexp_matches", 2, 2, RULES_FN_PATTERN, fn_regexp_matches, "text, pattern", "Whether the pattern is somewhere in it."),
    ROW("regexp_replace", 3, 3, RULES_FN_PATTERN, fn_regexp_replace, "text, pattern, by", "With every match replaced."),
    ROW("regexp_substring", 2, 2, RULES_FN_PATTERN, fn_regexp_substring, "text, pattern", "The first match; empty where there is none."),
    ROW("regexp_substr", 2, 2, RULES_FN_PATTERN, fn_regexp_substring, "text, pattern", "The same."),
    ROW("replace", 3, 3, 0, fn_replace, "text, part, by", "With every part replaced."),
    ROW("reverse", 1, 1, 0, fn_reverse, "text", "From its end to its beginning."),
    ROW("rpad", 2, 2, 0, fn_rpad, "text, n", "With n blanks behind it."),
    ROW("rtrim", 1, 1, 0, fn_rtrim, "text", "Without blanks at its end."),
    ROW("split_value", 3, 3, 0, fn_split_value, "text, separator, index", "A part, from 0; -1 is the last."),
    ROW("startswith", 2, 2, 0, fn_startswith, "text, beginning", "Whether it begins so."),
    ROW("substring", 2, 3, 0, fn_substring, "text, start[, length]", "From a character, from 0, on."),
    ROW("trim", 1, 1, 0, fn_trim, "text", "Without blanks at either end."),
    ROW("upper", 1, 1, 0, fn_upper, "text", "a to z as capitals."),
    {0},
};
