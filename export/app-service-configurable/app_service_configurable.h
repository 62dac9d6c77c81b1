/** The application service: pipelines as its configuration says, on what the message bus, HTTP or a broker brings. */
#ifndef APP_SERVICE_CONFIGURABLE_H
#define APP_SERVICE_CONFIGURABLE_H

#include "edge/service.h"

extern const struct edge_service app_service_configurable;

#endif
