/* Addresses a discovery looks at. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "devsdk/ranges.h"
#include "suites.h"

static void test_ranges(void)
{
    static const struct {
        const char *text;
        uint32_t count; /* 0: refused */
        uint32_t first, last;
    } cases[] = {
        {"192.168.1.0/24",                                                         254,   0xc0a80101, 0xc0a801fe},
        {"10.0.0.7",                                                               1,     0x0a000007, 0x0a000007},
        {"10.0.0.5-10.0.0.20",                                                     16,    0x0a000005, 0x0a000014},
        {" 10.0.0.1 ,10.0.1.0/30, 10.0.2.0/31",                                    5,     0x0a000001, 0x0a000201},
        {"10.0.0.7, 10.0.0.9-10.0.0.20",                                           13,    0x0a000007, 0x0a000014},
        {"10.0.0.77/30",                                                           2,     0x0a00004d, 0x0a00004e},
        {"10.0.0.7/32",                                                            1,     0x0a000007, 0x0a000007},
        {"10.0.0.0/16",                                                            65534, 0x0a000001, 0x0a00fffe},
        {"255.255.255.255",                                                        1,     0xffffffff, 0xffffffff},
        {"10.0.0.0/15",                                                            0,     0,          0         },
        {"10.0.0.0/16, 10.1.0.0/16",                                               0,     0,          0         },
        {"10.0.0.20-10.0.0.5",                                                     0,     0,          0         },
        {"0.0.0.0/0",                                                              0,     0,          0         },
        {"0.0.0.0-255.255.255.255",                                                0,     0,          0         },
        {"10.0.0.0/33",                                                            0,     0,          0         },
        {"10.0.0.0/",                                                              0,     0,          0         },
        {"10.0.0/24",                                                              0,     0,          0         },
        {"10.0.0.1x",                                                              0,     0,          0         },
        {"switch.local",                                                           0,     0,          0         },
        {"::1",                                                                    0,     0,          0         },
        {"1111111111111111111111111111111111111111111111111111111111111111111111", 0,     0,          0         },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        devsdk_ranges ranges;
        char why[160] = "";
        uint32_t n = 0, address = 0, first = 0;
        bool sound = devsdk_ranges_parse(cases[i].text, &ranges, why, sizeof(why));
        CU_ASSERT_EQUAL(sound, cases[i].count > 0);
        CU_ASSERT_EQUAL(why[0] != '\0', cases[i].count == 0);
        if (!sound) {
            continue;
        }
        CU_ASSERT_EQUAL(devsdk_ranges_count(&ranges), cases[i].count);
        for (; devsdk_ranges_next(&ranges, &address); n++) {
            first = n == 0 ? address : first;
        }
        CU_ASSERT_EQUAL(n, cases[i].count);
        CU_ASSERT_EQUAL(first, cases[i].first);
        CU_ASSERT_EQUAL(address, cases[i].last);
    }
}

static void test_many_ranges_are_refused(void)
{
    char text[16 * (DEVSDK_RANGES_MAX + 1)] = "", why[160] = "";
    devsdk_ranges ranges;
    for (int i = 0; i < DEVSDK_RANGES_MAX; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "10.0.0.%d,", i);
    }
    CU_ASSERT_TRUE(devsdk_ranges_parse(text, &ranges, why, sizeof(why)));
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "10.0.1.1");
    CU_ASSERT_FALSE(devsdk_ranges_parse(text, &ranges, why, sizeof(why)));
}

CU_TestInfo sdk_ranges_tests[] = {
    {"ranges",           test_ranges                 },
    {"many are refused", test_many_ranges_are_refused},
    CU_TEST_INFO_NULL,
};
