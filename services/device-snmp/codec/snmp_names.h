/** Names of the objects most agents have, so that a scan of an agent needs no MIB files. */
#ifndef SNMP_NAMES_H
#define SNMP_NAMES_H

#include "codec/snmp_oid.h"

struct snmp_name {
    const char *oid;  /* below 1.3.6.1.2.1, without the instance */
    const char *name; /* as the standards have it */
    const char *units;
    bool writable, is_mac;
};

/** NULL: none of these. */
const struct snmp_name *snmp_name_of(const struct snmp_oid *oid);
/** "ifInOctets_3", "sysDescr", "oid_1.3.6.1.4.1.9.2.1.58.0". */
void snmp_resource_name(const struct snmp_oid *oid, char *ret, size_t size);

#endif
