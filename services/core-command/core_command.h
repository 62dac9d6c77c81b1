/** core-command as a service (edge/service.h). */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

struct edge_service;
extern const struct edge_service core_command;

#endif
