/**
 * What a peer finds too much comes again in halves, until it takes them or one alone is left, which is put aside. So
 * one that is bad among many takes nobody with it. What goes together is either messages that a connector gathers, or the
 * items of one record that is a list; where the halves end is remembered until all are done with.
 */
#include "queue_internal.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

static void push(struct export_queue *q, uint64_t seq, size_t item) EDGE_REQUIRES(q->lock)
{
    for (unsigned i = 0; i < q->n_ends; i++) {
        if (q->ends[i].seq == seq && q->ends[i].item == item) {
            return;
        }
    }
    if (q->n_ends ==
        QUEUE_ENDS) { /* of a message that was dropped: who passes takes his with him */
        memmove(q->ends, q->ends + 1, --q->n_ends * sizeof(q->ends[0]));
    }
    q->ends[q->n_ends++] = (struct queue_end){seq, item};
}

/* Those of the ring's beginning that are too much together. */
static unsigned together(const struct export_queue *q) EDGE_REQUIRES(q->lock)
{
    unsigned n = 0;
    while (n < q->n && q->slots[(q->first + n) % q->window]->back &&
           q->slots[(q->first + n) % q->window]->fate == EXPORT_TOO_MUCH) {
        n++;
    }
    return n;
}

bool queue_split(struct export_queue *q)
{
    const struct queue_slot *slot = q->slots[q->first];
    uint64_t seq = slot->record.seq;
    if (q->config.connector->gathers) {
        unsigned n = together(q);
        if (n < 2) {
            return false;
        }
        push(q, q->slots[(q->first + n - 1) % q->window]->record.seq, 0);
        push(q, q->slots[(q->first + n / 2 - 1) % q->window]->record.seq, 0);
        return true;
    }
    if (slot->n_items < 2) {
        return false;
    }
    push(q, seq, slot->item + slot->n_items - 1);
    push(q, seq, slot->item + slot->n_items / 2 - 1);
    return true;
}

/* The parts of a message are not the message: each has an id of its own, the same whenever it is sent. */
static void part_id(struct queue_slot *slot)
{
    struct edge_spool_record part = slot->record;
    const char *text =
        edge_printf(&slot->ctx.arena, "%s %zu %zu", slot->message.id, slot->item, slot->n_items);
    queue_message_id(text, &part, NULL, slot->message.id);
}

/* Behind what is on its way of it, or done. */
static size_t first_item(const struct export_queue *q, uint64_t seq) EDGE_REQUIRES(q->lock)
{
    for (unsigned i = q->n; i > 0; i--) {
        const struct queue_slot *slot = q->slots[(q->first + i - 1) % q->window];
        if (slot->record.seq == seq) {
            return slot->item + slot->n_items;
        }
    }
    return q->parted[0].seq == seq   ? q->parted[0].item
           : q->parted[1].seq == seq ? q->parted[1].item
                                     : 0;
}

/* What follows, or the quarantine, gets this part. */
static enum edge_status take_part(struct queue_slot *slot, struct export_data *list)
{
    struct edge_spool_record *r = &slot->record;
    struct edge_bytes frozen;
    list->items += slot->item;
    list->n_items = slot->n_items;
    if (list->kind == EXPORT_BYTES) {
        export_data_merge(&slot->ctx, list);
    }
    EDGE_TRY(export_data_freeze(&slot->ctx, list, &frozen, &r->kind, &r->content_type));
    r->payload = frozen.data;
    r->size = frozen.size;
    part_id(slot);
    return EDGE_OK;
}

enum edge_status queue_part(struct export_queue *q, struct queue_slot *slot,
                            struct export_data *list)
{
    uint64_t seq = slot->record.seq;
    size_t end = list->n_items;
    {
        EDGE_LOCK(&q->lock);
        slot->item = first_item(q, seq);
        slot->item = slot->item < list->n_items ? slot->item : 0;
        for (unsigned i = 0; i < q->n_ends; i++) {
            size_t last = q->ends[i].item;
            if (q->ends[i].seq == seq && last >= slot->item && last + 1 < end) {
                end = last + 1;
            }
        }
    }
    slot->n_all = list->n_items;
    slot->n_items = end - slot->item;
    return slot->n_items < slot->n_all ? take_part(slot, list) : EDGE_OK;
}

bool queue_is_part(const struct queue_slot *slot)
{
    return slot->item + slot->n_items < slot->n_all;
}

bool queue_ends_with(struct export_queue *q, uint64_t seq)
{
    EDGE_LOCK(&q->lock);
    for (unsigned i = 0; i < q->n_ends; i++) {
        if (q->ends[i].seq == seq) {
            return true;
        }
    }
    return false;
}

static void part_is_done(struct export_queue *q, const struct queue_slot *slot)
    EDGE_REQUIRES(q->lock)
{
    struct queue_end *p = q->parted;
    uint64_t seq = slot->record.seq;
    unsigned i = p[0].seq == seq ? 0
                 : p[1].seq == seq
                     ? 1
                     : p[0].seq > p[1].seq; /* 0 is none; else of one that was dropped */
    p[i] = queue_is_part(slot) ? (struct queue_end){seq, slot->item + slot->n_items}
                               : (struct queue_end){0};
}

void queue_passed(struct export_queue *q, const struct queue_slot *slot)
{
    size_t last = slot->n_items > 0 ? slot->item + slot->n_items - 1 : 0;
    unsigned n = 0;
    for (unsigned i = 0; i < q->n_ends; i++) {
        if (q->ends[i].seq != slot->record.seq || q->ends[i].item > last) {
            q->ends[n++] = q->ends[i];
        }
    }
    q->n_ends = n;
    if (slot->n_items < slot->n_all) {
        part_is_done(q, slot);
    }
}
