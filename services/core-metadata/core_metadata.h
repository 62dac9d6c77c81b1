/** core-metadata as a service (edge/service.h). */
#ifndef CORE_METADATA_H
#define CORE_METADATA_H

struct edge_service;
extern const struct edge_service core_metadata;

#endif
