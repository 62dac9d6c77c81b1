/** Azure's Device Provisioning Service, over MQTT: it says which hub a device belongs to. */
#ifndef EXPORT_AZURE_DPS_H
#define EXPORT_AZURE_DPS_H

#include "mqtt_client.h"

enum { AZURE_NAME_MAX = 256 };

/** Where a device belongs. */
struct azure_place {
    char hub[AZURE_NAME_MAX], device[AZURE_NAME_MAX];
};

struct azure_registration {
    const struct mqtt_stage *stage; /* secret, port, deadlines */
    const char *host, *scope, *id;
    bool x509;
    int64_t life_ms;
};

/**
 * Register, and ask until the service has decided. On the queue's thread; minutes at most. UNAVAILABLE: not now; FORBIDDEN
 * with the service's own words.
 */
enum edge_status azure_register(struct edge_ctx *ctx, const struct azure_registration *r,
                                struct mqtt_login *login, struct azure_place *ret);

#endif
