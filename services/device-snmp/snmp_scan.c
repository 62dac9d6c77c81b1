/* What an agent has: a walk below a root, each object offered as a resource. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/snmp_names.h"
#include "codec/snmp_text.h"
#include "snmp_walk.h"

enum { MAX_OFFERED = 500, MAX_LIMIT = 10000, WHY = 256, SCAN_MS = 600000 };

static const char MIB_2[] = "1.3.6.1.2.1";

struct job {
    devsdk_scan *scan;
    struct snmp_device *d;
    unsigned n, refused;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t ended;
    bool is_over;
    enum snmp_walk_end end;
    char why[WHY];
};

/* ---- one object ---------------------------------------------------------------------------- */

static devsdk_type type_of(const struct snmp_value *value)
{
    switch (snmp_kind(value->tag)) {
    case SNMP_IS_INT:
        return value->tag == SNMP_INTEGER ? DEVSDK_I32 : DEVSDK_I64;
    case SNMP_IS_UINT:
        return value->tag == SNMP_COUNTER64 || value->tag == SNMP_OPAQUE_COUNTER64 ||
                       value->tag == SNMP_OPAQUE_U64
                   ? DEVSDK_U64
                   : DEVSDK_U32;
    case SNMP_IS_FLOAT:
        return value->tag == SNMP_OPAQUE_FLOAT ? DEVSDK_F32 : DEVSDK_F64;
    default:
        return DEVSDK_STRING;
    }
}

/* By the standard's name where it has one; else by what it holds now. */
static uint8_t format_of(const struct snmp_name *known, const struct snmp_value *value)
{
    bool is_mac = known && known->is_mac;
    return value->tag == SNMP_OCTETS && is_mac ? SNMP_FORMAT_MAC : SNMP_FORMAT_AUTO;
}

static uint8_t letter_of(const struct snmp_value *value)
{
    switch (value->tag) {
    case SNMP_INTEGER:
        return SNMP_LETTER_I;
    case SNMP_GAUGE32:
        return SNMP_LETTER_U;
    case SNMP_TIMETICKS:
        return SNMP_LETTER_T;
    case SNMP_OCTETS:
        return SNMP_LETTER_S;
    default:
        return SNMP_LETTER_AUTO;
    }
}

static bool on_row(void *arg, const struct snmp_oid *oid, const struct snmp_value *value)
{
    struct job *job = arg;
    char text[SNMP_OID_TEXT], name[SNMP_OID_TEXT + 64];
    const struct snmp_name *known = snmp_name_of(oid);
    bool writable = known && known->writable;
    snmp_oid_print(oid, text, sizeof(text));
    snmp_resource_name(oid, name, sizeof(name));
    const struct snmp_attribute attr = {
        .oid = text,
        .format = format_of(known, value),
        .type = writable ? letter_of(value) : SNMP_LETTER_AUTO,
    };
    const devsdk_offered offer = {
        .name = name,
        .description = snmp_tag_name(value->tag),
        .units = known ? known->units : NULL,
        .type = type_of(value),
        .readable = true,
        .writable = writable,
        .attr = &attr,
    };
    if (devsdk_offer(job->scan, &offer) == DEVSDK_OK) {
        job->n++;
    } else {
        job->refused++;
    }
    return !devsdk_cancelled(job->scan);
}

static void on_end(void *arg, enum snmp_walk_end end, enum snmp_outcome outcome, const char *why)
{
    struct job *job = arg;
    (void)outcome;
    pthread_mutex_lock(&job->lock);
    job->is_over = true;
    job->end = end;
    snprintf(job->why, sizeof(job->why), "%s", why ? why : "");
    pthread_cond_signal(&job->ended);
    pthread_mutex_unlock(&job->lock);
}

/* ---- the scan ------------------------------------------------------------------------------ */

static bool option_max(devsdk_scan *scan, unsigned *ret)
{
    const char *text = devsdk_scan_option(scan, "max");
    char *end = NULL;
    unsigned long max = text ? strtoul(text, &end, 10) : MAX_OFFERED;
    *ret = (unsigned)max;
    return (!text || (end != text && *end == '\0')) && max >= 1 && max <= MAX_LIMIT;
}

/* What was offered until then is worth having; but nothing at all is a failure. */
static devsdk_result outcome(struct job *job, unsigned max)
{
    devsdk_service *sdk = job->d->service->sdk;
    if (job->end == SNMP_WALK_LOST && job->n == 0) {
        return devsdk_scan_fail(job->scan, DEVSDK_TIMEOUT, "%s", job->why);
    }
    if (job->end == SNMP_WALK_ERROR && job->n == 0) {
        return devsdk_scan_fail(job->scan, DEVSDK_DEVICE, "%s", job->why);
    }
    if (job->end == SNMP_WALK_FULL) {
        devsdk_log(sdk, DEVSDK_INFO, "%s: the scan ends after %u objects, as its option max says",
                   job->d->session.label, max);
    } else if (job->end != SNMP_WALKED) {
        devsdk_log(sdk, DEVSDK_WARN, "%s: the scan ends after %u objects: %s",
                   job->d->session.label, job->n, job->why);
    }
    return DEVSDK_OK;
}

static void wait_for(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    while (!job->is_over) {
        pthread_cond_wait(&job->ended, &job->lock);
    }
    pthread_mutex_unlock(&job->lock);
}

devsdk_result snmp_scan_profile(devsdk_device *dev, devsdk_scan *scan)
{
    struct snmp_device *d = devsdk_data(dev);
    struct job job = {.scan = scan, .d = d};
    const char *root = devsdk_scan_option(scan, "root"), *fault = NULL;
    struct snmp_walk walk = {.engine = d->service->engine,
                             .ask = snmp_ask_of(d, devsdk_now_ms() + SCAN_MS),
                             .row = on_row,
                             .done = on_end,
                             .arg = &job};
    if (!snmp_oid_parse(root ? root : MIB_2, &walk.root, &fault)) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID, "root: '%s' %s", root, fault);
    }
    if (!option_max(scan, &walk.max_rows)) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID, "max: is no number of 1 to %d", MAX_LIMIT);
    }
    if (!snmp_device_ready(d, job.why, sizeof(job.why))) {
        return devsdk_scan_fail(scan, DEVSDK_LINK, "%s", job.why);
    }
    walk.ask.community = snmp_community(d, NULL, false);
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.ended, NULL);
    snmp_walk_start(&walk);
    wait_for(&job);
    pthread_cond_destroy(&job.ended);
    pthread_mutex_destroy(&job.lock);
    return outcome(&job, walk.max_rows);
}
