/* What both directions do with payloads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rest_device.h"

const char *rest_type_name(const devsdk_value *wanted, char ret[24])
{
    static const char *const names[] = {
        [DEVSDK_NULL] = "Object",   [DEVSDK_BOOL] = "Bool",     [DEVSDK_I8] = "Int8",
        [DEVSDK_I16] = "Int16",     [DEVSDK_I32] = "Int32",     [DEVSDK_I64] = "Int64",
        [DEVSDK_U8] = "Uint8",      [DEVSDK_U16] = "Uint16",    [DEVSDK_U32] = "Uint32",
        [DEVSDK_U64] = "Uint64",    [DEVSDK_F32] = "Float32",   [DEVSDK_F64] = "Float64",
        [DEVSDK_STRING] = "String", [DEVSDK_BINARY] = "Binary", [DEVSDK_OBJECT] = "Object"};
    bool is_array = wanted->type == DEVSDK_ARRAY;
    (void)snprintf(ret, 24, "%s%s", names[is_array ? wanted->elem : wanted->type],
                   is_array ? "Array" : "");
    return ret;
}

const char *rest_body_type(const char *media_type, const devsdk_value *v, const char *body)
{
    bool is_document = v->type == DEVSDK_OBJECT || v->type == DEVSDK_ARRAY;
    const char *p = body ? body + strspn(body, " \t\r\n") : "";
    if (!body && !is_document) {
        return "text/plain"; /* the value alone */
    }
    if (media_type && *media_type) {
        return media_type;
    }
    return is_document || *p == '{' || *p == '[' ? "application/json" : "text/plain";
}

static devsdk_result set_text(devsdk_request *r, unsigned i, enum rest_found found,
                              struct rest_text text, char *why, size_t size)
{
    devsdk_value wanted = devsdk_wanted(r, i);
    char name[24];
    if (found == REST_IS_NULL) {
        return devsdk_set_null(r, i);
    }
    if (found != REST_FOUND) {
        (void)snprintf(why, size, "%s: what came %s", devsdk_resource(r, i),
                       rest_found_text(found));
        return DEVSDK_INVALID;
    }
    devsdk_result result = devsdk_set_string(r, i, text.text, text.n);
    if (result != DEVSDK_OK) {
        (void)snprintf(why, size, "%s: '%.*s' is no %s", devsdk_resource(r, i),
                       (int)(text.n < 64 ? text.n : 64), text.text, rest_type_name(&wanted, name));
    }
    return result;
}

static char *scratch(size_t n, char *why, size_t size)
{
    char *buf = malloc(n + 32);
    if (!buf) {
        (void)snprintf(why, size, "no memory for it");
    }
    return buf;
}

devsdk_result rest_take(devsdk_request *r, unsigned i, const char *pointer, const char *payload,
                        size_t n, char *why, size_t size)
{
    devsdk_value wanted = devsdk_wanted(r, i);
    if (wanted.type == DEVSDK_BINARY) {
        return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_BINARY, .p = payload, .n = n});
    }
    struct rest_text text = {0};
    char *buf = scratch(n, why, size);
    if (!buf) {
        return DEVSDK_BUSY;
    }
    enum rest_found found = rest_payload(payload, n, wanted.type, pointer, buf, &text);
    devsdk_result result = set_text(r, i, found, text, why, size);
    free(buf);
    return result;
}

devsdk_result rest_take_node(devsdk_request *r, unsigned i, devsdk_json node, char *why,
                             size_t size)
{
    devsdk_value wanted = devsdk_wanted(r, i);
    struct rest_text text = {0};
    if (wanted.type == DEVSDK_BINARY) {
        (void)snprintf(why, size, "%s: a Binary cannot be part of JSON", devsdk_resource(r, i));
        return DEVSDK_INVALID;
    }
    char *buf = scratch(node.n, why, size);
    if (!buf) {
        return DEVSDK_BUSY;
    }
    enum rest_found found = rest_node(node, wanted.type, buf, &text);
    devsdk_result result = set_text(r, i, found, text, why, size);
    free(buf);
    return result;
}
