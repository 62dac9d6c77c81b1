/*
 * The REST driver. Devices that serve are asked and told over HTTP without waiting for them (rest_out.c); what
 * others post comes by a route of ours (rest_in.c). Both read payloads alike (rest_take.c).
 */
#include "device_rest.h"

#include <stdio.h>

#include "rest_device.h"

static const char *lane(const devsdk_device *dev)
{
    const struct rest_address *a = devsdk_addr(dev);
    return rest_serves(dev) && a->lane == REST_LANE_HOST ? a->host : NULL;
}

static void removed(devsdk_device *dev)
{
    struct rest_device *d = devsdk_data(dev);
    devsdk_http_close(d->http);
    d->http = NULL;
}

/* Nothing is kept of its resources. */
static void updated(devsdk_device *dev)
{
    (void)dev;
}

static void secrets_changed(devsdk_service *svc)
{
    struct rest_service *s = devsdk_service_data(svc);
    atomic_fetch_add(&s->secrets, 1); /* each device opens its handle anew, in its lane */
}

static const devsdk_protocol protocols[] = {
    {"REST", rest_address_fields},
    {"other",      NULL},
    {0}
};

static const devsdk_route routes[] = {
    {"POST",        "/api/v3/resource/{device}/{resource}", rest_receive,
     "A value a device sends, or a JSON object with those of a command.", DEVSDK_FOR_DEVICES,
     "text/plain"},
    {0},
};

const devsdk_driver device_rest = {
    .abi = DEVSDK_ABI,
    .name = "device-rest",
    .version = "4.0.0",
    .doc = "devices that speak HTTP: those that send by themselves, and those that are asked",
    .port = 59986,
    .protocols = protocols,
    .attributes = rest_attribute_fields,
    .addr_size = sizeof(struct rest_address),
    .attr_size = sizeof(struct rest_attribute),
    .device_size = sizeof(struct rest_device),
    .service_size = sizeof(struct rest_service),
    .max_per_request = REST_AT_ONCE,
    .lane = lane,
    .removed = removed,
    .updated = updated,
    .read = rest_read,
    .write = rest_write,
    .secrets_changed = secrets_changed,
    .routes = routes,
    .check_attr = rest_check_attr,
    .check_addr = rest_check_addr,
};
