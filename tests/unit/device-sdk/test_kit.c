/* The test kit: what a sound driver looks like through it, and each fault it is there to find. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "capture.h"
#include "devsdk/test.h"
#include "suites.h"
#include "wait.h"

/* ---- a driver: a row of registers per device, with faults to be planted ----------------------------------- */

enum plant {
    NOTHING,
    NO_ANSWER,   /* PENDING, and no devsdk_done() */
    LATE_ANSWER, /* when told to */
    TWO_ANSWERS, /* devsdk_done() twice */
    DOUBLE,      /* devsdk_done() and a result */
    HELD,        /* devsdk_find() without devsdk_put() */
    UNDONE_PUSH, /* devsdk_push() without devsdk_done() */
    OPEN_FILE,
    THREAD,
    MEMORY,
};

static enum plant plant;
static devsdk_request *_Atomic waiting;
extern devsdk_device *kit_held; /* external: the leak checker is to see them */
extern devsdk_request *kit_pushed;
devsdk_device *kit_held;
devsdk_request *kit_pushed;
static uintptr_t lost; /* hidden from the leak checker */
static struct gate *gate;
static pthread_t thread;
static int file = -1;
static atomic_int n_added, n_removed, n_stopped;

struct address {
    const char *line;
    uint16_t unit;
};
struct attribute {
    uint8_t reg;
};
struct registers {
    int64_t value[8];
};

static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, line, "Line", DEVSDK_STRING, .required = true),
    DEVSDK_FIELD(struct address, unit, "Unit", DEVSDK_U16, .def = "1", .max = 247),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, reg, "reg", DEVSDK_U8, .required = true, .max = 7),
    {0},
};

static const char *lane(const devsdk_device *dev)
{
    return ((const struct address *)devsdk_addr(dev))->line;
}

static devsdk_result added(devsdk_device *dev)
{
    (void)dev;
    n_added++;
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    (void)dev;
    n_removed++;
}

static void *stay(void *arg)
{
    gate_pass(arg);
    return NULL;
}

static devsdk_result start(devsdk_service *svc)
{
    (void)svc;
    if (plant == OPEN_FILE) {
        file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } else if (plant == THREAD) {
        pthread_create(&thread, NULL, stay, gate);
        pthread_setname_np(thread, "stays");
    } else if (plant == MEMORY) {
        lost = ~(uintptr_t)malloc(100);
    }
    return DEVSDK_OK;
}

static void stop(devsdk_service *svc)
{
    (void)svc;
    n_stopped++;
}

/* What a planted fault does to a read; OK: nothing. */
static devsdk_result spoil(devsdk_device *dev, devsdk_request *r)
{
    switch (plant) {
    case NO_ANSWER:
    case LATE_ANSWER:
        atomic_store(&waiting, r);
        return DEVSDK_PENDING;
    case TWO_ANSWERS:
        devsdk_done(r, DEVSDK_OK);
        devsdk_done(r, DEVSDK_OK);
        return DEVSDK_PENDING;
    case DOUBLE:
        devsdk_done(r, DEVSDK_OK);
        return DEVSDK_OK;
    case HELD:
        kit_held = devsdk_find(devsdk_of(dev), devsdk_name(dev));
        return DEVSDK_OK;
    case UNDONE_PUSH:
        kit_pushed = devsdk_push(dev, "Level");
        return DEVSDK_OK;
    default:
        return DEVSDK_OK;
    }
}

static devsdk_result read_registers(devsdk_device *dev, devsdk_request *r)
{
    struct registers *registers = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct attribute *a = devsdk_attr(r, i);
        if (a->reg == 7) {
            return devsdk_fail(r, DEVSDK_TIMEOUT, "register %d does not answer", a->reg);
        }
        devsdk_set_int(r, i, registers->value[a->reg]);
    }
    return spoil(dev, r);
}

static devsdk_result write_registers(devsdk_device *dev, devsdk_request *r)
{
    struct registers *registers = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct attribute *a = devsdk_attr(r, i);
        registers->value[a->reg] = devsdk_wanted(r, i).i;
    }
    devsdk_request *push = devsdk_push(dev, "Level");
    if (push) {
        devsdk_set_int(push, 0, registers->value[0]);
        devsdk_done(push, DEVSDK_OK);
    }
    return DEVSDK_OK;
}

static devsdk_result discover(devsdk_service *svc, devsdk_scan *scan)
{
    (void)svc;
    if (plant == NO_ANSWER) {
        return devsdk_scan_fail(scan, DEVSDK_LINK, "the line is dead");
    }
    return devsdk_report(
        scan, &(devsdk_found){
                  .name = "found-1", .protocol = "rows", .addr = &(struct address){"a", 3}
    });
}

static devsdk_result scan_profile(devsdk_device *dev, devsdk_scan *scan)
{
    (void)dev;
    return devsdk_offer(scan, &(devsdk_offered){.name = "Offered",
                                                .type = DEVSDK_I16,
                                                .readable = true,
                                                .writable = true,
                                                .attr = &(struct attribute){2}});
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI,
    .name = "device-rows",
    .version = "1",
    .protocols = (const devsdk_protocol[]){{"rows", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .device_size = sizeof(struct registers),
    .start = start,
    .stop = stop,
    .lane = lane,
    .added = added,
    .removed = removed,
    .read = read_registers,
    .write = write_registers,
    .discover = discover,
    .scan_profile = scan_profile,
};

static const char profile[] = "name: rows\n"
                              "deviceResources:\n"
                              "  - name: Level\n"
                              "    attributes: {reg: 0}\n"
                              "    properties: {valueType: Int16, readWrite: RW, units: mm}\n"
                              "  - name: Dead\n"
                              "    attributes: {reg: 7}\n"
                              "    properties: {valueType: Int16, readWrite: R}\n"
                              "deviceCommands:\n"
                              "  - name: Set\n"
                              "    readWrite: RW\n"
                              "    resourceOperations: [{deviceResource: Level}]\n";

static devsdk_test *rows(enum plant with, const char *config)
{
    plant = with;
    n_added = n_removed = n_stopped = 0;
    devsdk_test *t = devsdk_test_start(&driver, config);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    CU_ASSERT_EQUAL_FATAL(
        devsdk_test_device(t, "{name: row-1, profileName: rows, protocols: {rows: {Line: a}}}\n"),
        201);
    return t;
}

/* ---- a sound driver ------------------------------------------------------------------------------------------ */

static void test_reads_and_writes(void)
{
    devsdk_test *t = rows(NOTHING, NULL);
    const devsdk_test_result *r = devsdk_test_write(t, "row-1", "Level", "{\"Level\": \"-42\"}");
    CU_ASSERT_EQUAL(r->status, 200);
    r = devsdk_test_read(t, "row-1", "Set", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_STRING_EQUAL(r->source, "Set");
    CU_ASSERT_EQUAL_FATAL(r->n, 1);
    CU_ASSERT_STRING_EQUAL(r->readings[0].device, "row-1");
    CU_ASSERT_STRING_EQUAL(r->readings[0].profile, "rows");
    CU_ASSERT_STRING_EQUAL(r->readings[0].resource, "Level");
    CU_ASSERT_STRING_EQUAL(r->readings[0].type, "Int16");
    CU_ASSERT_STRING_EQUAL(r->readings[0].value, "-42");
    CU_ASSERT_STRING_EQUAL(r->readings[0].units, "mm");
    CU_ASSERT(r->readings[0].origin > INT64_C(1700000000000000000));
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Level"), "-42");
    CU_ASSERT_PTR_NULL(devsdk_test_value(r, "Other"));
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    CU_ASSERT_EQUAL(n_added, 1);
    CU_ASSERT_EQUAL(n_removed, 1);
    CU_ASSERT_EQUAL(n_stopped, 1);
}

static void test_failures_are_as_a_client_sees_them(void)
{
    devsdk_test *t = rows(NOTHING, NULL);
    const devsdk_test_result *r = devsdk_test_read(t, "row-1", "Dead", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "register 7 does not answer"));
    r = devsdk_test_read(t, "row-1", "None", NULL);
    CU_ASSERT_EQUAL(r->status, 404);
    CU_ASSERT_EQUAL(devsdk_test_read(t, "row-9", "Level", NULL)->status, 404);
    r = devsdk_test_write(t, "row-1", "Level", "{\"Level\": \"99999\"}");
    CU_ASSERT_EQUAL(r->status, 400);
    CU_ASSERT_EQUAL(devsdk_test_write(t, "row-1", "Dead", "{\"Dead\": \"1\"}")->status, 405);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_metadata_checks_profiles_and_devices(void)
{
    devsdk_test *t = rows(NOTHING, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, "name: bad\ndeviceResources: [{name: a}]\n"), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "valueType"));
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 409);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, "name: [\n"), 400);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, "/no/such/file.yaml"), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "/no/such/file.yaml"));
    CU_ASSERT_EQUAL(devsdk_test_device(
                        t, "{\"name\":\"x\",\"profileName\":\"rows\",\"protocols\":{\"rows\":{}}}"),
                    500);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "Line"));
    CU_ASSERT_EQUAL(devsdk_test_device(
                        t,
                        "deviceList:\n"
                        "  - {name: b, profileName: rows, protocols: {rows: {Line: a, Unit: 2}}}\n"
                        "  - {name: c, profileName: rows, protocols: {rows: {Line: b}}}\n"),
                    201);
    CU_ASSERT(devsdk_test_share_lane(t, "row-1", "b"));
    CU_ASSERT_FALSE(devsdk_test_share_lane(t, "row-1", "c"));
    CU_ASSERT_EQUAL(devsdk_test_change(t, "{name: c, protocols: {rows: {Line: a}}}"), 200);
    CU_ASSERT(devsdk_test_share_lane(t, "row-1", "c"));
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "c"), 200);
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "c"), 404);
    CU_ASSERT_EQUAL(devsdk_test_read(t, "c", "Level", NULL)->status, 404);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    CU_ASSERT_EQUAL(n_added, n_removed);
}

static void test_what_comes_by_itself(void)
{
    devsdk_test *t = rows(NOTHING, NULL);
    CU_ASSERT_EQUAL(devsdk_test_write(t, "row-1", "Level", "{\"Level\": \"7\"}")->status, 200);
    const devsdk_test_result *e = devsdk_test_event(t, "row-1", "Level", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Level"), "7");
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(t, NULL, NULL, 10000)); /* what was written */
    CU_ASSERT_PTR_NULL(devsdk_test_event(t, NULL, NULL, 0));         /* each is given once */
    CU_ASSERT_EQUAL(
        devsdk_test_device(t, "{name: auto, profileName: rows, protocols: {rows: {Line: a}},\n"
                              " autoEvents: [{interval: 10s, sourceName: Set}]}"),
        201);
    devsdk_test_skip(t, 60000); /* a minute passes at once, and nothing in it is left out */
    unsigned n = 0;
    while (devsdk_test_event(t, "auto", "Set", n < 5 ? 10000 : 0)) {
        n++;
    }
    CU_ASSERT(n >= 5 && n <= 7);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

/* Also where all devices are fetched again meanwhile, which a service does every ten minutes. */
static void test_a_device_that_is_silent_is_down(void)
{
    static const int down_s[] = {60, 600, 900};
    for (size_t k = 0; k < sizeof(down_s) / sizeof(down_s[0]); k++) {
        char config[80];
        snprintf(config, sizeof(config), "Device: {AllowedFails: 2, DeviceDownTimeout: %d}\n",
                 down_s[k]);
        devsdk_test *t = rows(NOTHING, config);
        CU_ASSERT(devsdk_test_is_up(t, "row-1"));
        CU_ASSERT_EQUAL(devsdk_test_read(t, "row-1", "Dead", NULL)->status, 500);
        CU_ASSERT_EQUAL(devsdk_test_read(t, "row-1", "Dead", NULL)->status, 500);
        devsdk_test_skip(t, 1000);
        CU_ASSERT_FALSE(devsdk_test_is_up(t, "row-1"));
        devsdk_test_skip(t, down_s[k] * INT64_C(1000)); /* it is asked again, and answers */
        CU_ASSERT(devsdk_test_is_up(t, "row-1"));
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    }
}

static void test_scans(void)
{
    devsdk_test *t = rows(NOTHING, NULL);
    CU_ASSERT_EQUAL(devsdk_test_discover(t)->status, 503); /* as on the platform: not enabled */
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    t = rows(NOTHING, "Device: {Discovery: {Enabled: true}}\n");
    const devsdk_test_result *r = devsdk_test_discover(t);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL_FATAL(r->n_found, 1);
    CU_ASSERT_STRING_EQUAL(r->found[0].name, "found-1");
    CU_ASSERT_STRING_EQUAL(r->found[0].kind, "rows");
    CU_ASSERT_STRING_EQUAL(r->found[0].parameters, "{\"Line\":\"a\",\"Unit\":3}");
    CU_ASSERT_EQUAL(
        devsdk_test_watcher(t, "name: w\nidentifiers: {Line: a}\nadminState: UNLOCKED\n"
                               "serviceName: device-rows\n"
                               "discoveredDevice: {profileName: rows, adminState: UNLOCKED}\n"),
        201);
    CU_ASSERT_EQUAL(devsdk_test_discover(t)->status, 200);
    r = devsdk_test_scan_profile(t, "row-1", "{\"deep\": true}");
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL_FATAL(r->n_found, 1);
    CU_ASSERT_STRING_EQUAL(r->found[0].name, "Offered");
    CU_ASSERT_STRING_EQUAL(r->found[0].kind, "Int16");
    CU_ASSERT_STRING_EQUAL(r->found[0].access, "RW");
    CU_ASSERT_STRING_EQUAL(r->found[0].parameters, "{\"reg\":2}");
    CU_ASSERT_EQUAL(devsdk_test_read(t, "row-1", "Offered", NULL)->status, 200);
    CU_ASSERT_EQUAL(devsdk_test_scan_profile(t, "nobody", NULL)->status, 404);
    plant = NO_ANSWER;
    r = devsdk_test_discover(t);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_STRING_EQUAL(r->text, "the line is dead");
    plant = NOTHING;
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static devsdk_result refuse(devsdk_service *svc)
{
    (void)svc;
    return DEVSDK_LINK;
}

static void test_a_driver_that_does_not_start(void)
{
    devsdk_driver broken = driver;
    broken.start = refuse;
    capture_start();
    devsdk_test *t = devsdk_test_start(&broken, NULL);
    CU_ASSERT_EQUAL(devsdk_test_status(t), 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "does not start"));
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 500);
    CU_ASSERT_EQUAL(devsdk_test_read(t, "a", "b", NULL)->status, 500);
    CU_ASSERT_PTR_NULL(devsdk_test_event(t, NULL, NULL, 0));
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    t = devsdk_test_start(&driver, "Device: {MaxCmdOps: many}\n");
    CU_ASSERT_EQUAL(devsdk_test_status(t), 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "MaxCmdOps"));
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    free(capture_end());
}

/* A platform may be configured around the test; it is not the test's. */
static void test_the_environment_is_not_for_us(void)
{
    setenv("MESSAGEBUS_TYPE", "nonsense", 1);
    setenv("DEVICE_ROWS__SERVICE_PORT", "1", 1);
    setenv("EDGEX_CONFIG_PROVIDER", "http://localhost:1", 1);
    devsdk_test *t = rows(NOTHING, NULL);
    CU_ASSERT_EQUAL(devsdk_test_read(t, "row-1", "Level", NULL)->status, 200);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    CU_ASSERT_STRING_EQUAL(getenv("MESSAGEBUS_TYPE"), "nonsense");
    unsetenv("MESSAGEBUS_TYPE");
    unsetenv("DEVICE_ROWS__SERVICE_PORT");
    unsetenv("EDGEX_CONFIG_PROVIDER");
}

static void test_expectations_count(void)
{
    capture_start();
    devsdk_test *t = rows(NOTHING, NULL);
    CU_ASSERT(DEVSDK_EXPECT(t, 1 + 1 == 2));
    CU_ASSERT(DEVSDK_EXPECT_TEXT(t, "a", "a"));
    CU_ASSERT_FALSE(DEVSDK_EXPECT(t, 1 + 1 == 3));
    CU_ASSERT_FALSE(DEVSDK_EXPECT_TEXT(t, NULL, "a"));
    unsigned n = devsdk_test_stop(t);
    char *said = capture_end();
    CU_ASSERT_EQUAL(n, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "not so: 1 + 1 == 3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "is missing instead of 'a'"));
    free(said);
}

/* ---- each fault ------------------------------------------------------------------------------------------------ */

/* The kit ends with one fault, in these words. */
static void expect_fault(devsdk_test *t, const char *words)
{
    unsigned n = devsdk_test_stop(t);
    char *said = capture_end();
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_EQUAL(capture_count(said, "driver fault: "), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, words));
    if (n != 1 || !strstr(said, words)) {
        printf("instead of '%s':\n%s", words, said);
    }
    free(said);
}

static void *read_level(void *t)
{
    return (void *)(uintptr_t)devsdk_test_read(t, "row-1", "Level", NULL);
}

static bool is_waiting(void *arg)
{
    (void)arg;
    return atomic_load(&waiting) != NULL;
}

/* A read that is not answered in time; its request is with the driver still. */
static devsdk_test *overdue(enum plant with)
{
    atomic_store(&waiting, NULL);
    capture_start();
    devsdk_test *t = rows(with, NULL);
    pthread_t reader;
    void *result;
    pthread_create(&reader, NULL, read_level, t);
    CU_ASSERT(wait_until(is_waiting, NULL, 10000));
    devsdk_test_skip(t, 5000);
    pthread_join(reader, &result);
    const devsdk_test_result *r = result;
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "did not answer in time"));
    return t;
}

static void test_no_answer(void)
{
    expect_fault(overdue(NO_ANSWER), "the read of row-1/Level was never answered");
}

static void test_late_answer(void)
{
    devsdk_test *t = overdue(LATE_ANSWER);
    devsdk_done(atomic_load(&waiting), DEVSDK_OK);
    expect_fault(t, "ms after its deadline");
}

static void test_overlap(void)
{
    devsdk_test *t = overdue(LATE_ANSWER);
    devsdk_request *first = atomic_load(&waiting);
    plant = NOTHING;
    CU_ASSERT_EQUAL(devsdk_test_read(t, "row-1", "Set", NULL)->status, 200);
    devsdk_done(first, DEVSDK_OK);
    expect_fault(t, "the read of row-1/Set began while the read of row-1/Level, in the same lane");
}

static void spoiled_read(enum plant with, const char *words)
{
    capture_start();
    devsdk_test *t = rows(with, NULL);
    CU_ASSERT_EQUAL(devsdk_test_read(t, "row-1", "Level", NULL)->status, 200);
    expect_fault(t, words);
}

static void test_two_answers(void)
{
    spoiled_read(TWO_ANSWERS, "devsdk_done() was called for a request that had been answered");
    spoiled_read(DOUBLE, "answered by devsdk_done() and by what its handler returns");
}

static void test_held(void)
{
    spoiled_read(HELD, "a device is still held");
    spoiled_read(UNDONE_PUSH, "the push of row-1/Level was never answered");
}

static void test_traces(void)
{
    capture_start();
    devsdk_test *t = rows(OPEN_FILE, NULL);
    expect_fault(t, "is still open: /dev/null");
    close(file);

    gate = gate_create();
    capture_start();
    t = rows(THREAD, NULL);
    expect_fault(t, "a thread still runs after stop(): stays");
    gate_open(gate);
    pthread_join(thread, NULL);
    gate_free(gate);
}

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void test_lost_memory(void)
{
    if (__lsan_do_recoverable_leak_check) {
        capture_start();
        devsdk_test *t = rows(MEMORY, NULL);
        expect_fault(t, "memory is left");
        free((void *)~lost);
    }
}

CU_TestInfo kit_tests[] = {
    {"reads and writes",                   test_reads_and_writes                    },
    {"failures as a client sees them",     test_failures_are_as_a_client_sees_them  },
    {"metadata checks",                    test_metadata_checks_profiles_and_devices},
    {"what comes by itself",               test_what_comes_by_itself                },
    {"a device that is silent is down",    test_a_device_that_is_silent_is_down     },
    {"scans",                              test_scans                               },
    {"a driver that does not start",       test_a_driver_that_does_not_start        },
    {"the environment is not for us",      test_the_environment_is_not_for_us       },
    {"expectations count",                 test_expectations_count                  },
    {"fault: late answer",                 test_late_answer                         },
    {"fault: overlap",                     test_overlap                             },
    {"fault: two answers",                 test_two_answers                         },
    {"fault: files and threads left open", test_traces                              },
    {"fault: lost memory",                 test_lost_memory                         },
 /* These leave a service behind that cannot be stopped. */
    {"fault: no answer",                   test_no_answer                           },
    {"fault: held",                        test_held                                },
    CU_TEST_INFO_NULL,
};
