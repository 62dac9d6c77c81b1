/*
 * Each address is connected to, some at a time, and each unit asked for one holding register. A unit is there if it
 * answers, be it that it has no such register. What looks like "no such unit" is none: gateways say it with the
 * exceptions 10 and 11, some servers with 4.
 */
#include "modbus_discover.h"
#include "devsdk/ranges.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/modbus_pdu.h"
#include "modbus_fields.h"
#include "modbus_link.h"

enum { STEP_MS = 100 };

/* An address that is looked at. */
struct look {
    int fd; /* -1: free */
    bool connected;
    uint32_t ip;
    unsigned unit; /* that is asked */
    int64_t due_ms;
    struct modbus_decoder decoder;
};

struct search {
    devsdk_service *svc;
    devsdk_scan *scan;
    const struct modbus_config *config;
    bool units[256];
    devsdk_ranges ranges;
    uint64_t n_all, n_over;
    struct look *looks;
    struct pollfd *polled;
};

static void ip_text(uint32_t ip, char ret[INET_ADDRSTRLEN])
{
    struct in_addr addr = {htonl(ip)};
    inet_ntop(AF_INET, &addr, ret, INET_ADDRSTRLEN);
}

static void report(struct search *s, const struct look *l)
{
    char ip[INET_ADDRSTRLEN], name[64], description[96];
    ip_text(l->ip, ip);
    snprintf(name, sizeof(name), "modbus-%s-%u-%u", ip, s->config->discovery_port, l->unit);
    snprintf(description, sizeof(description), "unit %u at %s:%u", l->unit, ip,
             s->config->discovery_port);
    struct modbus_addr addr = {.address = ip,
                               .port = s->config->discovery_port,
                               .unit = (uint8_t)l->unit,
                               .timeout_s = 5,
                               .idle_s = 5,
                               .turnaround_s = 0.1,
                               .window = 8};
    struct devsdk_found found = {
        .name = name, .description = description, .protocol = "modbus-tcp", .addr = &addr};
    (void)devsdk_report(s->scan, &found);
}

static void over(struct search *s, struct look *l)
{
    close(l->fd);
    l->fd = -1;
    s->n_over++;
}

static void ask(struct search *s, struct look *l)
{
    uint8_t pdu[MODBUS_PDU_MAX], frame[MODBUS_FRAME_MAX];
    while (l->unit < 256 && !s->units[l->unit]) {
        l->unit++;
    }
    struct modbus_query q = {.function = MODBUS_READ_HOLDING_REGISTERS,
                             .address = s->config->discovery_register,
                             .count = 1};
    size_t n = modbus_query_write(&q, pdu);
    n = modbus_frame_write(MODBUS_TCP, (uint16_t)l->unit, (uint8_t)l->unit, pdu, n, frame);
    if (l->unit > 255 || modbus_bytes_send(l->fd, false, frame, n) != 0) {
        over(s, l);
        return;
    }
    l->due_ms = devsdk_now_ms() + s->config->discovery_timeout_ms;
}

static void heard(struct search *s, struct look *l, const struct modbus_frame *f)
{
    const struct modbus_query q = {.function = MODBUS_READ_HOLDING_REGISTERS, .count = 1};
    uint8_t code = 0;
    if (f->transaction != l->unit || f->unit != l->unit) {
        return;
    }
    enum modbus_verdict verdict = modbus_answer_check(&q, f->pdu, f->n, &code);
    if (verdict == MODBUS_GOOD || (verdict == MODBUS_REFUSED && code <= 3)) {
        report(s, l);
    }
    l->unit++;
    ask(s, l);
}

static void receive(struct search *s, struct look *l)
{
    static const struct modbus_expected nothing;
    uint8_t bytes[256];
    struct modbus_frame f;
    ptrdiff_t n = modbus_bytes_receive(l->fd, false, bytes, sizeof(bytes));
    if (n < 0) {
        over(s, l);
        return;
    }
    for (size_t at = 0; at < (size_t)n && l->fd >= 0;) {
        at += modbus_decoder_put(&l->decoder, bytes + at, (size_t)n - at);
        while (l->fd >= 0 && modbus_decoder_next(&l->decoder, &nothing, &f)) {
            heard(s, l, &f);
        }
    }
}

static void step(struct search *s, struct look *l, short events, int64_t now)
{
    if (events && !l->connected) {
        if (modbus_socket_outcome(l->fd) != 0) {
            over(s, l);
            return;
        }
        l->connected = true;
        ask(s, l);
    } else if (events) {
        receive(s, l);
    } else if (now >= l->due_ms) {
        l->unit++;
        if (l->connected) {
            ask(s, l);
        } else {
            over(s, l);
        }
    }
}

static void begin(struct search *s, struct look *l, uint32_t ip)
{
    char text[INET_ADDRSTRLEN];
    struct modbus_sockaddr to;
    ip_text(ip, text);
    struct modbus_place place = {.address = text, .port = s->config->discovery_port};
    *l = (struct look){.fd = -1, .ip = ip};
    if (modbus_address_literal(&place, &to)) {
        l->fd = modbus_socket_connect(&to);
    }
    if (l->fd < 0) {
        s->n_over++;
        return;
    }
    modbus_decoder_init(&l->decoder, MODBUS_TCP);
    l->due_ms = devsdk_now_ms() + s->config->discovery_timeout_ms;
}

static void look_everywhere(struct search *s)
{
    uint32_t n = s->config->discovery_parallel, ip;
    while (s->n_over < s->n_all && !devsdk_cancelled(s->scan)) {
        for (uint32_t i = 0; i < n; i++) {
            while (s->looks[i].fd < 0 && devsdk_ranges_next(&s->ranges, &ip)) {
                begin(s, &s->looks[i], ip);
            }
            s->polled[i] = (struct pollfd){.fd = s->looks[i].fd,
                                           .events = s->looks[i].connected ? POLLIN : POLLOUT};
        }
        if (poll(s->polled, n, STEP_MS) < 0) {
            continue;
        }
        int64_t now = devsdk_now_ms();
        for (uint32_t i = 0; i < n; i++) {
            if (s->looks[i].fd >= 0) {
                step(s, &s->looks[i], s->polled[i].revents, now);
            }
        }
        devsdk_progress(s->scan, (unsigned)(s->n_over * 100 / s->n_all), "addresses looked at");
    }
    for (uint32_t i = 0; i < n; i++) {
        if (s->looks[i].fd >= 0) {
            close(s->looks[i].fd);
        }
    }
}

static devsdk_result search(struct search *s)
{
    uint32_t n = s->config->discovery_parallel;
    s->looks = calloc(n, sizeof(*s->looks));
    s->polled = calloc(n, sizeof(*s->polled));
    devsdk_result result = s->looks && s->polled ? DEVSDK_OK : DEVSDK_BUSY;
    for (uint32_t i = 0; result == DEVSDK_OK && i < n; i++) {
        s->looks[i].fd = -1;
    }
    if (result == DEVSDK_OK) {
        look_everywhere(s);
    }
    free(s->looks);
    free(s->polled);
    return result;
}

devsdk_result modbus_discover(devsdk_service *svc, devsdk_scan *scan)
{
    const struct modbus_config *config = devsdk_config(svc);
    struct search s = {.svc = svc, .scan = scan, .config = config};
    const char *at = "";
    char why[160];
    if (!config->discovery_addresses || !*config->discovery_addresses) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID,
                                "Driver.DiscoveryAddresses does not say where to look");
    }
    if (!devsdk_ranges_parse(config->discovery_addresses, &s.ranges, why, sizeof(why))) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID, "Driver.DiscoveryAddresses: %s", why);
    }
    if (!modbus_units_parse(config->discovery_units, s.units, &at)) {
        return devsdk_scan_fail(scan, DEVSDK_INVALID, "Driver.DiscoveryUnits: wrong at '%s'", at);
    }
    s.n_all = devsdk_ranges_count(&s.ranges);
    return s.n_all > 0 ? search(&s) : DEVSDK_OK;
}
