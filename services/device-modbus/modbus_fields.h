/** What may stand in a device's protocols, a resource's attributes and the service's Driver section. */
#ifndef MODBUS_FIELDS_H
#define MODBUS_FIELDS_H

#include "codec/modbus_value.h"
#include "devsdk/devsdk.h"
#include "modbus_line.h"

struct modbus_addr {
    const char *address;
    uint16_t port;
    uint8_t unit;
    double timeout_s, idle_s, protocol_recovery_s, link_recovery_s, connect_delay_s, turnaround_s;
    uint32_t baud;
    uint8_t data_bits, stop_bits, parity;
    uint8_t window;
    struct modbus_place place; /* of the above; by check_addr() */
};

struct modbus_attr {
    uint8_t table_row;
    const char *start;
    bool byte_swap, word_swap;
    uint8_t raw_row;
    uint16_t text_registers, array_size, max_registers, max_gap;
    int16_t unit; /* -1: the device's */
    uint8_t bits;
    /* of the above and the resource; by check_attr() */
    bool is_bits;            /* coils or discrete inputs */
    uint8_t function;        /* that reads it */
    uint16_t address, count; /* registers or bits, of all elements */
    uint16_t elements;       /* 0: no array */
    uint16_t max_count;      /* of a bulk read it is part of */
    struct modbus_format format;
};

struct modbus_config {
    uint32_t max_queued;
    const char *discovery_addresses, *discovery_units;
    uint16_t discovery_port, discovery_register;
    uint32_t discovery_timeout_ms, discovery_parallel;
};

extern const devsdk_protocol modbus_protocols[];
extern const devsdk_field modbus_attributes[], modbus_config_fields[];

devsdk_result modbus_check_addr(const char *protocol, void *addr, char *why, size_t size);
devsdk_result modbus_check_attr(const devsdk_point *point, void *attr, char *why, size_t size);

#endif
