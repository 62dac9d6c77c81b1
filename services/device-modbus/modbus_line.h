/**
 * A line: a TCP connection or serial port and all units behind it. Who has a question hands it over and is called
 * when it is answered or is not going to be; when it is sent, how many at a time, and which answer belongs to which
 * question is the line's. On a serial line one question is under way at a time; on TCP several are, as long as the
 * peer turns out to take that.
 *
 * Lines live in a hub, one for the service. Questions are handed over on any thread; everything else happens on the
 * SDK's thread for watches, and so do all calls of modbus_task.done.
 */
#ifndef MODBUS_LINE_H
#define MODBUS_LINE_H

#include "codec/modbus_pdu.h"
#include "devsdk/devsdk.h"
#include "modbus_link.h"

enum { MODBUS_MAX_IN_FLIGHT = 32 };

struct modbus_hub;
struct modbus_line;
struct modbus_unit; /* what a line knows of one of its units */

enum modbus_end {
    MODBUS_ANSWERED, /* pdu, n; n is 0 after a broadcast */
    MODBUS_REJECTED, /* code: the exception */
    MODBUS_SILENT,   /* no answer in time */
    MODBUS_CUT,      /* no connection, or it broke */
    MODBUS_GARBLED,  /* an answer to something else, twice */
    MODBUS_EXPIRED,  /* its time was over before its turn came */
    MODBUS_CROWDED,  /* too many wait for the line */
};

struct modbus_outcome {
    enum modbus_end end;
    uint8_t code;
    const uint8_t *pdu;
    size_t n;
    const char *why; /* of CUT and SILENT; "" */
};

/** A question and its way. Yours; not to be touched between handing it over and done(). */
struct modbus_task {
    struct modbus_unit *unit;
    struct modbus_query query;
    int64_t timeout_ms;
    int64_t turnaround_ms; /* silence after it, where it goes to all */
    int64_t give_up_ms;    /* devsdk_now_ms() after which nobody wants the answer */
    void (*done)(struct modbus_task *, const struct modbus_outcome *);

    struct modbus_task *next; /* several are handed over as a list */
    /* the line's */
    int64_t begun_ms, due_ms;
    uint32_t heard; /* frames the line had heard when it was sent */
    uint16_t transaction,
        before; /* before: of the first time it was sent, where it was forgotten */
    uint8_t end, code;
    bool resent, crowd;     /* sent again; sent while others were under way */
    bool first;             /* of its request */
    bool behind, forgotten; /* sent in one piece behind another one; and not answered, it seems */
};

/** How a line is run; what came last holds. */
struct modbus_manners {
    int64_t idle_ms; /* close after; 0: after each request; below: never */
    int64_t connect_delay_ms, link_recovery_ms, protocol_recovery_ms;
    unsigned window; /* questions under way at a time, on TCP */
    unsigned max_queued;
};

/** NULL and errno. */
struct modbus_hub *modbus_hub_create(devsdk_service *svc);
/** Waits until the last line is closed; none may be held any more. */
void modbus_hub_free(struct modbus_hub *hub);

/** The line there: shared, +1 reference. NULL: it is spoken differently there already, or no memory; @p why. */
struct modbus_line *modbus_line_get(struct modbus_hub *hub, const struct modbus_place *place,
                                    const struct modbus_manners *manners, char *why, size_t size);
/** Drop a reference; no task of whoever had it may be under way. */
void modbus_line_put(struct modbus_line *line);
struct modbus_unit *modbus_line_unit(struct modbus_line *line, uint8_t unit);
/** "10.0.0.7:502"; as long as the line. */
const char *modbus_line_name(const struct modbus_line *line);
/** Does unit 0 mean all of them, who do not answer? */
bool modbus_line_broadcasts(const struct modbus_line *line);

/**
 * Hand over a list of tasks, all or none. ANSWERED: done() will be called for each. Otherwise it will not be, for
 * the reason returned: CROWDED, or SILENT or CUT where it is known that asking now is in vain; @p why.
 * @p more: of a request that is under way already, and never refused.
 */
enum modbus_end modbus_line_ask(struct modbus_line *line, struct modbus_task *tasks, bool more,
                                char *why, size_t size);

#endif
