/*
 * A line's connection: looked up, being made, open, gone. On the thread for watches, the line's lock held.
 */
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "modbus_engine.h"

enum {
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 2000,
    CONNECT_MS = 5000,
    LISTEN_MS = 100, /* to what was asked by who had the line before */
    READ_SIZE = 4096
};

static void on_io(void *arg, int fd, unsigned events);

/* ---- failing --------------------------------------------------------------------------------- */

void modbus_state_close(struct modbus_line *line)
{
    devsdk_unwatch(line->io);
    line->io = NULL;
    if (line->fd >= 0) {
        if (line->place.serial) {
            modbus_port_flush(line->fd); /* closing waits for what has not gone */
        }
        close(line->fd);
        line->fd = -1;
    }
    line->broken = 0;
    line->state = MODBUS_CLOSED;
    modbus_decoder_reset(&line->decoder);
}

static void tell_cut(struct modbus_line *line)
{
    if (!line->told_cut) {
        line->told_cut = true;
        devsdk_log(line->hub->svc, DEVSDK_WARN, "%s; trying again whenever something is asked",
                   line->why);
    }
}

void modbus_state_fail(struct modbus_line *line, const char *fmt, ...)
{
    char what[120];
    bool opening = line->state != MODBUS_OPEN;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    snprintf(line->why, sizeof(line->why), "%s: %s", line->name, what);
    modbus_state_close(line);
    if (opening) {
        int64_t pause = (int64_t)FIRST_PAUSE_MS << (line->fails < 8 ? line->fails : 8);
        line->fails++;
        line->reopen_ms = devsdk_now_ms() + (pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
        tell_cut(line);
    } else {
        devsdk_metric(line->hub->svc, "ModbusConnectionsLost", 1);
    }
    modbus_line_lost(line, opening);
}

static const char *hint(const struct modbus_line *line, int error)
{
    if (!line->place.serial) {
        return "";
    }
    if (error == EACCES) {
        return " (the user of the service has to be in the group dialout)";
    }
    return error == EBUSY ? " (another program has it)" : "";
}

static void fail_of(struct modbus_line *line, const char *what, int error)
{
    modbus_state_fail(line, "%s: %s%s", what, error ? strerrordesc_np(error) : "closed by the peer",
                      hint(line, error));
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool watch(struct modbus_line *line, unsigned events)
{
    devsdk_unwatch(line->io);
    line->io = devsdk_watch_fd(line->hub->svc, line->fd, events, on_io, line);
    return line->io != NULL;
}

static void opened(struct modbus_line *line)
{
    int64_t now = devsdk_now_ms();
    line->state = MODBUS_OPEN;
    int64_t pause = line->manners.connect_delay_ms;
    if (!line->was_open && line->place.framing != MODBUS_TCP && pause < LISTEN_MS) {
        pause = LISTEN_MS;
    }
    line->was_open = true;
    line->ready_ms = pause > 0 ? now + pause : 0;
    line->used_ms = now;
    line->fails = 0;
    line->reopen_ms = 0;
    line->quiet_until_us = 0;
    line->unasked = 0;
    modbus_decoder_reset(&line->decoder);
    if (!watch(line, DEVSDK_READABLE)) {
        fail_of(line, "cannot be watched", errno);
        return;
    }
    if (line->told_cut) {
        line->told_cut = false;
        devsdk_log(line->hub->svc, DEVSDK_INFO, "%s: connected again", line->name);
    }
}

static void *look_up(void *arg)
{
    struct modbus_line *line = arg;
    struct modbus_sockaddr found = {0};
    int error = modbus_address_find(&line->place, &found);
    pthread_mutex_lock(&line->lock);
    line->peer = found;
    line->resolve_error = error;
    line->resolved = true;
    pthread_mutex_unlock(&line->lock);
    modbus_hub_kick(line);
    return NULL;
}

static void connect_peer(struct modbus_line *line)
{
    line->state = MODBUS_CONNECTING;
    line->fd = modbus_socket_connect(&line->peer);
    if (line->fd < 0 || !watch(line, DEVSDK_WRITABLE)) {
        fail_of(line, "no connection", errno);
        return;
    }
    const struct modbus_task *t = line->queue.head;
    line->connect_due_ms = devsdk_now_ms() + (t ? t->timeout_ms : CONNECT_MS);
    if (t && t->give_up_ms < line->connect_due_ms) {
        line->connect_due_ms = t->give_up_ms;
    }
}

void modbus_state_open(struct modbus_line *line)
{
    if (line->place.serial) {
        line->fd = modbus_port_open(&line->place);
        if (line->fd < 0) {
            fail_of(line, "cannot be opened", errno);
        } else {
            opened(line);
        }
        return;
    }
    if (modbus_address_literal(&line->place, &line->peer)) {
        connect_peer(line);
        return;
    }
    line->state = MODBUS_RESOLVING;
    line->resolved = false;
    line->has_resolver = pthread_create(&line->resolver, NULL, look_up, line) == 0;
    if (!line->has_resolver) {
        fail_of(line, "cannot be looked up", EAGAIN);
    }
}

static void resolved(struct modbus_line *line)
{
    pthread_t resolver = line->resolver;
    line->has_resolver = false;
    pthread_mutex_unlock(&line->lock);
    pthread_join(resolver, NULL); /* it has said its last word */
    pthread_mutex_lock(&line->lock);
    if (line->resolve_error) {
        modbus_state_fail(line, "%s", gai_strerror(line->resolve_error));
    } else {
        connect_peer(line);
    }
}

void modbus_state_step(struct modbus_line *line)
{
    int64_t now = devsdk_now_ms();
    if (line->broken) {
        fail_of(line, "cannot be sent to", line->broken);
    }
    if (line->state == MODBUS_RESOLVING && line->resolved) {
        resolved(line);
    } else if (line->state == MODBUS_CONNECTING && now >= line->connect_due_ms) {
        fail_of(line, "no connection", ETIMEDOUT);
    } else if (line->state == MODBUS_CLOSED && line->queue.head && now >= line->reopen_ms) {
        modbus_state_open(line);
    }
}

/* ---- open ------------------------------------------------------------------------------------ */

static void connected(struct modbus_line *line)
{
    int error = modbus_socket_outcome(line->fd);
    if (error != 0) {
        fail_of(line, "no connection", error);
    } else {
        opened(line);
    }
}

static void readable(struct modbus_line *line)
{
    uint8_t bytes[READ_SIZE];
    ptrdiff_t n = modbus_bytes_receive(line->fd, line->place.serial, bytes, sizeof(bytes));
    line->owes_ack = n > 0 && !line->place.serial;
    if (n > 0) {
        modbus_line_receive(line, bytes, (size_t)n);
    } else if (n < 0) {
        fail_of(line, "connection lost", errno);
    }
}

static void on_io(void *arg, int fd, unsigned events)
{
    struct modbus_line *line = arg;
    pthread_mutex_lock(&line->lock);
    if (line->fd == fd && line->state == MODBUS_CONNECTING) {
        connected(line);
    } else if (line->fd == fd && line->state == MODBUS_OPEN) {
        readable(line);
    }
    (void)events;
    pthread_mutex_unlock(&line->lock);
    modbus_line_visit(line);
}
