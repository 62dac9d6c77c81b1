/* Counters: eight slots per device, readable, writable, discoverable. A complete device service. */
/* clang-format off */
#include <devsdk/devsdk.h>

struct address { uint16_t first; };   /* protocol Hello { First: 100 } */
struct attribute { uint8_t slot; };   /* attributes { slot: 0 } */
struct counters { int64_t value[8]; }; /* one per device, zeroed by the SDK */

static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, first, "First", DEVSDK_U16, .def = "0", .help = "start value"), {0}};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, slot, "slot", DEVSDK_U8, .required = true, .max = 7), {0}};

static devsdk_result added(devsdk_device *dev)
{
    struct counters *c = devsdk_data(dev);
    for (int i = 0; i < 8; i++) {
        c->value[i] = ((const struct address *)devsdk_addr(dev))->first;
    }
    return DEVSDK_OK;
}

static devsdk_result read_slots(devsdk_device *dev, devsdk_request *r)
{
    struct counters *c = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct attribute *a = devsdk_attr(r, i);
        devsdk_set_int(r, i, c->value[a->slot]++); /* does not fit the type: reads "overflow" */
    }
    return DEVSDK_OK;
}

static devsdk_result write_slots(devsdk_device *dev, devsdk_request *r)
{
    struct counters *c = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        c->value[((const struct attribute *)devsdk_attr(r, i))->slot] = devsdk_wanted(r, i).i;
    }
    return DEVSDK_OK;
}

static devsdk_result discover(devsdk_service *service, devsdk_scan *scan)
{
    (void)service;
    return devsdk_report(scan, &(devsdk_found){.name = "Hello-1", .protocol = "Hello",
                                               .addr = &(struct address){.first = 100}});
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI, .name = "device-hello", .version = "4.0.0", .port = 59999,
    .protocols = (const devsdk_protocol[]){{"Hello", address_fields}, {0}},
    .attributes = attribute_fields, .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute), .device_size = sizeof(struct counters),
    .added = added, .read = read_slots, .write = write_slots, .discover = discover};

int main(int argc, char **argv)
{
    return devsdk_main(argc, argv, &driver);
}
