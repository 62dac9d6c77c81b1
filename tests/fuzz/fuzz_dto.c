/* The small contracts, which use every other kind of row. */
#include "contracts/command.h"
#include "contracts/event.h"
#include "edge/system_event.h"
#include "fuzz_contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct edge_dto *const tables[] = {&SYSTEM_EVENT, &METRIC,
                                                    &DEVICE_CORE_COMMAND_RESPONSE,
                                                    &MULTI_DEVICE_CORE_COMMANDS_RESPONSE, &READING};
    fuzz_contracts(tables, sizeof(tables) / sizeof(tables[0]), data, size);
    return 0;
}
