/*
 * device-example: a driver to begin with. Its device is simulated: a tank with a level, a temperature and a
 * valve. Put your protocol in the place of struct tank and its two functions; the rest is how a driver looks.
 */
#include "device_example.h"

/* ---- what a device's address is: protocols: {example: {Host: ..., Port: ...}} --------------------------- */

struct address {
    const char *host;
    uint16_t port;
};
static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, host, "Host", DEVSDK_STRING, .required = true,
                 .help = "Where it is."),
    DEVSDK_FIELD(struct address, port, "Port", DEVSDK_U16, .def = "502",
                 .help = "Where it listens."),
    {0},
};

/* ---- what a resource is: attributes: {point: level} ------------------------------------------------------ */

enum point { LEVEL, TEMPERATURE, VALVE };
static const char *const POINTS[] = {"level", "temperature", "valve", NULL};

struct attribute {
    uint8_t point;
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, point, "point", DEVSDK_U8, .required = true, .one_of = POINTS),
    {0},
};

/* ---- the device ------------------------------------------------------------------------------------------- */

struct tank {
    int64_t level;
    bool valve_open;
};

/* Your protocol: ask the device for one point. */
static devsdk_result tank_get(struct tank *tank, const struct address *at, devsdk_request *r,
                              unsigned i)
{
    (void)at;
    const struct attribute *a = devsdk_attr(r, i);
    switch (a->point) {
    case LEVEL:
        tank->level -= tank->valve_open ? 1 : 0;
        return devsdk_set_int(r, i, tank->level);
    case TEMPERATURE:
        return devsdk_set_float(r, i, 20.0 + (double)tank->level / 100.0);
    default:
        return devsdk_set_bool(r, i, tank->valve_open);
    }
}

/* Your protocol: tell the device one point. */
static devsdk_result tank_put(struct tank *tank, const struct address *at, devsdk_request *r,
                              unsigned i)
{
    const struct attribute *a = devsdk_attr(r, i);
    if (a->point == TEMPERATURE) {
        return devsdk_fail(r, DEVSDK_DENIED, "%s measures its temperature, nobody sets it",
                           at->host);
    }
    if (a->point == LEVEL) {
        tank->level = devsdk_wanted(r, i).i;
    } else {
        tank->valve_open = devsdk_wanted(r, i).b;
    }
    return DEVSDK_OK;
}

/* ---- what the SDK calls ------------------------------------------------------------------------------------ */

static devsdk_result added(devsdk_device *dev)
{
    struct tank *tank = devsdk_data(dev); /* one per device, zeroed */
    tank->level = 100;
    return DEVSDK_OK;
}

static devsdk_result read_points(devsdk_device *dev, devsdk_request *r)
{
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_result result = tank_get(devsdk_data(dev), devsdk_addr(dev), r, i);
        if (result != DEVSDK_OK && result != DEVSDK_RANGE) {
            return result;
        }
    }
    return DEVSDK_OK;
}

static devsdk_result write_points(devsdk_device *dev, devsdk_request *r)
{
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_result result = tank_put(devsdk_data(dev), devsdk_addr(dev), r, i);
        if (result != DEVSDK_OK) {
            return result;
        }
    }
    return DEVSDK_OK;
}

const devsdk_driver device_example = {
    .abi = DEVSDK_ABI,
    .name = "device-example",
    .version = "0.1.0",
    .doc = "Device service for example.",
    .port = 59950,
    .protocols = (const devsdk_protocol[]){{"example", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .device_size = sizeof(struct tank),
    .blocking = true,
    .added = added,
    .read = read_points,
    .write = write_points,
};
