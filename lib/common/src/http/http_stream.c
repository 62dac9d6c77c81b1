/*
 * Answers that are made while they are read: the handler leaves a source, which writes a piece
 * whenever the peer has taken the one before. So the slowest reader of the longest list holds one
 * piece in memory.
 */
#include "edge/budget.h"
#include "http_internal.h"

static bool is_first(const struct edge_call *call)
{
    return !call->streaming;
}

/* Asks the source until there is enough for a piece, or the end. */
static enum edge_status fill(struct edge_call *call)
{
    while (!call->drained && call->reply.len < HTTP_PIECE) {
        enum edge_status st = call->source(call, &call->drained);
        if (st == EDGE_UNAVAILABLE && call->busy && !is_first(call)) {
            edge_ctx_clear(&call->ctx);
            call->busy = false;
            call->starved = call->reply.len == 0;
            return EDGE_OK; /* what there is can go out at least */
        }
        EDGE_TRY(st);
    }
    return EDGE_OK;
}

enum edge_status http_stream_fill(struct edge_call *call)
{
    call->starved = false;
    if (!is_first(call)) {
        call->reply.len = 0;
        if (call->reply.cap / 2 > HTTP_PIECE) {
            edge_buf_done(&call->reply);
        }
        if (!http_call_charge(call, call->base_charge + HTTP_PIECE)) {
            call->starved = true;
            return EDGE_OK;
        }
    }
    EDGE_TRY(fill(call));
    if (!is_first(call)) {
        http_call_trim(call);
        (void)http_call_charge(call, call->base_charge + call->reply.cap); /* it was reserved */
    }
    if (!call->drained) {
        call->streaming = true;
    } else if (!is_first(call)) {
        http_call_end_line(call);
    }
    return EDGE_OK;
}

enum edge_status http_stream_drain(struct edge_call *call)
{
    while (!call->drained) {
        EDGE_TRY(call->source(call, &call->drained));
        EDGE_TRY(edge_reply_check(call));
    }
    return EDGE_OK;
}
