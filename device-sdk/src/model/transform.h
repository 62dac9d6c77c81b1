/** The data transforms of a profile (contract 10.2), on scalars; anything else passes unchanged. */
#ifndef SDK_TRANSFORM_H
#define SDK_TRANSFORM_H

#include "contracts/profile.h"
#include "devsdk/devsdk.h"

enum sdk_transformed { SDK_SOUND, SDK_OVERFLOW, SDK_NAN };

/** What the device said -> what it means: mask, shift, base, scale, offset. Changes *v when sound.
 */
enum sdk_transformed sdk_transform_read(const struct resource_properties *p, devsdk_value *v);

/** Within minimum and maximum? INVALID says which not. */
enum edge_status sdk_limits_check(struct edge_ctx *ctx, const struct resource_properties *p,
                                  const devsdk_value *v);

/** What a client wants -> what the device is told: offset, scale, base, shift, mask, reversed. */
enum edge_status sdk_transform_write(struct edge_ctx *ctx, const struct resource_properties *p,
                                     devsdk_value *v);

#endif
