/* Device profiles: bodies, uploaded files. */
#include "contracts/profile.h"
#include "fuzz_contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct edge_dto *const tables[] = {&DEVICE_PROFILE, &PROFILE_REQUEST,
                                                    &PROFILE_BASIC_INFO};
    fuzz_contracts(tables, sizeof(tables) / sizeof(tables[0]), data, size);
    return 0;
}
