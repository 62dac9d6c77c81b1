/** Values: what drivers set and get, what clients write, what readings show. */
#ifndef SDK_VALUE_H
#define SDK_VALUE_H

#include "contracts/value.h"
#include "devsdk/devsdk.h"
#include "edge/json.h"

/** The driver's view of a value type of the contract; @p ret_elem: DEVSDK_NULL unless an array. */
devsdk_type sdk_type_of(unsigned value_type, devsdk_type *ret_elem);

/** Bits of an integer type; signed or not. */
unsigned sdk_integer_bits(unsigned value_type);

/** The exact integer of a value whose type is one of the integers. */
__int128 sdk_value_whole(const devsdk_value *v);

/**
 * @p in as a value of @p value_type, copied into @p a. Numbers convert where nothing is lost but a
 * float's precision; texts are parsed. DEVSDK_RANGE where it does not fit, INVALID where it is
 * something else altogether.
 */
devsdk_result sdk_value_fit(struct edge_arena *a, unsigned value_type, const devsdk_value *in,
                            devsdk_value *ret);

/** A text as a value of @p value_type: profile defaults, assertions, texts a client writes. */
enum edge_status sdk_value_parse(struct edge_ctx *ctx, struct edge_arena *a, unsigned value_type,
                                 const char *text, devsdk_value *ret);

/** What a client writes (contract 10.1): JSON of the type, or its text; null is a null value. */
enum edge_status sdk_value_from_json(struct edge_ctx *ctx, struct edge_arena *a,
                                     unsigned value_type, const cJSON *node, devsdk_value *ret);

/** The text a reading shows (contract 3.4). Not for Binary. */
const char *sdk_value_text(struct edge_arena *a, unsigned value_type, const devsdk_value *v);

#endif
