/*
 * The driver's table with somebody who looks on: each handler, push and answer passes here, and what goes
 * against the rules of devsdk.h becomes a fault of the test. What would end in freed memory is not passed on.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "model/model.h"
#include "testkit.h"

enum kind { READ, WRITE, PUSH };
static const char *const KINDS[] = {
    [READ] = "the read", [WRITE] = "the write", [PUSH] = "the push"};

/* A request the driver has not answered. */
struct flight {
    const devsdk_request *request;
    const struct sdk_lane *lane; /* NULL: in none */
    enum kind kind;
    char *what; /* "pump-1/Speed" */
    int64_t deadline_ms;
    bool told; /* as a fault already */
};

struct alive {
    const void *life;
    char *name;
};

struct watch {
    devsdk_driver table; /* what runs; first member */
    const devsdk_driver *real;
    devsdk_service *service;
    struct edge_mutex lock;
    struct edge_cond changed;
    devsdk_test *test EDGE_GUARDED;
    struct flight *flights EDGE_GUARDED;
    size_t n_flights EDGE_GUARDED;
    struct alive *alive EDGE_GUARDED;
    size_t n_alive EDGE_GUARDED;
    devsdk_test_found *found EDGE_GUARDED; /* its texts are malloc'd */
    size_t n_found EDGE_GUARDED;
};

static struct watch *current;

static struct watch *watch_of(const devsdk_service *svc)
{
    return (struct watch *)(uintptr_t)svc->driver;
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static struct flight *find(struct watch *w, const devsdk_request *r) EDGE_REQUIRES(w->lock)
{
    for (size_t i = 0; i < w->n_flights; i++) {
        if (w->flights[i].request == r) {
            return &w->flights[i];
        }
    }
    return NULL;
}

static void drop(struct watch *w, struct flight *f) EDGE_REQUIRES(w->lock)
{
    free(f->what);
    *f = w->flights[--w->n_flights];
    edge_cond_broadcast(&w->changed);
}

static void look_for_overlap(struct watch *w, const struct flight *now) EDGE_REQUIRES(w->lock)
{
    for (size_t i = 0; i < w->n_flights; i++) {
        struct flight *f = &w->flights[i];
        if (f->lane && f->lane == now->lane && !f->told) {
            f->told = true;
            kit_fault(w->test,
                      "%s of %s began while %s of %s, in the same lane, was still without an "
                      "answer, its deadline long past",
                      KINDS[now->kind], now->what, KINDS[f->kind], f->what);
        }
    }
}

static void begin(struct watch *w, const devsdk_request *r, enum kind kind)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_LOCK(&w->lock);
    struct flight now = {
        .request = r,
        .lane = kind == PUSH ? NULL : r->dev->lane,
        .kind = kind,
        .what = edge_xstrdup(edge_printf(&ctx.arena, "%s/%s", r->dev->dto->name, r->source_name)),
        .deadline_ms = kind == PUSH ? INT64_MAX : r->deadline_ms,
    };
    look_for_overlap(w, &now);
    w->flights = edge_xrealloc(w->flights, w->n_flights + 1, sizeof(now));
    w->flights[w->n_flights++] = now;
}

static void look_for_lateness(struct watch *w, const struct flight *f) EDGE_REQUIRES(w->lock)
{
    int64_t late_ms = edge_now_mono_ms() - f->deadline_ms;
    if (late_ms > 0 && !f->told) {
        kit_fault(w->test, "%s of %s was answered %lld ms after its deadline", KINDS[f->kind],
                  f->what, (long long)late_ms);
    }
}

static bool answers(const devsdk_request *r)
{
    struct watch *w = current;
    EDGE_LOCK(&w->lock);
    struct flight *f = find(w, r);
    if (!f) {
        kit_fault(w->test, "devsdk_done() was called for a request that had been answered");
        return false;
    }
    look_for_lateness(w, f);
    drop(w, f);
    return true;
}

static void pushes(const devsdk_request *r)
{
    begin(current, r, PUSH);
}

/* A handler has returned. */
static devsdk_result end(struct watch *w, const devsdk_request *r, enum kind kind,
                         devsdk_result result)
{
    EDGE_LOCK(&w->lock);
    struct flight *f = find(w, r);
    if (result == DEVSDK_PENDING) {
        return result;
    }
    if (!f) {
        kit_fault(w->test,
                  "%s of %s/%s was answered by devsdk_done() and by what its handler returns",
                  KINDS[kind], r->dev->dto->name, r->source_name);
        return DEVSDK_PENDING;
    }
    look_for_lateness(w, f);
    drop(w, f);
    return result;
}

static devsdk_result watched_read(devsdk_device *dev, devsdk_request *r)
{
    struct watch *w = watch_of(devsdk_of(dev));
    begin(w, r, READ);
    return end(w, r, READ, w->real->read(dev, r));
}

static devsdk_result watched_write(devsdk_device *dev, devsdk_request *r)
{
    struct watch *w = watch_of(devsdk_of(dev));
    begin(w, r, WRITE);
    return end(w, r, WRITE, w->real->write(dev, r));
}

bool kit_watch_wait_idle(int64_t deadline_ms)
{
    EDGE_LOCK(&current->lock);
    while (current->n_flights > 0) {
        if (!edge_cond_wait_until(&current->changed, &current->lock, deadline_ms)) {
            return current->n_flights == 0;
        }
    }
    return true;
}

void kit_watch_tell_unanswered(void)
{
    struct watch *w = current;
    EDGE_LOCK(&w->lock);
    for (size_t i = 0; i < w->n_flights; i++) {
        struct flight *f = &w->flights[i];
        if (!f->told) {
            kit_fault(w->test, "%s of %s was never answered: no devsdk_done()", KINDS[f->kind],
                      f->what);
        }
        f->told = true;
    }
}

/* ---- devices ----------------------------------------------------------------------------------------- */

static void live(struct watch *w, devsdk_device *dev)
{
    EDGE_LOCK(&w->lock);
    w->alive = edge_xrealloc(w->alive, w->n_alive + 1, sizeof(*w->alive));
    w->alive[w->n_alive++] = (struct alive){devsdk_data(dev), edge_xstrdup(devsdk_name(dev))};
}

static void die(struct watch *w, devsdk_device *dev)
{
    EDGE_LOCK(&w->lock);
    size_t i = 0;
    while (w->alive[i].life != devsdk_data(dev)) {
        i++;
    }
    free(w->alive[i].name);
    w->alive[i] = w->alive[--w->n_alive];
    edge_cond_broadcast(&w->changed);
}

static devsdk_result watched_added(devsdk_device *dev)
{
    struct watch *w = watch_of(devsdk_of(dev));
    devsdk_result result = w->real->added ? w->real->added(dev) : DEVSDK_OK;
    if (result == DEVSDK_OK) {
        live(w, dev);
    }
    return result;
}

static void watched_removed(devsdk_device *dev)
{
    struct watch *w = watch_of(devsdk_of(dev));
    if (w->real->removed) {
        w->real->removed(dev);
    }
    die(w, dev);
}

static bool lives(const struct watch *w, const char *device) EDGE_REQUIRES(w->lock)
{
    for (size_t i = 0; i < w->n_alive; i++) {
        if (!device || strcmp(w->alive[i].name, device) == 0) {
            return true;
        }
    }
    return false;
}

bool kit_watch_wait_removed(const char *device, int64_t deadline_ms)
{
    EDGE_LOCK(&current->lock);
    while (lives(current, device)) {
        if (!edge_cond_wait_until(&current->changed, &current->lock, deadline_ms)) {
            return !lives(current, device);
        }
    }
    return true;
}

static devsdk_result watched_start(devsdk_service *svc)
{
    struct watch *w = watch_of(svc);
    w->service = svc;
    return w->real->start ? w->real->start(svc) : DEVSDK_OK;
}

devsdk_service *kit_watch_service(void)
{
    return current->service;
}

/* ---- what a discovery reports --------------------------------------------------------------------------- */

static void reports(const devsdk_found *found, const cJSON *address)
{
    struct watch *w = current;
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, address);
    EDGE_LOCK(&w->lock);
    w->found = edge_xrealloc(w->found, w->n_found + 1, sizeof(*w->found));
    w->found[w->n_found++] =
        (devsdk_test_found){edge_xstrdup(found->name), edge_xstrdup(found->protocol), "",
                            edge_xstrdup(edge_buf_str(&text))};
    edge_buf_done(&text);
}

static void forget_found(struct watch *w) EDGE_REQUIRES(w->lock)
{
    for (size_t i = 0; i < w->n_found; i++) {
        free((char *)(uintptr_t)w->found[i].name);
        free((char *)(uintptr_t)w->found[i].kind);
        free((char *)(uintptr_t)w->found[i].parameters);
    }
    free(w->found);
    w->found = NULL;
    w->n_found = 0;
}

size_t kit_watch_found(devsdk_test *t, const devsdk_test_found **ret)
{
    struct watch *w = current;
    EDGE_LOCK(&w->lock);
    EDGE_LOCK(&t->lock);
    size_t n = w->n_found;
    devsdk_test_found *copies = edge_new_n(&t->arena, devsdk_test_found, n + 1);
    for (size_t i = 0; i < n; i++) {
        copies[i] = (devsdk_test_found){edge_strdup(&t->arena, w->found[i].name),
                                        edge_strdup(&t->arena, w->found[i].kind), "",
                                        edge_strdup(&t->arena, w->found[i].parameters)};
    }
    forget_found(w);
    *ret = copies;
    return n;
}

/* ---- begin and end ------------------------------------------------------------------------------------- */

static const struct sdk_onlooker onlooker = {pushes, answers, reports};

static void set_test(struct watch *w, devsdk_test *t)
{
    EDGE_LOCK(&w->lock);
    w->test = t;
}

const devsdk_driver *kit_watch_begin(devsdk_test *t, const devsdk_driver *driver)
{
    struct watch *w = edge_xalloc(1, sizeof(*w));
    sdk_driver_copy(&w->table, driver);
    w->real = driver;
    edge_mutex_init(&w->lock);
    edge_cond_init(&w->changed);
    w->table.start = watched_start;
    w->table.added = watched_added;
    w->table.removed = watched_removed;
    w->table.read = driver->read ? watched_read : NULL;
    w->table.write = driver->write ? watched_write : NULL;
    set_test(w, t);
    current = w;
    sdk_onlooker = &onlooker;
    return &w->table;
}

static void forget_all(struct watch *w)
{
    EDGE_LOCK(&w->lock);
    while (w->n_flights > 0) {
        drop(w, w->flights);
    }
    forget_found(w);
    free(w->flights);
    free(w->alive);
}

void kit_watch_end(bool still_used)
{
    struct watch *w = current;
    set_test(w, NULL);
    if (still_used) {
        return; /* the driver may come back at any time */
    }
    sdk_onlooker = NULL;
    current = NULL;
    forget_all(w);
    edge_cond_done(&w->changed);
    edge_mutex_done(&w->lock);
    free(w);
}
