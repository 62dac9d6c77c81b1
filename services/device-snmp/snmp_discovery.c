/*
 * Discovery: each address of the configured ranges is asked who it is. So many are under way at a time, so many are
 * begun a second, and who answers is reported.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_text.h"
#include "devsdk/ranges.h"
#include "snmp_driver.h"

enum { UNDER_WAY_MAX = 256, TEXT = 256, WHY = 160, ROUND_MS = 50, PROBE_MS = 120000 };

static const uint8_t SYS_DESCR[] = {0x2b, 6, 1, 2, 1, 1, 1, 0},
                     SYS_OBJECT_ID[] = {0x2b, 6, 1, 2, 1, 1, 2, 0},
                     SYS_NAME[] = {0x2b, 6, 1, 2, 1, 1, 5, 0};

struct discovery {
    struct snmp_service *service;
    devsdk_scan *scan;
    struct snmp_user user;
    struct snmp_view list; /* what is asked for */
    pthread_mutex_t lock;  /* all below */
    pthread_cond_t changed;
    unsigned under_way, found;
    struct probe *over; /* to be looked at by the discovery's thread */
};

struct probe {
    struct discovery *of;
    struct probe *next;
    struct snmp_session session;
    char host[SNMP_PEER_TEXT];
    char descr[TEXT], object_id[TEXT], name[TEXT];
    bool answered;
};

/* ---- one address --------------------------------------------------------------------------- */

static void take(struct snmp_view *list, char ret[TEXT])
{
    struct snmp_binding binding;
    char text[SNMP_OID_TEXT];
    size_t n;
    if (snmp_take_binding(list, &binding) &&
        snmp_text_of(&binding.value, SNMP_FORMAT_STRING, text, sizeof(text), &n)) {
        size_t keep = n < TEXT ? n : TEXT - 1;
        while (keep < n && keep > 0 && ((uint8_t)text[keep] & 0xc0) == 0x80) {
            keep--; /* no half of a character */
        }
        snprintf(ret, TEXT, "%.*s", (int)keep, text);
    }
}

static void on_answer(void *arg, enum snmp_outcome outcome, const struct snmp_pdu *pdu,
                      const char *why)
{
    struct probe *p = arg;
    struct discovery *of = p->of;
    (void)why;
    if (outcome == SNMP_ANSWERED) {
        struct snmp_view list = pdu->bindings;
        p->answered = true;
        take(&list, p->descr);
        take(&list, p->object_id);
        take(&list, p->name);
    }
    pthread_mutex_lock(&of->lock);
    p->next = of->over;
    of->over = p;
    of->under_way--;
    pthread_cond_signal(&of->changed);
    pthread_mutex_unlock(&of->lock);
}

static void probe(struct discovery *of, const struct snmp_peer *peer)
{
    const struct snmp_address *as = &of->service->config->probe;
    struct probe *p = calloc(1, sizeof(*p));
    if (!p) {
        return;
    }
    snmp_peer_print_host(peer, p->host);
    struct snmp_address addr = *as;
    addr.host = p->host;
    p->of = of;
    snmp_session_init(&p->session, &addr, p->host);
    p->session.user = of->user;
    pthread_mutex_lock(&of->lock);
    of->under_way++;
    pthread_mutex_unlock(&of->lock);
    const struct snmp_ask ask = {
        .session = &p->session,
        .community = snmp_view(as->community, strlen(as->community)),
        .type = SNMP_GET,
        .list = of->list,
        .timeout_ms = as->timeout_ms,
        .retries = as->retries,
        .deadline_ms = devsdk_now_ms() + PROBE_MS,
        .fn = on_answer,
        .arg = p,
    };
    snmp_engine_ask(of->service->engine, &ask);
}

/* ---- who was found ------------------------------------------------------------------------- */

/* A name of its sysName, which nobody keeps unique, and its address. */
static void name_of(const struct probe *p, char *ret, size_t size)
{
    snprintf(ret, size, "%.64s%s%.*s", p->name[0] ? p->name : "snmp", "-", SNMP_PEER_TEXT - 1,
             p->host);
    for (char *c = ret; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c)) {
            *c = '_';
        }
    }
}

static void report(struct discovery *of, const struct probe *p)
{
    char name[TEXT];
    struct snmp_address addr = of->service->config->probe;
    addr.host = p->host;
    addr.sys_descr = p->descr;
    addr.sys_object_id = p->object_id;
    addr.sys_name = p->name;
    addr.repetitions = 20;
    addr.max_oids = 25;
    addr.retries = 2;
    name_of(p, name, sizeof(name));
    const devsdk_found found = {
        .name = name, .description = p->descr, .protocol = "SNMP", .addr = &addr};
    if (devsdk_report(of->scan, &found) == DEVSDK_OK) {
        of->found++;
    }
}

/* Look at those that are over, waited for a moment; how many are still under way. */
static unsigned settle(struct discovery *of)
{
    struct timespec until;
    pthread_mutex_lock(&of->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ROUND_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (!of->over) {
        (void)pthread_cond_timedwait(&of->changed, &of->lock, &until);
    }
    struct probe *over = of->over;
    of->over = NULL;
    unsigned under_way = of->under_way;
    pthread_mutex_unlock(&of->lock);
    while (over) {
        struct probe *p = over;
        over = p->next;
        if (p->answered) {
            report(of, p);
        }
        snmp_session_done(of->service->engine, &p->session);
        free(p);
    }
    return under_way;
}

/* ---- all addresses ------------------------------------------------------------------------- */

static void probe_address(struct discovery *of, uint32_t address)
{
    struct snmp_peer peer;
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(of->service->config->probe.port),
                                   .sin_addr.s_addr = htonl(address)};
    if (snmp_peer_from((const struct sockaddr *)&in, &peer)) {
        probe(of, &peer);
    }
}

/* As many as are due by now; false: there are no more. */
static bool begin(struct discovery *of, devsdk_ranges *ranges, int64_t due, uint32_t *done)
{
    uint32_t address;
    unsigned under_way = settle(of);
    for (; *done < due && under_way < UNDER_WAY_MAX; under_way++, ++*done) {
        if (!devsdk_ranges_next(ranges, &address)) {
            return false;
        }
        probe_address(of, address);
    }
    return true;
}

static void sweep(struct discovery *of, devsdk_ranges *ranges)
{
    uint32_t rate = of->service->config->probe_rate, total = devsdk_ranges_count(ranges), done = 0;
    int64_t start = devsdk_now_ms(), now = start;
    while (!devsdk_cancelled(of->scan) &&
           begin(of, ranges, (now - start) * rate / 1000 + 1, &done)) {
        devsdk_progress(of->scan, (unsigned)(100ULL * done / (total + 1ULL)), NULL);
        now = devsdk_now_ms();
    }
    while (settle(of) > 0) {
    }
}

devsdk_result snmp_discover(devsdk_service *sdk, devsdk_scan *scan)
{
    static const struct snmp_value null = {.tag = SNMP_NULL};
    struct discovery of = {.service = devsdk_service_data(sdk), .scan = scan};
    const struct snmp_config *config = of.service->config;
    struct snmp_address as = config->probe;
    devsdk_ranges ranges;
    char why[WHY];
    as.host = "any";
    if (!config->ranges || !config->ranges[0]) {
        return devsdk_scan_fail(scan, DEVSDK_UNSUPPORTED,
                                "Driver.DiscoveryRanges names no addresses to ask");
    }
    if (!devsdk_ranges_parse(config->ranges, &ranges, why, sizeof(why))) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID, "Driver.DiscoveryRanges: %s", why);
    }
    if (snmp_check_addr("SNMP", &as, why, sizeof(why)) != DEVSDK_OK ||
        snmp_user_load(of.service, &as, &of.user, why, sizeof(why))) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID, "Driver.Discovery...: %s", why);
    }
    uint8_t list[64];
    struct snmp_out out = snmp_out(list, sizeof(list));
    snmp_put_binding(&out, snmp_view(SYS_NAME, sizeof(SYS_NAME)), &null);
    snmp_put_binding(&out, snmp_view(SYS_OBJECT_ID, sizeof(SYS_OBJECT_ID)), &null);
    snmp_put_binding(&out, snmp_view(SYS_DESCR, sizeof(SYS_DESCR)), &null);
    of.list = snmp_written(&out);
    pthread_mutex_init(&of.lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&of.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sweep(&of, &ranges);
    pthread_cond_destroy(&of.changed);
    pthread_mutex_destroy(&of.lock);
    explicit_bzero(&of.user, sizeof(of.user));
    devsdk_log(sdk, DEVSDK_INFO, "%u agents found", of.found);
    return DEVSDK_OK;
}
