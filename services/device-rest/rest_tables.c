/* What an address and a resource may say, and the checks of what tables cannot tell. */
#include <stdio.h>
#include <string.h>

#include "rest_device.h"

static const char *const SCHEMES[] = {"http", "https", NULL};
static const char *const LANES[] = {"host", "device", NULL};
static const char *const AUTH_MODES[] = {"none", "basic", "digest", "bearer", NULL};

/* clang-format off */
const devsdk_field rest_address_fields[] = {
    DEVSDK_FIELD(struct rest_address, host, "Host", DEVSDK_STRING, .required = true, .help = "name or address"),
    DEVSDK_FIELD(struct rest_address, port, "Port", DEVSDK_U16, .def = "80", .min = 1, .max = 65535, .help = "where it listens"),
    DEVSDK_FIELD(struct rest_address, path, "Path", DEVSDK_STRING, .help = "in front of each resource's"),
    DEVSDK_FIELD(struct rest_address, scheme, "Scheme", DEVSDK_U8, .def = "http", .one_of = SCHEMES, .help = "http or https"),
    DEVSDK_FIELD(struct rest_address, timeout_ms, "Timeout", DEVSDK_U32, .def = "0", .unit = "ms", .max = 3600000, .help = "of each exchange; 0: as long as the request has"),
    DEVSDK_FIELD(struct rest_address, lane, "Lane", DEVSDK_U8, .def = "host", .one_of = LANES, .help = "who shares it is asked one after the other: devices of a host, or nobody"),
    DEVSDK_FIELD(struct rest_address, headers, "Headers", DEVSDK_OBJECT, .help = "of each request"),
    DEVSDK_FIELD(struct rest_address, auth, "AuthMode", DEVSDK_U8, .def = "none", .one_of = AUTH_MODES, .help = "how we say who we are"),
    DEVSDK_FIELD(struct rest_address, secret_name, "SecretName", DEVSDK_STRING, .help = "the secret with username and password, or token"),
    DEVSDK_FIELD(struct rest_address, ca_file, "CAFile", DEVSDK_STRING, .help = "PEM: who vouches for it"),
    DEVSDK_FIELD(struct rest_address, cert_file, "CertFile", DEVSDK_STRING, .help = "PEM: our certificate"),
    DEVSDK_FIELD(struct rest_address, key_file, "KeyFile", DEVSDK_STRING, .help = "PEM: its key, where that is a file of its own"),
    DEVSDK_FIELD(struct rest_address, server_name, "ServerName", DEVSDK_STRING, .help = "in its certificate, where that is not Host"),
    DEVSDK_FIELD(struct rest_address, skip_verify, "SkipCertVerify", DEVSDK_BOOL, .def = "false", .help = "take any certificate"),
    {0},
};
const devsdk_field rest_attribute_fields[] = {
    DEVSDK_FIELD(struct rest_attribute, path, "path", DEVSDK_STRING, .help = "in place of the resource's name; may have a query and places"),
    DEVSDK_FIELD(struct rest_attribute, write_path, "writePath", DEVSDK_STRING, .help = "of writes, where it is another one"),
    DEVSDK_FIELD(struct rest_attribute, method, "method", DEVSDK_STRING, .help = "of writes (PUT); of reads (GET) where it is read only"),
    DEVSDK_FIELD(struct rest_attribute, pointer, "jsonPointer", DEVSDK_STRING, .help = "where the value is in JSON that comes (RFC 6901)"),
    DEVSDK_FIELD(struct rest_attribute, body, "template", DEVSDK_STRING, .help = "the body, with places: ${value}, ${resource}, ${device}"),
    {0},
};
/* clang-format on */

static devsdk_result say(char *why, size_t size, const char *key, const char *what)
{
    (void)snprintf(why, size, "%s: %s", key, what);
    return DEVSDK_INVALID;
}

/* ---- addresses ------------------------------------------------------------------------------------- */

static bool is_host(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(s), bracket = s[0] == '[' ? strspn(s + 1, "0123456789abcdefABCDEF:.") : 0;
    if (bracket > 0) {
        return strcmp(s + 1 + bracket, "]") == 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (!strchr(letters, s[i]) && !strchr(".-_:", s[i])) {
            return false;
        }
    }
    return len > 0 && len < 256;
}

/* Characters that may stand in a URL as they are; whether there is a query is not looked at. */
static bool is_of_url(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\\#\"<>^`|", *s)) {
            return false;
        }
    }
    return true;
}

static bool are_headers(const char *json)
{
    devsdk_json doc = devsdk_json_parse(json, strlen(json)), key, value;
    size_t cursor = 0, n = 0;
    while (devsdk_json_next(doc, &cursor, &key, &value)) {
        if (value.kind != DEVSDK_JSON_STRING || ++n > 32) {
            return false;
        }
    }
    return doc.kind == DEVSDK_JSON_OBJECT;
}

devsdk_result rest_check_addr(const char *protocol, void *addr, char *why, size_t size)
{
    const struct rest_address *a = addr;
    if (strcmp(protocol, "REST") != 0) {
        return DEVSDK_OK;
    }
    if (!is_host(a->host)) {
        return say(why, size, "Host", "is neither a name nor an address");
    }
    if (a->path && (!is_of_url(a->path) || strchr(a->path, '?'))) {
        return say(why, size, "Path", "has characters a path has as %XX only");
    }
    if (a->headers && !are_headers(a->headers)) {
        return say(why, size, "Headers", "must be an object of texts, 32 at most");
    }
    if (a->auth != DEVSDK_HTTP_NO_AUTH && (!a->secret_name || !*a->secret_name)) {
        return say(why, size, "SecretName", "is missing: AuthMode asks for it");
    }
    return DEVSDK_OK;
}

/* ---- resources ------------------------------------------------------------------------------------- */

/* Whatever value there is: texts with what has to be escaped, numbers. */
static size_t trial_vars(const devsdk_point *point, struct rest_var ret[3])
{
    devsdk_value any = {.type = point->type};
    bool is_json = rest_value_is_json(&any);
    ret[0] = (struct rest_var){"value", is_json ? "0" : "a\"b", is_json ? 1 : 3, is_json};
    ret[1] = (struct rest_var){"resource", "r", 1, false};
    ret[2] = (struct rest_var){"device", "d", 1, false};
    return 3;
}

/* Would it be JSON, where that is what it is to be? */
static bool is_sound(const struct rest_attribute *a, const devsdk_point *point,
                     const struct rest_var *vars, size_t n)
{
    char text[4096];
    devsdk_value any = {.type = point->type};
    enum rest_format format = rest_format_of(rest_body_type(point->media_type, &any, a->body));
    size_t len = rest_template_put(format, a->body, vars, n, text, sizeof(text));
    return format != REST_AS_JSON || len >= sizeof(text) ||
           devsdk_json_parse(text, len).kind != DEVSDK_JSON_NONE;
}

static bool is_method(const char *s)
{
    size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return len > 0 && len < 16 && s[len] == '\0';
}

static devsdk_result check_path(const char *key, const char *path, const struct rest_var *vars,
                                size_t n, char *why, size_t size)
{
    char text[4096], reason[128];
    if (!path) {
        return DEVSDK_OK;
    }
    if (!rest_template_check(path, vars, n, reason, sizeof(reason))) {
        return say(why, size, key, reason);
    }
    if (rest_template_put(REST_AS_URL, path, vars, n, text, sizeof(text)) >= sizeof(text) ||
        !is_of_url(text)) {
        return say(why, size, key, "has characters a URL has as %XX only, or is too long");
    }
    return DEVSDK_OK;
}

devsdk_result rest_check_attr(const devsdk_point *point, void *attr, char *why, size_t size)
{
    const struct rest_attribute *a = attr;
    struct rest_var vars[3];
    char reason[128];
    size_t n = trial_vars(point, vars);
    devsdk_result result = check_path("path", a->path, vars, n, why, size);
    if (result == DEVSDK_OK) {
        result = check_path("writePath", a->write_path, vars, n, why, size);
    }
    if (result != DEVSDK_OK) {
        return result;
    }
    if (a->method && !is_method(a->method)) {
        return say(why, size, "method", "is no method of HTTP, which are in upper case");
    }
    if (a->pointer && (!devsdk_json_pointer_valid(a->pointer) || point->type == DEVSDK_BINARY)) {
        return say(why, size, "jsonPointer",
                   point->type == DEVSDK_BINARY ? "does not lead to a Binary"
                                                : "must be empty or begin with /");
    }
    if (a->body && point->type == DEVSDK_BINARY) {
        return say(why, size, "template", "cannot take a Binary");
    }
    if (a->body && !rest_template_check(a->body, vars, n, reason, sizeof(reason))) {
        return say(why, size, "template", reason);
    }
    if (a->body && !is_sound(a, point, vars, n)) {
        return say(why, size, "template", "is no JSON with a value in it");
    }
    return DEVSDK_OK;
}
