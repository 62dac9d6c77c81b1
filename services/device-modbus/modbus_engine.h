/** Inside of a line: for modbus_line.c, modbus_unit.c, modbus_crowd.c, modbus_link_state.c and modbus_hub.c only. */
#ifndef MODBUS_ENGINE_H
#define MODBUS_ENGINE_H

#include <pthread.h>

#include "modbus_line.h"

struct modbus_unit {
    struct modbus_unit *next;
    int64_t resume_ms;  /* not asked before */
    int64_t missed_ms;  /* when it last did not answer */
    int64_t slowest_ms; /* its longest way to an answer */
    uint32_t misses;    /* in a row */
    uint8_t id;
    bool suspect; /* owes an answer: one that comes may be to an older question (see write_probe) */
    bool echoes;  /* has answered a probe */
    uint8_t probes; /* in vain, in a row */
};

struct modbus_queue {
    struct modbus_task *head, **tail;
    unsigned n, n_requests;
};

enum modbus_state { MODBUS_CLOSED, MODBUS_RESOLVING, MODBUS_CONNECTING, MODBUS_OPEN };

/* Said once a line. */
enum { TOLD_LATE = 1, TOLD_FOREIGN = 2, TOLD_DAMAGED = 4, TOLD_MISFIT = 8, TOLD_ECHO = 16 };

struct modbus_line {
    struct modbus_hub *hub;
    struct modbus_line *next, *next_kicked; /* these and the two below: hub->lock */
    unsigned refs;
    bool kicked;

    struct modbus_place place;
    struct modbus_manners manners;
    char *address, name[96];

    pthread_mutex_t lock; /* of all below */
    enum modbus_state state;
    int fd;
    devsdk_watch *io;
    bool dying;
    bool receiving; /* what is being looked at came before anything that is asked now: nothing is */
    int broken;     /* errno of a send */
    pthread_t resolver;
    bool has_resolver, resolved;
    int resolve_error;
    struct modbus_sockaddr peer;

    struct modbus_queue queue, flight, finished;
    struct modbus_unit *units;
    unsigned window, cuts; /* connections in a row that broke with several questions under way */
    const struct modbus_unit
        *trial;    /* with one question at a time, because this one missed its time in a crowd */
    bool owes_ack; /* answers have come, and nothing was sent that would acknowledge them */
    bool proven;   /* to answer several questions at a time */
    uint16_t transaction;
    uint32_t heard, asked_units;
    size_t unasked; /* bytes since the last answer that was waited for */
    int64_t heard_ms;

    devsdk_watch *timer;
    int64_t timer_at;
    int pace_fd; /* serial: of a pause between frames, as the SDK's moments are too coarse */
    devsdk_watch *pace;
    int64_t quiet_until_us;

    int64_t connect_due_ms, ready_ms, used_ms, reopen_ms;
    unsigned fails; /* to connect, in a row */
    bool told_cut, was_open;
    uint8_t told;
    char why[240];

    struct modbus_task probe;
    struct modbus_decoder decoder;
};

struct modbus_hub {
    devsdk_service *svc;
    pthread_mutex_t lock;
    pthread_cond_t gone;
    struct modbus_line *lines, *kicked;
    int wake_fd;
    devsdk_watch *wake;
};

/* ---- hub ---- */
/** See to it that modbus_line_visit() is called soon, on the thread for watches. Any thread. */
void modbus_hub_kick(struct modbus_line *line);

/* ---- line; on the thread for watches ---- */
/** Look at everything. */
void modbus_line_visit(struct modbus_line *line);
/** Bytes have come. Lock held, but let go of while a task's done() runs. */
void modbus_line_receive(struct modbus_line *line, const uint8_t *bytes, size_t n);
/** Send what may be sent. Any thread, lock held. */
void modbus_line_pump(struct modbus_line *line);
/** The connection is gone: what was under way is sent again or over. Lock held. */
void modbus_line_lost(struct modbus_line *line, bool opening);
/** What is waited for and how, to the timer. Any thread, lock held. */
void modbus_line_arm(struct modbus_line *line, bool own_thread);
int64_t modbus_now_us(void);

/** Over, but for done(), which is called when the line is visited. Lock held. */
void modbus_line_finish(struct modbus_line *line, struct modbus_task *t, enum modbus_end end);
bool modbus_task_reads(const struct modbus_task *t);

/* ---- units; lock held ---- */
/** How long it is waited for. */
int64_t modbus_unit_time(const struct modbus_line *line, const struct modbus_task *t);
void modbus_unit_missed(struct modbus_line *line, struct modbus_task *t, int64_t now);
void modbus_unit_answered(struct modbus_unit *unit, const struct modbus_task *t, int64_t now);
/** What else is queued for it is over too, so that it takes its own time from others only once. */
void modbus_unit_drop_queued(struct modbus_line *line, const struct modbus_unit *unit);

/** It may answer what is not asked now: it is asked for an echo first. */
void modbus_unit_suspect(struct modbus_line *line, uint8_t id);

/* ---- several questions at a time; lock held ---- */
/** May it be sent beside what is under way? */
bool modbus_crowd_may_join(const struct modbus_line *line, const struct modbus_task *t);
/** It was not answered: because it was one of several? The next one to that unit goes alone and tells. */
void modbus_crowd_doubt(struct modbus_line *line, const struct modbus_task *t);
/** It was answered. */
void modbus_crowd_trust(struct modbus_line *line, const struct modbus_task *t);
/** One question at a time from now on, because of @p why. */
void modbus_crowd_end(struct modbus_line *line, const char *why);
/** When it is clear that it is not going to be answered though others were; INT64_MAX: not to be said. */
int64_t modbus_crowd_forgotten_at(const struct modbus_line *line, const struct modbus_task *t);
/** Ask alone what was forgotten, while there is time. */
void modbus_crowd_ask_again(struct modbus_line *line, int64_t now);
/** An answer to what seemed forgotten has come: the peer takes its time, and that is all. */
void modbus_crowd_acquit(struct modbus_line *line, const struct modbus_task *tasks,
                         uint16_t transaction);

/* ---- state of the connection; on the thread for watches, lock held ---- */
void modbus_state_open(struct modbus_line *line);
void modbus_state_step(struct modbus_line *line);
void modbus_state_fail(struct modbus_line *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void modbus_state_close(struct modbus_line *line);

/* ---- queues ---- */
void modbus_queue_init(struct modbus_queue *q);
void modbus_queue_add(struct modbus_queue *q, struct modbus_task *t);
void modbus_queue_add_first(struct modbus_queue *q, struct modbus_task *t);
void modbus_queue_remove(struct modbus_queue *q, struct modbus_task *t);

#endif
