/* A write: all its resources in one SET, which agents do wholly or not at all; one more for each further community. */
#include <stdlib.h>
#include <string.h>

#include "snmp_values.h"

enum { WHY = 256, LIST_BYTES = 32768, SCRATCH = 4096, MARGIN_MS = 80 };

struct job {
    struct snmp_device *d;
    devsdk_request *r;
    int64_t deadline_ms;
    unsigned at, n_asked; /* those under way are at, at + 1, ... */
};

static void next(struct job *job);

static devsdk_result result_of(int64_t error)
{
    switch (error) {
    case SNMP_NO_SUCH_NAME:
    case SNMP_NO_CREATION:
    case SNMP_INCONSISTENT_NAME:
        return DEVSDK_NO_OBJECT;
    case SNMP_READ_ONLY:
    case SNMP_NO_ACCESS:
    case SNMP_AUTHORIZATION_ERROR:
    case SNMP_NOT_WRITABLE:
        return DEVSDK_DENIED;
    case SNMP_BAD_VALUE:
    case SNMP_WRONG_TYPE:
    case SNMP_WRONG_LENGTH:
    case SNMP_WRONG_ENCODING:
    case SNMP_WRONG_VALUE:
    case SNMP_INCONSISTENT_VALUE:
        return DEVSDK_INVALID;
    case SNMP_RESOURCE_UNAVAILABLE:
        return DEVSDK_BUSY;
    default:
        return DEVSDK_DEVICE;
    }
}

static void done(struct job *job, devsdk_result result)
{
    devsdk_request *r = job->r;
    free(job);
    devsdk_done(r, result);
}

static void refused(struct job *job, const struct snmp_pdu *pdu)
{
    int64_t index = pdu->error_index;
    const char *name = snmp_error_name(pdu->error_status);
    devsdk_result result = result_of(pdu->error_status);
    if (index < 1 || index > job->n_asked) {
        done(job, devsdk_fail(job->r, result, "the agent refuses to write: %s", name));
        return;
    }
    unsigned i = job->at + (unsigned)index - 1;
    const struct snmp_attribute *attr = devsdk_attr(job->r, i);
    done(job,
         devsdk_fail(job->r, result, "%s (%s): %s", devsdk_resource(job->r, i), attr->oid, name));
}

static void on_answer(void *arg, enum snmp_outcome outcome, const struct snmp_pdu *pdu,
                      const char *why)
{
    struct job *job = arg;
    const struct snmp_address *addr = job->d->addr;
    if (outcome == SNMP_SILENT) {
        done(job,
             devsdk_fail(job->r, DEVSDK_TIMEOUT, "%s from %s:%u", why, addr->host, addr->port));
    } else if (outcome != SNMP_ANSWERED) {
        done(job, devsdk_fail(job->r, outcome == SNMP_UNKNOWN_HOST ? DEVSDK_TIMEOUT : DEVSDK_LINK,
                              "%s", why));
    } else if (pdu->error_status != SNMP_NO_ERROR) {
        refused(job, pdu);
    } else {
        job->at += job->n_asked;
        next(job);
    }
}

/* Before the others, which are put from the last one to the first. NULL, or what is wrong. */
static const char *put(struct job *job, struct snmp_out *out, unsigned i)
{
    const struct snmp_attribute *attr = devsdk_attr(job->r, i);
    uint8_t scratch[SCRATCH], bytes[SNMP_OID_BYTES];
    struct snmp_value value;
    struct snmp_oid oid;
    const char *why = NULL;
    if (!attr->oid || !snmp_oid_parse(attr->oid, &oid, &why)) {
        return "it has no oid";
    }
    why = snmp_wanted_value(job->r, i, scratch, sizeof(scratch), &value);
    if (!why) {
        snmp_put_binding(out, snmp_view(bytes, snmp_oid_bytes(&oid, bytes)), &value);
    }
    return why ? why : out->full ? "it is too long for a message" : NULL;
}

/* How many behind job->at go with its community. */
static unsigned run(struct job *job, struct snmp_view community)
{
    unsigned n = 1;
    if (job->d->session.version == SNMP_V3) {
        return devsdk_count(job->r) - job->at; /* it has none */
    }
    while (job->at + n < devsdk_count(job->r) &&
           snmp_view_equal(community,
                           snmp_community(job->d, devsdk_attr(job->r, job->at + n), true))) {
        n++;
    }
    return n;
}

static void next(struct job *job)
{
    uint8_t list[LIST_BYTES];
    struct snmp_out out = snmp_out(list, sizeof(list));
    if (job->at == devsdk_count(job->r)) {
        done(job, DEVSDK_OK);
        return;
    }
    struct snmp_ask ask = snmp_ask_of(job->d, job->deadline_ms);
    ask.community = snmp_community(job->d, devsdk_attr(job->r, job->at), true);
    job->n_asked = run(job, ask.community);
    for (unsigned i = job->at + job->n_asked; i-- > job->at;) {
        const char *why = put(job, &out, i);
        if (why) {
            done(job,
                 devsdk_fail(job->r, DEVSDK_INVALID, "%s: %s", devsdk_resource(job->r, i), why));
            return;
        }
    }
    ask.type = SNMP_SET;
    ask.list = snmp_written(&out);
    ask.fn = on_answer;
    ask.arg = job;
    snmp_engine_ask(job->d->service->engine, &ask);
}

devsdk_result snmp_write(devsdk_device *dev, devsdk_request *r)
{
    struct snmp_device *d = devsdk_data(dev);
    char why[WHY];
    if (!snmp_device_ready(d, why, sizeof(why))) {
        return devsdk_fail(r, DEVSDK_LINK, "%s", why);
    }
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        return devsdk_fail(r, DEVSDK_BUSY, "out of memory");
    }
    *job = (struct job){.d = d, .r = r, .deadline_ms = devsdk_deadline_ms(r) - MARGIN_MS};
    next(job);
    return DEVSDK_PENDING;
}
