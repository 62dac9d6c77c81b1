/** Devices behind an MQTT broker: official topics, and whatever else a device publishes. */
#ifndef DEVICE_MQTT_H
#define DEVICE_MQTT_H

#include "devsdk/devsdk.h"

extern const devsdk_driver device_mqtt;

#endif
