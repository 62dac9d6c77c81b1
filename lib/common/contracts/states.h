/** The closed sets that devices, services and resources share (contract 3.2). */
#ifndef EDGE_CONTRACTS_STATES_H
#define EDGE_CONTRACTS_STATES_H

#include <stdbool.h>

enum admin_state { LOCKED, UNLOCKED };
enum operating_state { OPERATING_UP, OPERATING_DOWN, OPERATING_UNKNOWN };
enum read_write { RW_R, RW_W, RW_RW, RW_WR };
extern const char *const ADMIN_STATES[], *const OPERATING_STATES[], *const READ_WRITES[];

static inline bool rw_can_read(unsigned rw)
{
    return rw != RW_W;
}
static inline bool rw_can_write(unsigned rw)
{
    return rw != RW_R;
}

#endif
