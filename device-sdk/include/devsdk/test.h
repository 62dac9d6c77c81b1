/**
 * The test kit: a driver under test, without platform, broker or network.
 *
 * devsdk_test_start() runs the driver on the real SDK beside the real core-metadata, all inside the test
 * program: what the kit says of a profile, a device or a request is what the platform would say. It works with
 * any test framework and with none:
 *
 *     devsdk_test *t = devsdk_test_start(&device_pump, "Driver:\n  Retries: 1\n");
 *     devsdk_test_profile(t, "res/profiles/pump.yaml");
 *     devsdk_test_device(t, "name: pump-1\nprofileName: pump\nprotocols: {tcp: {Host: localhost}}\n");
 *     const devsdk_test_result *r = devsdk_test_read(t, "pump-1", "Pressure", NULL);
 *     DEVSDK_EXPECT(t, r->status == 200);
 *     DEVSDK_EXPECT_TEXT(t, devsdk_test_value(r, "Pressure"), "42");
 *     return devsdk_test_stop(t) == 0 ? 0 : 1;
 *
 * While it runs it watches the driver; devsdk_test_stop() tells these faults, on stderr and in its result:
 * handlers of one lane that overlap, requests that are answered twice, late or never, devices and requests
 * that are still held, open files and threads that stay behind, and, where the program is built with
 * -fsanitize=address, memory nobody frees.
 *
 * Texts and results live until devsdk_test_stop(). Reads and writes may come from several threads, the rest
 * from one. One kit at a time in a process.
 */
#ifndef DEVSDK_TEST_H
#define DEVSDK_TEST_H

#include "devsdk/devsdk.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct devsdk_test devsdk_test;

typedef struct devsdk_test_reading {
    const char *device, *profile, *resource;
    const char *type; /* "Int16" */
    const char
        *value; /* as the wire has it; JSON of objects; "" of binary ones; NULL: a null reading */
    const void *bytes; /* of binary ones */
    size_t n;
    const char *media_type, *units; /* "" if none */
    int64_t origin;                 /* ns since 1970 */
} devsdk_test_reading;

/** A device a discovery reported, or a resource a profile scan offered. */
typedef struct devsdk_test_found {
    const char *name;
    const char *kind;       /* the protocol; the value type */
    const char *access;     /* of a resource: "R", "W" or "RW"; of a device "" */
    const char *parameters; /* JSON: the address; the attributes */
} devsdk_test_found;

typedef struct devsdk_test_result {
    int status;         /* as a client sees it: 200, 400, 404, ... */
    const char *text;   /* why it failed; "" */
    const char *source; /* command or resource */
    int64_t origin;
    const devsdk_test_reading *readings;
    size_t n;
    const devsdk_test_found *found;
    size_t n_found;
} devsdk_test_result;

/* ---- begin and end ---- */

/**
 * Run @p driver with @p config: a configuration file's text or path; NULL: nothing set. Logged is what is at least
 * a warning, unless Writable.LogLevel says otherwise. Never NULL: where the driver does not start, status and text are
 * devsdk_test_status()'s and devsdk_test_text()'s, and so they are of whatever is asked of it.
 */
devsdk_test *devsdk_test_start(const devsdk_driver *driver, const char *config);
/** The same with the folder (res/) a service is started with: configuration.yaml, profiles, devices. */
devsdk_test *devsdk_test_start_in(const devsdk_driver *driver, const char *folder);
/** Remove the devices, stop the driver, look what it left behind, tell all faults. How many there were, failed
 * expectations included. */
unsigned devsdk_test_stop(devsdk_test *t);
/** Of the last call that returns a status or starts the kit. */
int devsdk_test_status(const devsdk_test *t);
const char *devsdk_test_text(const devsdk_test *t);

/* ---- profiles and devices: YAML or JSON, a text or the path of a .yaml, .yml or .json file. The status is
 * core-metadata's: 201, 400, 409, ...; the driver has been told when the call returns. ---- */
int devsdk_test_profile(devsdk_test *t, const char *profile);
/** One device, or a file of them (deviceList). States and service may be left out. */
int devsdk_test_device(devsdk_test *t, const char *device);
int devsdk_test_watcher(devsdk_test *t, const char *provision_watcher);
/** Lay members over a device that is there, as PATCH does; "name" says which. */
int devsdk_test_change(devsdk_test *t, const char *device);
/** 200 when removed() has returned. */
int devsdk_test_remove(devsdk_test *t, const char *device);
/** Do the two wait for each other? */
bool devsdk_test_share_lane(devsdk_test *t, const char *device, const char *other);
/** Is it UP, as core-metadata has it? */
bool devsdk_test_is_up(devsdk_test *t, const char *device);

/* ---- requests ---- */

/** A command or resource; @p query as after the ? of an address, or NULL. */
const devsdk_test_result *devsdk_test_read(devsdk_test *t, const char *device, const char *source,
                                           const char *query);
/** @p values: a JSON object, {"Speed": "12"}. */
const devsdk_test_result *devsdk_test_write(devsdk_test *t, const char *device, const char *source,
                                            const char *values);
/** The text of that reading, NULL where there is none of it. */
const char *devsdk_test_value(const devsdk_test_result *r, const char *resource);

/* ---- what comes by itself ---- */

/** The next event of auto events, devsdk_push() and successful writes, waited for: of @p device and
 * @p source (NULL: any). NULL: none came in @p timeout_ms. Each event is given once. */
const devsdk_test_result *devsdk_test_event(devsdk_test *t, const char *device, const char *source,
                                            int timeout_ms);
/**
 * Let so much time pass at once, from one moment something is due to the next: auto events run, deadlines
 * pass, devices that are down are tried again, and what that sets off is waited for. Clocks of the driver
 * (devsdk_now_ms()) go along; what it sleeps itself, or waits for at its sockets, takes as long as ever.
 */
void devsdk_test_skip(devsdk_test *t, int64_t ms);

/* ---- scans: run to their end; status 200, or why not ---- */
const devsdk_test_result *devsdk_test_discover(devsdk_test *t);
/** @p options: JSON object for devsdk_scan_option(), or NULL. The device follows the profile afterwards. */
const devsdk_test_result *devsdk_test_scan_profile(devsdk_test *t, const char *device,
                                                   const char *options);

/* ---- what went wrong ---- */
unsigned devsdk_test_faults(const devsdk_test *t);
const char *devsdk_test_fault(const devsdk_test *t, unsigned i);

/* ---- expectations, for programs without a framework ---- */
#define DEVSDK_EXPECT(t, condition)                                                                \
    devsdk_test_expect((t), (condition), __FILE__, __LINE__, #condition)
#define DEVSDK_EXPECT_TEXT(t, text, wanted)                                                        \
    devsdk_test_expect_text((t), (text), (wanted), __FILE__, __LINE__, #text)
bool devsdk_test_expect(devsdk_test *t, bool met, const char *file, int line, const char *what);
bool devsdk_test_expect_text(devsdk_test *t, const char *text, const char *wanted, const char *file,
                             int line, const char *what);

#ifdef __cplusplus
}
#endif
#endif
