/** Declarative parameters: a field table says how JSON members become members of a driver's struct.
 */
#ifndef SDK_PARAMS_H
#define SDK_PARAMS_H

#include "devsdk/devsdk.h"
#include "edge/json.h"

struct edge_nearest; /* edge/text.h */

/**
 * Fill the zeroed struct at @p ret from @p object (NULL: empty). Strings go to @p arena. Numbers
 * may come as texts and the reverse; unknown members are ignored. INVALID names every fault: "slot:
 * 8 is above 7; Address: is missing, but there is 'Adress'". @p fields NULL: nothing to do.
 */
enum edge_status sdk_params_parse(struct edge_ctx *ctx, const devsdk_field *fields,
                                  const cJSON *object, struct edge_arena *arena, void *ret);

/** The row of exactly that key; NULL: there is none, and those there are were offered to @p near. */
const devsdk_field *sdk_params_row(const devsdk_field *fields, const char *key,
                                   struct edge_nearest *near);

/** The struct at @p params as a JSON object again; lives in the context's arena. */
const cJSON *sdk_params_print(struct edge_ctx *ctx, const devsdk_field *fields, const void *params);

/** NULL if the table is sound for a struct of @p size bytes, else what is wrong with it. */
const char *sdk_params_verify(struct edge_ctx *ctx, const devsdk_field *fields, size_t size);

/** The driver's tables as a JSON Schema document (draft 2020-12); lives in the context's arena. */
const cJSON *sdk_params_schema(struct edge_ctx *ctx, const devsdk_driver *driver);

#endif
