/* Route tables as an OpenAPI 3.1 document: paths, parameters, bodies, answers, roles; the schemas of
 * bodies come from their tables. The tree is made when it is asked for. */
#include <ctype.h>
#include <string.h>

#include "dto/dto_schema.h"
#include "edge/base.h"
#include "http_internal.h"

/* A document in the making. */
struct description {
    struct edge_ctx *ctx;
    struct dto_schemas schemas;
    cJSON *paths;
};

#define JSON_TYPE "application/json"
#define PREFIX    "/api/v3"
static const int FAILURES[] = {400, 401, 404, 405, 409, 413, 416, 423, 500, 501, 503};
enum { N_FAILURES = sizeof(FAILURES) / sizeof(FAILURES[0]) };

/* ---- envelopes ----------------------------------------------------------------------------- */

struct base_response {
    const char *api_version, *request_id, *message;
    int64_t status_code;
};
struct id_response {
    struct base_response base;
    const char *id;
};
struct envelope { /* of what was asked for */
    const char *api_version;
    int64_t status_code, total_count;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct base_response, m, __VA_ARGS__)
static const struct edge_field base_response_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_REQUIRED),
    F(request_id, "requestId", "The request's, where it has one."),
    F(message, "message", "What went wrong, or what was done."),
    F(status_code, "statusCode", "The HTTP status; of an item, its own.", .flags = EDGE_REQUIRED),
};
#undef F
static const struct edge_dto BASE_RESPONSE = EDGE_DTO(struct base_response, "BaseResponse", base_response_fields);

static const struct edge_field id_response_fields[] = {
    EDGE_OBJECT(struct id_response, base, NULL, "The envelope.", &BASE_RESPONSE, .flags = EDGE_INLINE),
    EDGE_FIELD(struct id_response, id, "id", "Of what was made.", .flags = EDGE_REQUIRED),
};
static const struct edge_dto ID_RESPONSE = EDGE_DTO(struct id_response, "BaseWithIdResponse", id_response_fields);

#define ENVELOPE_ROWS \
    EDGE_FIELD(struct envelope, api_version, "apiVersion", "Version of this API.", .flags = EDGE_REQUIRED), \
    EDGE_FIELD(struct envelope, status_code, "statusCode", "The HTTP status.", .flags = EDGE_REQUIRED)
static const struct edge_field envelope_fields[] = {ENVELOPE_ROWS};
static const struct edge_dto ENVELOPE = EDGE_DTO(struct envelope, "Envelope", envelope_fields);

static const struct edge_field list_envelope_fields[] = {
    ENVELOPE_ROWS,
    EDGE_FIELD(struct envelope, total_count, "totalCount", "How many there are, beside this page.", .flags = EDGE_REQUIRED),
};
static const struct edge_dto LIST_ENVELOPE = EDGE_DTO(struct envelope, "ListEnvelope", list_envelope_fields);
/* clang-format on */

static cJSON *any_of(cJSON *a, cJSON *b)
{
    cJSON *either = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(either, "anyOf");
    cJSON_AddItemToArray(list, a);
    cJSON_AddItemToArray(list, b);
    return either;
}

/* The members of @p base and one more. */
static cJSON *around(struct description *d, const struct edge_dto *base, const char *key,
                     cJSON *value)
{
    cJSON *schema = cJSON_CreateObject(), *parts = cJSON_AddArrayToObject(schema, "allOf");
    cJSON *own = dto_schema_of("object"), *required = cJSON_CreateArray();
    cJSON_AddItemToArray(parts, dto_schema(&d->schemas, base));
    cJSON_AddItemToObject(cJSON_AddObjectToObject(own, "properties"), key, value);
    cJSON_AddItemToArray(required, cJSON_CreateString(key));
    cJSON_AddItemToObject(own, "required", required);
    cJSON_AddItemToArray(parts, own);
    return schema;
}

/* An item of a PATCH: the base request and a part of the thing below its key. */
static cJSON *patch_item(struct description *d, const struct edge_body *b)
{
    const char *name = edge_printf(&d->ctx->arena, "Update%sRequest", b->dto->name);
    if (dto_schema_claim(&d->schemas, name, b->dto)) {
        cJSON *part = dto_schema_patch(&d->schemas, b->dto);
        cJSON_AddItemToObject(d->schemas.into, name, around(d, &EDGE_BASE_REQUEST, b->key, part));
    }
    return dto_schema_ref(&d->schemas, name);
}

/* Lists and objects in their envelope, by names like DeviceResponse and DeviceListResponse. Who answers
 * with a plain list may have a remark. */
static cJSON *in_envelope(struct description *d, const struct edge_body *b)
{
    bool list = b->form != EDGE_B_OBJECT;
    const struct edge_dto *base = b->form == EDGE_B_LIST     ? &LIST_ENVELOPE
                                  : b->form == EDGE_B_OBJECT ? &ENVELOPE
                                                             : &BASE_RESPONSE;
    const char *of = b->dto ? b->dto->name : list ? "Text" : b->key;
    const char *name = edge_printf(&d->ctx->arena, list ? "%sListResponse" : "%sResponse", of);
    if (dto_schema_claim(&d->schemas, name, b->dto ? (const void *)b->dto->fields : b->key)) {
        cJSON *value =
            b->dto ? dto_schema(&d->schemas, b->dto) : dto_schema_of(list ? "string" : NULL);
        cJSON_AddItemToObject(d->schemas.into, name,
                              around(d, base, b->key, list ? dto_schema_list(value) : value));
    }
    return dto_schema_ref(&d->schemas, name);
}

/* ---- bodies -------------------------------------------------------------------------------- */

static cJSON *file_form(struct description *d, const struct edge_body *b)
{
    cJSON *form = dto_schema_of("object"), *file = dto_schema_of("string");
    cJSON_AddStringToObject(file, "contentMediaType", "application/x-yaml");
    cJSON_AddItemToObject(file, "contentSchema", dto_schema(&d->schemas, b->dto));
    cJSON_AddItemToObject(cJSON_AddObjectToObject(form, "properties"), "file", file);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(form, "required"), cJSON_CreateString("file"));
    return form;
}

/* A batch of nothing is answered null (contract 2.5). */
static cJSON *answers(struct description *d, const struct edge_dto *success)
{
    bool base = success == &BASE_RESPONSE;
    cJSON *one = dto_schema(&d->schemas, success);
    one = base ? one : any_of(one, dto_schema(&d->schemas, &BASE_RESPONSE));
    return any_of(dto_schema_list(one), dto_schema_of("null"));
}

static cJSON *body_schema(struct description *d, const struct edge_body *b, bool asked)
{
    switch (b->form) {
    case EDGE_B_BASE:
        return dto_schema(&d->schemas, &BASE_RESPONSE);
    case EDGE_B_ID:
        return dto_schema(&d->schemas, &ID_RESPONSE);
    case EDGE_B_DTO:
        return dto_schema(&d->schemas, b->dto);
    case EDGE_B_OBJECT:
    case EDGE_B_LIST:
    case EDGE_B_PLAIN_LIST:
        return in_envelope(d, b);
    case EDGE_B_BATCH:
        return asked ? dto_schema_list(dto_schema(&d->schemas, b->dto))
                     : answers(d, &BASE_RESPONSE);
    case EDGE_B_BATCH_IDS:
        return answers(d, &ID_RESPONSE);
    case EDGE_B_PATCHES:
        return dto_schema_list(patch_item(d, b));
    case EDGE_B_FILE:
        return file_form(d, b);
    case EDGE_B_RAW:
        return dto_schema_of("string");
    default:
        return dto_schema_of("object");
    }
}

static void put_type(cJSON *content, const char *type, cJSON *schema)
{
    cJSON_AddItemToObject(cJSON_AddObjectToObject(content, type), "schema", schema);
}

/* What a body may be, by content type. */
static cJSON *content_of(struct description *d, const struct edge_body *b, bool asked)
{
    cJSON *content = cJSON_CreateObject(), *schema = body_schema(d, b, asked);
    for (const struct edge_body *other = b->other; other; other = other->other) {
        schema = any_of(schema, body_schema(d, other, asked));
    }
    if (b->optional && !asked) {
        schema = any_of(schema, dto_schema_of("null"));
    }
    if (b->form == EDGE_B_FILE || b->form == EDGE_B_RAW) {
        put_type(content, b->also ? b->also : "multipart/form-data", schema);
        return content;
    }
    if (b->also) {
        bool same = strcmp(b->also, "application/cbor") == 0;
        put_type(content, b->also, same ? cJSON_Duplicate(schema, true) : dto_schema_of("string"));
    }
    put_type(content, JSON_TYPE, schema);
    return content;
}

/* ---- operations ---------------------------------------------------------------------------- */

static cJSON *param_schema(const struct edge_param *p)
{
    static const char *const types[] = {"string", "integer", "boolean", "string"};
    cJSON *schema = dto_schema_of(p ? types[p->type] : "string");
    if (p && p->type == EDGE_P_INT) {
        cJSON_AddStringToObject(schema, "format", "int64");
        cJSON_AddNumberToObject(schema, "minimum", (double)p->min);
    }
    if (p && p->type == EDGE_P_UUID) {
        cJSON_AddStringToObject(schema, "format", "uuid");
    }
    if (p && p->names) {
        cJSON *names = cJSON_AddArrayToObject(schema, "enum");
        for (const char *const *name = p->names; *name; name++) {
            cJSON_AddItemToArray(names, cJSON_CreateString(*name));
        }
    }
    return schema;
}

static void put_param(cJSON *list, const char *name, const struct edge_param *p, bool in_path)
{
    cJSON *param = cJSON_CreateObject();
    cJSON_AddStringToObject(param, "name", name);
    cJSON_AddStringToObject(param, "in", in_path ? "path" : "query");
    if (p) {
        cJSON_AddStringToObject(param, "description", p->doc);
    }
    if (in_path) {
        cJSON_AddBoolToObject(param, "required", true);
    }
    cJSON_AddItemToObject(param, "schema", param_schema(p));
    cJSON_AddItemToArray(list, param);
}

static void put_params(struct description *d, const struct edge_route *r, cJSON *operation)
{
    cJSON *list = cJSON_CreateArray();
    for (const char *s = strchr(r->path, '{'); s; s = strchr(s, '{')) {
        size_t len = strcspn(++s, "}");
        const char *name = edge_strndup(&d->ctx->arena, s, len);
        put_param(list, name, edge_route_param(r, name), true);
    }
    for (const struct edge_param *p = r->params; p && p->name; p++) {
        if (!strstr(r->path, edge_printf(&d->ctx->arena, "{%s}", p->name))) {
            put_param(list, p->name, p, false);
        }
    }
    if (cJSON_GetArraySize(list) > 0) {
        cJSON_AddItemToObject(operation, "parameters", list);
    } else {
        cJSON_Delete(list);
    }
}

static void put_request(struct description *d, const struct edge_route *r, cJSON *operation)
{
    if (r->request.form == EDGE_B_UNSAID) {
        return;
    }
    cJSON *body = cJSON_AddObjectToObject(operation, "requestBody");
    cJSON_AddBoolToObject(body, "required", !r->request.optional);
    cJSON_AddItemToObject(body, "content", content_of(d, &r->request, true));
}

static const char *code_text(struct description *d, int code)
{
    return edge_printf(&d->ctx->arena, "%d", code);
}

static void put_responses(struct description *d, const struct edge_route *r, cJSON *operation)
{
    cJSON *responses = cJSON_AddObjectToObject(operation, "responses");
    int success = edge_body_code(&r->answer);
    cJSON *answer = cJSON_AddObjectToObject(responses, code_text(d, success));
    cJSON_AddStringToObject(answer, "description", http_reason(success));
    if (r->answer.form != EDGE_B_EMPTY) {
        cJSON_AddItemToObject(answer, "content", content_of(d, &r->answer, false));
    }
    for (size_t i = 0; i < N_FAILURES; i++) {
        if (edge_route_may_fail(r, FAILURES[i])) {
            cJSON *failure = cJSON_AddObjectToObject(responses, code_text(d, FAILURES[i]));
            cJSON_AddStringToObject(
                failure, "$ref",
                edge_printf(&d->ctx->arena, "#/components/responses/%d", FAILURES[i]));
        }
    }
}

static void put_roles(const struct edge_route *r, cJSON *operation)
{
    cJSON *roles = cJSON_AddArrayToObject(operation, "x-roles");
    for (unsigned role = 1; role < EDGE_ROLE_END; role <<= 1) {
        if (r->roles & role) {
            cJSON_AddItemToArray(roles, cJSON_CreateString(edge_role_name(role)));
        }
    }
}

static char *in_lower_case(struct edge_arena *a, const char *text)
{
    size_t size = strlen(text) + 1;
    char *lower = edge_alloc(a, 1, size);
    for (size_t i = 0; i < size; i++) {
        lower[i] = (char)tolower((unsigned char)text[i]);
    }
    return lower;
}

/* "get" and "/device/name/{name}": getDeviceNameName. */
static const char *operation_id(struct edge_arena *a, const char *method, const char *path)
{
    size_t len = strlen(method);
    char *id = edge_alloc(a, 1, len + strlen(path) + 1), *to = id + len;
    memcpy(id, method, len);
    for (const char *s = path; *s; s++) {
        bool begins = s > path && !isalnum((unsigned char)s[-1]);
        if (isalnum((unsigned char)*s)) {
            *to++ = (char)(begins ? toupper((unsigned char)*s) : *s);
        }
    }
    return id;
}

static void put_server(cJSON *object, const char *url)
{
    cJSON *server = cJSON_CreateObject();
    cJSON_AddStringToObject(server, "url", url);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(object, "servers"), server);
}

static void put_operation(struct description *d, const struct edge_route *r)
{
    bool other = strncmp(r->path, PREFIX, strlen(PREFIX)) != 0; /* another version of the API */
    const char *path = other ? r->path : r->path + strlen(PREFIX);
    cJSON *node = cJSON_GetObjectItemCaseSensitive(d->paths, path);
    if (!node) {
        node = cJSON_AddObjectToObject(d->paths, path);
        if (other) {
            put_server(node, "/");
        }
    }
    const char *method = in_lower_case(&d->ctx->arena, r->method);
    cJSON *operation = cJSON_AddObjectToObject(node, method);
    cJSON_AddStringToObject(operation, "operationId", operation_id(&d->ctx->arena, method, path));
    cJSON_AddStringToObject(operation, "summary", r->doc);
    if (r->flags & EDGE_ROUTE_OPEN) {
        cJSON_AddArrayToObject(operation, "security");
    }
    put_params(d, r, operation);
    put_request(d, r, operation);
    put_responses(d, r, operation);
    put_roles(r, operation);
}

/* ---- the document -------------------------------------------------------------------------- */

static void put_head(cJSON *document, const char *title, const char *doc)
{
    cJSON_AddStringToObject(document, "openapi", "3.1.0");
    cJSON *info = cJSON_AddObjectToObject(document, "info");
    cJSON_AddStringToObject(info, "title", title);
    cJSON_AddStringToObject(info, "version", EDGE_WIRE);
    cJSON_AddStringToObject(info, "description", doc);
    put_server(document, PREFIX);
    /* None, or a token where the installation wants one. */
    cJSON *security = cJSON_AddArrayToObject(document, "security"), *bearer = cJSON_CreateObject();
    cJSON_AddItemToArray(security, cJSON_CreateObject());
    cJSON_AddArrayToObject(bearer, "bearer");
    cJSON_AddItemToArray(security, bearer);
}

static void put_failures(struct description *d, cJSON *components)
{
    cJSON *responses = cJSON_AddObjectToObject(components, "responses");
    for (size_t i = 0; i < N_FAILURES; i++) {
        cJSON *failure = cJSON_AddObjectToObject(responses, code_text(d, FAILURES[i]));
        cJSON_AddStringToObject(failure, "description", http_reason(FAILURES[i]));
        if (FAILURES[i] != 401) {
            put_type(cJSON_AddObjectToObject(failure, "content"), JSON_TYPE,
                     dto_schema(&d->schemas, &BASE_RESPONSE));
        }
    }
}

enum edge_status edge_routes_describe(struct edge_ctx *ctx, const char *title, const char *doc,
                                      const struct edge_routes *tables, size_t n, const cJSON **ret)
{
    cJSON *document = edge_json_object(ctx);
    put_head(document, title, doc);
    cJSON *paths = cJSON_AddObjectToObject(document, "paths");
    cJSON *components = cJSON_AddObjectToObject(document, "components");
    cJSON *schemas = cJSON_AddObjectToObject(components, "schemas");
    struct description d = {
        ctx, {.ctx = ctx, .into = schemas},
         paths
    };
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < tables[i].n; k++) {
            put_operation(&d, &tables[i].rows[k]);
        }
    }
    put_failures(&d, components);
    cJSON *bearer =
        cJSON_AddObjectToObject(cJSON_AddObjectToObject(components, "securitySchemes"), "bearer");
    cJSON_AddStringToObject(bearer, "type", "http");
    cJSON_AddStringToObject(bearer, "scheme", "bearer");
    if (d.schemas.clash) {
        return edge_fail(ctx, EDGE_INTERNAL, "two tables are called %s", d.schemas.clash);
    }
    *ret = document;
    return EDGE_OK;
}
