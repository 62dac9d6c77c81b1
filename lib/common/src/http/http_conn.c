/*
 * One connection: bytes become a request, the request a call, its reply bytes again, and so on until
 * one side ends it. Whatever a connection holds (the call, bytes not understood yet, its share of
 * the memory budget) ends with it, wherever that happens.
 *
 *     IDLE -> HEAD -> BODY -> WORK -> SEND -> IDLE        LINGER: only waits for the peer's end
 *
 * A peer whose end is seen while its call is at work may only have said that it sends no more. After
 * a moment it is told to go on, which asks nothing of who is there: who is not resets the connection,
 * and with it the call is given up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "edge/budget.h"
#include "edge/clock.h"
#include "http_internal.h"
#include "http_tls.h"

enum {
    READ_HEAD = 4096,             /* taken at once where a head is due */
    BYTES_PER_SECOND = 64 * 1024, /* what a peer must read and write at least */
    FIRST_BODY = 64 * 1024,       /* room made on the client's word */
    LEFT_MS = 100,                /* until a peer that sends no more is asked whether it is there */
    LINGER_MS = 2000,             /* for a peer to read the last answer */
    STALLED_MS = 1000,            /* of standing still, where memory is needed elsewhere */
    TRICKLE = 1024,               /* bytes, up to which what goes in or out is standing still */
    LAST_ANSWER_MS = 500,         /* to send an answer, or a body, when stopping */
    STRUCT_BYTES = 2 * 1024,      /* of a call beside its head */
};

static void answer(struct http_conn *conn);
static void linger(struct http_conn *conn);
static void send_out(struct http_conn *conn);

/* ---- state ------------------------------------------------------------------------------- */

static bool is_stopping(const struct http_conn *conn)
{
    return atomic_load_explicit(&conn->loop->http->stopping, memory_order_relaxed);
}

static void enter(struct http_conn *conn, enum http_conn_state state)
{
    struct http_loop *loop = conn->loop;
    TAILQ_REMOVE(&loop->conns[conn->state], conn, entry);
    conn->state = state;
    TAILQ_INSERT_TAIL(&loop->conns[state], conn, entry);
}

/* At least 64 KiB/s, and some time to begin with. */
static void set_deadline(struct http_conn *conn, int64_t since_ms, int64_t ms, size_t bytes)
{
    if (is_stopping(conn) && ms > LAST_ANSWER_MS) {
        ms = LAST_ANSWER_MS;
        bytes = 0;
    }
    conn->deadline_ms = since_ms + ms + (int64_t)(bytes / BYTES_PER_SECOND) * 1000;
}

static void begin_to_move(struct http_conn *conn)
{
    conn->moved_ms = conn->loop->now_ms;
    conn->trickled = 0;
}

static void move_on(struct http_conn *conn, size_t n)
{
    conn->trickled += n;
    if (conn->trickled >= TRICKLE) {
        begin_to_move(conn);
    }
}

/* epoll is asked only where the answer would be a different one. */
static void want(struct http_conn *conn, uint32_t events)
{
    if (conn->events == events) {
        return;
    }
    struct epoll_event e = {.events = events, .data.ptr = conn};
    if (epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_MOD, conn->fd, &e) == 0) {
        conn->events = events;
    }
}

/* The two ways in, and the two ways out. */
static ssize_t bytes_in(struct http_conn *conn, void *bytes, size_t n)
{
    return conn->tls ? http_tls_recv(conn->tls, bytes, n) : recv(conn->fd, bytes, n, 0);
}

static ssize_t bytes_out(struct http_conn *conn, struct iovec *parts, size_t n)
{
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
    return conn->tls ? http_tls_send(conn->tls, parts, n)
                     : sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void end_tls(struct http_conn *conn)
{
    http_tls_end(conn->tls);
    conn->tls = NULL;
}

static bool charge_in(struct http_conn *conn)
{
    size_t bytes = conn->in.cap;
    if (!edge_budget_resize(conn->loop->http->budget, conn->charged, bytes)) {
        return false;
    }
    conn->charged = bytes;
    return true;
}

static void drop_in(struct http_conn *conn)
{
    edge_buf_done(&conn->in);
    conn->scanned = 0;
    (void)charge_in(conn); /* less always is there */
}

void http_conn_open(struct http_loop *loop, int fd)
{
    struct http_conn *conn = edge_xalloc(1, sizeof(*conn));
    conn->loop = loop;
    conn->fd = fd;
    conn->state = HTTP_CONN_IDLE;
    conn->events = EPOLLIN | EPOLLRDHUP;
    bool encrypted = loop->http->config.tls != NULL;
    conn->tls = encrypted ? http_tls_begin(loop->http, fd) : NULL;
    conn->opened_ms = conn->tls ? loop->now_ms : 0;
    begin_to_move(conn);
    set_deadline(conn, loop->now_ms, loop->http->config.header_deadline_ms, 0);
    TAILQ_INSERT_TAIL(&loop->conns[HTTP_CONN_IDLE], conn, entry);
    loop->n_conns++;
    atomic_fetch_add(&loop->http->n_conns, 1);
    struct epoll_event e = {.events = conn->events, .data.ptr = conn};
    /* Without TLS where there should be some nobody is served. */
    if ((encrypted && !conn->tls) || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        http_conn_close(conn);
    }
}

/* The connection's part in its call ends, whatever comes of the call. */
static void drop_call(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    bool parked = conn->state == HTTP_CONN_WORK || conn->state == HTTP_CONN_LEFT;
    if (!call) {
        return;
    }
    conn->call = NULL;
    call->conn = NULL;
    http_call_ended(call->http);
    if (parked && !http_call_abandon(call)) {
        conn->loop->n_orphans++; /* it is on its way here and goes when it arrives */
        return;
    }
    if (!http_call_is_given_up(call)) { /* nobody works at it: its memory goes now */
        (void)http_call_charge(call, 0);
    }
    http_call_unref(call);
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_DEAD) {
        return;
    }
    drop_call(conn);
    drop_in(conn);
    edge_buf_done(&conn->out.head);
    end_tls(conn);
    /* Not by close() alone: the socket lives on as long as any thread is in a call on the descriptor. */
    epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    close(conn->fd);
    conn->loop->n_conns--;
    atomic_fetch_sub(&conn->loop->http->n_conns, 1);
    enter(conn, HTTP_CONN_DEAD); /* events of this turn may still name it */
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct edge_call *begin_call(struct http_conn *conn)
{
    struct edge_call *call = http_call_new(conn->loop->http);
    call->loop = conn->loop;
    call->conn = conn;
    conn->call = call;
    return call;
}

/* The one that is under way, or one of which nothing is known but its answer. */
static struct edge_call *call_to_refuse(struct http_conn *conn)
{
    struct edge_call *call = conn->call ? conn->call : begin_call(conn);
    if (call->ctx.correlation_id[0] == '\0') {
        http_call_set_correlation(call, NULL);
    }
    return call;
}

static void refuse(struct http_conn *conn, int code, const char *why)
{
    http_call_refuse(call_to_refuse(conn), code, why);
    answer(conn);
}

static void no_room(struct http_conn *conn)
{
    struct edge_call *call = call_to_refuse(conn);
    http_call_no_room(call);
    call->close = true;
    answer(conn);
}

static void run(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    conn->deadline_ms = 0; /* the handler's time is not the peer's */
    enter(conn, HTTP_CONN_WORK);
    if (call->body.len > 0) {
        edge_buf_str(&call->body);
    }
    if (http_call_run(call) || !http_call_park(call)) {
        answer(conn);
    }
}

/* A peer that does not hear it sends its body a little later. What the socket takes only a part of
 * must be said to its end: before the answer. */
static void say_go_ahead(struct http_conn *conn)
{
    static const char go_ahead[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec part = {(char *)(uintptr_t)go_ahead, sizeof(go_ahead) - 1};
    ssize_t n = bytes_out(conn, &part, 1);
    /* What TLS could not say now it says first, whatever it is given then. */
    bool begun = n < 0 && conn->tls && errno == EAGAIN;
    conn->unsaid = n > 0 ? go_ahead + n : begun ? go_ahead : NULL;
}

/* Make ready for the body. False: it is not even read, the answer goes out first. */
static bool expect_body(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    if (!call->settled && call->announced > call->max_body) {
        http_call_too_large(call);
    }
    if (call->settled) {
        /* A short body is read to its end, so that the connection can stay. */
        call->close = call->close || call->asks || call->announced > HTTP_DRAINED_BODY;
        return !call->close;
    }
    if (call->asks) {
        say_go_ahead(conn);
    }
    return true;
}

static void begin_body(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    enter(conn, HTTP_CONN_BODY);
    begin_to_move(conn);
    call->body_since_ms = conn->loop->now_ms;
    set_deadline(conn, call->body_since_ms, call->http->config.body_deadline_ms, 0);
}

/* What was made of a head may be several times as long. */
static bool charge_head(struct edge_call *call, size_t len)
{
    size_t made = call->ctx.arena.used;
    call->base_charge = STRUCT_BYTES + (made > 2 * len ? made : 2 * len);
    return http_call_charge(call, call->base_charge);
}

static void begin_request(struct http_conn *conn, const char *head, size_t len)
{
    struct edge_call *call = begin_call(conn);
    if (!charge_head(call, len)) {
        no_room(conn);
        return;
    }
    bool sound = http_head_read(call, head, len);
    http_call_set_correlation(call, sound ? edge_call_header(call, "X-Correlation-ID") : NULL);
    if (sound && !call->settled) {
        http_call_find_route(call, call->known_method);
    }
    if (!sound) {
        answer(conn);
    } else if (!charge_head(call, len)) {
        no_room(conn);
    } else if (call->has_body && expect_body(conn)) {
        begin_body(conn);
    } else {
        run(conn);
    }
}

/* How many bytes were taken of what may be a head; 0: it is not whole. */
static size_t take_head(struct http_conn *conn, const char *bytes, size_t n)
{
    if (conn->state == HTTP_CONN_IDLE) {
        if (*bytes == '\r' || *bytes == '\n') {
            return 1; /* an empty line before a request says nothing */
        }
        int64_t since_ms = conn->opened_ms > 0 ? conn->opened_ms : conn->loop->now_ms;
        conn->opened_ms = 0;
        enter(conn, HTTP_CONN_HEAD);
        set_deadline(conn, since_ms, conn->loop->http->config.header_deadline_ms, 0);
    }
    size_t len = http_head_length(bytes, n, &conn->scanned);
    if (len > 0 && len <= HTTP_MAX_HEAD) {
        conn->scanned = 0;
        begin_request(conn, bytes, len);
        return len;
    }
    size_t so_far = len > 0 ? len : n;
    const char *line_end = memchr(bytes, '\n', so_far < HTTP_MAX_LINE ? so_far : HTTP_MAX_LINE);
    if (!line_end && so_far >= HTTP_MAX_LINE) {
        refuse(conn, 414, "the request line is too long");
    } else if (so_far > HTTP_MAX_HEAD) {
        refuse(conn, 431, "the request's headers are too long");
    }
    return 0;
}

static bool keep_body(struct http_conn *conn, const char *bytes, size_t n)
{
    struct edge_call *call = conn->call;
    size_t cap = call->body.cap, wanted = call->body.len + n + 1;
    if (wanted > cap) {
        /* As large as was announced, once it has begun to come. */
        size_t known = call->announced < call->max_body ? call->announced + 1 : 0;
        cap = known > FIRST_BODY && call->body.len < FIRST_BODY / 2 ? FIRST_BODY
              : known >= wanted                                     ? known
              : cap * 2 > wanted                                    ? cap * 2
                                                                    : wanted;
        cap = cap < wanted ? wanted : cap;
        if (!http_call_charge(call, call->base_charge + cap)) {
            return false;
        }
        call->body.data = edge_xrealloc(call->body.data, cap, 1);
        call->body.cap = cap;
    }
    edge_buf_put(&call->body, bytes, n);
    return true;
}

static void on_body(struct http_conn *conn, const char *bytes, size_t n)
{
    struct edge_call *call = conn->call;
    call->n_received += n;
    set_deadline(conn, call->body_since_ms, call->http->config.body_deadline_ms, call->n_received);
    if (call->settled) {
        call->close = call->close || call->n_received > HTTP_DRAINED_BODY;
    } else if (call->n_received > call->max_body) {
        http_call_too_large(call);
    } else if (!keep_body(conn, bytes, n)) {
        http_call_no_room(call);
        call->close = true;
    }
}

static size_t take_body(struct http_conn *conn, const char *bytes, size_t n)
{
    struct edge_call *call = conn->call;
    size_t data, used = http_body_take(&call->framing, bytes, n, &data);
    if (data > 0) {
        on_body(conn, bytes + used - data, data);
    }
    if (call->framing.state == HTTP_BODY_BAD) {
        http_call_refuse(call, 400, call->framing.fault);
    }
    if (call->settled && call->close) {
        answer(conn); /* what is left of the body is dropped afterwards */
    } else if (call->framing.state == HTTP_BODY_DONE) {
        run(conn);
    }
    return used;
}

static bool is_reading(const struct http_conn *conn)
{
    return conn->state == HTTP_CONN_IDLE || conn->state == HTTP_CONN_HEAD ||
           conn->state == HTTP_CONN_BODY;
}

/* Make of the bytes what they are; returns how many were taken. */
static size_t consume(struct http_conn *conn, const char *bytes, size_t n)
{
    size_t at = 0, used = 1;
    while (at < n && used > 0 && is_reading(conn)) {
        used = conn->state == HTTP_CONN_BODY ? take_body(conn, bytes + at, n - at)
                                             : take_head(conn, bytes + at, n - at);
        at += used;
    }
    return at;
}

/* What was not taken is kept for later: the begin of a head, or the next request. */
static void keep_rest(struct http_conn *conn, const char *bytes, size_t n, bool kept_before)
{
    if (conn->state == HTTP_CONN_DEAD || conn->state == HTTP_CONN_LINGER) {
        return;
    }
    if (n == 0) {
        drop_in(conn);
        return;
    }
    if (kept_before) {
        memmove(conn->in.data, bytes, n);
        conn->in.len = n;
    } else {
        edge_buf_put(&conn->in, bytes, n);
    }
    if (!charge_in(conn) && is_reading(conn)) {
        drop_in(conn);
        no_room(conn);
    }
}

static void consume_kept(struct http_conn *conn)
{
    size_t n = conn->in.len;
    if (n > 0) {
        struct edge_buf in = conn->in; /* a connection that ends frees what it has */
        conn->in = (struct edge_buf)EDGE_BUF_INIT;
        size_t used = consume(conn, in.data, n);
        if (conn->state == HTTP_CONN_DEAD || conn->state == HTTP_CONN_LINGER) {
            edge_buf_done(&in);
            return;
        }
        conn->in = in;
        keep_rest(conn, in.data + used, n - used, true);
    }
}

static void lose_input(struct http_conn *conn, size_t n)
{
    conn->drained += n;
    if (conn->drained > HTTP_DRAINED_BODY) {
        http_conn_close(conn);
    }
}

/* There was nothing to read: not now, or no more. */
static void on_nothing(struct http_conn *conn, bool closed)
{
    if (!closed && conn->tls && errno == EPROTO) {
        drop_call(conn);
        linger(conn); /* until it has read what TLS told it */
    } else if (closed || (errno != EAGAIN && errno != EINTR)) {
        http_conn_close(conn);
    } else if (conn->tls) {
        want(conn, http_tls_events(conn->tls));
    }
}

static void on_readable(struct http_conn *conn)
{
    struct http_loop *loop = conn->loop;
    bool much = conn->state == HTTP_CONN_BODY || conn->state == HTTP_CONN_LINGER || conn->tls;
    ssize_t n = bytes_in(conn, loop->scratch, much ? sizeof(loop->scratch) : READ_HEAD);
    if (n <= 0) {
        on_nothing(conn, n == 0);
        return;
    }
    move_on(conn, (size_t)n);
    if (conn->state == HTTP_CONN_LINGER) {
        lose_input(conn, (size_t)n);
    } else if (conn->in.len > 0) {
        edge_buf_put(&conn->in, loop->scratch, (size_t)n);
        consume_kept(conn);
    } else {
        size_t used = consume(conn, loop->scratch, (size_t)n);
        keep_rest(conn, loop->scratch + used, (size_t)n - used, false);
    }
}

/* ---- answering ----------------------------------------------------------------------------- */

static void answer(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    conn->close = call->close || is_stopping(conn);
    http_answer_make(conn);
    enter(conn, HTTP_CONN_SEND);
    begin_to_move(conn);
    set_deadline(conn, edge_now_mono_ms(), call->http->config.body_deadline_ms, conn->out.body_len);
    send_out(conn);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void advance(size_t *at, size_t len, size_t *sent)
{
    size_t n = len - *at < *sent ? len - *at : *sent;
    *at += n;
    *sent -= n;
}

/* 1: all of it is out; 0: the socket is full; -1: the peer is gone. */
static int write_out(struct http_conn *conn)
{
    struct http_out *o = &conn->out;
    for (;;) {
        struct iovec parts[] = {
            {o->head.data + o->head_at,                 o->head.len - o->head_at},
            {(char *)(uintptr_t)(o->body + o->body_at), o->body_len - o->body_at},
            {(char *)(uintptr_t)(o->tail + o->tail_at), o->tail_len - o->tail_at},
        };
        if (parts[0].iov_len + parts[1].iov_len + parts[2].iov_len == 0) {
            return 1;
        }
        ssize_t n = bytes_out(conn, parts, 3);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN ? 0 : -1;
        }
        move_on(conn, (size_t)n);
        size_t sent = (size_t)n;
        advance(&o->head_at, o->head.len, &sent);
        advance(&o->body_at, o->body_len, &sent);
        advance(&o->tail_at, o->tail_len, &sent);
    }
}

/* What the peer still says is of no interest, encrypted or not. */
static void linger(struct http_conn *conn)
{
    end_tls(conn);
    shutdown(conn->fd, SHUT_WR);
    drop_in(conn);
    enter(conn, HTTP_CONN_LINGER);
    set_deadline(conn, conn->loop->now_ms, LINGER_MS, 0);
    want(conn, EPOLLIN | EPOLLRDHUP);
}

/* The answer is out. */
static void end_request(struct http_conn *conn)
{
    drop_call(conn);
    if (conn->close || is_stopping(conn)) {
        linger(conn); /* to close with something unread would take the answer back */
        return;
    }
    if (conn->out.head.cap > HTTP_PIECE) {
        edge_buf_done(&conn->out.head);
    }
    enter(conn, HTTP_CONN_IDLE);
    set_deadline(conn, conn->loop->now_ms, conn->loop->http->config.idle_timeout_ms, 0);
    want(conn, EPOLLIN | EPOLLRDHUP);
}

/* There is a piece more of the answer, or none yet, or a failure, which the peer learns from an
 * answer that breaks off. True: it can be sent. */
static bool take_piece(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    enter(conn, HTTP_CONN_SEND);
    if (http_call_is_given_up(call) || call->outcome != EDGE_OK) {
        http_call_log_broken(call);
        http_conn_close(conn);
        return false;
    }
    set_deadline(conn, edge_now_mono_ms(), call->http->config.body_deadline_ms, call->reply.len);
    if (call->starved) {
        conn->starved = true; /* the next tick tries again */
        want(conn, 0);
        return false;
    }
    begin_to_move(conn);
    http_answer_piece(conn);
    return true;
}

/* The call's source goes on, on a worker or at once. True: there is something to send. */
static bool next_piece(struct http_conn *conn)
{
    conn->starved = false;
    conn->deadline_ms = 0;
    enter(conn, HTTP_CONN_WORK);
    want(conn, EPOLLRDHUP);
    return (http_call_run_more(conn->call) || !http_call_park(conn->call)) && take_piece(conn);
}

static void send_out(struct http_conn *conn)
{
    int sent;
    do {
        sent = write_out(conn);
    } while (sent > 0 && conn->more && next_piece(conn));
    if (sent < 0) {
        http_conn_close(conn);
    } else if (sent == 0) {
        want(conn, EPOLLOUT); /* a peer that sends no more may still read */
    } else if (conn->state == HTTP_CONN_SEND && !conn->more) {
        end_request(conn);
    }
}

/* Whatever ended an answer outside of consume(): the request behind it may be here already. */
static void go_on(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_IDLE) {
        consume_kept(conn);
    }
}

void http_conn_wake(struct http_conn *conn)
{
    if (!conn->more) {
        answer(conn);
    } else if (take_piece(conn)) {
        send_out(conn);
    }
    go_on(conn);
}

/* Nothing else tells a peer that has said all from one that has gone. Who does not know interim answers,
 * or is in the midst of one, is not asked: what is sent to it next does the same. */
static void ask_left(struct http_conn *conn)
{
    conn->deadline_ms = 0;
    if (!conn->call->is_10 && !conn->more && !conn->unsaid) {
        say_go_ahead(conn);
        enter(conn, HTTP_CONN_WORK); /* if it still is there then, it is a peer like any other */
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_working(struct http_conn *conn, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        http_conn_close(conn);
    } else if (events & EPOLLRDHUP) {
        want(conn, 0);
        enter(conn, HTTP_CONN_LEFT);
        conn->deadline_ms = conn->loop->now_ms + LEFT_MS;
    } else {
        want(conn, EPOLLRDHUP); /* its next request waits in the kernel */
    }
}

void http_conn_ready(struct http_conn *conn, uint32_t events)
{
    switch (conn->state) {
    case HTTP_CONN_WORK:
        on_working(conn, events);
        break;
    case HTTP_CONN_LEFT:
        http_conn_close(conn); /* only an error is still told */
        break;
    case HTTP_CONN_SEND:
        if (events & (EPOLLHUP | EPOLLERR)) {
            http_conn_close(conn);
        } else if (events & EPOLLOUT) {
            send_out(conn);
            go_on(conn);
        } else {
            want(conn, conn->starved ? 0 : EPOLLOUT);
        }
        break;
    case HTTP_CONN_DEAD:
        break;
    default:
        on_readable(conn);
        break;
    }
}

void http_conn_hurry(struct http_conn *conn)
{
    int64_t by_ms = conn->loop->now_ms + LAST_ANSWER_MS;
    if (conn->deadline_ms == 0 || conn->deadline_ms > by_ms) {
        conn->deadline_ms = by_ms;
    }
}

/* A request that does not come is answered all the same: a client can tell 408 from a crash. */
static void run_out(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_LEFT) {
        ask_left(conn);
    } else if (conn->state == HTTP_CONN_BODY && conn->call->settled) {
        conn->call->close = true;
        answer(conn);
    } else if (conn->state == HTTP_CONN_HEAD || conn->state == HTTP_CONN_BODY) {
        refuse(conn, 408, "the request did not come in time");
    } else {
        http_conn_close(conn);
    }
}

/* Every try sets a deadline of its own; this is how long there are any. */
static int64_t starving_ms(const struct http_conn *conn)
{
    return is_stopping(conn) ? LAST_ANSWER_MS : conn->loop->http->config.body_deadline_ms;
}

void http_conn_tick(struct http_conn *conn, bool pressed)
{
    int64_t now_ms = conn->loop->now_ms;
    bool stalled = now_ms - conn->moved_ms >= STALLED_MS;
    if (conn->deadline_ms > 0 && conn->deadline_ms <= now_ms) {
        run_out(conn);
    } else if (conn->starved) {
        if (now_ms - conn->moved_ms >= starving_ms(conn)) {
            http_conn_close(conn);
        } else if (next_piece(conn)) {
            send_out(conn);
            go_on(conn);
        }
    } else if (pressed && stalled && conn->state == HTTP_CONN_SEND) {
        http_conn_close(conn);
    } else if (pressed && stalled && conn->state == HTTP_CONN_BODY) {
        no_room(conn);
    }
}
