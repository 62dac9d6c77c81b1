/* Runs the suites named on the command line, or all; the exit code tells whether all passed. */
#include <CUnit/Basic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "suites.h"

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    unsigned chosen = 0;
    for (const struct test_suite *s = test_suites; s->name; s++) {
        if (!wanted(s->name, argc, argv)) {
            continue;
        }
        CU_SuiteInfo suites[] = {
            {s->name, NULL, NULL, NULL, NULL, s->tests},
            CU_SUITE_INFO_NULL
        };
        if (CU_register_suites(suites) != CUE_SUCCESS) {
            fprintf(stderr, "cannot register %s: %s\n", s->name, CU_get_error_msg());
            return 2;
        }
        chosen++;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    bool failed =
        chosen == 0 || CU_get_number_of_tests_run() == 0 || CU_get_number_of_tests_failed() > 0;
    CU_cleanup_registry();
    return failed ? 1 : 0;
}
