/*
 * Questions on their way: queued, sent, answered or given up. A visit on the thread for watches looks at all of it;
 * threads that hand over questions only queue them, and send at once where the line is open and free.
 *
 * On TCP a transaction number says which question an answer is for. On a serial line nothing does, so a unit that has
 * not answered in time is asked an echo of a number first (function 8): once that comes back, or is refused, no answer
 * to an older question can come any more. A unit that never answers those is left alone for three of its times instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "modbus_engine.h"

enum {
    PROBES = 3,
    MOST_UNASKED = 65536, /* bytes between answers that are waited for, on a connection */
    OUT_SIZE = MODBUS_MAX_IN_FLIGHT * 260,
};

int64_t modbus_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool modbus_task_reads(const struct modbus_task *t)
{
    return t->query.function <= MODBUS_READ_INPUT_REGISTERS;
}

static void tell_once(struct modbus_line *line, uint8_t what, const char *metric, const char *text)
{
    devsdk_metric(line->hub->svc, metric, 1);
    if (!(line->told & what)) {
        line->told |= what;
        devsdk_log(line->hub->svc, DEVSDK_WARN, "%s: %s (said once; %s counts them)", line->name,
                   text, metric);
    }
}

void modbus_line_finish(struct modbus_line *line, struct modbus_task *t, enum modbus_end end)
{
    t->end = (uint8_t)end;
    modbus_queue_add(&line->finished, t);
}

/* ---- done ---------------------------------------------------------------------------------- */

static void call_done(struct modbus_line *line, struct modbus_task *t,
                      const struct modbus_outcome *outcome)
{
    pthread_mutex_unlock(&line->lock);
    t->done(t, outcome);
    pthread_mutex_lock(&line->lock);
}

static void deliver(struct modbus_line *line)
{
    while (line->finished.head) {
        struct modbus_task *t = line->finished.head;
        modbus_queue_remove(&line->finished, t);
        struct modbus_outcome outcome = {.end = t->end, .code = t->code, .why = ""};
        if (outcome.end == MODBUS_CUT) {
            outcome.why = line->why;
        }
        call_done(line, t, &outcome);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool is_broadcast(const struct modbus_line *line, const struct modbus_task *t)
{
    return t->unit->id == 0 && modbus_line_broadcasts(line);
}

static size_t write_task(struct modbus_line *line, struct modbus_task *t, int64_t now, uint8_t *out)
{
    uint8_t pdu[MODBUS_PDU_MAX];
    int64_t due = now + modbus_unit_time(line, t);
    t->transaction = ++line->transaction;
    t->begun_ms = now;
    t->due_ms = due < t->give_up_ms ? due : t->give_up_ms;
    t->heard = line->heard;
    t->crowd = t->behind = false;
    size_t n = modbus_query_write(&t->query, pdu);
    return modbus_frame_write(line->place.framing, t->transaction, t->unit->id, pdu, n, out);
}

/* In place of @p t, whose unit may still answer an older question. */
static size_t write_probe(struct modbus_line *line, const struct modbus_task *t, int64_t now,
                          uint8_t *out)
{
    struct modbus_task *probe = &line->probe;
    *probe = (struct modbus_task){.unit = t->unit,
                                  .query = {.function = MODBUS_ECHO},
                                  .timeout_ms = t->timeout_ms,
                                  .give_up_ms = t->give_up_ms};
    probe->query.value = (uint16_t)(0xa55a ^ line->transaction);
    modbus_queue_add(&line->flight, probe);
    return write_task(line, probe, now, out);
}

static bool quiet_enough(struct modbus_line *line)
{
    if (line->quiet_until_us == 0) {
        return true;
    }
    int64_t left_us = line->quiet_until_us - modbus_now_us();
    if (left_us <= 0) {
        return true;
    }
    if (line->pace_fd >= 0) {
        struct itimerspec when = {
            .it_value = {left_us / 1000000, left_us % 1000000 * 1000}
        };
        (void)timerfd_settime(line->pace_fd, 0, &when, NULL);
    }
    return false;
}

/* The next task it makes sense to send, or NULL. */
static struct modbus_task *next_task(struct modbus_line *line, int64_t now)
{
    while (line->queue.head) {
        struct modbus_task *t = line->queue.head;
        if (t->give_up_ms > now && t->unit->resume_ms <= now) {
            return t;
        }
        modbus_queue_remove(&line->queue, t);
        modbus_line_finish(
            line, t, t->give_up_ms > now ? MODBUS_SILENT : MODBUS_EXPIRED); /* paused, or late */
    }
    return NULL;
}

static size_t send_one(struct modbus_line *line, struct modbus_task *t, int64_t now, uint8_t *out)
{
    if (is_broadcast(line, t)) {
        size_t n = write_task(line, t, now, out);
        modbus_queue_remove(&line->queue, t);
        modbus_line_finish(line, t, MODBUS_ANSWERED);
        line->quiet_until_us = modbus_now_us() + t->turnaround_ms * 1000;
        return n;
    }
    if (t->unit->suspect && line->place.framing != MODBUS_TCP) {
        return write_probe(line, t, now, out);
    }
    modbus_queue_remove(&line->queue, t);
    modbus_queue_add(&line->flight, t);
    return write_task(line, t, now, out);
}

/* The last @p n of those under way have been sent in one piece. */
static void mark_crowd(struct modbus_line *line, unsigned n)
{
    unsigned i = 0;
    for (struct modbus_task *t = line->flight.n > 1 ? line->flight.head : NULL; t; t = t->next) {
        t->crowd = true;
        t->behind |= ++i > line->flight.n - n + 1;
    }
}

void modbus_line_pump(struct modbus_line *line)
{
    uint8_t out[OUT_SIZE];
    size_t n = 0;
    unsigned n_before = line->flight.n;
    if (line->state != MODBUS_OPEN || line->broken || !line->queue.head || line->receiving) {
        return;
    }
    int64_t now = devsdk_now_ms();
    while (line->flight.n < line->window && line->ready_ms <= now && quiet_enough(line)) {
        struct modbus_task *t = next_task(line, now);
        if (!t || !modbus_crowd_may_join(line, t)) {
            break;
        }
        n += send_one(line, t, now, out + n);
    }
    if (n > 0) {
        mark_crowd(line, line->flight.n - n_before);
        line->used_ms = now;
        line->owes_ack = false;
        line->broken = modbus_bytes_send(line->fd, line->place.serial, out, n);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static struct modbus_task *match(struct modbus_line *line, const struct modbus_frame *f)
{
    struct modbus_task *t = line->flight.head;
    uint8_t code;
    if (line->place.framing == MODBUS_TCP) {
        while (t && t->transaction != f->transaction &&
               !(t->forgotten && t->before == f->transaction)) {
            t = t->next;
        }
        return t;
    }
    bool fits = t && t->unit->id == f->unit &&
                modbus_answer_check(&t->query, f->pdu, f->n, &code) != MODBUS_MISFIT;
    return fits ? t : NULL;
}

/* An answer nobody waits for. */
static void passed_over(struct modbus_line *line, const struct modbus_frame *f)
{
    struct modbus_task *t = line->flight.head;
    /* Of the last thousand transactions, or of a unit that owed one. */
    bool late = line->place.framing == MODBUS_TCP
                    ? (uint16_t)(line->transaction - f->transaction) < 1000
                    : t && t->unit->id == f->unit;
    if (line->place.framing != MODBUS_TCP) {
        modbus_unit_suspect(line, f->unit); /* there may be more where that came from */
    }
    if (late) {
        tell_once(line, TOLD_LATE, "ModbusLateAnswers",
                  "an answer came after its time, and was dropped; is Timeout too short?");
    } else {
        tell_once(line, TOLD_FOREIGN, "ModbusForeignAnswers",
                  "an answer nobody waits for was dropped; is there a second master?");
    }
    if (t && line->manners.protocol_recovery_ms > 0 && !t->resent) {
        t->resent = true;
        t->due_ms += line->manners.protocol_recovery_ms;
        t->due_ms = t->due_ms < t->give_up_ms ? t->due_ms : t->give_up_ms;
    }
}

static void probe_answered(struct modbus_unit *unit)
{
    unit->suspect = false;
    unit->echoes = true;
    unit->probes = 0;
}

/* It has the number of a question and is no answer to it: peer and we are out of step. */
static void misfit(struct modbus_line *line, struct modbus_task *t)
{
    tell_once(line, TOLD_MISFIT, "ModbusForeignAnswers",
              "an answer does not fit the question it is for; the connection is made anew");
    if (line->flight.n > 1) {
        modbus_crowd_end(line, "answers are mixed up when several questions are asked at a time");
    }
    if (t->resent || !modbus_task_reads(t)) {
        modbus_queue_remove(&line->flight, t);
        modbus_line_finish(line, t, MODBUS_GARBLED);
    }
    modbus_state_fail(line, "an answer did not fit its question");
}

static void take_frame(struct modbus_line *line, const struct modbus_frame *f)
{
    struct modbus_outcome outcome = {.end = MODBUS_ANSWERED, .pdu = f->pdu, .n = f->n, .why = ""};
    line->heard++;
    line->heard_ms = devsdk_now_ms();
    modbus_crowd_acquit(line, line->flight.head, f->transaction);
    modbus_crowd_acquit(line, line->queue.head, f->transaction);
    struct modbus_task *t = match(line, f);
    if (!t) {
        passed_over(line, f);
        return;
    }
    enum modbus_verdict verdict = modbus_answer_check(&t->query, f->pdu, f->n, &outcome.code);
    if (verdict == MODBUS_MISFIT || t->unit->id != f->unit) {
        misfit(line, t);
        return;
    }
    modbus_queue_remove(&line->flight, t);
    line->unasked = 0;
    if (t == &line->probe) {
        probe_answered(t->unit);
        return;
    }
    modbus_unit_answered(t->unit, t, line->heard_ms);
    modbus_crowd_trust(line, t);
    outcome.end = verdict == MODBUS_REFUSED ? MODBUS_REJECTED : MODBUS_ANSWERED;
    call_done(line, t, &outcome);
}

static struct modbus_expected expected(const struct modbus_line *line)
{
    const struct modbus_task *t = line->flight.head;
    if (!t) {
        return (struct modbus_expected){0};
    }
    return (struct modbus_expected){t->unit->id, t->query.function,
                                    (uint8_t)modbus_query_answer_size(&t->query)};
}

void modbus_line_receive(struct modbus_line *line, const uint8_t *bytes, size_t n)
{
    struct modbus_frame f;
    uint32_t damaged = line->decoder.damaged;
    line->receiving = line->place.framing != MODBUS_TCP;
    line->unasked += n;
    if (line->place.framing !=
        MODBUS_TCP) { /* before anybody hears of an answer, and asks the next question */
        int64_t until_us = modbus_now_us() + modbus_silence_us(&line->place);
        line->quiet_until_us = line->quiet_until_us > until_us ? line->quiet_until_us : until_us;
    }
    while (n > 0 && line->state == MODBUS_OPEN) {
        size_t took = modbus_decoder_put(&line->decoder, bytes, n);
        bytes += took;
        n -= took;
        struct modbus_expected e = expected(line);
        while (line->state == MODBUS_OPEN && modbus_decoder_next(&line->decoder, &e, &f)) {
            take_frame(line, &f);
            e = expected(line);
        }
    }
    line->receiving = false;
    if (line->decoder.damaged != damaged) {
        tell_once(line, TOLD_DAMAGED, "ModbusDamagedFrames",
                  line->place.serial
                      ? "what came is no frame; baud rate, parity, termination, a second master?"
                      : "what came is no frame; is this a Modbus TCP port?");
        if (line->place.framing == MODBUS_TCP && line->state == MODBUS_OPEN) {
            modbus_state_fail(line, "what came was no answer");
        }
    }
    if (line->unasked > MOST_UNASKED && !line->place.serial && line->state == MODBUS_OPEN) {
        modbus_state_fail(line, "it sends without being asked");
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

/* A unit that answers no echoes: after so long a silence nothing of it can be under way. */
static void probe_missed(struct modbus_unit *unit)
{
    if (!unit->echoes && ++unit->probes >= PROBES) {
        unit->probes = 0;
        unit->suspect = false;
    }
}

static void task_missed(struct modbus_line *line, struct modbus_task *t, int64_t now)
{
    modbus_queue_remove(&line->flight, t);
    modbus_crowd_doubt(line, t);
    modbus_unit_missed(line, t, now);
    if (t == &line->probe) {
        probe_missed(t->unit);
    } else {
        modbus_line_finish(line, t, MODBUS_SILENT);
    }
    modbus_unit_drop_queued(line, t->unit);
    if (line->place.serial) {
        modbus_decoder_reset(&line->decoder);
        modbus_port_flush(line->fd);
    } else if (line->heard == t->heard && line->state == MODBUS_OPEN) {
        modbus_state_fail(line, "no answer"); /* a peer that went without a word looks like this */
    }
}

static void look_at_clock(struct modbus_line *line, int64_t now)
{
    modbus_crowd_ask_again(line, now);
    struct modbus_task *t = line->flight.head;
    while (t) {
        struct modbus_task *next = t->next;
        if (t->due_ms <= now) {
            task_missed(line, t, now);
            next = line->flight.head; /* others may have gone with it */
        }
        t = next;
    }
    while (line->queue.head && line->queue.head->give_up_ms <= now) {
        t = line->queue.head;
        modbus_queue_remove(&line->queue, t);
        modbus_line_finish(line, t, line->state == MODBUS_OPEN ? MODBUS_EXPIRED : MODBUS_CUT);
    }
    bool idle = line->state == MODBUS_OPEN && line->flight.n == 0 && !line->queue.head;
    if (idle && line->manners.idle_ms >= 0 && line->used_ms + line->manners.idle_ms <= now) {
        modbus_state_close(line);
    }
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t due(const struct modbus_line *line)
{
    int64_t at = INT64_MAX;
    for (const struct modbus_task *t = line->flight.head; t; t = t->next) {
        at = sooner(at, sooner(t->due_ms, modbus_crowd_forgotten_at(line, t)));
    }
    if (line->queue.head) {
        at = sooner(at, line->queue.head->give_up_ms);
        at = line->state == MODBUS_OPEN && line->ready_ms > line->used_ms
                 ? sooner(at, line->ready_ms)
                 : at;
        at = line->state == MODBUS_CLOSED ? sooner(at, line->reopen_ms) : at;
    }
    if (line->state == MODBUS_CONNECTING) {
        at = sooner(at, line->connect_due_ms);
    }
    bool idle = line->state == MODBUS_OPEN && line->flight.n == 0 && !line->queue.head;
    return idle && line->manners.idle_ms >= 0 ? sooner(at, line->used_ms + line->manners.idle_ms)
                                              : at;
}

static void on_timer(void *arg, int fd, unsigned events)
{
    struct modbus_line *line = arg;
    (void)fd, (void)events;
    pthread_mutex_lock(&line->lock);
    devsdk_watch *spent = line->timer;
    line->timer = NULL;
    pthread_mutex_unlock(&line->lock);
    devsdk_unwatch(spent);
    modbus_line_visit(line);
}

void modbus_line_arm(struct modbus_line *line, bool own_thread)
{
    int64_t at = due(line);
    if (at == INT64_MAX || line->dying || (line->timer && line->timer_at <= at)) {
        return; /* a timer that comes too soon costs less than one that is moved each time */
    }
    if (line->timer && !own_thread) {
        modbus_hub_kick(line);
        return;
    }
    devsdk_unwatch(line->timer);
    int64_t now = devsdk_now_ms();
    line->timer_at = at;
    line->timer = devsdk_after(line->hub->svc, at > now ? at - now : 0, on_timer, line);
}

void modbus_line_visit(struct modbus_line *line)
{
    pthread_mutex_lock(&line->lock);
    do {
        deliver(line);
        modbus_state_step(line);
        look_at_clock(line, devsdk_now_ms());
        modbus_line_pump(line);
    } while (line->finished.head || line->broken);
    if (line->owes_ack && line->state == MODBUS_OPEN &&
        (line->flight.n > 0 || line->place.framing != MODBUS_TCP)) {
        modbus_socket_acknowledge(line->fd);
    }
    line->owes_ack = false;
    modbus_line_arm(line, true);
    pthread_mutex_unlock(&line->lock);
}

/* ---- the connection broke -------------------------------------------------------------------- */

static bool may_go_again(const struct modbus_line *line, const struct modbus_task *t, int64_t now)
{
    if (t == &line->probe) {
        return false;
    }
    int64_t patience = line->manners.link_recovery_ms;
    return now < t->give_up_ms &&
           ((modbus_task_reads(t) && !t->resent) || now - t->begun_ms < patience);
}

void modbus_line_lost(struct modbus_line *line, bool opening)
{
    struct modbus_queue again;
    int64_t now = devsdk_now_ms();
    modbus_queue_init(&again);
    if (line->flight.n > 1 && ++line->cuts >= 2) {
        modbus_crowd_end(line, "the connection breaks when several questions are asked at a time");
    }
    while (line->flight.head) {
        struct modbus_task *t = line->flight.head;
        modbus_queue_remove(&line->flight, t);
        t->unit->suspect = line->place.framing != MODBUS_TCP; /* its answer may still come */
        if (may_go_again(line, t, now)) {
            t->resent = true;
            t->forgotten = false; /* old numbers mean nothing on a new connection */
            modbus_queue_add(&again, t);
        } else if (t != &line->probe) {
            modbus_line_finish(line, t, MODBUS_CUT);
        }
    }
    while (line->queue.head) {
        struct modbus_task *t = line->queue.head;
        modbus_queue_remove(&line->queue, t);
        if (opening && now - t->begun_ms >= line->manners.link_recovery_ms) {
            modbus_line_finish(line, t, MODBUS_CUT);
        } else {
            modbus_queue_add(&again, t);
        }
    }
    while (again.head) {
        struct modbus_task *t = again.head;
        modbus_queue_remove(&again, t);
        modbus_queue_add(&line->queue, t);
    }
}

/* ---- handing over ----------------------------------------------------------------------------- */

static enum modbus_end refused(struct modbus_line *line, const struct modbus_task *tasks,
                               int64_t now, char *why, size_t size)
{
    if (line->queue.n_requests >= line->manners.max_queued) {
        snprintf(why, size, "%s: %u requests wait already", line->name, line->queue.n_requests);
        return MODBUS_CROWDED;
    }
    if (line->state == MODBUS_CLOSED && now < line->reopen_ms &&
        line->manners.link_recovery_ms == 0) {
        snprintf(why, size, "%s", line->why);
        return MODBUS_CUT;
    }
    for (const struct modbus_task *t = tasks; t; t = t->next) {
        if (t->unit->resume_ms > now) {
            snprintf(why, size, "%s: unit %u has not answered %u times, it is asked again in %d ms",
                     line->name, t->unit->id, t->unit->misses, (int)(t->unit->resume_ms - now));
            return MODBUS_SILENT;
        }
    }
    return MODBUS_ANSWERED;
}

enum modbus_end modbus_line_ask(struct modbus_line *line, struct modbus_task *tasks, bool more,
                                char *why, size_t size)
{
    int64_t now = devsdk_now_ms();
    pthread_mutex_lock(&line->lock);
    enum modbus_end end = more ? MODBUS_ANSWERED : refused(line, tasks, now, why, size);
    for (bool first = !more; end == MODBUS_ANSWERED && tasks; first = false) {
        struct modbus_task *t = tasks;
        tasks = t->next;
        t->first = first;
        t->begun_ms = now; /* until it is sent */
        t->resent = t->forgotten = t->crowd = false;
        t->code = 0;
        modbus_queue_add(&line->queue, t);
    }
    if (end == MODBUS_ANSWERED) {
        if (!more) { /* else the visit that is under way does it, once for all */
            modbus_line_pump(line);
        }
        if (line->state == MODBUS_CLOSED || line->broken || line->finished.head) {
            modbus_hub_kick(line);
        } else {
            modbus_line_arm(line, false);
        }
    }
    pthread_mutex_unlock(&line->lock);
    return end;
}
