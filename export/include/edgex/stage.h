/**
 * A function of a pipeline from a shared object: what a file exports as `edgex_stage_v1`. Plain C, nothing to link.
 *
 *     Functions:
 *       Plugin:
 *         Parameters: {Library: /usr/lib/edgex/stages/fahrenheit.so, Settings: "..."}
 *
 * The table and what it points to live as long as the object is loaded. process() is called by one thread at a time;
 * it must not wait. Later versions of this header add members at the ends of the structs; `abi` and `size` say what
 * the object knows.
 */
#ifndef EDGEX_STAGE_H
#define EDGEX_STAGE_H

#include <stddef.h>
#include <stdint.h>

#define EDGEX_STAGE_ABI 1

/** What became of a message. */
enum edgex_stage_verdict {
    EDGEX_STAGE_PASS,    /* it goes on as it came */
    EDGEX_STAGE_REPLACE, /* what out() was given goes on */
    EDGEX_STAGE_DROP,    /* filtered out */
    EDGEX_STAGE_FAIL,    /* error() says why */
};

/** A message; valid until process() returns. */
struct edgex_stage_message {
    const char *
        kind; /* event, addEventRequest, metric, list: JSON (CBOR where content_type says so); bytes */
    const char *content_type; /* "" where it is not known */
    const void *data;
    size_t size;
    void *run; /* for the calls below */
    /** A value of the message: devicename, profilename, sourcename, receivedtopic, pipelineid; NULL: none. */
    const char *(*value)(void *run, const char *name);
    /**
     * What goes on instead. It is copied. content_type NULL: of an event it is an event again (JSON), which is
     * checked; else bytes of that type.
     */
    void (*out)(void *run, const void *data, size_t size, const char *content_type);
    /** Why it failed; copied. */
    void (*error)(void *run, const char *text);
};

struct edgex_stage {
    uint32_t abi;  /* EDGEX_STAGE_ABI */
    uint32_t size; /* sizeof(struct edgex_stage) */
    /** @p settings: the parameter of that name. NULL where it cannot be: @p error (256 bytes) says why. */
    void *(*init)(const char *settings, char *error, size_t error_size);
    enum edgex_stage_verdict (*process)(void *stage, const struct edgex_stage_message *m);
    void (*destroy)(void *stage); /* may be NULL */
};

#endif
