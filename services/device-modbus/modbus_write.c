/*
 * Writes: in the order of the request, each one when the one before is confirmed, up to the first that is not. Bits of
 * a register are written with a mask (function 22), and with read and write by devices that do not have that; those
 * that do not write single coils or registers get a list of one.
 */
#include <stdlib.h>
#include <string.h>

#include "modbus_job.h"

enum stage { PLAIN, BEFORE_MASK, AFTER_MASK };

struct job {
    struct modbus_task task; /* the first member */
    devsdk_request *r;
    devsdk_device *dev;
    unsigned i;
    enum stage stage; /* BEFORE_MASK: the register is being read, AFTER_MASK: written */
    uint8_t data[2 * MODBUS_MAX_REGISTERS];
};

static unsigned refuses(const struct job *job)
{
    struct modbus_device *d = devsdk_data(job->dev);
    return atomic_load(&d->refuses);
}

/* ---- values -------------------------------------------------------------------------------- */

static struct modbus_number number_of(devsdk_type type, const devsdk_value *v)
{
    if (type == DEVSDK_BOOL) {
        return (struct modbus_number){MODBUS_UNSIGNED, .u = v->b};
    }
    if (type == DEVSDK_F32 || type == DEVSDK_F64) {
        return (struct modbus_number){MODBUS_REAL, .f = v->f};
    }
    if (type >= DEVSDK_U8) {
        return (struct modbus_number){MODBUS_UNSIGNED, .u = v->u};
    }
    return (struct modbus_number){MODBUS_SIGNED, .i = v->i};
}

static struct modbus_number element_of(const devsdk_value *v, size_t k)
{
    devsdk_value one = {.type = v->elem};
    if (v->elem == DEVSDK_BOOL) {
        one.b = ((const bool *)v->p)[k];
    } else {
        one.u = ((const uint64_t *)v->p)[k]; /* the bits of whichever it is */
    }
    return number_of(v->elem, &one);
}

static bool put_registers(const struct modbus_attr *a, const devsdk_value *v, uint8_t *ret)
{
    size_t step = (size_t)2 * modbus_raw_registers(a->format.raw);
    if (v->type == DEVSDK_STRING) {
        return modbus_text_put(a->byte_swap, v->p, v->n, a->text_registers, ret);
    }
    if (v->type != DEVSDK_ARRAY) {
        struct modbus_number number = number_of(v->type, v);
        return modbus_number_put(&a->format, &number, ret);
    }
    bool fits = v->n == a->elements;
    for (size_t k = 0; fits && k < v->n; k++) {
        struct modbus_number number = element_of(v, k);
        fits = modbus_number_put(&a->format, &number, ret + k * step);
    }
    return fits;
}

static bool put_coils(const struct modbus_attr *a, const devsdk_value *v, uint8_t *ret)
{
    memset(ret, 0, (a->count + 7u) / 8);
    if (v->type != DEVSDK_ARRAY) {
        modbus_bit_put(ret, 0, v->b);
        return true;
    }
    for (size_t k = 0; v->n == a->elements && k < v->n; k++) {
        modbus_bit_put(ret, k, ((const bool *)v->p)[k]);
    }
    return v->n == a->elements;
}

/* ---- questions ------------------------------------------------------------------------------- */

/* One coil or register, alone or as a list. */
static void choose_function(struct job *job, const struct modbus_attr *a)
{
    struct modbus_query *q = &job->task.query;
    bool single = a->count == 1 && a->elements == 0 && !(refuses(job) & MODBUS_REFUSES_SINGLE);
    *q = (struct modbus_query){.address = a->address, .count = a->count, .data = job->data};
    if (a->is_bits) {
        q->function = single ? MODBUS_WRITE_COIL : MODBUS_WRITE_COILS;
        q->value = job->data[0] & 1;
    } else {
        q->function = single ? MODBUS_WRITE_REGISTER : MODBUS_WRITE_REGISTERS;
        q->value = (uint16_t)(job->data[0] << 8 | job->data[1]);
    }
}

static bool prepare_bits(struct job *job, const struct modbus_attr *a, const devsdk_value *v)
{
    struct modbus_query *q = &job->task.query;
    struct modbus_number number = number_of(v->type, v);
    *q = (struct modbus_query){.function = MODBUS_MASK_REGISTER, .address = a->address};
    if (!modbus_field_put(&a->format, &number, &q->and, &q->value)) {
        return false;
    }
    if (refuses(job) & MODBUS_REFUSES_MASK) {
        job->stage = BEFORE_MASK;
        q->function = MODBUS_READ_HOLDING_REGISTERS;
        q->count = 1;
    }
    return true;
}

/* False: the value does not fit. */
static bool prepare(struct job *job)
{
    const struct modbus_attr *a = devsdk_attr(job->r, job->i);
    devsdk_value v = devsdk_wanted(job->r, job->i);
    const struct modbus_addr *addr = devsdk_addr(job->dev);
    job->stage = PLAIN;
    job->task.next = NULL;
    job->task.unit = modbus_unit_of(devsdk_data(job->dev), addr, a->unit);
    if (a->format.bits > 0) {
        return prepare_bits(job, a, &v);
    }
    if (!(a->is_bits ? put_coils(a, &v, job->data) : put_registers(a, &v, job->data))) {
        return false;
    }
    choose_function(job, a);
    return true;
}

/* ---- the way --------------------------------------------------------------------------------- */

static void end(struct job *job, devsdk_result result)
{
    devsdk_request *r = job->r;
    free(job);
    devsdk_done(r, result);
}

static void ask_more(struct job *job)
{
    struct modbus_device *d = devsdk_data(job->dev);
    (void)modbus_line_ask(d->line, &job->task, true, NULL, 0);
}

static devsdk_result no_fit(const struct job *job)
{
    return devsdk_fail(job->r, DEVSDK_INVALID, "%s: the value does not fit into its registers",
                       devsdk_resource(job->r, job->i));
}

static void ask_next(struct job *job)
{
    if (++job->i == devsdk_count(job->r)) {
        end(job, DEVSDK_OK);
    } else if (!prepare(job)) {
        end(job, no_fit(job));
    } else if (!job->task.unit) {
        end(job, DEVSDK_BUSY);
    } else {
        ask_more(job);
    }
}

/* A function the device does not have: another one that does the same. False: there is none. */
static bool ask_otherwise(struct job *job)
{
    struct modbus_device *d = devsdk_data(job->dev);
    unsigned lacks;
    switch (job->task.query.function) {
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
        lacks = MODBUS_REFUSES_SINGLE;
        break;
    case MODBUS_MASK_REGISTER:
        lacks = MODBUS_REFUSES_MASK;
        break;
    default:
        return false;
    }
    if (atomic_fetch_or(&d->refuses, lacks) & lacks) {
        return false;
    }
    devsdk_log(devsdk_of(job->dev), DEVSDK_INFO, "%s does not have function %u, it is done %s",
               devsdk_name(job->dev), job->task.query.function,
               lacks == MODBUS_REFUSES_MASK ? "by reading and writing" : "with a list of one");
    if (job->stage == AFTER_MASK) {
        job->task.query.function = MODBUS_WRITE_REGISTERS;
        job->task.query.count = 1;
        job->task.query.data = job->data;
    } else {
        (void)prepare(job); /* it did fit */
    }
    ask_more(job);
    return true;
}

static void write_masked(struct job *job, const uint8_t *data)
{
    struct modbus_query *q = &job->task.query;
    unsigned value = ((unsigned)(data[0] << 8 | data[1]) & q->and) | q->value;
    bool single = !(refuses(job) & MODBUS_REFUSES_SINGLE);
    job->data[0] = (uint8_t)(value >> 8);
    job->data[1] = (uint8_t)value;
    *q = (struct modbus_query){
        .function = single ? MODBUS_WRITE_REGISTER : MODBUS_WRITE_REGISTERS,
        .address = q->address,
        .count = 1,
        .value = (uint16_t)value,
        .data = job->data,
    };
    job->stage = AFTER_MASK;
    ask_more(job);
}

static void answered(struct modbus_task *t, const struct modbus_outcome *outcome)
{
    struct job *job = (struct job *)t;
    struct modbus_device *d = devsdk_data(job->dev);
    const struct modbus_addr *addr = devsdk_addr(job->dev);
    const struct modbus_attr *a = devsdk_attr(job->r, job->i);
    if (outcome->end == MODBUS_ANSWERED && job->stage == BEFORE_MASK) {
        write_masked(job, outcome->pdu + 2);
    } else if (outcome->end == MODBUS_ANSWERED) {
        ask_next(job);
    } else if (outcome->end != MODBUS_REJECTED || outcome->code != 1 || !ask_otherwise(job)) {
        end(job, modbus_tell(job->r, d, &t->query, a->unit < 0 ? addr->unit : (unsigned)a->unit,
                             devsdk_resource(job->r, job->i), outcome));
    }
}

devsdk_result modbus_write(devsdk_device *dev, devsdk_request *r)
{
    struct modbus_device *d = devsdk_data(dev);
    struct job *job = calloc(1, sizeof(*job));
    char why[240] = "";
    if (!job) {
        return DEVSDK_BUSY;
    }
    job->r = r;
    job->dev = dev;
    job->task.done = answered;
    modbus_task_fill(&job->task, r, devsdk_addr(dev));
    if (!prepare(job) || !job->task.unit) {
        devsdk_result result = job->task.unit ? no_fit(job) : DEVSDK_BUSY;
        free(job);
        return result;
    }
    struct modbus_outcome outcome = {.why = why};
    outcome.end = modbus_line_ask(d->line, &job->task, false, why, sizeof(why));
    if (outcome.end == MODBUS_ANSWERED) {
        return DEVSDK_PENDING; /* the job may be over by now */
    }
    free(job);
    return outcome.end == MODBUS_SILENT
               ? devsdk_fail(r, DEVSDK_TIMEOUT, "%s", why)
               : modbus_tell(r, d, &(struct modbus_query){0}, 0, "", &outcome);
}
