/* The bus over a real broker behaves like every bus. */
#include "bus_behaviour.h"

static void run(void (*behave)(struct lab *))
{
    lab_run_mqtt(behave, NULL);
}

#define TEST(name, text)                                                                           \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        run(behave_##name);                                                                        \
    }
BUS_BEHAVIOURS(TEST)

#define ROW(name, text) {text, test_##name},
/* clang-format off */
CU_TestInfo bus_mqtt_tests[] = {
    BUS_BEHAVIOURS(ROW)
    CU_TEST_INFO_NULL,
};
/* clang-format on */
