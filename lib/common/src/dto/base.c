/* The members every request starts with, and the closed sets many entities use. */
#include "edge/base.h"

#include "dto_internal.h"
#include "edge/text.h"

enum edge_status dto_check_request_id(const void *value, struct edge_scope *at)
{
    const char *s = value;
    if (*s == '\0' || edge_uuid_is_strict(s)) {
        return EDGE_OK;
    }
    return edge_scope_fail(at, NULL, "field validation failed on the len=0|uuid tag with value ''");
}

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct edge_base_request, m, __VA_ARGS__)
static const struct edge_field base_request_fields[] = {
    F(api_version, "apiVersion", "Version of this API: v3.", .flags = EDGE_REQUIRED),
    F(request_id, "requestId", "UUID echoed in the answer, or empty.", .flags = EDGE_EMIT_EMPTY, .check = dto_check_request_id),
};
#undef F
/* clang-format on */
const struct edge_dto EDGE_BASE_REQUEST =
    EDGE_DTO(struct edge_base_request, "BaseRequest", base_request_fields);
