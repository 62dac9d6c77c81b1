/*
 * All lines of the service, and their lives. A line is made by the first device that has it and ends after the last
 * one; it ends on the thread for watches, where everything of it happens, so nothing of it can be running then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "modbus_engine.h"

/* ---- queues -------------------------------------------------------------------------------- */

void modbus_queue_init(struct modbus_queue *q)
{
    *q = (struct modbus_queue){.tail = &q->head};
}

void modbus_queue_add(struct modbus_queue *q, struct modbus_task *t)
{
    t->next = NULL;
    *q->tail = t;
    q->tail = &t->next;
    q->n++;
    q->n_requests += t->first;
}

void modbus_queue_add_first(struct modbus_queue *q, struct modbus_task *t)
{
    t->next = q->head;
    q->head = t;
    if (!t->next) {
        q->tail = &t->next;
    }
    q->n++;
    q->n_requests += t->first;
}

void modbus_queue_remove(struct modbus_queue *q, struct modbus_task *t)
{
    struct modbus_task **at = &q->head;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    if (!t->next) {
        q->tail = at;
    }
    t->next = NULL;
    q->n--;
    q->n_requests -= t->first;
}

/* ---- a line's life --------------------------------------------------------------------------- */

static void line_free(struct modbus_line *line)
{
    while (line->units) {
        struct modbus_unit *unit = line->units;
        line->units = unit->next;
        free(unit);
    }
    if (line->pace_fd >= 0) {
        close(line->pace_fd);
    }
    pthread_mutex_destroy(&line->lock);
    free(line->address);
    free(line);
}

/* Out of both lists. */
static void forget(struct modbus_hub *hub, struct modbus_line *line)
{
    pthread_mutex_lock(&hub->lock);
    struct modbus_line **at = &hub->lines;
    while (*at != line) {
        at = &(*at)->next;
    }
    *at = line->next;
    for (at = &hub->kicked; *at; at = &(*at)->next_kicked) {
        if (*at == line) { /* by who looked it up */
            *at = line->next_kicked;
            break;
        }
    }
    pthread_mutex_unlock(&hub->lock);
}

/* On the thread for watches. */
static void line_end(struct modbus_line *line)
{
    struct modbus_hub *hub = line->hub;
    if (line->has_resolver) {
        pthread_join(line->resolver, NULL);
    }
    pthread_mutex_lock(&line->lock);
    line->dying = true;
    modbus_state_close(line);
    devsdk_watch *timer = line->timer, *pace = line->pace;
    line->timer = line->pace = NULL;
    pthread_mutex_unlock(&line->lock);
    devsdk_unwatch(timer);
    devsdk_unwatch(pace);
    forget(hub, line);
    line_free(line);
    pthread_mutex_lock(&hub->lock);
    pthread_cond_broadcast(&hub->gone);
    pthread_mutex_unlock(&hub->lock);
}

static void on_pace(void *arg, int fd, unsigned events)
{
    uint64_t times;
    (void)events;
    (void)!read(fd, &times, sizeof(times));
    modbus_line_visit(arg);
}

static bool make_pace(struct modbus_line *line)
{
    line->pace_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (line->pace_fd >= 0) {
        line->pace = devsdk_watch_fd(line->hub->svc, line->pace_fd, DEVSDK_READABLE, on_pace, line);
    }
    return line->pace != NULL;
}

static struct modbus_line *line_make(struct modbus_hub *hub, const struct modbus_place *place,
                                     const struct modbus_manners *manners)
{
    struct modbus_line *line = calloc(1, sizeof(*line));
    char *address = strdup(place->address);
    if (!line || !address) {
        free(line);
        free(address);
        return NULL;
    }
    line->hub = hub;
    line->place = *place;
    line->place.address = line->address = address;
    line->manners = *manners;
    line->window = place->framing == MODBUS_TCP ? manners->window : 1;
    line->fd = line->pace_fd = -1;
    pthread_mutex_init(&line->lock, NULL);
    modbus_queue_init(&line->queue);
    modbus_queue_init(&line->flight);
    modbus_queue_init(&line->finished);
    modbus_decoder_init(&line->decoder, place->framing);
    modbus_place_text(place, line->name, sizeof(line->name));
    if (place->framing != MODBUS_TCP && !make_pace(line)) {
        line_free(line);
        return NULL;
    }
    return line;
}

static struct modbus_line *line_find(struct modbus_hub *hub, const struct modbus_place *place)
{
    for (struct modbus_line *line = hub->lines; line; line = line->next) {
        if (line->refs > 0 && modbus_place_meets(&line->place, place)) {
            return line;
        }
    }
    return NULL;
}

static struct modbus_line *get_locked(struct modbus_hub *hub, const struct modbus_place *place,
                                      const struct modbus_manners *manners, char *why, size_t size)
{
    struct modbus_line *line = line_find(hub, place);
    if (line && !modbus_place_same(&line->place, place)) {
        snprintf(why, size, "%s is spoken to with other settings for another device", line->name);
        return NULL;
    }
    if (!line) {
        line = line_make(hub, place, manners);
        if (!line) {
            snprintf(why, size, "%s: %s", place->address, strerrordesc_np(errno));
            return NULL;
        }
        line->next = hub->lines;
        hub->lines = line;
    }
    line->refs++;
    return line;
}

/* What was found out about the peer stands, as long as nobody says otherwise. */
static void take_manners(struct modbus_line *line, const struct modbus_manners *manners)
{
    pthread_mutex_lock(&line->lock);
    if (line->manners.window != manners->window) {
        line->window = manners->window;
        line->trial = NULL;
        line->proven = false;
    }
    line->manners = *manners;
    pthread_mutex_unlock(&line->lock);
}

struct modbus_line *modbus_line_get(struct modbus_hub *hub, const struct modbus_place *place,
                                    const struct modbus_manners *manners, char *why, size_t size)
{
    pthread_mutex_lock(&hub->lock);
    struct modbus_line *line = get_locked(hub, place, manners, why, size);
    pthread_mutex_unlock(&hub->lock);
    if (line) {
        take_manners(line, manners);
    }
    return line;
}

static void kick_locked(struct modbus_line *line)
{
    struct modbus_hub *hub = line->hub;
    if (!line->kicked) {
        line->kicked = true;
        line->next_kicked = hub->kicked;
        hub->kicked = line;
        (void)!write(hub->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    }
}

void modbus_hub_kick(struct modbus_line *line)
{
    struct modbus_hub *hub = line->hub;
    pthread_mutex_lock(&hub->lock);
    kick_locked(line);
    pthread_mutex_unlock(&hub->lock);
}

void modbus_line_put(struct modbus_line *line)
{
    struct modbus_hub *hub = line->hub;
    pthread_mutex_lock(&hub->lock);
    if (--line->refs == 0) {
        kick_locked(line);
    }
    pthread_mutex_unlock(&hub->lock);
}

struct modbus_unit *modbus_line_unit(struct modbus_line *line, uint8_t id)
{
    pthread_mutex_lock(&line->lock);
    struct modbus_unit *unit = line->units;
    while (unit && unit->id != id) {
        unit = unit->next;
    }
    if (!unit) {
        unit = calloc(1, sizeof(*unit));
        if (unit) {
            unit->id = id;
            unit->next = line->units;
            line->units = unit;
            line->asked_units++;
        }
    }
    pthread_mutex_unlock(&line->lock);
    return unit;
}

const char *modbus_line_name(const struct modbus_line *line)
{
    return line->name;
}

bool modbus_line_broadcasts(const struct modbus_line *line)
{
    return line->place.framing != MODBUS_TCP;
}

/* ---- the hub --------------------------------------------------------------------------------- */

static struct modbus_line *next_kicked(struct modbus_hub *hub, bool *ret_over)
{
    pthread_mutex_lock(&hub->lock);
    struct modbus_line *line = hub->kicked;
    if (line) {
        hub->kicked = line->next_kicked;
        line->kicked = false;
        *ret_over = line->refs == 0;
    }
    pthread_mutex_unlock(&hub->lock);
    return line;
}

static void on_wake(void *arg, int fd, unsigned events)
{
    struct modbus_hub *hub = arg;
    uint64_t times;
    bool over = false;
    (void)events;
    (void)!read(fd, &times, sizeof(times));
    for (struct modbus_line *line; (line = next_kicked(hub, &over));) {
        if (over) {
            line_end(line);
        } else {
            modbus_line_visit(line);
        }
    }
}

struct modbus_hub *modbus_hub_create(devsdk_service *svc)
{
    struct modbus_hub *hub = calloc(1, sizeof(*hub));
    if (!hub) {
        return NULL;
    }
    hub->svc = svc;
    pthread_mutex_init(&hub->lock, NULL);
    pthread_cond_init(&hub->gone, NULL);
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    hub->wake = hub->wake_fd >= 0
                    ? devsdk_watch_fd(svc, hub->wake_fd, DEVSDK_READABLE, on_wake, hub)
                    : NULL;
    if (!hub->wake) {
        modbus_hub_free(hub);
        return NULL;
    }
    return hub;
}

void modbus_hub_free(struct modbus_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    while (hub->lines) {
        pthread_cond_wait(&hub->gone, &hub->lock);
    }
    pthread_mutex_unlock(&hub->lock);
    devsdk_unwatch(hub->wake);
    if (hub->wake_fd >= 0) {
        close(hub->wake_fd);
    }
    pthread_cond_destroy(&hub->gone);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}
