/** Modbus units as devices: over TCP, on serial lines (RTU, ASCII), and RTU through TCP. */
#ifndef DEVICE_MODBUS_H
#define DEVICE_MODBUS_H

#include "devsdk/devsdk.h"

extern const devsdk_driver device_modbus;

#endif
