/* multipart/form-data, as far as a profile upload needs it: the part called "file" (RFC 7578). Lines end
 * with CRLF or LF alone, parameters are quoted or not: clients send all of these. */
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "metadata.h"

enum { MAX_BOUNDARY = 70 }; /* RFC 2046 */

static const char BLANKS[] = " \t";

/* ---- parameters of a header ---------------------------------------------------------------- */

/* Behind the token or quoted string at @p s. */
static const char *value_end(const char *s)
{
    if (*s != '"') {
        return s + strcspn(s, "; \t");
    }
    for (s++; *s && *s != '"'; s++) {
        s += *s == '\\' && s[1];
    }
    return s + (*s == '"');
}

static const char *unquoted(struct edge_arena *a, const char *s, const char *end)
{
    if (*s != '"') {
        return edge_strndup(a, s, (size_t)(end - s));
    }
    char *text = edge_alloc(a, (size_t)(end - s) + 1, 1), *out = text;
    for (s++; s < end && *s != '"'; s++) {
        s += *s == '\\' && s + 1 < end;
        *out++ = *s;
    }
    return text;
}

/* Parameter @p name of a header such as "form-data; name=file"; NULL where it has none. */
static const char *param_of(struct edge_arena *a, const char *header, const char *name)
{
    const char *at = header + strcspn(header, ";");
    while (*at == ';') {
        at += 1 + strspn(at + 1, BLANKS);
        size_t len = strcspn(at, "=; \t");
        bool wanted = len == strlen(name) && strncasecmp(at, name, len) == 0;
        at += len + strspn(at + len, BLANKS);
        if (*at == '=') {
            at += 1 + strspn(at + 1, BLANKS);
            const char *value = at;
            at = value_end(value);
            if (wanted) {
                return unquoted(a, value, at);
            }
        }
        at += strcspn(at, ";");
    }
    return NULL;
}

/* ---- parts of a body ----------------------------------------------------------------------- */

struct form {
    const char *body, *end;
    const char *delimiter; /* "--" and the boundary */
    size_t width;
};

/* From @p from on, the next line that is a delimiter; @p ret_after: behind it. The boundary inside of a
 * line, or as the beginning of a longer word, is content. */
static const char *next_delimiter(const struct form *f, const char *from, const char **ret_after)
{
    const char *at = from;
    while ((at = memmem(at, (size_t)(f->end - at), f->delimiter, f->width)) != NULL) {
        const char *after = at + f->width;
        if (f->end - after >= 2 && memcmp(after, "--", 2) == 0) { /* the closing one */
            after += 2;
        }
        while (after < f->end && (*after == ' ' || *after == '\t' || *after == '\r')) {
            after++;
        }
        bool ends_line = after == f->end || *after == '\n';
        if (ends_line && (at == f->body || at[-1] == '\n')) {
            *ret_after = after + (after < f->end);
            return at;
        }
        at += f->width;
    }
    return NULL;
}

/* What stands behind the head of a part and its empty line; NULL where that is missing. @p ret_name:
 * what the head calls the part. */
static const char *part_content(struct edge_ctx *ctx, const char *part, const char *end,
                                const char **ret_name)
{
    static const char field[] = "content-disposition:";
    *ret_name = NULL;
    const char *line = part;
    for (const char *lf; (lf = memchr(line, '\n', (size_t)(end - line))) != NULL; line = lf + 1) {
        size_t len = (size_t)(lf - line);
        len -= len > 0 && line[len - 1] == '\r';
        if (len == 0) {
            return lf + 1;
        }
        if (len >= strlen(field) && strncasecmp(line, field, strlen(field)) == 0) {
            *ret_name = param_of(&ctx->arena, edge_strndup(&ctx->arena, line, len), "name");
        }
    }
    return NULL;
}

static enum edge_status form_of(struct edge_call *call, struct form *ret)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *value = edge_call_header(call, "Content-Type");
    if (!edge_media_is(value, "multipart/form-data")) {
        return edge_fail(ctx, EDGE_INVALID, "request Content-Type isn't multipart/form-data");
    }
    const char *boundary = param_of(&ctx->arena, value, "boundary");
    if (!boundary || !*boundary || strlen(boundary) > MAX_BOUNDARY) {
        return edge_fail(ctx, EDGE_INVALID,
                         "the Content-Type multipart/form-data has no boundary of 1 to %d bytes",
                         MAX_BOUNDARY);
    }
    size_t size = 0;
    ret->body = edge_call_body(call, &size);
    ret->end = ret->body + size;
    ret->delimiter = edge_printf(&ctx->arena, "--%s", boundary);
    ret->width = strlen(ret->delimiter);
    return EDGE_OK;
}

enum edge_status upload_file(struct edge_call *call, const char **ret_text, size_t *ret_len)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct form f = {0};
    EDGE_TRY(form_of(call, &f));
    const char *part = NULL, *next = NULL, *after = NULL;
    if (f.end > f.body && next_delimiter(&f, f.body, &part)) {
        for (; (next = next_delimiter(&f, part, &after)) != NULL; part = after) {
            const char *name = NULL, *content = part_content(ctx, part, next, &name);
            if (!content || !name || strcmp(name, "file") != 0) {
                continue;
            }
            size_t len = (size_t)(next - content); /* the last line end belongs to the delimiter */
            len -= len > 0 && content[len - 1] == '\n';
            len -= len > 0 && content[len - 1] == '\r';
            *ret_text = content;
            *ret_len = len;
            return EDGE_OK;
        }
    }
    return edge_fail(ctx, EDGE_INVALID,
                     "missing yaml file: the form must have a part called 'file', closed by its "
                     "boundary");
}
