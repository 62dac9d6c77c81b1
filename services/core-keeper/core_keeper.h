/** core-keeper as a service (edge/service.h). */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H

struct edge_service;
extern const struct edge_service core_keeper;

#endif
