/*
 * Trees as YAML for people: block style, texts plain where no reader could take them for anything else. What is
 * written is what the door of yaml.c makes the same tree of.
 */
#include "edge/yaml.h"

#include <string.h>
#include <strings.h>

#include "edge/text.h"

enum {
    INDENT = 2,
    KEY_MAX = 150 /* a longer one, escaped, may be longer than readers look for its colon (1024) */
};

/* ---- texts ------------------------------------------------------------------------------------ */

/* What a reader of YAML 1.1 or 1.2 takes for a value of another type. */
static bool is_word(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(s, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_plain(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "0123456789 _./+-()%";
    size_t len = strlen(s);
    if (len == 0 || !strchr(letters, s[0]) || s[len - 1] == ' ' || is_word(s)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!strchr(letters, s[i]) && !strchr(others, s[i])) {
            return false;
        }
    }
    return true;
}

/* Characters that end a line somewhere, or that no text may have as they are. */
static bool is_special(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c >= 0xfffe;
}

static uint32_t code_of(const char *s, size_t n)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)s[0] & masks[n];
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | ((unsigned char)s[i] & 0x3f);
    }
    return c;
}

static void put_quoted(struct edge_buf *out, const char *s)
{
    edge_buf_puts(out, "\"");
    for (size_t left = strlen(s), n; left > 0; s += n, left -= n) {
        n = edge_utf8_char(s, left);
        uint32_t c = n > 0 ? code_of(s, n) : 0xfffd;
        if (n == 0) {
            n = 1;
            edge_buf_puts(out, EDGE_REPLACEMENT);
        } else if (c == '"' || c == '\\') {
            edge_buf_printf(out, "\\%c", (char)c);
        } else if (c == '\n') {
            edge_buf_puts(out, "\\n");
        } else if (is_special(c) && c < 0x10000) {
            edge_buf_printf(out, "\\u%04X", c);
        } else {
            edge_buf_put(out, s, n);
        }
    }
    edge_buf_puts(out, "\"");
}

static void put_string(struct edge_buf *out, const char *s)
{
    if (is_plain(s)) {
        edge_buf_puts(out, s);
    } else {
        put_quoted(out, s);
    }
}

/* ---- trees ------------------------------------------------------------------------------------ */

static void put_node(struct edge_buf *out, const cJSON *node, unsigned indent, bool in_list);

static void put_line(struct edge_buf *out, unsigned indent)
{
    edge_buf_printf(out, "\n%*s", (int)indent, "");
}

/* The first member of an element stands behind its dash. */
static void put_members(struct edge_buf *out, const cJSON *object, unsigned indent, bool in_list)
{
    for (const cJSON *m = object->child; m; m = m->next) {
        if (!in_list || m != object->child) {
            put_line(out, indent);
        }
        bool is_long = strlen(m->string) > KEY_MAX;
        edge_buf_puts(out, is_long ? "? " : "");
        put_string(out, m->string);
        if (is_long) {
            put_line(out, indent);
        }
        edge_buf_puts(out, ":");
        put_node(out, m, indent + INDENT, false);
    }
}

static void put_elements(struct edge_buf *out, const cJSON *array, unsigned indent, bool in_list)
{
    for (const cJSON *e = array->child; e; e = e->next) {
        if (!in_list || e != array->child) {
            put_line(out, indent);
        }
        edge_buf_puts(out, "-");
        put_node(out, e, indent + INDENT, true);
    }
}

static void put_node(struct edge_buf *out, const cJSON *node, unsigned indent, bool in_list)
{
    bool is_list = cJSON_IsArray(node);
    if ((!is_list && !cJSON_IsObject(node)) || !node->child) {
        edge_buf_puts(out, " ");
        if (cJSON_IsString(node)) {
            put_string(out, node->valuestring);
        } else {
            edge_json_put(out, node); /* numbers, truths, null, [] and {} are written alike */
        }
        return;
    }
    if (in_list) {
        edge_buf_puts(out, " ");
    }
    (is_list ? put_elements : put_members)(out, node, indent, in_list);
}

void edge_yaml_put(struct edge_buf *out, const cJSON *tree)
{
    bool is_block = (cJSON_IsArray(tree) || cJSON_IsObject(tree)) && tree->child;
    if (is_block) {
        (cJSON_IsArray(tree) ? put_elements : put_members)(out, tree, 0, true);
    } else if (cJSON_IsString(tree)) {
        put_quoted(out, tree->valuestring);
    } else {
        edge_json_put(out, tree);
    }
    edge_buf_puts(out, "\n");
}
