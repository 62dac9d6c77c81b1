/*
 * The driver. A device is a unit; devices behind one connection or port share its line, which sees to it that
 * questions are asked as it can bear, so each device is a lane of its own. Nothing here waits.
 */
#include "device_modbus.h"

#include "modbus_discover.h"
#include "modbus_fields.h"
#include "modbus_job.h"
#include "modbus_line.h"

struct service {
    struct modbus_hub *hub;
};

static devsdk_result start(devsdk_service *svc)
{
    struct service *s = devsdk_service_data(svc);
    s->hub = modbus_hub_create(svc);
    return s->hub ? DEVSDK_OK : DEVSDK_BUSY;
}

static void stop(devsdk_service *svc)
{
    struct service *s = devsdk_service_data(svc);
    modbus_hub_free(s->hub);
}

static int64_t to_ms(double s)
{
    return (int64_t)(s * 1000);
}

static struct modbus_manners manners_of(devsdk_device *dev)
{
    const struct modbus_addr *a = devsdk_addr(dev);
    const struct modbus_config *config = devsdk_config(devsdk_of(dev));
    return (struct modbus_manners){
        .idle_ms = a->idle_s < 0 ? -1 : to_ms(a->idle_s),
        .connect_delay_ms = to_ms(a->connect_delay_s),
        .link_recovery_ms = to_ms(a->link_recovery_s),
        .protocol_recovery_ms = to_ms(a->protocol_recovery_s),
        .window = a->place.framing == MODBUS_TCP ? a->window : 1,
        .max_queued = config->max_queued,
    };
}

static devsdk_result added(devsdk_device *dev)
{
    struct service *s = devsdk_service_data(devsdk_of(dev));
    struct modbus_device *d = devsdk_data(dev);
    const struct modbus_addr *a = devsdk_addr(dev);
    struct modbus_manners manners = manners_of(dev);
    char why[160];
    d->line = modbus_line_get(s->hub, &a->place, &manners, why, sizeof(why));
    if (!d->line) {
        devsdk_log(devsdk_of(dev), DEVSDK_WARN, "%s: %s", devsdk_name(dev), why);
        return DEVSDK_INVALID;
    }
    d->unit = modbus_line_unit(d->line, a->unit);
    if (!d->unit) {
        modbus_line_put(d->line);
        d->line = NULL;
        return DEVSDK_BUSY;
    }
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    struct modbus_device *d = devsdk_data(dev);
    if (d->line) {
        modbus_line_put(d->line);
        d->line = NULL;
    }
}

static void updated(devsdk_device *dev)
{
    struct modbus_device *d = devsdk_data(dev);
    atomic_store(&d->refuses, 0); /* that was of other registers */
}

const devsdk_driver device_modbus = {
    .abi = DEVSDK_ABI,
    .name = "device-modbus",
    .version = "4.0.0",
    .doc = "Modbus units over TCP and serial lines (RTU, ASCII)",
    .port = 59901,
    .protocols = modbus_protocols,
    .attributes = modbus_attributes,
    .config = modbus_config_fields,
    .addr_size = sizeof(struct modbus_addr),
    .attr_size = sizeof(struct modbus_attr),
    .config_size = sizeof(struct modbus_config),
    .device_size = sizeof(struct modbus_device),
    .service_size = sizeof(struct service),
    .start = start,
    .stop = stop,
    .added = added,
    .removed = removed,
    .updated = updated,
    .read = modbus_read,
    .write = modbus_write,
    .discover = modbus_discover,
    .check_addr = modbus_check_addr,
    .check_attr = modbus_check_attr,
};
