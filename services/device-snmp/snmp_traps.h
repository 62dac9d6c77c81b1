/** Traps and informs: who may send them, and what becomes of them. */
#ifndef SNMP_TRAPS_H
#define SNMP_TRAPS_H

#include "snmp_driver.h"

/** Listen, where the configuration says so. False: it cannot, which was logged. */
bool snmp_traps_start(struct snmp_service *service);
void snmp_traps_stop(struct snmp_service *service);
/** From now until it is removed traps of this device are taken. */
void snmp_traps_add(struct snmp_device *d, devsdk_device *dev);
void snmp_traps_remove(struct snmp_device *d);

#endif
