/*
 * Envelopes from a broker: what is taken for one can be written and read again, and from then on it
 * stays as it is (the first time, numbers may change that the sender's content type cannot carry).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/bus.h"
#include "edge/ctx.h"

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void same_payload(const struct edge_message *a, const struct edge_message *b)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf one = EDGE_BUF_INIT;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf two = EDGE_BUF_INIT;
    must(!a->json == !b->json, "payload came or went");
    if (a->json) {
        edge_json_put(&one, a->json);
        edge_json_put(&two, b->json);
        must(one.len == two.len && memcmp(one.data, two.data, one.len) == 0, "payload changed");
    }
}

static struct edge_message *written_and_read(struct edge_ctx *ctx, const struct edge_message *m)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    struct edge_message *again = NULL;
    edge_envelope_encode(m, &out);
    must(edge_envelope_decode(ctx, "edgex/x", out.data, out.len, &again) == EDGE_OK,
         "our own envelope is refused");
    must(strcmp(m->request_id, again->request_id) == 0, "request id changed");
    must(m->error_code == again->error_code && m->n_params == again->n_params, "members changed");
    return again;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = NULL;
    if (edge_envelope_decode(&ctx, "edgex/x", data, size, &m) != EDGE_OK) {
        must(ctx.failure, "refused without a reason");
        return 0;
    }
    struct edge_message *second = written_and_read(&ctx, m);
    struct edge_message *third = written_and_read(&ctx, second);
    if (!m->text) { /* texts that look like base64 are ambiguous on the wire */
        same_payload(second, third);
    }
    edge_message_unref(m);
    edge_message_unref(second);
    edge_message_unref(third);
    return 0;
}
