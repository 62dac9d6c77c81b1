/** For programs that run a driver beside other services (edgexd): the driver as a service. */
#ifndef DEVSDK_HOST_H
#define DEVSDK_HOST_H

#include "devsdk/devsdk.h"

struct edge_service;

/** Fills *ret; @p driver must outlive it. @p default_config: YAML used where no file is found. */
void devsdk_descriptor(const devsdk_driver *driver, const char *default_config,
                       struct edge_service *ret);

#endif
