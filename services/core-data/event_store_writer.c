/**
 * The writer: the only thread that changes the file. It takes everything that has gathered, commits
 * it as one transaction, and reports each job after the commit. Between batches it does one step of
 * the work in the background: checkpoint, deletions, sealing.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/text.h"
#include "event_store_impl.h"

enum {
    BATCH_EVENTS = 4096,
    BATCH_READINGS = 16384,
    RETRY_MS = 1000,
    CARRY_AGAIN_MS = 100,
    LEAST_BATCH = 64 * 1024, /* bytes, roughly */
    CLOSING_MS = 2000,       /* for deletions; what is left then is done after the next start */
    MAX_NAME = 1024,         /* bytes of a name, a unit, a media type: they are kept in memory */
};

struct pending_reading {
    struct dict_entry *series;
    int64_t origin;
    struct row_value value;
    const char *tags;
};

struct pending_event {
    struct event_job *job;
    struct dict_entry *source;
    unsigned char id[ID_SIZE];
    const char *tags;
    struct pending_reading *readings;
    int64_t seq, first_reading;
};

struct batch {
    struct edge_ctx *ctx;
    struct event_store *store;
    struct pending_event *events;
    size_t n, n_readings;
    struct dict_entry **fresh[ROW_KINDS]; /* entries whose rows this transaction adds */
    size_t n_fresh[ROW_KINDS];
};

static const char *tags_text(struct edge_ctx *ctx, const cJSON *tags)
{
    if (!tags) {
        return NULL;
    }
    struct edge_buf buf = EDGE_BUF_INIT;
    edge_json_put(&buf, tags);
    const char *text = edge_strndup(&ctx->arena, edge_buf_str(&buf), buf.len);
    edge_buf_done(&buf);
    return text;
}

static enum edge_status check_names(struct edge_ctx *ctx, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i] && strnlen(names[i], MAX_NAME + 1) > MAX_NAME) {
            return edge_fail(ctx, EDGE_INVALID, "'%s' is longer than %d bytes",
                             edge_text_brief(&ctx->arena, names[i], 64), MAX_NAME);
        }
    }
    return EDGE_OK;
}

static enum edge_status pend_reading(struct edge_ctx *ctx, const struct reading *r,
                                     struct pending_reading *p)
{
    const char *const names[] = {r->device_name, r->resource_name, r->profile_name, r->units,
                                 r->media_type};
    EDGE_TRY(check_names(ctx, names, 5));
    p->origin = r->origin;
    p->tags = tags_text(ctx, r->tags);
    return value_from_reading(ctx, r, &p->value);
}

/* CONFLICT where the event is in the file, or before it in this batch. */
static enum edge_status check_new(const struct batch *b, const struct pending_event *p)
{
    bool stored = false;
    for (size_t i = 0; i < b->n && !stored; i++) {
        stored = memcmp(b->events[i].id, p->id, ID_SIZE) == 0;
    }
    if (!stored) {
        EDGE_TRY(event_is_stored(b->ctx, b->store, p->id, p->job->event->origin, &stored));
    }
    return stored ? edge_fail(b->ctx, EDGE_CONFLICT, "event is stored already") : EDGE_OK;
}

/* Everything about an event that can be wrong is found here, before the transaction. */
static enum edge_status pend(struct batch *b, struct event_job *job)
{
    struct edge_ctx *ctx = b->ctx;
    const struct event *e = job->event;
    struct pending_event *p = &b->events[b->n];
    *p = (struct pending_event){.job = job};
    if (!id_from_text(e->id, p->id)) {
        return edge_fail(ctx, EDGE_INVALID, "event id '%s' is not a uuid", e->id ? e->id : "");
    }
    const char *const names[] = {e->device_name, e->source_name, e->profile_name};
    EDGE_TRY(check_names(ctx, names, 3));
    if (job->again) {
        EDGE_TRY(check_new(b, p));
    }
    p->tags = tags_text(ctx, e->tags);
    p->readings = edge_new_n(&ctx->arena, struct pending_reading, e->n_readings);
    for (size_t i = 0; i < e->n_readings; i++) {
        EDGE_TRY(pend_reading(ctx, &e->readings[i], &p->readings[i]));
    }
    b->n++;
    b->n_readings += e->n_readings;
    return EDGE_OK;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static struct dict_entry *source_of(struct dict *d, const struct event *e)
{
    return dict_intern(d, &(struct dict_entry){
                              .device = or_empty(e->device_name),
                              .name = or_empty(e->source_name),
                              .profile = or_empty(e->profile_name),
                              .units = "",
                              .media = "",
                          });
}

static struct dict_entry *series_of(struct dict *d, const struct reading *r)
{
    return dict_intern(d, &(struct dict_entry){
                              .device = or_empty(r->device_name),
                              .name = or_empty(r->resource_name),
                              .profile = or_empty(r->profile_name),
                              .units = or_empty(r->units),
                              .media = or_empty(r->media_type),
                              .type = r->value_type,
                          });
}

/* False: too many different names. */
static bool resolve_event(struct catalogue *cat, struct pending_event *p)
{
    const struct event *e = p->job->event;
    p->source = source_of(&cat->dicts[ROW_EVENT], e);
    bool all = p->source != NULL;
    for (size_t k = 0; k < e->n_readings && all; k++) {
        p->readings[k].series = series_of(&cat->dicts[ROW_READING], &e->readings[k]);
        all = p->readings[k].series != NULL;
    }
    return all;
}

/* The names of rows become numbers. New ones are visible to readers at once, with no rows. */
static enum edge_status resolve(struct event_store *s, struct batch *b)
{
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < b->n; i++) {
        if (!resolve_event(&s->catalogue, &b->events[i])) {
            return edge_fail(b->ctx, EDGE_INVALID,
                             "too many different names of devices and resources");
        }
    }
    return EDGE_OK;
}

static enum edge_status save_entry(struct event_store *s, struct batch *b, enum row_kind kind,
                                   struct dict_entry *e)
{
    static const char *const SQL[ROW_KINDS] = {
        "INSERT INTO source(id, device, name, profile, type, units, media)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        "INSERT INTO series(id, device, name, profile, type, units, media)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    };
    if (e->saved) {
        return EDGE_OK;
    }
    if (!s->insert_entry[kind]) {
        EDGE_TRY(db_prepare(b->ctx, s->db, SQL[kind], 0, &s->insert_entry[kind]));
    }
    sqlite3_stmt *stmt = s->insert_entry[kind];
    sqlite3_bind_int64(stmt, 1, e->id);
    const char *texts[] = {e->device, e->name, e->profile, VALUE_TYPES[e->type],
                           e->units,  e->media};
    for (int i = 0; i < 6; i++) {
        sqlite3_bind_text(stmt, i + 2, texts[i], -1, SQLITE_STATIC);
    }
    EDGE_TRY(db_run(b->ctx, s->db, stmt, "adding to a dictionary"));
    e->saved = true; /* taken back where the transaction fails */
    b->fresh[kind][b->n_fresh[kind]++] = e;
    return EDGE_OK;
}

static void bind_optional(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text) {
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(stmt, at);
    }
}

static enum edge_status insert_event(struct event_store *s, struct batch *b,
                                     struct pending_event *p, int64_t *next)
{
    const struct event *e = p->job->event;
    p->seq = next[ROW_EVENT]++;
    p->first_reading = next[ROW_READING];
    EDGE_TRY(save_entry(s, b, ROW_EVENT, p->source));
    sqlite3_stmt *stmt = s->insert[ROW_EVENT];
    sqlite3_bind_int64(stmt, 1, p->seq);
    sqlite3_bind_int64(stmt, 2, e->origin);
    sqlite3_bind_int64(stmt, 3, p->source->id);
    sqlite3_bind_blob(stmt, 4, p->id, ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, p->first_reading);
    sqlite3_bind_int64(stmt, 6, (int64_t)e->n_readings);
    bind_optional(stmt, 7, p->tags);
    EDGE_TRY(db_run(b->ctx, s->db, stmt, "adding an event"));

    stmt = s->insert[ROW_READING];
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct pending_reading *r = &p->readings[i];
        EDGE_TRY(save_entry(s, b, ROW_READING, r->series));
        sqlite3_bind_int64(stmt, 1, next[ROW_READING]++);
        sqlite3_bind_int64(stmt, 2, r->origin);
        sqlite3_bind_int64(stmt, 3, r->series->id);
        value_bind(stmt, 4, &r->value);
        bind_optional(stmt, 5, r->tags);
        EDGE_TRY(db_run(b->ctx, s->db, stmt, "adding a reading"));
    }
    return EDGE_OK;
}

static enum edge_status insert_all(struct event_store *s, struct batch *b, int64_t *next)
{
    for (size_t i = 0; i < b->n; i++) {
        EDGE_TRY(insert_event(s, b, &b->events[i], next));
    }
    return EDGE_OK;
}

static void widen(struct segment_rows *rows, int64_t origin)
{
    rows->n++;
    rows->min = origin < rows->min ? origin : rows->min;
    rows->max = origin > rows->max ? origin : rows->max;
}

/* Committed: now readers may see it. */
static void publish(struct event_store *s, const struct batch *b)
{
    struct segment *seg = segment_open_one(s);
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < b->n; i++) {
        const struct pending_event *p = &b->events[i];
        const struct event *e = p->job->event;
        hot_append(seg->hot, ROW_EVENT, p->seq, e->origin, p->source->id, id_prefix(p->id));
        widen(&seg->rows[ROW_EVENT], e->origin);
        p->source->n++;
        for (size_t k = 0; k < e->n_readings; k++) {
            const struct pending_reading *r = &p->readings[k];
            hot_append(seg->hot, ROW_READING, p->first_reading + (int64_t)k, r->origin,
                       r->series->id, 0);
            widen(&seg->rows[ROW_READING], r->origin);
            r->series->n++;
        }
    }
}

static enum edge_status commit_batch(struct event_store *s, struct batch *b)
{
    if (segment_is_full(s, segment_open_one(s))) {
        EDGE_TRY(segment_rotate(b->ctx, s));
    }
    EDGE_TRY(segment_prepare_inserts(b->ctx, s));
    EDGE_TRY(resolve(s, b));
    int64_t next[ROW_KINDS] = {s->next_seq[ROW_EVENT], s->next_seq[ROW_READING]};
    b->fresh[ROW_EVENT] = edge_new_n(&b->ctx->arena, struct dict_entry *, b->n);
    b->fresh[ROW_READING] = edge_new_n(&b->ctx->arena, struct dict_entry *, b->n_readings);
    EDGE_TRY(db_begin(b->ctx, s->db));
    enum edge_status st = db_end(b->ctx, s->db, insert_all(s, b, next));
    if (st != EDGE_OK) {
        for (int kind = 0; kind < ROW_KINDS; kind++) {
            for (size_t i = 0; i < b->n_fresh[kind]; i++) {
                b->fresh[kind][i]->saved = false;
            }
            b->n_fresh[kind] = 0;
        }
        return st;
    }
    s->next_seq[ROW_EVENT] = next[ROW_EVENT];
    s->next_seq[ROW_READING] = next[ROW_READING];
    publish(s, b);
    atomic_fetch_add(&s->events_persisted, b->n);
    atomic_fetch_add(&s->readings_persisted, b->n_readings);
    return EDGE_OK;
}

static void report(struct edge_ctx *ctx, struct event_store *s, struct event_job *job,
                   enum edge_status st)
{
    (void)store_note(ctx, s, st);
    job->done(job, st, st == EDGE_OK ? "" : edge_ctx_message(ctx, st));
}

/* One event at a time, so that the one that cannot be stored does not take the others with it. */
static void commit_singly(struct event_store *s, const struct batch *all)
{
    for (size_t i = 0; i < all->n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct batch one = {.ctx = &ctx,
                            .events = &all->events[i],
                            .n = 1,
                            .n_readings = all->events[i].job->event->n_readings};
        enum edge_status st = commit_batch(s, &one);
        report(&ctx, s, all->events[i].job, st);
    }
}

/* Bytes, roughly: what goes into the log at once must find as much room again in the file. */
static size_t batch_size(const struct event_store *s)
{
    int64_t part = edge_data_file_free(s->file) / 8;
    return part > LEAST_BATCH ? (size_t)part : LEAST_BATCH;
}

/* Adds from @p job on, as many as go into one batch; returns the job after them. */
static struct event_job *add_batch(struct event_store *s, struct event_job *job, size_t *ret_n)
{
    *ret_n = 0;
    EDGE_CTX_SCOPE(ctx);
    struct batch b = {.ctx = &ctx, .store = s};
    size_t n = 0;
    for (struct event_job *j = job; j && j->kind == EVENT_ADD && n < BATCH_EVENTS; j = j->next) {
        n++;
    }
    b.events = edge_new_n(&ctx.arena, struct pending_event, n);
    size_t most = batch_size(s), size = 0;
    while (n-- > 0 && b.n_readings < BATCH_READINGS && size < most) {
        size += store_weight_of(job);
        struct event_job *next = job->next; /* the job may be gone once it is reported */
        enum edge_status st = pend(&b, job);
        ++*ret_n;
        if (st != EDGE_OK) {
            report(&ctx, s, job, st);
            edge_ctx_clear(&ctx);
        }
        job = next;
    }
    if (b.n == 0) {
        return job;
    }
    enum edge_status st =
        store_has_room(s, 0) ? commit_batch(s, &b) : edge_data_file_no_room(&ctx, s->file);
    if (st == EDGE_INVALID && b.n > 1) {
        commit_singly(s, &b);
        return job;
    }
    for (size_t i = 0; i < b.n; i++) {
        report(&ctx, s, b.events[i].job, st);
    }
    return job;
}

static enum edge_status try_to_remove(struct edge_ctx *ctx, struct event_store *s,
                                      const struct event_job *job)
{
    edge_data_file_make_way(s->file);
    switch (job->kind) {
    case EVENT_REMOVE_ID:
        return remove_by_id(ctx, s, job->id);
    case EVENT_REMOVE_EACH:
        return removals_note(ctx, s, job->removals, job->n_removals);
    default:
        return removals_note(ctx, s, &job->removal, 1);
    }
}

static struct event_job *remove_one(struct event_store *s, struct event_job *job)
{
    EDGE_CTX_SCOPE(ctx);
    struct event_job *next = job->next;
    enum edge_status st = try_to_remove(&ctx, s, job);
    if (st == EDGE_UNAVAILABLE) { /* no room in the log: there is when it begins anew */
        (void)edge_data_log_carry(&s->log);
        edge_ctx_clear(&ctx);
        st = try_to_remove(&ctx, s, job);
    }
    report(&ctx, s, job, st);
    return next;
}

/* A full disk does not keep deletions from being done in the log, nor does a reader who holds it back. */
static enum edge_status checkpoint_step(struct edge_ctx *ctx, struct event_store *s, bool *ret_did)
{
    int64_t now_ms = edge_now_mono_ms();
    if (now_ms < s->next_carry_ms || !edge_data_log_is_due(&s->log)) {
        return EDGE_OK;
    }
    int rc = edge_data_log_carry(&s->log);
    if (rc != SQLITE_OK) {
        enum edge_status st = db_fail(ctx, s->db, "checkpointing");
        s->next_carry_ms = now_ms + RETRY_MS;
        if (st != EDGE_UNAVAILABLE) {
            return st;
        }
        edge_ctx_clear(ctx);
        return EDGE_OK;
    }
    *ret_did = edge_data_log_bytes(&s->log) == 0;
    if (!*ret_did) {
        s->next_carry_ms = now_ms + CARRY_AGAIN_MS;
    }
    return EDGE_OK;
}

/* The disk was too full for a step: the next one is smaller. False: it cannot be. */
static bool smaller_steps(struct event_store *s)
{
    if (s->slice == 1) {
        return false;
    }
    s->slice = s->slice > 4 ? s->slice / 4 : 1;
    (void)edge_data_log_carry(&s->log);
    return true;
}

static enum edge_status removal_steps(struct edge_ctx *ctx, struct event_store *s, bool *ret_did)
{
    enum edge_status st;
    do {
        edge_ctx_clear(ctx);
        st = removal_step(ctx, s, ret_did);
    } while (st == EDGE_UNAVAILABLE && smaller_steps(s));
    if (st == EDGE_OK && s->slice < SLICE_EVENTS &&
        !edge_data_file_is_tight(s->file, edge_data_log_bytes(&s->log))) {
        s->slice = SLICE_EVENTS;
    }
    return st;
}

/* One step of what is not urgent; false when there is nothing to do (for now). */
static bool background_step(struct event_store *s)
{
    if (edge_now_mono_ms() < s->next_background_ms) {
        return false;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = s->config.file.log;
    bool did = false;
    edge_data_file_make_way(s->file);
    enum edge_status st = checkpoint_step(&ctx, s, &did);
    if (st == EDGE_OK && !did) {
        st = removal_steps(&ctx, s, &did);
    }
    if (st == EDGE_OK && !did) {
        st = segment_seal_step(&ctx, s, &did);
    }
    if (st != EDGE_OK) {
        (void)store_note(&ctx, s, st);
        edge_log_warn(&ctx, "event store maintenance failed, will try again", "reason",
                      edge_ctx_message(&ctx, st), NULL);
        s->next_background_ms = edge_now_mono_ms() + RETRY_MS;
        return false;
    }
    if (did) {
        db_look_inside(&ctx, s);
    }
    return did;
}

/* Is there work that cannot wait any longer? */
static bool is_time(const struct job_queue *q) EDGE_REQUIRES(q->lock);

/* When it is at the latest; 0: nothing is there. */
static int64_t alarm_ms(const struct job_queue *q) EDGE_REQUIRES(q->lock);

static int64_t alarm_ms(const struct job_queue *q)
{
    bool lingers = q->n_gathered < q->n;
    if (q->n_gathered == 0 || (lingers && q->linger_until_ms < q->gather_until_ms)) {
        return lingers ? q->linger_until_ms : 0;
    }
    return q->gather_until_ms;
}

static bool is_time(const struct job_queue *q)
{
    return q->head &&
           (q->hurry || q->closing || q->settling > 0 || edge_now_mono_ms() >= alarm_ms(q));
}

/* What has gathered, when it is time; NULL when there is nothing. With @p wait, until there is or at the
 * deadline. */
static struct event_job *take_jobs(struct job_queue *q, bool wait, int64_t deadline_ms,
                                   bool *ret_closing)
{
    EDGE_LOCK(&q->lock);
    if (wait && !q->head && q->settling > 0 && deadline_ms == 0) {
        q->settling = 0;
        edge_cond_broadcast(&q->settled);
    }
    while (wait && !is_time(q) && !q->closing && q->settling == 0) {
        int64_t alarm = alarm_ms(q);
        int64_t until =
            alarm > 0 && (deadline_ms == 0 || alarm < deadline_ms) ? alarm : deadline_ms;
        if (until == 0) {
            edge_cond_wait(&q->work, &q->lock);
        } else if (!edge_cond_wait_until(&q->work, &q->lock, until) && until == deadline_ms) {
            break;
        }
    }
    *ret_closing = q->closing;
    if (!is_time(q)) {
        return NULL;
    }
    struct event_job *jobs = q->head;
    size_t lingered = q->n - q->n_gathered;
    q->n_together = q->n_last + lingered;
    q->n_last = lingered;
    q->head = q->tail = NULL;
    q->n = q->weight = q->n_gathered = 0;
    q->hurry = false;
    edge_cond_broadcast(&q->room);
    return jobs;
}

static void count_reported(struct job_queue *q, size_t n)
{
    EDGE_LOCK(&q->lock);
    q->n_reported += n;
    edge_cond_broadcast(&q->reported);
}

/* Does one batch, or one other change; returns the jobs after it. */
static struct event_job *do_jobs(struct event_store *s, struct event_job *jobs)
{
    size_t n = 1;
    jobs = jobs->kind == EVENT_ADD ? add_batch(s, jobs, &n) : remove_one(s, jobs);
    count_reported(&s->queue, n);
    if (s->config.settled) {
        s->config.settled(s->config.settled_arg);
    }
    return jobs;
}

/* When there is something to be done without a job; 0: nothing. */
static int64_t not_before(const struct event_store *s)
{
    int64_t now_ms = edge_now_mono_ms();
    if (s->next_background_ms > now_ms) {
        return s->next_background_ms;
    }
    return s->next_carry_ms > now_ms ? s->next_carry_ms : 0;
}

void *store_writer(void *arg)
{
    struct event_store *s = arg;
    bool did = true, closing = false;
    int64_t give_up_ms = 0;
    for (;;) {
        int64_t later = not_before(s);
        struct event_job *jobs = take_jobs(&s->queue, !did && !closing, later, &closing);
        if (closing && give_up_ms == 0) {
            give_up_ms = edge_now_mono_ms() + CLOSING_MS;
        }
        if (!jobs && closing && (!did || !s->removals || edge_now_mono_ms() > give_up_ms)) {
            return NULL;
        }
        while (jobs) {
            jobs = do_jobs(s, jobs);
            if (jobs) {
                background_step(s);
            }
        }
        did = background_step(s);
    }
}
