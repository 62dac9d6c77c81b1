/* The map against a plain array of the same keys. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "edge/map.h"
#include "suites.h"

static void test_put_find_remove(void)
{
    int one = 1, two = 2;
    struct edge_map m = EDGE_MAP_INIT;
    CU_ASSERT_PTR_NULL(edge_map_find(&m, "a"));
    CU_ASSERT_PTR_NULL(edge_map_remove(&m, "a"));
    CU_ASSERT_PTR_NULL(edge_map_put(&m, "a", &one));
    CU_ASSERT_PTR_EQUAL(edge_map_put(&m, "a", &two), &one);
    CU_ASSERT_PTR_NULL(edge_map_put(&m, "", &one));
    CU_ASSERT_EQUAL(m.n, 2);
    CU_ASSERT_PTR_EQUAL(edge_map_find(&m, "a"), &two);
    CU_ASSERT_PTR_EQUAL(edge_map_find(&m, ""), &one);
    CU_ASSERT_PTR_EQUAL(edge_map_remove(&m, "a"), &two);
    CU_ASSERT_PTR_NULL(edge_map_find(&m, "a"));
    CU_ASSERT_EQUAL(m.n, 1);
    edge_map_done(&m);
    edge_map_done(&m);
}

static void test_many_keys_come_and_go(void)
{
    enum { KEYS = 1000 };
    static char keys[KEYS][24];
    static bool present[KEYS];
    struct edge_map m = EDGE_MAP_INIT;
    unsigned state = 7;
    size_t n = 0;
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key-%d", i * 7919);
    }
    for (int step = 0; step < 20000; step++) {
        state = state * 1103515245 + 12345;
        size_t i = (state >> 8) % KEYS;
        void *before = present[i] ? keys[i] : NULL;
        CU_ASSERT_PTR_EQUAL(edge_map_find(&m, keys[i]), before);
        if (state >> 31) {
            CU_ASSERT_PTR_EQUAL(edge_map_put(&m, keys[i], keys[i]), before);
            n += !present[i];
            present[i] = true;
        } else {
            CU_ASSERT_PTR_EQUAL(edge_map_remove(&m, keys[i]), before);
            n -= present[i];
            present[i] = false;
        }
        CU_ASSERT_EQUAL(m.n, n);
    }
    size_t pos = 0, seen = 0;
    const char *key;
    for (void *value; (value = edge_map_next(&m, &pos, &key)); seen++) {
        CU_ASSERT_STRING_EQUAL(key, (const char *)value);
    }
    CU_ASSERT_EQUAL(seen, n);
    edge_map_done(&m);
}

CU_TestInfo map_tests[] = {
    {"put, find, remove",     test_put_find_remove      },
    {"many keys come and go", test_many_keys_come_and_go},
    CU_TEST_INFO_NULL,
};
