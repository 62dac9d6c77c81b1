/*
 * An answer as the bytes that are sent: status line, headers, framing, and the body, which stays where
 * it is. Whether there is a body, how long it is and where it ends is decided here, and nowhere else.
 */
#include <stdint.h>
#include <string.h>

#include "http_internal.h"

/* Of an answer of which only a piece is there. */
static const size_t UNKNOWN_SIZE = SIZE_MAX;

/* ---- parts ------------------------------------------------------------------------------- */

static void add_header(void *arg, const char *name, const char *value)
{
    struct edge_buf *head = arg;
    edge_buf_puts(head, name);
    edge_buf_puts(head, ": ");
    edge_buf_puts(head, value);
    edge_buf_puts(head, "\r\n");
}

/* HEAD and 204 are answered by a head alone, whatever there is to say. */
static bool carries_body(const struct edge_call *call, int code)
{
    return call->known_method != HTTP_HEAD && code != 204;
}

static void put_framing(struct http_conn *conn, const struct edge_call *call, int code, size_t size)
{
    struct edge_buf *head = &conn->out.head;
    if (conn->chunked) {
        add_header(head, "Transfer-Encoding", "chunked");
    } else if (code != 204 && size != UNKNOWN_SIZE) {
        edge_buf_puts(head, "Content-Length: ");
        edge_buf_put_u64(head, size);
        edge_buf_puts(head, "\r\n");
    }
    if (conn->close) {
        add_header(head, "Connection", "close");
    } else if (call->is_10) {
        add_header(head, "Connection", "keep-alive");
    }
}

static void put_head(struct http_conn *conn, const struct edge_call *call, int code, bool late,
                     size_t size)
{
    struct edge_buf *head = &conn->out.head;
    bool bare = call->route && (call->route->flags & EDGE_ROUTE_BARE);
    edge_buf_puts(head, "HTTP/1.1 ");
    edge_buf_put_i64(head, code);
    edge_buf_putc(head, ' ');
    edge_buf_puts(head, http_reason(code));
    edge_buf_puts(head, "\r\n");
    add_header(head, "Date", http_loop_date(conn->loop));
    if (late) {
        add_header(head, "Content-Type", "text/plain");
    } else if (size > 0 || call->typed) {
        add_header(head, "Content-Type", call->type);
    }
    if (call->given_id || (!bare && call->ctx.correlation_id[0] != '\0')) {
        add_header(head, "X-Correlation-ID", call->ctx.correlation_id);
    }
    if (call->allow) {
        add_header(head, "Allow", call->allow);
    }
    if (!late && call->busy) {
        add_header(head, "Retry-After", "1");
    }
    http_cors_headers(call, add_header, head);
    put_framing(conn, call, code, size);
    edge_buf_puts(head, "\r\n");
}

/* The size of a chunk stands before it, in what is already in the head. */
static void set_body(struct http_conn *conn, const char *bytes, size_t n)
{
    static const char end[] = "\r\n0\r\n\r\n";
    struct http_out *out = &conn->out;
    out->body = bytes;
    out->body_len = n;
    out->tail = "";
    if (conn->chunked) {
        if (n > 0) {
            edge_buf_printf(&out->head, "%zx\r\n", n);
        }
        out->tail = n > 0 ? end : end + 2; /* without more to come the last chunk follows */
        out->tail_len = conn->more ? 2 : strlen(out->tail);
    }
}

/* ---- answers ----------------------------------------------------------------------------- */

/* The handler is at work still: nothing it may change is looked at. */
static void answer_late(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    size_t size = strlen(call->late_text);
    http_call_settle(call);
    put_head(conn, call, 503, true, size);
    if (carries_body(call, 503)) {
        set_body(conn, call->late_text, size);
    }
}

static void answer_outcome(struct http_conn *conn)
{
    struct edge_call *call = conn->call;
    http_call_settle(call);
    bool whole = !call->source || call->drained, body = carries_body(call, call->code);
    conn->more = !whole && body;
    conn->chunked = conn->more && !call->is_10;
    conn->close = conn->close || call->close || (conn->more && call->is_10);
    put_head(conn, call, call->code, false, whole ? call->reply.len : UNKNOWN_SIZE);
    if (body) {
        set_body(conn, call->reply.data, call->reply.len);
    }
}

static void begin_anew(struct http_out *out)
{
    *out = (struct http_out){.head = out->head};
    out->head.len = 0;
}

void http_answer_make(struct http_conn *conn)
{
    begin_anew(&conn->out);
    if (conn->unsaid) {
        edge_buf_puts(&conn->out.head, conn->unsaid);
        conn->unsaid = NULL;
    }
    conn->chunked = conn->more = false;
    if (http_call_is_given_up(conn->call)) {
        answer_late(conn);
    } else {
        answer_outcome(conn);
    }
}

void http_answer_piece(struct http_conn *conn)
{
    const struct edge_call *call = conn->call;
    begin_anew(&conn->out);
    conn->more = !call->drained;
    set_body(conn, call->reply.data, call->reply.len);
}
