#include "codec/rest_template.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct out {
    char *text;
    size_t size, n;
};

static void put(struct out *o, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++, o->n++) {
        if (o->n + 1 < o->size) {
            o->text[o->n] = text[i];
        }
    }
}

static void put_text(struct out *o, const char *text)
{
    put(o, text, strlen(text));
}

/* ---- one character in each format ------------------------------------------------------------------ */

static void put_json_char(struct out *o, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    const char *at = c ? strchr(plain, c) : NULL;
    char text[8];
    if (at) {
        text[0] = '\\';
        text[1] = escapes[at - plain];
        put(o, text, 2);
    } else if ((unsigned char)c < ' ') {
        (void)snprintf(text, sizeof(text), "\\u%04x", (unsigned char)c);
        put_text(o, text);
    } else {
        put(o, &c, 1);
    }
}

static void put_url_char(struct out *o, char c)
{
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 (c && strchr("-._~", c));
    char text[4];
    (void)snprintf(text, sizeof(text), "%%%02X", (unsigned char)c);
    put(o, plain ? &c : text, plain ? 1 : 3);
}

static void put_xml_char(struct out *o, char c)
{
    switch (c) {
    case '&':
        put_text(o, "&amp;");
        break;
    case '<':
        put_text(o, "&lt;");
        break;
    case '>':
        put_text(o, "&gt;");
        break;
    case '"':
        put_text(o, "&quot;");
        break;
    case '\'':
        put_text(o, "&apos;");
        break;
    default:
        put(o, &c, 1);
    }
}

static void put_raw_char(struct out *o, char c)
{
    put(o, &c, 1);
}

static void put_var(struct out *o, enum rest_format format, bool quoted, const struct rest_var *v)
{
    static void (*const chars[])(struct out *, char) = {[REST_RAW] = put_raw_char,
                                                        [REST_AS_JSON] = put_json_char,
                                                        [REST_AS_URL] = put_url_char,
                                                        [REST_AS_XML] = put_xml_char};
    bool bare = format == REST_AS_JSON && !quoted;
    if (bare && v->is_json) {
        put(o, v->text, v->n);
        return;
    }
    put_text(o, bare ? "\"" : "");
    for (size_t i = 0; i < v->n; i++) {
        chars[format](o, v->text[i]);
    }
    put_text(o, bare ? "\"" : "");
}

/* ---- the template ------------------------------------------------------------------------------------ */

/* The variable of the place at @p p ("${"), NULL: there is none; its length. */
static const struct rest_var *var_at(const char *p, const struct rest_var *vars, size_t n_vars,
                                     size_t *ret_len)
{
    size_t len = strcspn(p + 2, "}");
    *ret_len = len + 3;
    for (size_t i = 0; p[2 + len] == '}' && i < n_vars; i++) {
        if (strlen(vars[i].name) == len && memcmp(vars[i].name, p + 2, len) == 0) {
            return &vars[i];
        }
    }
    return NULL;
}

size_t rest_template_put(enum rest_format format, const char *source, const struct rest_var *vars,
                         size_t n_vars, char *ret, size_t size)
{
    struct out o = {ret, size, 0};
    bool quoted = false;
    size_t len;
    for (const char *p = source; *p; p += len) {
        const bool is_place = p[0] == '$' && p[1] == '{';
        const struct rest_var *v = is_place ? var_at(p, vars, n_vars, &len) : NULL;
        if (v) {
            put_var(&o, format, quoted, v);
            continue;
        }
        len = 1;
        if (strncmp(p, "$${", 3) == 0) {
            p++;
            len = 2;
        } else if (quoted && *p == '\\' && p[1]) {
            len = 2;
        } else if (*p == '"') {
            quoted = !quoted;
        }
        put(&o, p, len);
    }
    if (size > 0) {
        ret[o.n < size ? o.n : size - 1] = '\0';
    }
    return o.n;
}

bool rest_template_check(const char *source, const struct rest_var *vars, size_t n_vars, char *why,
                         size_t size)
{
    size_t len;
    for (const char *p = source; *p; p += len) {
        len = 1;
        if (strncmp(p, "$${", 3) == 0) {
            len = 3;
        } else if (strncmp(p, "${", 2) == 0 && !var_at(p, vars, n_vars, &len)) {
            (void)snprintf(why, size, "%.*s is none of the places that can be filled",
                           (int)(strchr(p, '}') ? len : 2), p);
            return false;
        }
    }
    return true;
}

/* "application/json; charset=utf-8" */
static bool ends_with(const char *type, size_t n, const char *end)
{
    size_t len = strlen(end);
    return n >= len && strncasecmp(type + n - len, end, len) == 0;
}

enum rest_format rest_format_of(const char *media_type)
{
    size_t n = strcspn(media_type, "; \t");
    if (ends_with(media_type, n, "/json") || ends_with(media_type, n, "+json")) {
        return REST_AS_JSON;
    }
    if (ends_with(media_type, n, "/xml") || ends_with(media_type, n, "+xml")) {
        return REST_AS_XML;
    }
    return ends_with(media_type, n, "x-www-form-urlencoded") ? REST_AS_URL : REST_RAW;
}
