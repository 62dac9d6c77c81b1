/** The service core-data: keeps events and readings (contract 5). */
#ifndef CORE_DATA_H
#define CORE_DATA_H

#include "edge/service.h"

extern const struct edge_service core_data;

#endif
