/* Devices, device services and provision watchers: bodies, files, system events. */
#include "contracts/device.h"
#include "fuzz_contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct edge_dto *const tables[] = {&DEVICE, &DEVICE_REQUEST, &DEVICE_FILE,
                                                    &DEVICE_SERVICE_REQUEST,
                                                    &PROVISION_WATCHER_REQUEST};
    fuzz_contracts(tables, sizeof(tables) / sizeof(tables[0]), data, size);
    return 0;
}
