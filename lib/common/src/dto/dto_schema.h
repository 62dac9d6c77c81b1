/** Tables of data as JSON Schema (2020-12, as OpenAPI 3.1 has it), for programs that read about the service. */
#ifndef EDGE_DTO_SCHEMA_H
#define EDGE_DTO_SCHEMA_H

#include "edge/dto.h"

/** What a description is made in. Schemas stand in @p into by their names, each once. */
struct dto_schemas {
    struct edge_ctx *ctx;
    cJSON *into;
    struct dto_schema_seen *seen;
    const char *clash; /* a name that two different things have; NULL: none */
};

/** {"$ref": ...} to the schema of @p dto, which is made where there is none yet. */
cJSON *dto_schema(struct dto_schemas *s, const struct edge_dto *dto);
/** The same of what a patch may hold: nothing is required but id or name, read-only members are left out. */
cJSON *dto_schema_patch(struct dto_schemas *s, const struct edge_dto *dto);
/**
 * For schemas that no table has: true if @p name is new, false if it stands for @p what already.
 * Anything else is a clash.
 */
bool dto_schema_claim(struct dto_schemas *s, const char *name, const void *what);
cJSON *dto_schema_ref(const struct dto_schemas *s, const char *name);

/** {"type": type}, or {} for NULL. */
cJSON *dto_schema_of(const char *type);
/** {"type": "array", "items": items} */
cJSON *dto_schema_list(cJSON *items);

#endif
