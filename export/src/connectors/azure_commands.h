/**
 * Commands of an IoT Hub. The direct method "command" with {"device", "command", "values"} is answered under its $rid;
 * desired properties below "devices", {device: {command: {resource: value}}}, are written and then reported.
 */
#ifndef EXPORT_AZURE_COMMANDS_H
#define EXPORT_AZURE_COMMANDS_H

#include "mqtt_client.h"

extern const char *const AZURE_PATTERNS[];
void azure_received(struct mqtt *c, const struct mqtt_stage *s, const struct edge_mqtt_message *m);
void azure_heard(struct mqtt *c, const struct mqtt_stage *s);
void azure_executed(struct mqtt *c, const struct mqtt_stage *s, struct edge_ctx *ctx,
                    const struct export_command *command, int code, const char *body);

#endif
