/* The bus in process. */
#include "bus_behaviour.h"

static void run(void (*behave)(struct lab *))
{
    struct lab lab = {
        .hub = edge_bus_hub_create(),
        .pool = edge_pool_create("test", 8, 1000),
        .metrics = edge_metrics_create("test"),
        .log = edge_log_create("test"),
    };
    behave(&lab);
    lab_done(&lab);
}

#define TEST(name, text)                                                                           \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        run(behave_##name);                                                                        \
    }
BUS_BEHAVIOURS(TEST)

#define ROW(name, text) {text, test_##name},
/* clang-format off */
CU_TestInfo bus_tests[] = {
    BUS_BEHAVIOURS(ROW)
    CU_TEST_INFO_NULL,
};
/* clang-format on */
