/* The platform in one process: every service on its own port, an in-process bus between them. */
#include "core_command.h"
#include "core_data.h"
#include "core_keeper.h"
#include "core_metadata.h"
#include "device_virtual.h"
#include "devsdk/host.h"
#include "edge/service.h"

int main(int argc, char **argv)
{
    struct edge_service virtual_devices;
    devsdk_descriptor(&device_virtual, NULL, &virtual_devices);
    const struct edge_service *const services[] = {&core_keeper, &core_metadata, &core_data,
                                                   &core_command, &virtual_devices};
    return edge_host_main(services, sizeof(services) / sizeof(services[0]), argc, argv);
}
