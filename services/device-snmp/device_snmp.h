/** Agents of SNMP v1, v2c and v3: their objects read, walked and written, their traps taken. */
#ifndef DEVICE_SNMP_H
#define DEVICE_SNMP_H

#include "devsdk/devsdk.h"

extern const devsdk_driver device_snmp;

#endif
