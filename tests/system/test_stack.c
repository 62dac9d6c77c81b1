/* Every journey through a platform that runs already, in containers: see tests/compose/run.sh. */
#include "journeys.h"

JOURNEY_SUITE(stack_tests, SHAPE_STACK);
