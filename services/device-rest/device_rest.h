/** A device service for devices that speak HTTP: it takes what they post, and asks and tells those that serve. */
#ifndef DEVICE_REST_H
#define DEVICE_REST_H

#include "devsdk/devsdk.h"

extern const devsdk_driver device_rest;

#endif
