/** Looking for units on Modbus TCP, where the service's Driver section says so. */
#ifndef MODBUS_DISCOVER_H
#define MODBUS_DISCOVER_H

#include <stdbool.h>

#include "devsdk/devsdk.h"

devsdk_result modbus_discover(devsdk_service *svc, devsdk_scan *scan);

/** "1-10, 255"; false where it is wrong, *ret_at says where. */
bool modbus_units_parse(const char *text, bool ret[256], const char **ret_at);

#endif
