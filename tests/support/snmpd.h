/** Debian's snmpd as a peer, on a port and with a configuration of its own; and the programs of net-snmp. */
#ifndef TESTS_SNMPD_H
#define TESTS_SNMPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snmpd;

/**
 * With users and communities (public reads, private writes), and values that can be written below SNMPD_VALUES.
 * @p more: further lines of its configuration; may be NULL. NULL, and a line that says SKIPPED: there is none here.
 */
struct snmpd *snmpd_start(const char *more);
void snmpd_free(struct snmpd *s); /* NULL is fine */
uint16_t snmpd_port(const struct snmpd *s);
/** Its folder, for what a test leaves there. */
const char *snmpd_folder(const struct snmpd *s);
void snmpd_kill(struct snmpd *s);
/** Neither answers nor is gone. */
void snmpd_freeze(struct snmpd *s, bool frozen);
bool snmpd_restart(struct snmpd *s); /* after a kill */
/** As another agent: a new engine, of no boots. */
bool snmpd_renew(struct snmpd *s);

/**
 * A subtree of values by type, which snmpd asks a script for:
 * .1.0 INTEGER 42, .2.0 Gauge32 7, .3.0 Counter32 9, .4.0 TimeTicks 100, .5.0 IpAddress 10.0.0.7, .6.0 OID 1.3.6.1,
 * .7.0 OCTET STRING "text", .8.0 OCTET STRING of bytes 00 1b 44 11 3a b7, .9.0 INTEGER 1, .10.0 Counter32 which nobody
 * may write
 */
#define SNMPD_VALUES "1.3.6.1.4.1.8072.9998"

/** The folder res/ of device-snmp. */
void snmp_resources(char *ret, size_t size);
/** Run a program of net-snmp to its end, without its configuration and MIB files; its exit code. NULL ends @p argv. */
int snmp_program(const char *const argv[]);

#endif
