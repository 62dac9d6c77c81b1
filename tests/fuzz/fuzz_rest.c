/*
 * What devices send: JSON is what the library's own reader takes, too; pointers lead to what it has; texts fit. And
 * what is sent to them: a template with anything in it is JSON, a URL or XML still.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/rest_template.h"
#include "codec/rest_value.h"
#include "devsdk/json.h"
#include "edge/json.h"

enum { KINDS = DEVSDK_ARRAY + 1 };

static void check_text(const char *payload, size_t n, devsdk_type type, const char *pointer)
{
    char *buf = malloc(n + 32);
    struct rest_text text = {0};
    if (rest_payload(payload, n, type, pointer, buf, &text) == REST_FOUND) {
        bool within = text.text >= payload && text.text + text.n <= payload + n;
        bool copied = text.text >= buf && text.text + text.n < buf + n + 32;
        assert(within || copied);
        assert(devsdk_utf8_valid(text.text, text.n));
        assert(!memchr(text.text, '\0', text.n));
    }
    free(buf);
}

/* The members of an object are found under their own names, escaped as a pointer wants them. */
static void check_members(devsdk_json doc)
{
    devsdk_json key, value, last = {0};
    size_t cursor = 0;
    while (devsdk_json_next(doc, &cursor, &key, &value)) {
        char *name = malloc(key.n + 1), *pointer = malloc(2 * key.n + 2);
        size_t n, at = 0;
        assert(value.kind != DEVSDK_JSON_NONE && value.text >= doc.text &&
               value.text + value.n <= doc.text + doc.n);
        if (devsdk_json_string(key, name, key.n + 1, &n)) {
            pointer[at++] = '/';
            for (size_t i = 0; i < n; i++) {
                bool special = name[i] == '~' || name[i] == '/';
                pointer[at++] = special ? '~' : name[i];
                if (special) {
                    pointer[at++] = name[i] == '~' ? '0' : '1';
                }
            }
            pointer[at] = '\0';
            assert(devsdk_json_pointer_valid(pointer));
            last = devsdk_json_at(doc, pointer);
            assert(last.kind != DEVSDK_JSON_NONE &&
                   last.text >= value.text); /* it, or a later one of that name */
        }
        free(name);
        free(pointer);
    }
}

static void check_json(const char *text, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    devsdk_json doc = devsdk_json_parse(text, n);
    if (doc.kind == DEVSDK_JSON_NONE) {
        return;
    }
    const bool taken = edge_json_parse(&ctx, text, n, NULL, &tree) == EDGE_OK;
    if (taken) { /* it refuses more: long numbers, NULs in texts, too many values */
        assert((doc.kind == DEVSDK_JSON_OBJECT) == (bool)cJSON_IsObject(tree));
        assert((doc.kind == DEVSDK_JSON_ARRAY) == (bool)cJSON_IsArray(tree));
        assert((doc.kind == DEVSDK_JSON_STRING) == (bool)cJSON_IsString(tree));
    }
    check_members(doc);
}

static void check_template(const char *value, size_t n)
{
    static const char *const sources[] = {"{\"a\": \"${v}\", \"b\": ${v}}", "[\"\\\"${v}\"]"};
    const struct rest_var var = {"v", value, n, false};
    for (size_t i = 0; i < 2 && devsdk_utf8_valid(value, n); i++) {
        size_t len = rest_template_put(REST_AS_JSON, sources[i], &var, 1, NULL, 0);
        char *text = malloc(len + 1);
        assert(rest_template_put(REST_AS_JSON, sources[i], &var, 1, text, len + 1) == len);
        assert(devsdk_json_parse(text, len).kind != DEVSDK_JSON_NONE);
        free(text);
    }
    size_t len = rest_template_put(REST_AS_URL, "${v}", &var, 1, NULL, 0);
    char *text = malloc(len + 1);
    rest_template_put(REST_AS_URL, "${v}", &var, 1, text, len + 1);
    assert(strlen(text) == len &&
           strspn(text, "%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~") ==
               len);
    rest_template_put(REST_AS_XML, "${v}", &var, 1, text, len + 1);
    assert(!strpbrk(text, "<>\"'"));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    devsdk_type type = (devsdk_type)(data[0] % KINDS);
    size_t pointer_len = data[1] % 32;
    data += 2;
    size -= 2;
    pointer_len = pointer_len < size ? pointer_len : size;
    char *pointer = malloc(pointer_len + 1), *payload = malloc(size - pointer_len + 1);
    memcpy(pointer, data, pointer_len);
    pointer[pointer_len] = '\0';
    size_t n = size - pointer_len;
    memcpy(payload, data + pointer_len, n);
    payload = realloc(payload, n ? n : 1);
    check_json(payload, n);
    check_text(payload, n, type, NULL);
    check_text(payload, n, type, "");
    if (devsdk_json_pointer_valid(pointer)) {
        check_text(payload, n, type, pointer);
    }
    check_template(payload, n);
    char why[128], *source = malloc(n + 1);
    memcpy(source, payload, n);
    source[n] = '\0';
    const struct rest_var var = {"value", "x", 1, false};
    (void)rest_template_check(source, &var, 1, why, sizeof(why));
    (void)rest_format_of(source);
    free(source);
    free(pointer);
    free(payload);
    return 0;
}
