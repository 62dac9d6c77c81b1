/* multipart/form-data, as far as a profile upload needs it: the part called "file" (RFC 7578). */
#include <string.h>
#include <strings.h>

#include "metadata.h"

enum { MAX_BOUNDARY = 70 }; /* RFC 2046 */

/* "--" and the boundary of the Content-Type, or NULL where it is not multipart/form-data. */
static const char *delimiter_of(struct edge_call *call)
{
    static const char type[] = "multipart/form-data";
    const char *value = edge_call_header(call, "Content-Type");
    if (!value || strncasecmp(value, type, strlen(type)) != 0) {
        return NULL;
    }
    const char *at = strcasestr(value, "boundary=");
    if (!at) {
        return NULL;
    }
    at += strlen("boundary=");
    size_t len = *at == '"' ? strcspn(++at, "\"") : strcspn(at, "; \t");
    if (len == 0 || len > MAX_BOUNDARY) {
        return NULL;
    }
    return edge_printf(&edge_call_ctx(call)->arena, "--%.*s", (int)len, at);
}

/* Does the head of a part (its header lines) call it "file"? */
static bool head_names_file(struct edge_ctx *ctx, const char *head, size_t len)
{
    const char *text = edge_strndup(&ctx->arena, head, len);
    return strcasestr(text, "content-disposition:") &&
           (strstr(text, " name=\"file\"") || strstr(text, ";name=\"file\""));
}

enum edge_status upload_file(struct edge_call *call, const char **ret_text, size_t *ret_len)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *delimiter = delimiter_of(call);
    if (!delimiter) {
        return edge_fail(ctx, EDGE_INTERNAL, "request Content-Type isn't multipart/form-data");
    }
    size_t size = 0, width = strlen(delimiter);
    const char *body = edge_call_body(call, &size);
    const char *end = body + size;
    const char *part = size > 0 ? memmem(body, size, delimiter, width) : NULL;
    while (part) {
        part += width;
        const char *next = memmem(part, (size_t)(end - part), delimiter, width);
        const char *head_end = memmem(part, (size_t)(end - part), "\r\n\r\n", 4);
        if (!next || !head_end || head_end > next) {
            break;
        }
        if (head_names_file(ctx, part, (size_t)(head_end - part))) {
            *ret_text = head_end + 4;
            *ret_len = (size_t)(next - *ret_text);
            if (*ret_len >= 2) { /* the line end belongs to the delimiter */
                *ret_len -= 2;
            }
            return EDGE_OK;
        }
        part = next;
    }
    return edge_fail(ctx, EDGE_INVALID, "missing yaml file");
}
