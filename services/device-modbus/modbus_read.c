/*
 * Reads: few questions for many resources. Up to eight of a request are under way at a time; where a device refuses a
 * bulk read, its resources are asked for one by one, and it is remembered what it refused.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/modbus_plan.h"
#include "modbus_job.h"

enum { MOST_AT_A_TIME = 8 };

struct job;

struct slot {
    struct modbus_task task;
    struct job *job;
    const struct modbus_block *block;
};

struct job {
    devsdk_request *r;
    devsdk_device *dev;
    devsdk_result result;
    uint32_t n_blocks, next, n_slots, n_out; /* blocks in all, asked; slots in all, in use */
    uint8_t split;                           /* what was refused, if that was it */
    struct slot *slots;
    struct modbus_block *blocks; /* twice as many as resources, at most */
    struct modbus_span *spans;   /* one of each resource */
};

static void answered(struct modbus_task *t, const struct modbus_outcome *outcome);

/* ---- values -------------------------------------------------------------------------------- */

static devsdk_result set_number(devsdk_request *r, unsigned i, const struct modbus_number *v)
{
    if (v->kind == MODBUS_REAL) {
        return devsdk_set_float(r, i, v->f);
    }
    return v->kind == MODBUS_SIGNED ? devsdk_set_int(r, i, v->i) : devsdk_set_uint(r, i, v->u);
}

static devsdk_result set_bool_array(devsdk_request *r, unsigned i, const struct modbus_attr *a,
                                    const uint8_t *data, size_t at)
{
    bool list[MODBUS_MAX_BITS];
    for (size_t k = 0; k < a->elements; k++) {
        list[k] = a->is_bits ? modbus_bit_get(data, at + k)
                             : modbus_number_get(&a->format, data + 2 * (at + k)).u != 0;
    }
    return devsdk_set(
        r, i,
        (devsdk_value){.type = DEVSDK_ARRAY, .elem = DEVSDK_BOOL, .n = a->elements, .p = list});
}

static devsdk_type wide(const struct modbus_number *v)
{
    return v->kind == MODBUS_REAL ? DEVSDK_F64 : v->kind == MODBUS_SIGNED ? DEVSDK_I64 : DEVSDK_U64;
}

static devsdk_result set_array(devsdk_request *r, unsigned i, const struct modbus_attr *a,
                               const uint8_t *data)
{
    uint64_t list[MODBUS_MAX_REGISTERS]; /* the bits of int64_t, uint64_t or double */
    size_t step = (size_t)2 * modbus_raw_registers(a->format.raw);
    devsdk_value v = {.type = DEVSDK_ARRAY, .n = a->elements, .p = list};
    for (size_t k = 0; k < a->elements; k++) {
        struct modbus_number number = modbus_number_get(&a->format, data + k * step);
        list[k] = number.u;
        v.elem = wide(&number);
    }
    return devsdk_set(r, i, v);
}

static devsdk_result set_text(devsdk_request *r, unsigned i, const struct modbus_attr *a,
                              const uint8_t *data)
{
    char text[2 * MODBUS_MAX_REGISTERS];
    size_t n = modbus_text_get(a->byte_swap, data, a->text_registers, text);
    return modbus_text_is_sound(text, n) ? devsdk_set_string(r, i, text, n) : DEVSDK_DEVICE;
}

/* Resource i, which begins at register or bit @p at of @p data. */
static devsdk_result set_value(devsdk_request *r, unsigned i, const uint8_t *data, size_t at)
{
    const struct modbus_attr *a = devsdk_attr(r, i);
    devsdk_value wanted = devsdk_wanted(r, i);
    const uint8_t *registers = data + 2 * at;
    if (wanted.type == DEVSDK_ARRAY) {
        return wanted.elem == DEVSDK_BOOL ? set_bool_array(r, i, a, data, at)
                                          : set_array(r, i, a, registers);
    }
    if (wanted.type == DEVSDK_STRING) {
        return set_text(r, i, a, registers);
    }
    if (a->is_bits) {
        return devsdk_set_bool(r, i, modbus_bit_get(data, at));
    }
    struct modbus_number v = modbus_number_get(&a->format, registers);
    return wanted.type == DEVSDK_BOOL ? devsdk_set_bool(r, i, v.u != 0) : set_number(r, i, &v);
}

static void take_block(struct job *job, const struct modbus_block *b, const uint8_t *data)
{
    for (uint32_t k = b->first; k < b->first + b->n; k++) {
        const struct modbus_span *s = &job->spans[k];
        devsdk_result result = set_value(job->r, s->item, data, (size_t)s->address - b->address);
        if (result != DEVSDK_OK && result != DEVSDK_RANGE && job->result == DEVSDK_OK) {
            job->result = devsdk_fail(job->r, DEVSDK_DEVICE, "%s: what it has is no such value",
                                      devsdk_resource(job->r, s->item));
        }
    }
}

/* ---- the way -------------------------------------------------------------------------------- */

static bool fill_slot(struct job *job, struct slot *slot)
{
    const struct modbus_addr *addr = devsdk_addr(job->dev);
    const struct modbus_block *b = &job->blocks[job->next++];
    slot->block = b;
    slot->task.unit = modbus_unit_of(devsdk_data(job->dev), addr, b->unit);
    slot->task.query =
        (struct modbus_query){.function = b->function, .address = b->address, .count = b->count};
    slot->task.next = NULL;
    return slot->task.unit != NULL;
}

static bool has_gap(const struct job *job, const struct modbus_block *b)
{
    uint32_t reached = b->address;
    for (uint32_t k = b->first; k < b->first + b->n; k++) {
        const struct modbus_span *s = &job->spans[k];
        if (s->address > reached) {
            return true;
        }
        uint32_t end = (uint32_t)s->address + s->count;
        reached = end > reached ? end : reached;
    }
    return false;
}

/* Illegal address, illegal value, failure: what devices say of a range that is not all theirs, or too large. */
static bool is_split(struct job *job, const struct modbus_block *b,
                     const struct modbus_outcome *outcome)
{
    if (outcome->end != MODBUS_REJECTED || outcome->code < 2 || outcome->code > 4 || b->n < 2) {
        return false;
    }
    job->split |= has_gap(job, b) ? MODBUS_REFUSES_GAPS : MODBUS_REFUSES_BULK;
    for (uint32_t k = b->first; k < b->first + b->n; k++) {
        const struct modbus_span *s = &job->spans[k];
        job->blocks[job->n_blocks++] = (struct modbus_block){.unit = s->unit,
                                                             .function = s->function,
                                                             .address = s->address,
                                                             .count = s->count,
                                                             .first = k,
                                                             .n = 1};
    }
    return true;
}

static void end(struct job *job)
{
    devsdk_request *r = job->r;
    devsdk_result result = job->result;
    struct modbus_device *d = devsdk_data(job->dev);
    if (job->split && result == DEVSDK_OK && !(atomic_load(&d->refuses) & job->split)) {
        atomic_fetch_or(&d->refuses, job->split);
        devsdk_log(devsdk_of(job->dev), DEVSDK_INFO,
                   "%s refuses bulk reads%s, its registers are read in smaller pieces",
                   devsdk_name(job->dev),
                   job->split & MODBUS_REFUSES_GAPS ? " over registers nobody asked for" : "");
    }
    free(job);
    devsdk_done(r, result);
}

static void answered(struct modbus_task *t, const struct modbus_outcome *outcome)
{
    struct slot *slot = (struct slot *)t; /* its first member */
    struct job *job = slot->job;
    struct modbus_device *d = devsdk_data(job->dev);
    const struct modbus_block *b = slot->block;
    if (outcome->end == MODBUS_ANSWERED) {
        take_block(job, b, outcome->pdu + 2);
    } else if (job->result == DEVSDK_OK && !is_split(job, b, outcome)) {
        job->result = modbus_tell(job->r, d, &t->query, b->unit,
                                  devsdk_resource(job->r, job->spans[b->first].item), outcome);
    }
    if (job->result == DEVSDK_OK && job->next < job->n_blocks && fill_slot(job, slot)) {
        (void)modbus_line_ask(d->line, t, true, NULL, 0);
        return;
    }
    if (--job->n_out == 0) {
        end(job);
    }
}

/* ---- the begin ------------------------------------------------------------------------------- */

static void want(const devsdk_request *r, unsigned i, const struct modbus_addr *addr,
                 unsigned refuses, struct modbus_span *ret)
{
    const struct modbus_attr *a = devsdk_attr(r, i);
    *ret = (struct modbus_span){
        .unit = a->unit < 0 ? addr->unit : (uint8_t)a->unit,
        .function = a->function,
        .address = a->address,
        .count = a->count,
        .max_gap = refuses & MODBUS_REFUSES_GAPS ? 0 : a->max_gap,
        .max_count = refuses & MODBUS_REFUSES_BULK ? a->count : a->max_count,
        .item = i,
    };
}

static struct job *job_make(devsdk_device *dev, devsdk_request *r)
{
    unsigned n = devsdk_count(r);
    unsigned n_slots = n < MOST_AT_A_TIME ? n : MOST_AT_A_TIME;
    size_t size = sizeof(struct job) + n_slots * sizeof(struct slot) +
                  (size_t)2 * n * sizeof(struct modbus_block) + n * sizeof(struct modbus_span);
    struct job *job = calloc(1, size);
    if (job) {
        job->r = r;
        job->dev = dev;
        job->n_slots = n_slots;
        job->slots = (struct slot *)(job + 1);
        job->blocks = (struct modbus_block *)(job->slots + n_slots);
        job->spans = (struct modbus_span *)(job->blocks + 2 * (size_t)n);
    }
    return job;
}

static void job_plan(struct job *job)
{
    struct modbus_device *d = devsdk_data(job->dev);
    const struct modbus_addr *addr = devsdk_addr(job->dev);
    unsigned n = devsdk_count(job->r), refuses = atomic_load(&d->refuses);
    for (unsigned i = 0; i < n; i++) {
        want(job->r, i, addr, refuses, &job->spans[i]);
    }
    job->n_blocks = (uint32_t)modbus_plan(job->spans, n, job->blocks);
}

/* The first questions, as a list; false: no memory. */
static bool job_begin(struct job *job)
{
    const struct modbus_addr *addr = devsdk_addr(job->dev);
    while (job->n_out < job->n_slots && job->next < job->n_blocks) {
        struct slot *slot = &job->slots[job->n_out];
        slot->job = job;
        slot->task.done = answered;
        modbus_task_fill(&slot->task, job->r, addr);
        if (!fill_slot(job, slot)) {
            return false;
        }
        if (job->n_out > 0) {
            job->slots[job->n_out - 1].task.next = &slot->task;
        }
        job->n_out++;
    }
    return true;
}

static bool asks_all(const struct job *job)
{
    for (uint32_t k = 0; k < job->n_blocks; k++) {
        if (job->blocks[k].unit == 0) {
            return true;
        }
    }
    return false;
}

devsdk_result modbus_read(devsdk_device *dev, devsdk_request *r)
{
    struct modbus_device *d = devsdk_data(dev);
    struct job *job = job_make(dev, r);
    char why[240] = "";
    if (!job) {
        return DEVSDK_BUSY;
    }
    job_plan(job);
    if (modbus_line_broadcasts(d->line) && asks_all(job)) {
        free(job);
        return devsdk_fail(r, DEVSDK_DENIED, "UnitID 0 is all units: it can be written only");
    }
    if (!job_begin(job)) {
        free(job);
        return DEVSDK_BUSY;
    }
    struct modbus_outcome outcome = {.why = why};
    outcome.end = modbus_line_ask(d->line, &job->slots[0].task, false, why, sizeof(why));
    if (outcome.end == MODBUS_ANSWERED) {
        return DEVSDK_PENDING; /* the job may be over by now */
    }
    free(job);
    return outcome.end == MODBUS_SILENT
               ? devsdk_fail(r, DEVSDK_TIMEOUT, "%s", why)
               : modbus_tell(r, d, &(struct modbus_query){0}, 0, "", &outcome);
}
