/*
 * What a unit that does not answer costs others on its line: its own time once, and less from then on.
 */
#include "modbus_engine.h"

enum {
    FIRST_PAUSED_MISS = 2, /* from so many on a unit that shares a line has to wait */
    FULL_EVERY = 4,        /* misses: then it gets its whole time again */
    LEAST_TIME_MS = 200,
    LONGEST_PAUSE_MS = 10000,
};

/* How long it is waited for; one that is known to be silent and shares a line gets less. */
int64_t modbus_unit_time(const struct modbus_line *line, const struct modbus_task *t)
{
    const struct modbus_unit *unit = t->unit;
    if (line->asked_units < 2 || unit->misses < FIRST_PAUSED_MISS ||
        unit->misses % FULL_EVERY == FULL_EVERY - 1) {
        return t->timeout_ms;
    }
    int64_t less = t->timeout_ms / 8;
    less = less < LEAST_TIME_MS ? LEAST_TIME_MS : less;
    less = less < 2 * unit->slowest_ms ? 2 * unit->slowest_ms : less;
    return less < t->timeout_ms ? less : t->timeout_ms;
}

/* What else is queued for it is over too, so that it takes its own time from others only once. */
void modbus_unit_drop_queued(struct modbus_line *line, const struct modbus_unit *unit)
{
    struct modbus_task *next;
    for (struct modbus_task *t = line->queue.head; t; t = next) {
        next = t->next;
        if (t->unit == unit) {
            modbus_queue_remove(&line->queue, t);
            modbus_line_finish(line, t, MODBUS_SILENT);
        }
    }
}

void modbus_unit_missed(struct modbus_line *line, struct modbus_task *t, int64_t now)
{
    struct modbus_unit *unit = t->unit;
    bool again = t->begun_ms >= unit->missed_ms; /* or one of several asked together */
    unit->misses += again;
    unit->missed_ms = again ? now : unit->missed_ms;
    unit->suspect = line->place.framing != MODBUS_TCP;
    if (line->asked_units > 1 && unit->misses >= FIRST_PAUSED_MISS) {
        int64_t pause = 9 * (now - t->begun_ms);
        unit->resume_ms = now + (pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
    }
    devsdk_metric(line->hub->svc, "ModbusTimeouts", 1);
}

void modbus_unit_answered(struct modbus_unit *unit, const struct modbus_task *t, int64_t now)
{
    int64_t took = now - t->begun_ms;
    unit->slowest_ms = took > unit->slowest_ms ? took : unit->slowest_ms;
    unit->misses = 0;
    unit->resume_ms = 0;
}

void modbus_unit_suspect(struct modbus_line *line, uint8_t id)
{
    for (struct modbus_unit *unit = line->units; unit; unit = unit->next) {
        unit->suspect |= unit->id == id;
    }
}
