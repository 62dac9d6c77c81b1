/**
 * Documents in collections. A service says what it keeps as rows (collection: DTO, unique and
 * indexed members) and uses these calls only; behind them SQLite (WAL, full sync: what was
 * acknowledged survives a power cut) or another back end with the same operations.
 *
 * Documents are kept as their JSON text exactly as the DTO's encoder writes it, so an answer can
 * splice a stored text without decoding it. Any thread may read; whoever changes something does so in
 * edge_store_change(), where nobody else changes anything meanwhile.
 */
#ifndef EDGE_STORE_H
#define EDGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/data_file.h"
#include "edge/dto.h"

struct edge_store;

struct edge_collection {
    const char *name; /* table name: letters and _ */
    const struct edge_dto *dto;
    const char *const *unique;  /* NULL-ended members that must differ: "id", "name" */
    const char *const *indexed; /* NULL-ended members to look up by; dots reach inside: "a.b" */
    const char *labels;         /* list member that page labels filter on, or NULL */
};

struct edge_term {
    const char *member, *value; /* unique or indexed member equals value; values are bound */
    bool below;                 /* or lies below it as a path: of "a" also what starts with "a/" */
};

/** Which documents: all terms and all labels hold; in order of creation. */
struct edge_query {
    const struct edge_collection *collection;
    struct edge_term terms[3];
    size_t n_terms;
    const char **labels;
    size_t n_labels;
    int64_t offset, limit; /* limit < 0: all */
    const char *only;      /* unique or indexed member a walk shows instead of documents; or NULL */
};

struct edge_texts {
    const char **texts; /* JSON, in the context's arena */
    size_t n;
};

struct edge_store_config {
    const char *type; /* "sqlite" */
    struct edge_data_file_config file;
};

/** UNAVAILABLE or FORBIDDEN with a text naming path and reason; DAMAGED: the file is, and stays as it is;
 * INVALID: the type is unknown. @p collections live as long as the store. */
enum edge_status edge_store_open(struct edge_ctx *ctx, const struct edge_store_config *config,
                                 const struct edge_collection *const *collections, size_t n,
                                 struct edge_store **ret);
void edge_store_close(struct edge_store *s);
/** May reading take as long as another program likes? */
bool edge_store_waits(const struct edge_store *s);

/* ---- changing: inside of edge_store_change() only ------------------------------------------- */

/** Reads, checks and writes. What it returns but OK takes back all it wrote. */
typedef enum edge_status edge_store_changer(struct edge_ctx *ctx, void *arg);
/**
 * The one way to change anything: @p change runs in a transaction of its own and finds what all changes
 * before it left, so what it has read and checked still holds when it writes. Durable when this returns
 * OK. Others wait, for the disk too: nothing slow in @p change, nobody is asked there, and no change
 * is begun in another.
 */
enum edge_status edge_store_change(struct edge_ctx *ctx, struct edge_store *s,
                                   edge_store_changer *change, void *arg);
/**
 * Have @p fn called once the change under way is durable and before the next one begins: what is told
 * of changes is told in their order. Not called where the change is taken back. @p arg lives as long as
 * @p ctx, the context of the change. It must not wait for who waits for a change.
 */
void edge_store_after(struct edge_ctx *ctx, struct edge_store *s, void (*fn)(void *arg), void *arg);

/** CONFLICT with the member's name in the text where a unique member is taken. UNAVAILABLE where the disk
 * is nearly full: what is there can still be changed and removed. */
enum edge_status edge_store_add(struct edge_ctx *ctx, struct edge_store *s,
                                const struct edge_collection *c, const void *obj);
/** Replace the document whose first unique member equals obj's; keeps its place. NOT_FOUND,
 * CONFLICT. */
enum edge_status edge_store_update(struct edge_ctx *ctx, struct edge_store *s,
                                   const struct edge_collection *c, const void *obj);
/** NOT_FOUND where no document has that value. */
enum edge_status edge_store_remove(struct edge_ctx *ctx, struct edge_store *s,
                                   const struct edge_collection *c, const char *member,
                                   const char *value);
/**
 * Remove what the query finds, without its offset and limit; finding nothing is fine. The first in its
 * change, it also works where the disk has no room for all of it at once: then it goes in steps, and what
 * is gone stays gone even where the change is taken back.
 */
enum edge_status edge_store_remove_all(struct edge_ctx *ctx, struct edge_store *s,
                                       const struct edge_query *query);

/* ---- reading ------------------------------------------------------------------------------- */

/** Decoded into @p obj; NOT_FOUND (with no text of its own: the caller knows the words). */
enum edge_status edge_store_get(struct edge_ctx *ctx, struct edge_store *s,
                                const struct edge_collection *c, const char *member,
                                const char *value, void *obj);
enum edge_status edge_store_get_text(struct edge_ctx *ctx, struct edge_store *s,
                                     const struct edge_collection *c, const char *member,
                                     const char *value, const char **ret);
enum edge_status edge_store_find(struct edge_ctx *ctx, struct edge_store *s,
                                 const struct edge_query *query, struct edge_texts *ret);
/** Sees one document, whose @p text is gone afterwards; a failure ends the walk. */
typedef enum edge_status edge_store_visitor(void *arg, const char *text, size_t len);
/**
 * The same as a walk, for results too large to be held: all of them as of one moment, one by one.
 * The visitor must not call the store.
 */
enum edge_status edge_store_each(struct edge_ctx *ctx, struct edge_store *s,
                                 const struct edge_query *query, edge_store_visitor *visit,
                                 void *arg);
/** Of the query without offset and limit. */
enum edge_status edge_store_count(struct edge_ctx *ctx, struct edge_store *s,
                                  const struct edge_query *query, int64_t *ret);

#endif
