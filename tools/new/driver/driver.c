/*
 * device-example: a driver to begin with. Its device is simulated: a tank with a level, a temperature and a
 * valve, asked in frames (codec/sample_frame.h). Put your protocol in the place of the codec and of
 * tank_serve(), which is what a line and a device do; the rest is how a driver looks.
 */
#include "device_example.h"

#include <string.h>

#include "codec/sample_frame.h"

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
    DEVSDK_FIELD(struct attribute, point, "point", DEVSDK_U8, .required = true, .one_of = POINTS,
                 .help = "What is meant of the device."),
    {0},
};

/* ---- the device ------------------------------------------------------------------------------------------- */

struct tank {
    int32_t level;
    bool valve_open;
};

/* What the device answers to a question. */
static struct sample_frame tank_answer(struct tank *tank, struct sample_frame q)
{
    const struct sample_frame refused = {SAMPLE_REFUSED, q.point, 0};
    if (q.command == SAMPLE_SET && q.point == LEVEL) {
        tank->level = q.value;
    } else if (q.command == SAMPLE_SET && q.point == VALVE) {
        tank->valve_open = q.value != 0;
    } else if (q.command != SAMPLE_GET || q.point > VALVE) {
        return refused;
    } else if (q.point == LEVEL) {
        tank->level -= tank->valve_open ? 1 : 0;
    }
    int32_t value = q.point == LEVEL         ? tank->level
                    : q.point == TEMPERATURE ? 2000 + tank->level /* hundredths */
                                             : tank->valve_open;
    return (struct sample_frame){SAMPLE_VALUE, q.point, value};
}

/* The line and the device: bytes there, bytes back. How many; 0: it is silent. */
static size_t tank_serve(struct tank *tank, const struct address *at, const uint8_t *bytes,
                         size_t n, uint8_t *answer)
{
    struct sample_frame question, said;
    size_t used;
    if (strcmp(at->host, "nowhere") == 0 ||
        sample_frame_get(bytes, n, &question, &used) != SAMPLE_GOT) {
        return 0;
    }
    said = tank_answer(tank, question);
    sample_frame_put(&said, answer);
    return SAMPLE_FRAME_SIZE;
}

/* Ask, and look at what comes back. */
static devsdk_result exchange(devsdk_device *dev, devsdk_request *r, struct sample_frame question,
                              int32_t *ret_value)
{
    const struct address *at = devsdk_addr(dev);
    uint8_t bytes[SAMPLE_FRAME_SIZE], answer[SAMPLE_FRAME_SIZE];
    struct sample_frame said;
    size_t used;
    sample_frame_put(&question, bytes);
    size_t n = tank_serve(devsdk_data(dev), at, bytes, sizeof(bytes), answer);
    if (n == 0) {
        return devsdk_fail(r, DEVSDK_TIMEOUT, "no answer from %s", at->host);
    }
    if (sample_frame_get(answer, n, &said, &used) != SAMPLE_GOT || said.point != question.point) {
        return devsdk_fail(r, DEVSDK_DEVICE, "%s answers what is no answer", at->host);
    }
    if (said.command != SAMPLE_VALUE) {
        return devsdk_fail(r, DEVSDK_DENIED, "%s refuses %s", at->host, POINTS[question.point]);
    }
    *ret_value = said.value;
    return DEVSDK_OK;
}

static devsdk_result get_point(devsdk_device *dev, devsdk_request *r, unsigned i)
{
    const struct attribute *a = devsdk_attr(r, i);
    int32_t value = 0;
    devsdk_result result = exchange(dev, r, (struct sample_frame){SAMPLE_GET, a->point, 0}, &value);
    if (result != DEVSDK_OK) {
        return result;
    }
    return a->point == LEVEL         ? devsdk_set_int(r, i, value)
           : a->point == TEMPERATURE ? devsdk_set_float(r, i, value / 100.0)
                                     : devsdk_set_bool(r, i, value != 0);
}

static devsdk_result put_point(devsdk_device *dev, devsdk_request *r, unsigned i)
{
    const struct attribute *a = devsdk_attr(r, i);
    devsdk_value wanted = devsdk_wanted(r, i);
    int32_t value = wanted.type == DEVSDK_BOOL ? wanted.b : (int32_t)wanted.i;
    return exchange(dev, r, (struct sample_frame){SAMPLE_SET, a->point, value}, &value);
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
        devsdk_result result = get_point(dev, r, i);
        if (result != DEVSDK_OK && result != DEVSDK_RANGE) {
            return result;
        }
    }
    return DEVSDK_OK;
}

static devsdk_result write_points(devsdk_device *dev, devsdk_request *r)
{
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_result result = put_point(dev, r, i);
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
