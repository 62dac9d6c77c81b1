/**
 * The whole platform as a user has it: real programs on free ports with data in a scratch
 * directory, in one process or one per service over a real broker; or one that somebody else has
 * started: SHAPE_STACK, at the address EDGE_STACK and the official ports, which the shell command
 * EDGE_STACK_RESTART ends and starts again.
 */
#ifndef TESTS_PLATFORM_H
#define TESTS_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "edge/json.h"
#include "scratch.h"
#include "service_places.h"
#include "wait.h"

/* SHAPE_TLS: SHAPE_SPLIT, and every HTTP with TLS. */
enum platform_shape { SHAPE_ONE, SHAPE_SPLIT, SHAPE_STACK, SHAPE_TLS };

/* All that have a folder; the short names are those the journeys are about. */
enum platform_service {
#define X(symbol, name, folder, port) SERVICE_##symbol,
    SERVICE_PLACES(X)
#undef X
        N_SERVICES,
    METADATA = SERVICE_CORE_METADATA,
    DATA = SERVICE_CORE_DATA,
    COMMAND = SERVICE_CORE_COMMAND,
    VIRTUAL = SERVICE_DEVICE_VIRTUAL,
    KEEPER = SERVICE_CORE_KEEPER,
};

extern const struct service_place {
    const char *name, *folder; /* below the source directory */
    uint16_t port;             /* of its configuration file */
} service_places[N_SERVICES];

struct platform {
    struct scratch dir;
    enum platform_shape shape; /* never SHAPE_TLS, but */
    bool tls;                  /* with certificates of certificates_make() in <dir> */
    uint16_t port[N_SERVICES], broker_port;
    const char *address;           /* where all of them listen */
    pid_t pid[N_SERVICES], broker; /* one process: only pid[0]; a stack: none */
    bool provided;                 /* -cp and -r: configuration and registry are core-keeper's */
    const char *devices_dir;       /* of device-virtual; NULL: its own six devices */
    const char *pipelines; /* YAML: the Writable section of the application service; NULL: none */
    int64_t expected_devices; /* platform_up waits for so many; default 6 */
};

/** Prepares directories, ports and configuration; starts nothing yet. */
void platform_make(struct platform *p, enum platform_shape shape);
/** Starts what does not run; does not wait. */
void platform_launch(struct platform *p);
/** Starts this one only, of a platform of processes; does not wait. */
void platform_start(struct platform *p, enum platform_service s);
/** Has it logged @p text? */
bool platform_logged(const struct platform *p, enum platform_service s, const char *text);
/** How many lines of its log have both texts; in one process: of everybody's. */
size_t platform_log_lines(const struct platform *p, enum platform_service s, const char *first,
                          const char *second);
/** Waits until it answers ping with 200; false where it does not in time. */
bool platform_answers(const struct platform *p, enum platform_service s);
/** Starts what does not run and waits until every service answers; else prints the logs, false. */
bool platform_up(struct platform *p);
/** Does device-virtual hear core-metadata on the bus? For wait_until(); @p platform is a struct platform. */
bool platform_driver_hears(void *platform);
/** SIGTERM to all; true if each ended with exit code 0 in time. */
bool platform_down(struct platform *p);
/** SIGTERM to one, and wait; true if it ended with exit code 0 in time. */
bool platform_stop(struct platform *p, enum platform_service service);
/** kill -9 of one. */
void platform_kill_one(struct platform *p, enum platform_service s);
/** kill -9 of everything but the broker. */
void platform_kill(struct platform *p);
void platform_done(struct platform *p);
void platform_print_logs(const struct platform *p);
void platform_start_broker(struct platform *p);
void platform_kill_broker(struct platform *p);

#define PLATFORM(name, shape)                                                                      \
    __attribute__((cleanup(platform_done))) struct platform name;                                  \
    platform_make(&name, shape);                                                                   \
    CU_ASSERT_TRUE_FATAL(platform_up(&name))

/** The code; 0 where nothing answered. *ret_body (may be NULL): JSON tree, NULL if there was none.
 */
int call(struct edge_ctx *ctx, const struct platform *p, enum platform_service service,
         const char *method, const char *target, const char *body, const cJSON **ret_body);

/** The same for a body that is no JSON; "" where there is none. */
int call_text(struct edge_ctx *ctx, const struct platform *p, enum platform_service service,
              const char *method, const char *target, const char *body, const char **ret_text);

/** Asserts the code and prints what came instead. Returns the body. Tests only (CUnit). */
const cJSON *expect(struct edge_ctx *ctx, const struct platform *p, enum platform_service service,
                    const char *method, const char *target, const char *body, int code);

/** A member by path: "event.readings.0.value"; NULL if there is none. */
const cJSON *at(const cJSON *tree, const char *path);
const char *text_at(const cJSON *tree, const char *path); /* "" if there is none */
int64_t int_at(const cJSON *tree, const char *path);      /* -1 if there is none */

/** How long tests of whole platforms wait for a condition, ms. */
enum { PATIENCE_MS = 30000 };

#endif
