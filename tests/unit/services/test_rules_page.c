/* docs/rules.md against the tables of functions. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/ctx.h"
#include "engine/rules_functions.h"
#include "suites.h"

/* docs/rules.md has a row for each function, with its arguments and what it gives. */
static void test_the_page_has_all(void)
{
    const char *root = getenv("EDGE_SOURCE_DIR");
    EDGE_CTX_SCOPE(ctx);
    FILE *f = fopen(edge_printf(&ctx.arena, "%s/docs/rules.md", root ? root : "."), "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    char *page = edge_alloc(&ctx.arena, 1, 1 << 20);
    page[fread(page, 1, (1 << 20) - 1, f)] = '\0';
    fclose(f);
    for (size_t t = 0; t < RULES_N_FUNCTIONS; t++) {
        for (const struct rules_function *fn = RULES_FUNCTIONS[t].rows; fn->name; fn++) {
            const char *row =
                edge_printf(&ctx.arena, "| `%s(%s)` | %s |\n", fn->name, fn->args, fn->doc);
            if (!strstr(page, row)) {
                printf("docs/rules.md lacks: %s", row);
            }
            CU_ASSERT_PTR_NOT_NULL(strstr(page, row));
        }
    }
}

CU_TestInfo rules_page_tests[] = {
    {"the page has all functions", test_the_page_has_all},
    CU_TEST_INFO_NULL,
};
