/** The registrations of EdgeX 1 (export-client and export-distro), on the pipelines and queues of the north side. */
#ifndef EXPORT_CLIENT_H
#define EXPORT_CLIENT_H

#include "edge/service.h"

extern const struct edge_service export_client;

#endif
