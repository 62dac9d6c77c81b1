/* device-snmp: its tables, and the life of its service and devices. */
#include "device_snmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_text.h"
#include "snmp_driver.h"
#include "snmp_traps.h"

static const char *const LETTERS[] = {"auto", "i", "u", "c", "t", "o", "s", "x", "a", NULL};
static const char *const FORMATS[] = {"auto", "mac", "hex", "string", "ip", "timeticks", NULL};

/* clang-format off */
#define A(member, key, type, ...) DEVSDK_FIELD(struct snmp_attribute, member, key, type, __VA_ARGS__)
static const devsdk_field attribute_fields[] = {
    A(oid, "oid", DEVSDK_STRING, .help = "the object with its instance: 1.3.6.1.2.1.1.5.0; of a walk, the table"),
    A(community, "community", DEVSDK_STRING, .help = "v1, v2c: in the place of the device's"),
    A(size, "size", DEVSDK_U32, .help = "bytes a write may have at most; 0: any"),
    A(type, "type", DEVSDK_U8, .def = "auto", .one_of = LETTERS, .help = "what is written: i INTEGER, u Gauge32, c Counter32, t TimeTicks, o OID, s OCTET STRING, x hex, a IpAddress"),
    A(format, "format", DEVSDK_U8, .def = "auto", .one_of = FORMATS, .help = "how bytes and ticks are read as text"),
    A(walk, "walk", DEVSDK_BOOL, .help = "read all below oid, as an Object"),
    A(trap_oid, "trapOid", DEVSDK_STRING, .help = "pushed when this trap or inform comes; the value is that of oid in it"),
    {0},
};
#undef A

#define C(member, key, type, ...) DEVSDK_FIELD(struct snmp_config, member, key, type, __VA_ARGS__)
static const devsdk_field config_fields[] = {
    C(trap_port, "TrapPort", DEVSDK_U16, .help = "listen for traps and informs there; 0: do not"),
    C(trap_address, "TrapAddress", DEVSDK_STRING, .def = "::", .help = "address to listen at; :: is all, IPv4 too"),
    C(trap_rate, "TrapRate", DEVSDK_U32, .def = "500", .min = 1, .max = 1000000, .help = "traps a second that are taken"),
    C(max_rows, "MaxRows", DEVSDK_U32, .def = "2000", .min = 1, .max = 100000, .help = "rows of a table that is walked"),
    C(ranges, "DiscoveryRanges", DEVSDK_STRING, .help = "addresses discovery asks: 192.168.1.0/24, 10.0.0.5-10.0.0.20; none: it finds nothing"),
    C(probe_rate, "DiscoveryRate", DEVSDK_U32, .def = "100", .min = 1, .max = 10000, .help = "addresses a second"),
    C(probe.port, "DiscoveryPort", DEVSDK_U16, .def = "161", .min = 1, .max = 65535, .help = "as Port of a device, and so are the others"),
    C(probe.version, "DiscoveryVersion", DEVSDK_U8, .def = "2c", .one_of = SNMP_VERSION_NAMES),
    C(probe.community, "DiscoveryCommunity", DEVSDK_STRING, .def = "public"),
    C(probe.security_name, "DiscoverySecurityName", DEVSDK_STRING),
    C(probe.level, "DiscoverySecurityLevel", DEVSDK_U8, .def = "authPriv", .one_of = SNMP_LEVEL_NAMES),
    C(probe.auth, "DiscoveryAuthProtocol", DEVSDK_U8, .def = "SHA", .one_of = SNMP_AUTH_NAMES),
    C(probe.priv, "DiscoveryPrivProtocol", DEVSDK_U8, .def = "AES", .one_of = SNMP_PRIV_NAMES),
    C(probe.secret_name, "DiscoverySecretName", DEVSDK_STRING),
    C(probe.timeout_ms, "DiscoveryTimeout", DEVSDK_U32, .def = "1s", .unit = "ms", .min = 50, .max = 60000),
    C(probe.retries, "DiscoveryRetries", DEVSDK_U8, .def = "1", .max = 10),
    {0},
};
#undef C
/* clang-format on */

static void stop(devsdk_service *sdk)
{
    struct snmp_service *s = devsdk_service_data(sdk);
    snmp_traps_stop(s);
    snmp_engine_free(s->engine);
    snmp_keys_done(&s->keys);
}

static devsdk_result start(devsdk_service *sdk)
{
    struct snmp_service *s = devsdk_service_data(sdk);
    s->sdk = sdk;
    s->config = devsdk_config(sdk);
    snmp_keys_init(&s->keys);
    s->engine = snmp_engine_create(sdk);
    if (!s->engine) {
        devsdk_log(sdk, DEVSDK_ERROR, "no UDP socket: %s", strerror(errno));
        stop(sdk);
        return DEVSDK_LINK;
    }
    if (!snmp_traps_start(s)) {
        stop(sdk);
        return DEVSDK_LINK;
    }
    return DEVSDK_OK;
}

static void secrets_changed(devsdk_service *sdk)
{
    snmp_keys_drop(&((struct snmp_service *)devsdk_service_data(sdk))->keys);
}

static devsdk_result added(devsdk_device *dev)
{
    struct snmp_device *d = devsdk_data(dev);
    d->service = devsdk_service_data(devsdk_of(dev));
    d->addr = devsdk_addr(dev);
    d->limit = d->addr->max_oids;
    pthread_mutex_init(&d->lock, NULL);
    snmp_session_init(&d->session, d->addr, devsdk_name(dev));
    snmp_traps_add(d, dev);
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    struct snmp_device *d = devsdk_data(dev);
    snmp_traps_remove(d);
    snmp_session_done(d->service->engine, &d->session);
    snmp_device_forget(d);
    pthread_mutex_destroy(&d->lock);
}

const devsdk_driver device_snmp = {
    .abi = DEVSDK_ABI,
    .name = "device-snmp",
    .version = "1.0.0",
    .doc = "Agents of SNMP v1, v2c and v3: objects, tables, traps.",
    .port = 59993,
    .protocols =
        (const devsdk_protocol[]){{"SNMP", snmp_address_fields}, {"TCP", snmp_tcp_fields}, {0}},
    .attributes = attribute_fields,
    .config = config_fields,
    .addr_size = sizeof(struct snmp_address),
    .attr_size = sizeof(struct snmp_attribute),
    .config_size = sizeof(struct snmp_config),
    .device_size = sizeof(struct snmp_device),
    .service_size = sizeof(struct snmp_service),
    .start = start,
    .stop = stop,
    .added = added,
    .removed = removed,
    .read = snmp_read,
    .write = snmp_write,
    .discover = snmp_discover,
    .scan_profile = snmp_scan_profile,
    .secrets_changed = secrets_changed,
    .check_attr = snmp_check_attr,
    .check_addr = snmp_check_addr,
};
