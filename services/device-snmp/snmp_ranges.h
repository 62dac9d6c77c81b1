/** IPv4 addresses to look at: "192.168.1.0/24, 10.0.0.5-10.0.0.20, 10.0.1.7". */
#ifndef SNMP_RANGES_H
#define SNMP_RANGES_H

#include "snmp_peer.h"

enum { SNMP_RANGES_MAX = 32, SNMP_RANGE_ADDRESSES = 65536 };

struct snmp_ranges {
    struct {
        uint32_t first, last;
    } ranges[SNMP_RANGES_MAX];
    unsigned n, at;
    uint32_t next; /* of the range at, as an offset */
    uint16_t port;
};

/** False: @p why says what is wrong. A network's own and its broadcast address are left out of /30 and larger. */
bool snmp_ranges_parse(const char *text, uint16_t port, struct snmp_ranges *ret, char *why,
                       size_t size);
uint32_t snmp_ranges_count(const struct snmp_ranges *ranges);
/** False: there are no more. */
bool snmp_ranges_next(struct snmp_ranges *ranges, struct snmp_peer *ret);

#endif
