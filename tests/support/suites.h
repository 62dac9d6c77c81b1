/** The suites of a test program; the list is generated from the file names. */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

struct test_suite {
    const char *name;
    CU_TestInfo *tests;
};
extern const struct test_suite test_suites[];

#endif
