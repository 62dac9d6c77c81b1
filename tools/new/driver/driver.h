/** Device service for example. */
#ifndef DEVICE_EXAMPLE_H
#define DEVICE_EXAMPLE_H

#include <devsdk/devsdk.h>

extern const devsdk_driver device_example;

#endif
