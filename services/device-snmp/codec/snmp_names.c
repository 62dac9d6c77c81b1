#include "codec/snmp_names.h"

#include <stdio.h>
#include <string.h>

static const char MIB_2[] = "1.3.6.1.2.1.";

/* clang-format off */
static const struct snmp_name NAMES[] = {
    {"1.1", "sysDescr", NULL, false, false},
    {"1.2", "sysObjectID", NULL, false, false},
    {"1.3", "sysUpTime", NULL, false, false},
    {"1.4", "sysContact", NULL, true, false},
    {"1.5", "sysName", NULL, true, false},
    {"1.6", "sysLocation", NULL, true, false},
    {"1.7", "sysServices", NULL, false, false},
    {"1.8", "sysORLastChange", NULL, false, false},
    {"1.9.1.2", "sysORID", NULL, false, false},
    {"1.9.1.3", "sysORDescr", NULL, false, false},
    {"1.9.1.4", "sysORUpTime", NULL, false, false},
    {"2.1", "ifNumber", NULL, false, false},
    {"2.2.1.1", "ifIndex", NULL, false, false},
    {"2.2.1.2", "ifDescr", NULL, false, false},
    {"2.2.1.3", "ifType", NULL, false, false},
    {"2.2.1.4", "ifMtu", "bytes", false, false},
    {"2.2.1.5", "ifSpeed", "bit/s", false, false},
    {"2.2.1.6", "ifPhysAddress", NULL, false, true},
    {"2.2.1.7", "ifAdminStatus", NULL, true, false},
    {"2.2.1.8", "ifOperStatus", NULL, false, false},
    {"2.2.1.9", "ifLastChange", NULL, false, false},
    {"2.2.1.10", "ifInOctets", "bytes", false, false},
    {"2.2.1.11", "ifInUcastPkts", NULL, false, false},
    {"2.2.1.12", "ifInNUcastPkts", NULL, false, false},
    {"2.2.1.13", "ifInDiscards", NULL, false, false},
    {"2.2.1.14", "ifInErrors", NULL, false, false},
    {"2.2.1.15", "ifInUnknownProtos", NULL, false, false},
    {"2.2.1.16", "ifOutOctets", "bytes", false, false},
    {"2.2.1.17", "ifOutUcastPkts", NULL, false, false},
    {"2.2.1.18", "ifOutNUcastPkts", NULL, false, false},
    {"2.2.1.19", "ifOutDiscards", NULL, false, false},
    {"2.2.1.20", "ifOutErrors", NULL, false, false},
    {"2.2.1.21", "ifOutQLen", NULL, false, false},
    {"2.2.1.22", "ifSpecific", NULL, false, false},
    {"4.1", "ipForwarding", NULL, false, false},
    {"4.2", "ipDefaultTTL", NULL, false, false},
    {"4.3", "ipInReceives", NULL, false, false},
    {"4.4", "ipInHdrErrors", NULL, false, false},
    {"4.5", "ipInAddrErrors", NULL, false, false},
    {"4.6", "ipForwDatagrams", NULL, false, false},
    {"4.7", "ipInUnknownProtos", NULL, false, false},
    {"4.8", "ipInDiscards", NULL, false, false},
    {"4.9", "ipInDelivers", NULL, false, false},
    {"4.10", "ipOutRequests", NULL, false, false},
    {"4.11", "ipOutDiscards", NULL, false, false},
    {"4.12", "ipOutNoRoutes", NULL, false, false},
    {"4.20.1.1", "ipAdEntAddr", NULL, false, false},
    {"4.20.1.2", "ipAdEntIfIndex", NULL, false, false},
    {"4.20.1.3", "ipAdEntNetMask", NULL, false, false},
    {"4.22.1.2", "ipNetToMediaPhysAddress", NULL, false, true},
    {"4.22.1.3", "ipNetToMediaNetAddress", NULL, false, false},
    {"4.22.1.4", "ipNetToMediaType", NULL, false, false},
    {"6.5", "tcpActiveOpens", NULL, false, false},
    {"6.6", "tcpPassiveOpens", NULL, false, false},
    {"6.7", "tcpAttemptFails", NULL, false, false},
    {"6.8", "tcpEstabResets", NULL, false, false},
    {"6.9", "tcpCurrEstab", NULL, false, false},
    {"6.10", "tcpInSegs", NULL, false, false},
    {"6.11", "tcpOutSegs", NULL, false, false},
    {"6.12", "tcpRetransSegs", NULL, false, false},
    {"7.1", "udpInDatagrams", NULL, false, false},
    {"7.2", "udpNoPorts", NULL, false, false},
    {"7.3", "udpInErrors", NULL, false, false},
    {"7.4", "udpOutDatagrams", NULL, false, false},
    {"11.1", "snmpInPkts", NULL, false, false},
    {"11.2", "snmpOutPkts", NULL, false, false},
    {"11.3", "snmpInBadVersions", NULL, false, false},
    {"11.4", "snmpInBadCommunityNames", NULL, false, false},
    {"11.30", "snmpEnableAuthenTraps", NULL, false, false},
    {"17.1.1", "dot1dBaseBridgeAddress", NULL, false, true},
    {"17.1.2", "dot1dBaseNumPorts", NULL, false, false},
    {"17.4.3.1.1", "dot1dTpFdbAddress", NULL, false, true},
    {"17.4.3.1.2", "dot1dTpFdbPort", NULL, false, false},
    {"25.1.1", "hrSystemUptime", NULL, false, false},
    {"25.1.2", "hrSystemDate", NULL, false, false},
    {"25.1.5", "hrSystemNumUsers", NULL, false, false},
    {"25.1.6", "hrSystemProcesses", NULL, false, false},
    {"25.2.2", "hrMemorySize", "KB", false, false},
    {"25.2.3.1.2", "hrStorageType", NULL, false, false},
    {"25.2.3.1.3", "hrStorageDescr", NULL, false, false},
    {"25.2.3.1.4", "hrStorageAllocationUnits", "bytes", false, false},
    {"25.2.3.1.5", "hrStorageSize", NULL, false, false},
    {"25.2.3.1.6", "hrStorageUsed", NULL, false, false},
    {"25.3.2.1.3", "hrDeviceDescr", NULL, false, false},
    {"25.3.2.1.5", "hrDeviceStatus", NULL, false, false},
    {"25.3.3.1.2", "hrProcessorLoad", "%", false, false},
    {"25.3.5.1.1", "hrPrinterStatus", NULL, false, false},
    {"31.1.1.1.1", "ifName", NULL, false, false},
    {"31.1.1.1.6", "ifHCInOctets", "bytes", false, false},
    {"31.1.1.1.7", "ifHCInUcastPkts", NULL, false, false},
    {"31.1.1.1.8", "ifHCInMulticastPkts", NULL, false, false},
    {"31.1.1.1.9", "ifHCInBroadcastPkts", NULL, false, false},
    {"31.1.1.1.10", "ifHCOutOctets", "bytes", false, false},
    {"31.1.1.1.11", "ifHCOutUcastPkts", NULL, false, false},
    {"31.1.1.1.15", "ifHighSpeed", "Mbit/s", false, false},
    {"31.1.1.1.18", "ifAlias", NULL, true, false},
    {"33.1.1.1", "upsIdentManufacturer", NULL, false, false},
    {"33.1.1.2", "upsIdentModel", NULL, false, false},
    {"33.1.2.1", "upsBatteryStatus", NULL, false, false},
    {"33.1.2.2", "upsSecondsOnBattery", "s", false, false},
    {"33.1.2.3", "upsEstimatedMinutesRemaining", "min", false, false},
    {"33.1.2.4", "upsEstimatedChargeRemaining", "%", false, false},
    {"33.1.2.5", "upsBatteryVoltage", "0.1V", false, false},
    {"33.1.2.7", "upsBatteryTemperature", "C", false, false},
    {"33.1.3.3.1.3", "upsInputVoltage", "V", false, false},
    {"33.1.4.4.1.2", "upsOutputVoltage", "V", false, false},
    {"33.1.4.4.1.5", "upsOutputPercentLoad", "%", false, false},
    {"43.10.2.1.4", "prtMarkerLifeCount", NULL, false, false},
    {"43.11.1.1.6", "prtMarkerSuppliesDescription", NULL, false, false},
    {"43.11.1.1.9", "prtMarkerSuppliesLevel", NULL, false, false},
    {"47.1.1.1.1.2", "entPhysicalDescr", NULL, false, false},
    {"47.1.1.1.1.7", "entPhysicalName", NULL, false, false},
    {"47.1.1.1.1.11", "entPhysicalSerialNum", NULL, false, false},
    {"47.1.1.1.1.13", "entPhysicalModelName", NULL, false, false},
    {"99.1.1.1.1", "entPhySensorType", NULL, false, false},
    {"99.1.1.1.4", "entPhySensorValue", NULL, false, false},
    {"99.1.1.1.5", "entPhySensorOperStatus", NULL, false, false},
    {"105.1.1.1.6", "pethPsePortDetectionStatus", NULL, false, false},
};
/* clang-format on */

/* The entry whose OID begins @p text, and what is left of the text: its instance. */
static const struct snmp_name *find(const char *text, const char **ret_instance)
{
    if (strncmp(text, MIB_2, sizeof(MIB_2) - 1) != 0) {
        return NULL;
    }
    const char *below = text + sizeof(MIB_2) - 1;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        size_t n = strlen(NAMES[i].oid);
        if (strncmp(below, NAMES[i].oid, n) == 0 && (below[n] == '.' || below[n] == '\0')) {
            *ret_instance = below[n] == '.' ? below + n + 1 : "";
            return &NAMES[i];
        }
    }
    return NULL;
}

const struct snmp_name *snmp_name_of(const struct snmp_oid *oid)
{
    char text[SNMP_OID_TEXT];
    const char *instance;
    snmp_oid_print(oid, text, sizeof(text));
    return find(text, &instance);
}

void snmp_resource_name(const struct snmp_oid *oid, char *ret, size_t size)
{
    char text[SNMP_OID_TEXT];
    const char *instance;
    snmp_oid_print(oid, text, sizeof(text));
    const struct snmp_name *known = find(text, &instance);
    if (!known) {
        snprintf(ret, size, "oid_%s", text);
    } else if (instance[0] == '\0' || strcmp(instance, "0") == 0) {
        snprintf(ret, size, "%s", known->name);
    } else {
        snprintf(ret, size, "%s_%s", known->name, instance);
    }
}
