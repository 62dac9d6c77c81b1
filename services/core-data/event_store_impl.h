/** The insides of the event store's face, shared by event_store.c and event_store_writer.c only. */
#ifndef CORE_DATA_EVENT_STORE_IMPL_H
#define CORE_DATA_EVENT_STORE_IMPL_H

#include <pthread.h>

#include "event_queue.h"
#include "event_store_ops.h"

struct event_store {
    const struct event_store_ops *ops;
    void *db;
    struct event_store_config config;
    char *path;
    struct job_queue queue;
    pthread_t writer;
    _Atomic uint64_t events_persisted, readings_persisted;
    _Atomic size_t largest; /* bytes */
};

/** About what a job keeps in memory while it waits, and on the disk afterwards. */
size_t store_weight_of(const struct event_job *job);

void *store_writer(void *arg);

#endif
