/** A device service without devices: values made up, for development, demonstration and load. */
#ifndef DEVICE_VIRTUAL_H
#define DEVICE_VIRTUAL_H

#include "devsdk/devsdk.h"

extern const devsdk_driver device_virtual;

#endif
