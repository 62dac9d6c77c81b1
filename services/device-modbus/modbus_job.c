#include "modbus_job.h"

#include <stdio.h>

/* Answers have to be there a little before the platform gives up, to be told apart from its own reason. */
enum { MARGIN_MS = 40 };

struct modbus_unit *modbus_unit_of(struct modbus_device *d, const struct modbus_addr *addr, int id)
{
    return id < 0 || id == addr->unit ? d->unit : modbus_line_unit(d->line, (uint8_t)id);
}

void modbus_task_fill(struct modbus_task *t, devsdk_request *r, const struct modbus_addr *addr)
{
    t->timeout_ms = (int64_t)(addr->timeout_s * 1000);
    t->timeout_ms = t->timeout_ms > 0 ? t->timeout_ms : 1;
    t->turnaround_ms = (int64_t)(addr->turnaround_s * 1000);
    t->give_up_ms = devsdk_deadline_ms(r) - MARGIN_MS;
}

static const char *table_name(uint8_t function)
{
    switch (function) {
    case MODBUS_READ_COILS:
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_COILS:
        return "coil";
    case MODBUS_READ_DISCRETE_INPUTS:
        return "discrete input";
    case MODBUS_READ_INPUT_REGISTERS:
        return "input register";
    default:
        return "holding register";
    }
}

static devsdk_result result_of_code(uint8_t code)
{
    switch (code) {
    case 5:
    case 6:
        return DEVSDK_BUSY;
    case 10:
        return DEVSDK_LINK;
    case 11:
        return DEVSDK_TIMEOUT;
    default:
        return DEVSDK_DEVICE;
    }
}

devsdk_result modbus_tell(devsdk_request *r, const struct modbus_device *d,
                          const struct modbus_query *q, unsigned unit, const char *resource,
                          const struct modbus_outcome *outcome)
{
    const char *line = modbus_line_name(d->line);
    switch (outcome->end) {
    case MODBUS_REJECTED:
        return devsdk_fail(r, result_of_code(outcome->code),
                           "%s: unit %u at %s refuses %s %u: %s (exception %u)", resource, unit,
                           line, table_name(q->function), q->address,
                           modbus_exception_text(outcome->code), outcome->code);
    case MODBUS_SILENT:
        return devsdk_fail(r, DEVSDK_TIMEOUT, "unit %u at %s did not answer in time", unit, line);
    case MODBUS_CUT:
        return devsdk_fail(r, DEVSDK_LINK, "%s", outcome->why);
    case MODBUS_GARBLED:
        /* Who never answers what was asked is as good as away. */
        return devsdk_fail(r, DEVSDK_LINK, "%s: what unit %u at %s answers is no answer to that",
                           resource, unit, line);
    case MODBUS_EXPIRED:
        return devsdk_fail(r, DEVSDK_BUSY, "too much was to do at %s", line);
    default:
        return devsdk_fail(r, DEVSDK_BUSY, "%s", outcome->why);
    }
}
