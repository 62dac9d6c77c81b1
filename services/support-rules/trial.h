/** Trying a statement. */
#ifndef TRIAL_H
#define TRIAL_H

#include "edge/service.h"

extern const struct edge_dto RULE_TRIAL, RULE_MESSAGE;
edge_handler rules_try;

#endif
