/** What the parts of the listener share: those who may send, and a notification on its way to its resources. */
#ifndef SNMP_NOTIFY_H
#define SNMP_NOTIFY_H

#include "snmp_driver.h"

/** A device that may send. */
struct snmp_sender {
    struct snmp_sender *next;
    struct snmp_device *d;
    char *name;
    struct snmp_remote remote; /* v3 traps: its engine, which need not be the one that answers */
    struct snmp_remote own;    /* v3 informs: its user's keys for our engine */
    uint64_t secrets;          /* the keys are of this generation */
};

/** Who we are to those who send informs: the engine they have to know (RFC 3414 4). */
struct snmp_own_engine {
    uint8_t id[SNMP_ENGINE_ID_MAX];
    size_t id_n;
    uint32_t boots;
    int64_t start_ms;
    uint64_t salt;
    uint32_t unknown_engines, late; /* what reports count */
};

enum snmp_notice {
    SNMP_NOTICE_TAKEN,
    SNMP_NOTICE_FOREIGN, /* it is not this sender's: its user, its key */
    SNMP_NOTICE_REPORT,  /* @p reply is to be sent back instead */
};

/** An engine id that lasts, and a count of boots that rises with each start: it is made of the clock. */
void snmp_own_engine_init(struct snmp_own_engine *own, const char *service_name);
/** Check a v3 trap or inform of @p sender, and decrypt it into @p clear. @p reply: room for a report. */
enum snmp_notice snmp_notice_open(struct snmp_own_engine *own, struct snmp_sender *sender,
                                  struct snmp_view whole, struct snmp_message *message,
                                  uint8_t *clear, struct snmp_out *reply);
/** The acknowledgement of an inform; false: it cannot be made. */
bool snmp_notice_answer(struct snmp_own_engine *own, const struct snmp_sender *sender,
                        const struct snmp_message *message, struct snmp_out *reply);

/** Push what resources of @p dev take this notification. How many they are; -1: the service takes no more now. */
int snmp_notify(devsdk_device *dev, const struct snmp_oid *trap, const struct snmp_pdu *pdu);

#endif
