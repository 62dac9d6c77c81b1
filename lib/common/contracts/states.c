#include "states.h"

#include <stddef.h>

const char *const ADMIN_STATES[] = {"LOCKED", "UNLOCKED", NULL};
const char *const OPERATING_STATES[] = {"UP", "DOWN", "UNKNOWN", NULL};
const char *const READ_WRITES[] = {"R", "W", "RW", "WR", NULL};
