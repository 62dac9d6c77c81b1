/* All elements of a list a neighbour has, page by page: pages as large as its answers may be. */
#include <inttypes.h>
#include <string.h>

#include "edge/client.h"
#include "edge/clock.h"
#include "edge/log.h"

enum {
    FIRST_GUESS = 512,           /* where as many as there are were too many */
    SMALL_PAGE = 4 * 1024 * 1024 /* bytes: the next one may have twice as many elements */
};

struct walk {
    struct edge_client *client;
    struct edge_client_list *list;
    int64_t left;   /* of the elements asked for; -1: all */
    int64_t offset; /* of the next one */
    int64_t page;   /* elements at a time, once an answer was too large; 0: as the caller says */
    int64_t asked, got;
    bool visiting; /* the page is there */
};

static int64_t next_page(const struct walk *w)
{
    int64_t page = w->page > 0 ? w->page : w->list->page;
    return w->left >= 0 && w->left < page ? w->left : page;
}

static enum edge_status read_page(struct edge_ctx *ctx, struct walk *w)
{
    struct edge_client_list *list = w->list;
    const char *target = edge_printf(&ctx->arena, "%s?offset=%" PRId64 "&limit=%" PRId64,
                                     list->path, w->offset, w->asked);
    const struct edge_http_request req = {.method = "GET", .target = target};
    const cJSON *answer = NULL, *item;
    int64_t total = -1;
    w->visiting = false;
    w->got = 0;
    EDGE_TRY(edge_client_json(w->client, ctx, list->base_url, &req,
                              list->deadline_ms > 0 ? list->deadline_ms
                                                    : edge_now_mono_ms() + list->timeout_ms,
                              &answer));
    if (!edge_json_int(edge_json_member(answer, "totalCount", false), &total)) {
        return edge_fail(ctx, EDGE_REMOTE, "answer to %s has no totalCount", target);
    }
    list->changed |= list->total >= 0 && list->total != total;
    list->total = total;
    w->visiting = true;
    cJSON_ArrayForEach(item, edge_json_member(answer, list->key, false))
    {
        EDGE_TRY(edge_wrap(ctx, list->visit(ctx, item, list->arg), "answer to %s", target));
        w->got++;
    }
    return EDGE_OK;
}

/* False: fewer at a time do not help. */
static bool ask_for_fewer(struct edge_ctx *ctx, struct walk *w, enum edge_status st)
{
    /* A guess may be more than the neighbour's MaxResultCount. */
    bool is_guess = st == EDGE_INVALID && w->page > 1 && w->asked != 1;
    /* Where others have the memory, a smaller page may find some. */
    bool is_short = st == EDGE_UNAVAILABLE && ctx->busy && w->asked != 1;
    if (w->visiting || (st != EDGE_TOO_LARGE && !is_guess && !is_short) || w->asked == 0) {
        return false;
    }
    if (w->asked != 1) {
        w->page = w->asked > 0 ? w->asked / 2 : FIRST_GUESS;
        return true;
    }
    edge_log_error(ctx, "one element of a list is too large, it is passed over", "list",
                   w->list->path, "offset", edge_printf(&ctx->arena, "%" PRId64, w->offset),
                   "reason", edge_ctx_message(ctx, st), NULL);
    w->page = 0;
    w->got = 1;
    return true;
}

static enum edge_status walk_on(struct edge_ctx *ctx, struct walk *w)
{
    EDGE_CTX_SCOPE(page);
    page.log = ctx->log;
    page.budget = ctx->budget;
    memcpy(page.correlation_id, ctx->correlation_id, sizeof(page.correlation_id));
    w->asked = next_page(w);
    enum edge_status st = read_page(&page, w);
    if (st != EDGE_OK) {
        return ask_for_fewer(&page, w, st) ? EDGE_OK : edge_pass(ctx, st, &page);
    }
    if (w->page > 0 && w->page < FIRST_GUESS && page.arena.used < SMALL_PAGE) {
        w->page *= 2;
    }
    if (w->got == 0) {
        w->list->changed |= w->offset < w->list->total && w->asked != 0;
        w->left = 0;
    }
    return EDGE_OK;
}

enum edge_status edge_client_list(struct edge_client *c, struct edge_ctx *ctx,
                                  struct edge_client_list *list)
{
    struct walk w = {.client = c, .list = list, .left = list->limit, .offset = list->offset};
    list->total = -1;
    list->changed = false;
    do {
        EDGE_TRY(walk_on(ctx, &w));
        w.offset += w.got;
        w.left -= w.left > 0 ? w.got : 0;
    } while (w.left != 0 && (list->total < 0 || w.offset < list->total));
    return EDGE_OK;
}
