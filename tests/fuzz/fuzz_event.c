/* Events and readings from anywhere: POST bodies, the bus, answers of device services. */
#include "contracts/event.h"
#include "fuzz_contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct edge_dto *const tables[] = {&ADD_EVENT_REQUEST, &EVENT, &EVENT_RESPONSE};
    fuzz_contracts(tables, sizeof(tables) / sizeof(tables[0]), data, size);
    return 0;
}
