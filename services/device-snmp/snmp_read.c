/*
 * A read: its resources are asked for as the plan says, one request at a time, and its tables are walked. What the agent
 * does not have is left out and said once; the read fails where nothing is left.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_plan.h"
#include "snmp_values.h"
#include "snmp_walk.h"

enum { WHY = 256, OIDS_MAX = 128, LIST_BYTES = 16384, MARGIN_MS = 80, TABLE_BYTES = 1 << 20 };

struct job {
    struct snmp_device *d;
    devsdk_request *r;
    unsigned n, n_set, n_missing;
    struct snmp_plan plan;
    unsigned asked[OIDS_MAX], n_asked;
    int64_t deadline_ms;
    devsdk_result result; /* of the first that is missing */
    char why[WHY];
    unsigned table; /* the next resource to look at for a walk */
    struct snmp_walk walk;
    FILE *json;
    char *text;
    size_t size;
    bool too_long;
    struct snmp_item items[];
};

static void next(struct job *job);

/* ---- outcomes ------------------------------------------------------------------------------ */

static devsdk_result result_of(int64_t error)
{
    switch (error) {
    case SNMP_NO_SUCH_NAME:
    case SNMP_NO_CREATION:
    case SNMP_INCONSISTENT_NAME:
        return DEVSDK_NO_OBJECT;
    case SNMP_NO_ACCESS:
    case SNMP_AUTHORIZATION_ERROR:
        return DEVSDK_DENIED;
    default:
        return DEVSDK_DEVICE;
    }
}

/* A resource that has no reading: the first one is why a read fails, where all do. */
static void miss(struct job *job, unsigned i, devsdk_result result, const char *what)
{
    if (job->n_missing++ == 0) {
        const struct snmp_attribute *attr = devsdk_attr(job->r, i);
        job->result = result;
        snprintf(job->why, sizeof(job->why), "%.64s (%.96s): %s", devsdk_resource(job->r, i),
                 attr->oid ? attr->oid : "no oid", what);
    }
}

static void job_free(struct job *job)
{
    if (job->json) {
        fclose(job->json);
    }
    free(job->text);
    free(job);
}

static void finish(struct job *job)
{
    devsdk_request *r = job->r;
    struct snmp_device *d = job->d;
    devsdk_result result = DEVSDK_OK;
    if (job->plan.was_too_big && job->plan.limit < d->limit) {
        d->limit = job->plan.limit;
    }
    if (job->n_missing > 0) {
        devsdk_metric(d->service->sdk, "SnmpObjectsMissing", job->n_missing);
        if (job->n_set == 0) {
            result = devsdk_fail(r, job->result, "%s", job->why);
        } else if (!d->told_missing) {
            d->told_missing = true;
            devsdk_log(d->service->sdk, DEVSDK_WARN, "%s: left out: %s (said once)",
                       d->session.label, job->why);
        }
    }
    job_free(job);
    devsdk_done(r, result);
}

static void give_up(struct job *job, enum snmp_outcome outcome, const char *why)
{
    devsdk_request *r = job->r;
    devsdk_result result = outcome == SNMP_SILENT || outcome == SNMP_UNKNOWN_HOST ? DEVSDK_TIMEOUT
                           : outcome == SNMP_REFUSED                              ? DEVSDK_LINK
                                                                                  : DEVSDK_DEVICE;
    const struct snmp_address *addr = job->d->addr;
    result = outcome == SNMP_SILENT
                 ? devsdk_fail(r, result, "%s from %s:%u", why, addr->host, addr->port)
                 : devsdk_fail(r, result, "%s", why);
    job_free(job);
    devsdk_done(r, result);
}

/* ---- single objects ------------------------------------------------------------------------ */

static void take_value(struct job *job, unsigned i, const struct snmp_value *value)
{
    const struct snmp_attribute *attr = devsdk_attr(job->r, i);
    bool absent = snmp_kind(value->tag) == SNMP_IS_NOTHING;
    const char *fault =
        snmp_reading_set(job->r, i, devsdk_wanted(job->r, i).type, attr->format, value);
    char what[WHY];
    if (!fault) {
        job->n_set++;
        return;
    }
    snprintf(what, sizeof(what), absent ? "%s" : "%s: it is %s", fault, snmp_tag_name(value->tag));
    miss(job, i, absent ? DEVSDK_NO_OBJECT : DEVSDK_DEVICE, what);
}

/* The contents of a resource's OID, which was looked at when its profile came. */
static struct snmp_view oid_bytes(const struct snmp_attribute *attr, uint8_t *buf)
{
    struct snmp_oid oid;
    const char *why;
    bool sound = attr->oid && snmp_oid_parse(attr->oid, &oid, &why);
    return snmp_view(buf, sound ? snmp_oid_bytes(&oid, buf) : 0);
}

/* The @p n bindings of an answer, each of what was asked for in its place. */
static bool is_answer(const struct job *job, const struct snmp_pdu *pdu)
{
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    uint8_t buf[SNMP_OID_BYTES];
    for (unsigned i = 0; i < job->n_asked; i++) {
        if (!snmp_take_binding(&list, &binding) ||
            !snmp_view_equal(binding.oid, oid_bytes(devsdk_attr(job->r, job->asked[i]), buf))) {
            return false;
        }
    }
    return list.n == 0;
}

static void take_answer(struct job *job, const struct snmp_pdu *pdu)
{
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    for (unsigned i = 0; i < job->n_asked && snmp_take_binding(&list, &binding); i++) {
        take_value(job, job->asked[i], &binding.value);
    }
    snmp_plan_settle(&job->plan, job->asked, job->n_asked);
}

static void take_refusal(struct job *job, const struct snmp_pdu *pdu)
{
    snmp_plan_refused(&job->plan, job->asked, job->n_asked, pdu->error_status, pdu->error_index);
    for (unsigned i = 0; i < job->n_asked; i++) {
        const struct snmp_item *item = &job->items[job->asked[i]];
        if (item->state != SNMP_SETTLED) {
            continue;
        }
        bool v1 = job->d->session.version == SNMP_V1;
        miss(job, job->asked[i], result_of(item->error),
             v1 && item->error == SNMP_NO_SUCH_NAME ? "noSuchName (v1 has no Counter64, either)"
                                                    : snmp_error_name(item->error));
    }
}

static void on_answer(void *arg, enum snmp_outcome outcome, const struct snmp_pdu *pdu,
                      const char *why)
{
    struct job *job = arg;
    if (outcome != SNMP_ANSWERED) {
        give_up(job, outcome, why);
        return;
    }
    if (pdu->error_status != SNMP_NO_ERROR) {
        take_refusal(job, pdu);
    } else if (is_answer(job, pdu)) {
        take_answer(job, pdu);
    } else {
        devsdk_metric(job->d->service->sdk, "SnmpAnswersWrong", 1);
        give_up(job, SNMP_UNSENT, "the agent answered other objects than asked for");
        return;
    }
    next(job);
}

static void ask_objects(struct job *job)
{
    static const struct snmp_value null = {.tag = SNMP_NULL};
    uint8_t list[LIST_BYTES], buf[SNMP_OID_BYTES];
    struct snmp_out out = snmp_out(list, sizeof(list));
    for (unsigned i = job->n_asked; i-- > 0;) {
        snmp_put_binding(&out, oid_bytes(devsdk_attr(job->r, job->asked[i]), buf), &null);
    }
    if (out.full) { /* the longest OIDs: as if the agent had said so */
        const struct snmp_pdu too_big = {.error_status = SNMP_TOO_BIG};
        take_refusal(job, &too_big);
        next(job);
        return;
    }
    struct snmp_ask ask = snmp_ask_of(job->d, job->deadline_ms);
    ask.community = snmp_community(job->d, devsdk_attr(job->r, job->asked[0]), false);
    ask.type = SNMP_GET;
    ask.list = snmp_written(&out);
    ask.fn = on_answer;
    ask.arg = job;
    snmp_engine_ask(job->d->service->engine, &ask);
}

/* ---- tables -------------------------------------------------------------------------------- */

/* {"1.1": 1, "1.2": 2, "2.1": "lo", ...}: what stands behind the root, and its value. */
static bool on_row(void *arg, const struct snmp_oid *oid, const struct snmp_value *value)
{
    struct job *job = arg;
    struct snmp_oid below = {.n = oid->n - job->walk.root.n};
    char text[SNMP_OID_TEXT];
    memcpy(below.id, oid->id + job->walk.root.n, below.n * sizeof(below.id[0]));
    snmp_oid_print(&below, text, sizeof(text));
    fprintf(job->json, "%s\"%s\":", job->walk.rows > 1 ? "," : "", text);
    const struct snmp_attribute *attr = devsdk_attr(job->r, job->table);
    snmp_value_json(job->json, attr->format, value);
    job->too_long = ftell(job->json) > TABLE_BYTES;
    return !job->too_long;
}

static bool close_json(struct job *job)
{
    fputc('}', job->json);
    bool done = fclose(job->json) == 0;
    job->json = NULL;
    return done;
}

static void on_walked(void *arg, enum snmp_walk_end end, enum snmp_outcome outcome, const char *why)
{
    struct job *job = arg;
    unsigned i = job->table++;
    if (end == SNMP_WALK_LOST) {
        give_up(job, outcome, why);
        return;
    }
    bool made = close_json(job);
    if (end != SNMP_WALKED || job->too_long || !made) {
        miss(job, i, end == SNMP_WALK_FULL || job->too_long ? DEVSDK_RANGE : DEVSDK_DEVICE,
             job->too_long ? "the table is longer than a megabyte"
             : why         ? why
                           : "out of memory");
    } else {
        (void)devsdk_set(job->r, i,
                         (devsdk_value){.type = DEVSDK_OBJECT, .p = job->text, .n = job->size});
        job->n_set++;
    }
    free(job->text);
    job->text = NULL;
    next(job);
}

static void walk_table(struct job *job)
{
    const struct snmp_attribute *attr = devsdk_attr(job->r, job->table);
    const char *why;
    job->too_long = false;
    job->json = open_memstream(&job->text, &job->size);
    job->walk = (struct snmp_walk){
        .engine = job->d->service->engine,
        .ask = snmp_ask_of(job->d, job->deadline_ms),
        .max_rows = job->d->service->config->max_rows,
        .row = on_row,
        .done = on_walked,
        .arg = job,
    };
    if (!job->json || !snmp_oid_parse(attr->oid, &job->walk.root, &why)) {
        give_up(job, SNMP_UNSENT, "out of memory");
        return;
    }
    fputc('{', job->json);
    job->walk.ask.community = snmp_community(job->d, attr, false);
    snmp_walk_start(&job->walk);
}

/* ---- the story ----------------------------------------------------------------------------- */

static void next(struct job *job)
{
    unsigned n = snmp_plan_next(&job->plan, job->asked, OIDS_MAX);
    if (n > 0) {
        job->n_asked = n;
        ask_objects(job);
        return;
    }
    while (job->table < job->n) {
        const struct snmp_attribute *attr = devsdk_attr(job->r, job->table);
        if (attr->walk && attr->oid) {
            walk_table(job);
            return;
        }
        job->table++;
    }
    finish(job);
}

/* Resources of one community share requests. */
static void group(struct job *job, unsigned i)
{
    struct snmp_view own = snmp_community(job->d, devsdk_attr(job->r, i), false);
    uint16_t groups = 0;
    for (unsigned k = 0; k < i; k++) {
        if (snmp_view_equal(own, snmp_community(job->d, devsdk_attr(job->r, k), false))) {
            job->items[i].group = job->items[k].group;
            return;
        }
        groups = job->items[k].group > groups ? job->items[k].group : groups;
    }
    job->items[i].group = (uint16_t)(i > 0 ? groups + 1 : 0);
}

static void plan(struct job *job)
{
    for (unsigned i = 0; i < job->n; i++) {
        const struct snmp_attribute *attr = devsdk_attr(job->r, i);
        if (job->d->session.version != SNMP_V3) {
            group(job, i);
        }
        if (!attr->oid || attr->walk) {
            job->items[i].state = SNMP_SETTLED;
        }
        if (!attr->oid) {
            miss(job, i, DEVSDK_DENIED, "it comes with traps, and cannot be asked for");
        }
    }
}

devsdk_result snmp_read(devsdk_device *dev, devsdk_request *r)
{
    struct snmp_device *d = devsdk_data(dev);
    unsigned n = devsdk_count(r);
    char why[WHY];
    if (!snmp_device_ready(d, why, sizeof(why))) {
        return devsdk_fail(r, DEVSDK_LINK, "%s", why);
    }
    struct job *job = calloc(1, sizeof(*job) + n * sizeof(job->items[0]));
    if (!job) {
        return devsdk_fail(r, DEVSDK_BUSY, "out of memory");
    }
    job->d = d;
    job->r = r;
    job->n = n;
    job->deadline_ms = devsdk_deadline_ms(r) - MARGIN_MS;
    job->plan = (struct snmp_plan){.items = job->items, .n = n, .limit = d->limit};
    plan(job);
    next(job);
    return DEVSDK_PENDING;
}
