/** A request of the platform: the questions it takes, one after the other or several at a time, and its end. */
#ifndef MODBUS_JOB_H
#define MODBUS_JOB_H

#include <stdatomic.h>

#include "devsdk/devsdk.h"
#include "modbus_fields.h"
#include "modbus_line.h"

/** What a device was found to refuse. */
enum {
    MODBUS_REFUSES_GAPS = 1,
    MODBUS_REFUSES_BULK = 2,
    MODBUS_REFUSES_MASK = 4,
    MODBUS_REFUSES_SINGLE = 8
};

/** A device's data. */
struct modbus_device {
    struct modbus_line *line;
    struct modbus_unit *unit;
    atomic_uint refuses;
};

devsdk_result modbus_read(devsdk_device *dev, devsdk_request *r);
devsdk_result modbus_write(devsdk_device *dev, devsdk_request *r);

/* ---- what both need ---- */
/** Of unit @p id, or of the device's own where it is negative; NULL: no memory. */
struct modbus_unit *modbus_unit_of(struct modbus_device *d, const struct modbus_addr *addr, int id);
void modbus_task_fill(struct modbus_task *t, devsdk_request *r, const struct modbus_addr *addr);
/** Say in the request why a question did not do; the result it ends with. */
devsdk_result modbus_tell(devsdk_request *r, const struct modbus_device *d,
                          const struct modbus_query *q, unsigned unit, const char *resource,
                          const struct modbus_outcome *outcome);

#endif
