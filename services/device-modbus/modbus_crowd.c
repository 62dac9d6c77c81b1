/*
 * Several questions at a time, on TCP. Not every peer takes them: some answer the first of what comes in one piece and
 * forget the rest, some break the connection, some mix up the answers. They are found out, and asked one at a time.
 */
#include "modbus_engine.h"

enum {
    CROWD_MS = 300, /* of silence among answers: until a line is known to take several questions */
};

void modbus_crowd_end(struct modbus_line *line, const char *why)
{
    if (line->window > 1 || line->trial) {
        line->window = 1;
        line->trial = NULL;
        devsdk_metric(line->hub->svc, "ModbusPipelinesOff", 1);
        devsdk_log(line->hub->svc, DEVSDK_WARN,
                   "%s: %s: it is asked one question at a time from now on", line->name, why);
    }
}

/* A question was not answered: because it was one of several? The next one to that unit goes alone and tells. */
void modbus_crowd_doubt(struct modbus_line *line, const struct modbus_task *t)
{
    if (line->place.framing != MODBUS_TCP) {
        return;
    }
    if (line->trial == t->unit && !t->crowd) {
        line->trial = NULL; /* it does not answer alone either */
        line->window = line->manners.window;
    } else if (line->window > 1 && t->crowd && t->unit->misses == 0 && line->heard != t->heard) {
        line->window = 1;
        line->trial = t->unit;
    }
}

void modbus_crowd_trust(struct modbus_line *line, const struct modbus_task *t)
{
    if (line->trial == t->unit && !t->crowd) {
        modbus_crowd_end(line, "of several questions at a time some were not answered");
    }
    line->cuts = line->flight.n == 0 ? 0 : line->cuts;
    line->proven |= t->behind;
}

/*
 * When it is clear that a question of a crowd is not going to be answered though others were: some servers answer the
 * first of what comes in one piece and forget the rest. INT64_MAX: not to be said.
 */
int64_t modbus_crowd_forgotten_at(const struct modbus_line *line, const struct modbus_task *t)
{
    if (!t->crowd || t->resent || !modbus_task_reads(t) || line->heard == t->heard) {
        return INT64_MAX;
    }
    /* One that took several may have been lucky: what came in two pieces once comes in one when it is busy. */
    return line->proven ? t->begun_ms + t->timeout_ms / 2 : line->heard_ms + CROWD_MS;
}

/* Ask alone what was forgotten, while there is time. */
void modbus_crowd_ask_again(struct modbus_line *line, int64_t now)
{
    struct modbus_queue again;
    struct modbus_task *next;
    modbus_queue_init(&again);
    for (struct modbus_task *t = line->flight.head; t; t = next) {
        next = t->next;
        if (modbus_crowd_forgotten_at(line, t) <= now) {
            modbus_queue_remove(&line->flight, t);
            modbus_queue_add(&again, t);
        }
    }
    if (!again.head) {
        return;
    }
    line->window = 1;
    line->trial = again.head->unit;
    while (line->queue.head) {
        struct modbus_task *t = line->queue.head;
        modbus_queue_remove(&line->queue, t);
        modbus_queue_add(&again, t);
    }
    while (again.head) {
        struct modbus_task *t = again.head;
        modbus_queue_remove(&again, t);
        if (t->crowd) {
            t->resent = t->forgotten = true;
            t->before = t->transaction;
        }
        t->crowd = t->behind = false;
        modbus_queue_add(&line->queue, t);
    }
}

/* It was not forgotten, it took its time. */
void modbus_crowd_acquit(struct modbus_line *line, const struct modbus_task *tasks,
                         uint16_t transaction)
{
    for (const struct modbus_task *t = tasks; t; t = t->next) {
        if (t->forgotten && t->before == transaction) {
            line->trial = NULL;
            line->window = line->manners.window;
            line->proven = true;
        }
    }
}

/* Writes are not sent twice, so they come into no crowd that may be forgotten. */
bool modbus_crowd_may_join(const struct modbus_line *line, const struct modbus_task *t)
{
    return line->proven || line->flight.n == 0 ||
           (modbus_task_reads(t) && modbus_task_reads(line->flight.head));
}
