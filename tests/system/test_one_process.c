/* Every journey through edgexd: all services in one process, in-process bus. */
#include "journeys.h"

JOURNEY_SUITE(one_process_tests, SHAPE_ONE);
