/* Out of trees: JSON text, deep copies; and trees made by hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/json.h"
#include "edge/text.h"
#include "json_text.h"
#include "tree.h"

static void put_escape(struct edge_buf *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
    const char *known = memchr(from, c, strlen(from));
    if (known) {
        char pair[2] = {'\\', to[known - from]};
        edge_buf_put(out, pair, 2);
        return;
    }
    char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 0xf]};
    edge_buf_put(out, text, sizeof(text));
}

/* The rest of a string, from its first byte on that is not plain; without the closing quote. */
static void put_special(struct edge_buf *out, const char *s, const char *end)
{
    const char *start = s;
    while (s < end) {
        size_t n = edge_utf8_char(s, (size_t)(end - s));
        if ((unsigned char)*s >= 0x80 && n > 0) {
            s += n;
        } else {
            edge_buf_put(out, start, (size_t)(s - start));
            if (n == 0) { /* no character: drivers may hand us anything */
                edge_buf_puts(out, EDGE_REPLACEMENT);
            } else {
                put_escape(out, (unsigned char)*s);
            }
            start = ++s;
        }
        s = json_plain_end(s, end);
    }
    edge_buf_put(out, start, (size_t)(end - start));
}

void edge_json_put_string(struct edge_buf *out, const char *s)
{
    const char *end = s + strlen(s);
    const char *plain = json_plain_end(s, end);
    size_t n = (size_t)(plain - s);
    char *room = edge_buf_room(out, n + 2);
    room[0] = '"';
    memcpy(room + 1, s, n);
    room[n + 1] = '"';
    out->len += n + 2;
    if (plain < end) {
        out->len--;
        put_special(out, plain, end);
        edge_buf_putc(out, '"');
    }
}

void edge_json_put_real(struct edge_buf *out, double v)
{
    if (!isfinite(v)) {
        edge_buf_puts(out, "null");
        return;
    }
    /* The form of small integers, faster; -0 keeps its sign. */
    if (v == trunc(v) && fabs(v) < 1e15 && !(v == 0 && signbit(v))) {
        edge_buf_put_i64(out, (int64_t)v);
        return;
    }
    out->len += edge_real_json(v, edge_buf_room(out, EDGE_REAL_TEXT_SIZE));
}

static void put_members(struct edge_buf *out, const cJSON *container)
{
    bool object = cJSON_IsObject(container);
    edge_buf_putc(out, object ? '{' : '[');
    for (const cJSON *m = container->child; m; m = m->next) {
        if (m != container->child) {
            edge_buf_putc(out, ',');
        }
        if (object) {
            edge_json_put_string(out, m->string);
            edge_buf_putc(out, ':');
        }
        edge_json_put(out, m);
    }
    edge_buf_putc(out, object ? '}' : ']');
}

void edge_json_put(struct edge_buf *out, const cJSON *tree)
{
    switch (tree->type & 0xff) {
    case cJSON_Object:
    case cJSON_Array:
        put_members(out, tree);
        break;
    case cJSON_String:
        edge_json_put_string(out, tree->valuestring);
        break;
    case cJSON_Number:
        edge_json_put_real(out, tree->valuedouble);
        break;
    case cJSON_Raw:
        edge_buf_puts(out, tree->valuestring);
        break;
    case cJSON_True:
        edge_buf_puts(out, "true");
        break;
    case cJSON_False:
        edge_buf_puts(out, "false");
        break;
    default:
        edge_buf_puts(out, "null");
    }
}

static cJSON *clone(struct edge_arena *a, const cJSON *tree)
{
    cJSON *copy = edge_new(a, cJSON);
    copy->type = tree->type & 0xff;
    copy->valueint = tree->valueint;
    copy->valuedouble = tree->valuedouble;
    copy->valuestring = tree->valuestring ? (char *)edge_strdup(a, tree->valuestring) : NULL;
    copy->string = tree->string ? (char *)edge_strdup(a, tree->string) : NULL;
    cJSON *last = NULL;
    for (const cJSON *m = tree->child; m; m = m->next) {
        cJSON *member = clone(a, m);
        member->prev = last;
        *(last ? &last->next : &copy->child) = member;
        last = member;
    }
    if (last) {
        copy->child->prev = last;
    }
    return copy;
}

const cJSON *edge_json_clone(struct edge_arena *a, const cJSON *tree)
{
    return clone(a, tree);
}

static void tree_delete(void *tree)
{
    cJSON_Delete(tree);
}

cJSON *edge_json_object(struct edge_ctx *ctx)
{
    cJSON *object = cJSON_CreateObject();
    if (!object) {
        fprintf(stderr, "fatal: out of memory\n");
        abort();
    }
    edge_defer(&ctx->arena, tree_delete, object);
    return object;
}
