/** support-rules as a service (edge/service.h). */
#ifndef SUPPORT_RULES_H
#define SUPPORT_RULES_H

struct edge_service;
extern const struct edge_service support_rules;

#endif
