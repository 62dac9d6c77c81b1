/** Looking for units on Modbus TCP, where the service's Driver section says so. */
#ifndef MODBUS_DISCOVER_H
#define MODBUS_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devsdk/devsdk.h"

devsdk_result modbus_discover(devsdk_service *svc, devsdk_scan *scan);

/** IPv4 addresses from first to last. */
struct modbus_range {
    uint32_t first, last;
};

enum { MODBUS_MOST_RANGES = 64, MODBUS_MOST_ADDRESSES = 65536 };

/** "10.0.0.0/24, 10.0.0.5-10.0.0.20, 10.0.0.7" (of a network neither its own address nor that for all). False where
 * it is wrong, or too many; @p ret_at: where. */
bool modbus_ranges_parse(const char *text, struct modbus_range ret[MODBUS_MOST_RANGES],
                         size_t *ret_n, const char **ret_at);
/** "1-10, 255" */
bool modbus_units_parse(const char *text, bool ret[256], const char **ret_at);

#endif
