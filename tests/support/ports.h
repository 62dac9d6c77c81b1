/*
 * TCP ports of the loopback for what a test starts. They lie below the range outgoing connections
 * take theirs from, and no other test that runs now has them: each process locks a block of ports
 * (an flock on /tmp/edge-test-ports-N) until it ends, and takes its ports from there in turn.
 * Tests that are no C programs source tests/tools/ports.sh, which keeps to the same blocks.
 */
#ifndef TEST_PORTS_H
#define TEST_PORTS_H

#include <stdint.h>

/** One nobody listens on. Ends the program if there is none. One thread only. */
uint16_t test_port(void);

#endif
