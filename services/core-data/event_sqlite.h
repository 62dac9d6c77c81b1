/**
 * The insides of the event store, shared by event_sqlite*.c only.
 *
 * Threads: everything in struct catalogue is changed by the writer only, and only with its lock
 * held; readers look at it with the lock held, the writer may look without. What a reader needs
 * beyond the lock (a chunk of the memory index, a dictionary entry's names) never changes or is
 * counted.
 */
#ifndef CORE_DATA_EVENT_SQLITE_H
#define CORE_DATA_EVENT_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "edge/buf.h"
#include "edge/data_log.h"
#include "edge/map.h"
#include "edge/thread.h"
#include "event_store_ops.h"

struct event_db;

/* Both kinds of rows are kept alike: an origin, the key of what they are rows of, a sequence number. */

/* ---- dictionary: what rows have in common, named by a small number (event_sqlite_dict.c) --------
 */

/** A source (of events: device, source name, profile) or a series (of readings). */
struct dict_entry {
    uint32_t id;
    bool saved; /* its row is committed; the writer's */
    unsigned type;
    const char *device, *name, *profile, *units, *media;
    uint64_t hash;
    int64_t n; /* rows in all segments; under the catalogue's lock */
    struct removed_rows {
        int64_t from, cutoff; /* origins, both included */
        int64_t last_event;   /* sequence number: up to this one, included */
    } removed;                /* of a source, by its latest removal; the writer's */
};

struct dict_group {
    struct dict_entry **entries; /* ids ascending */
    size_t n, cap;
};

struct dict {
    struct edge_arena arena;
    struct dict_entry **by_id; /* NULL where an id is unused */
    uint32_t n_ids;
    size_t cap_ids;
    struct dict_entry **slots; /* open addressing by hash */
    size_t n, cap;
    uint64_t seed; /* names come from outside: nobody shall choose those that collide */
    struct edge_map devices, names; /* to dict_group */
};

void dict_init(struct dict *d);
void dict_done(struct dict *d);
/** The entry equal to @p key in its texts and type; made where there is none; NULL: no more room.
 */
struct dict_entry *dict_intern(struct dict *d, const struct dict_entry *key);
/** Ids below @p n_ids are in use or were: new entries get others. */
void dict_reserve(struct dict *d, uint32_t n_ids);
/** Put back what the database holds. */
void dict_restore(struct dict *d, const struct dict_entry *stored);

/* ---- memory index of a segment that is not sealed (event_sqlite_hot.c) --------------------------
 */

enum { CHUNK_ROWS = 1024 };
#define KEY_REMOVED UINT32_MAX

/** Rows of consecutive sequence numbers; full ones never change, but for rows being removed. */
struct hot_chunk {
    struct hot_chunk *older;
    int64_t first_seq, min, max;
    uint32_t n;
    int64_t origin[CHUNK_ROWS];
    _Atomic uint32_t key[CHUNK_ROWS];
    uint64_t id[]; /* of events: the first half of their id */
};

struct hot {
    _Atomic unsigned refs;
    struct hot_chunk *newest[ROW_KINDS];
};

struct hot *hot_create(void);
struct hot *hot_ref(struct hot *hot);
void hot_unref(struct hot *hot);
void hot_append(struct hot *hot, enum row_kind kind, int64_t seq, int64_t origin, uint32_t key,
                uint64_t id);
/** Marks a row removed; its key, or KEY_REMOVED where it is not there. */
uint32_t hot_remove(struct hot *hot, enum row_kind kind, int64_t seq);

/* ---- segments (event_sqlite_segment.c) ----------------------------------------------------------
 */

enum segment_state {
    SEGMENT_OPEN,    /* takes all writes; memory index */
    SEGMENT_CLOSING, /* takes none; SQL indexes being built; memory index */
    SEGMENT_SEALED,  /* SQL indexes, tallies */
};

struct tally {
    uint32_t key, n;
};

struct segment_rows {
    int64_t n, min, max;   /* live rows; bounds of their origins, never too narrow */
    struct tally *tallies; /* sealed: rows per key, keys ascending */
    size_t n_tallies;
};

#define CREATED_UNKNOWN INT64_MAX /* the clock was wrong */

struct segment {
    uint32_t id;
    enum segment_state state;
    int64_t created_ms; /* when all that are older had ended, or CREATED_UNKNOWN */
    int64_t last_event; /* no event in it has a larger sequence number; INT64_MAX while open */
    struct segment_rows rows[ROW_KINDS];
    struct hot *hot; /* NULL: sealed */
    unsigned seal_step;
    bool dropping; /* its tables may be gone already */
};

struct catalogue {
    struct edge_mutex lock; /* guards all of it against readers */
    struct dict dicts[ROW_KINDS];
    struct segment **segments; /* oldest first; the last one is open */
    size_t n_segments, cap_segments;
};

/** A deletion under way (event_sqlite_removals.c). */
struct removal {
    struct removal *next;
    int64_t id; /* its row */
    char *device, *source;
    struct removed_rows rows;
};

/* ---- reading connections (event_sqlite_reader.c) ------------------------------------------------
 */

enum segment_sql {
    SQL_EVENT_BY_ID,
    SQL_EVENT,
    SQL_READING,
    SQL_EVENT_READINGS,
    SQL_ALL_READINGS,
    SQL_SERIES_READINGS,
    SQL_EVENT_KEYED,
    SQL_READING_KEYED,
    SQL_EVENT_WALK,
    SQL_READING_WALK,
    SQL_EVENT_COUNT_KEYED,
    SQL_READING_COUNT_KEYED,
    SQL_EVENT_COUNT,
    SQL_READING_COUNT,
    SQL_COUNT
};

enum { READER_STATEMENTS = 32, MAX_READERS = 4 };

struct reader {
    struct reader *next; /* idle ones */
    sqlite3 *db;
    uint64_t clock;
    struct reader_statement {
        sqlite3_stmt *stmt;
        uint32_t segment;
        enum segment_sql sql;
        uint64_t used;
    } statements[READER_STATEMENTS];
};

struct reader_pool {
    struct edge_mutex lock;
    struct edge_cond freed;
    struct reader *idle EDGE_GUARDED;
    unsigned n EDGE_GUARDED;
};

/** One consistent view of the file until reader_release(). */
enum edge_status reader_acquire(struct edge_ctx *ctx, struct event_db *s, struct reader **ret);
void reader_release(struct event_db *s, struct reader *r);
void readers_done(struct event_db *s);
/**
 * The statement of @p sql for that segment, reset; *ret NULL (and OK) where the segment was dropped
 * meanwhile. Valid until the next call but a few.
 */
enum edge_status reader_statement(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                  uint32_t segment, enum segment_sql sql, sqlite3_stmt **ret);
/** The next row, if any; none where the segment was dropped meanwhile. */
enum edge_status reader_step(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                             uint32_t segment, sqlite3_stmt *stmt, bool *ret_row);

/* ---- the store ---------------------------------------------------------------------------------
 */

struct event_db {
    struct event_store_config config;
    struct edge_data_file *file;
    struct catalogue catalogue;
    struct reader_pool readers;
    struct edge_data_log log;
    _Atomic int64_t inside; /* bytes of the file that hold nothing */
    /* the writer's own: */
    sqlite3 *db;
    sqlite3_stmt *insert[ROW_KINDS]; /* into the open segment */
    sqlite3_stmt *insert_entry[ROW_KINDS];
    int64_t next_seq[ROW_KINDS];
    struct removal *removals, *last_removal; /* oldest first */
    _Atomic size_t n_removals;
    int64_t next_background_ms; /* after a failure: not before */
    int64_t next_carry_ms;      /* likewise, after a reader held the log back */
    size_t slice;               /* events removed in one step: fewer where the disk is full */
};

/* event_sqlite_db.c: the file and its schema */
/** Pass @p st on; damage is noted, for operators and the next start. */
enum edge_status db_note(struct edge_ctx *ctx, struct event_db *s, enum edge_status st);
enum edge_status db_open(struct edge_ctx *ctx, struct event_db *s);
/** All of it was taken up: its log is carried over, and closing leaves one file and no log. */
void db_trust(struct edge_ctx *ctx, struct event_db *s);
enum edge_status db_open_connection(struct edge_ctx *ctx, const struct event_db *s, sqlite3 **ret);
/**
 * The failure of the last call on @p db, in words an operator understands. UNAVAILABLE: the disk is
 * full; INVALID: the row is at fault; INTERNAL: anything else.
 */
enum edge_status db_fail(struct edge_ctx *ctx, sqlite3 *db, const char *doing);
/** Run a statement text in which every '#' stands for the segment's number. */
enum edge_status db_exec(struct edge_ctx *ctx, sqlite3 *db, const char *sql, uint32_t segment);
enum edge_status db_prepare(struct edge_ctx *ctx, sqlite3 *db, const char *sql, uint32_t segment,
                            sqlite3_stmt **ret);
/** Step a statement that returns no rows, and reset it. */
enum edge_status db_run(struct edge_ctx *ctx, sqlite3 *db, sqlite3_stmt *stmt, const char *doing);
enum edge_status db_begin(struct edge_ctx *ctx, sqlite3 *db);
/** Commit when @p st is OK, roll back otherwise; the combined outcome. */
enum edge_status db_end(struct edge_ctx *ctx, sqlite3 *db, enum edge_status st);
void db_statement_done(sqlite3_stmt **stmt);
/** How much of the file holds nothing, for who asks for room. */
void db_look_inside(struct edge_ctx *ctx, struct event_db *s);

/* event_sqlite_load.c: catalogue and removals as the file has them */
enum edge_status store_load(struct edge_ctx *ctx, struct event_db *s);

/* event_sqlite_segment.c: by the writer */
enum edge_status segment_rotate(struct edge_ctx *ctx, struct event_db *s);
bool segment_is_full(const struct event_db *s, const struct segment *seg);
struct segment *segment_open_one(const struct event_db *s);
/** One step of closing segments' way to sealed; *ret_did false where there is none to do. */
enum edge_status segment_seal_step(struct edge_ctx *ctx, struct event_db *s, bool *ret_did);
enum edge_status segment_drop(struct edge_ctx *ctx, struct event_db *s, struct segment *seg);
void segment_add(struct catalogue *cat, struct segment *seg);
void segment_free(struct segment *seg);
/** How many of the oldest segments were full before then; under the catalogue's lock, or by the writer.
 * No clock that was wrong for a while makes one look older than it is. */
size_t segments_ended_before(const struct catalogue *cat, int64_t ms);
/** When the newest began of which that is known; INT64_MIN: of none. */
int64_t segment_latest_ms(const struct catalogue *cat);
struct segment *segment_new(uint32_t id, enum segment_state state);
struct tally *segment_tally(const struct segment_rows *rows, uint32_t key);
/** Statements that insert into the open segment. */
enum edge_status segment_prepare_inserts(struct edge_ctx *ctx, struct event_db *s);

/* event_sqlite_remove.c: by the writer */
/** Is the event of that id and origin there? */
enum edge_status event_is_stored(struct edge_ctx *ctx, struct event_db *s, const unsigned char *id,
                                 int64_t origin, bool *ret);
enum edge_status remove_by_id(struct edge_ctx *ctx, struct event_db *s, const unsigned char *id);
/** Events of one segment, by their sequence numbers, each named once. */
enum edge_status remove_events(struct edge_ctx *ctx, struct event_db *s, struct segment *seg,
                               int64_t *events, size_t n);

/* event_sqlite_removals.c: by the writer */
enum { SLICE_EVENTS = 256 };
/** Note all of them in one transaction. */
enum edge_status removals_note(struct edge_ctx *ctx, struct event_db *s,
                               const struct event_removal *removals, size_t n);
/** Take up one that the database holds, in the order they were noted; its texts are ours now. */
void removal_restore(struct event_db *s, const struct removal *stored);
enum edge_status removal_step(struct edge_ctx *ctx, struct event_db *s, bool *ret_did);
void removals_done(struct event_db *s);

/* event_sqlite_add.c: by the writer */
enum edge_status events_take(struct edge_ctx *ctx, struct new_event *e);
enum edge_status events_add(struct edge_ctx *ctx, struct event_db *s,
                            const struct new_event *events, size_t n);

/* event_sqlite_steps.c: by the writer, as struct event_store_ops has them */
bool background_step(void *db);
int64_t background_at(const void *db);

/* event_sqlite_rows.c, event_sqlite_aggregate.c: questions, likewise */
enum edge_status rows_get(struct edge_ctx *ctx, void *db, const unsigned char *id,
                          struct event *ret);
enum edge_status rows_find(struct edge_ctx *ctx, void *db, enum row_kind kind,
                           const struct event_filter *filter, int64_t offset, int64_t limit,
                           struct event_rows *ret);
enum edge_status rows_next(struct edge_ctx *ctx, void *db, enum row_kind kind,
                           struct event_rows *rows, size_t size, void **ret, size_t *ret_n,
                           size_t *ret_largest);
enum edge_status rows_count(struct edge_ctx *ctx, void *db, enum row_kind kind,
                            const struct event_filter *filter, int64_t *ret);
enum edge_status rows_nth_origin(struct edge_ctx *ctx, void *db, const struct event_filter *filter,
                                 int64_t nth, int64_t *ret);
enum edge_status rows_aggregate(struct edge_ctx *ctx, void *db, const struct event_filter *filter,
                                enum event_aggregate how, int64_t deadline_ms,
                                struct event_group **ret, size_t *ret_n);

/* event_sqlite_value.c: values as rows hold them */
struct row_value {
    enum { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT, VALUE_BLOB } form;
    int64_t i;
    double r;
    const void *bytes;
    size_t size;
};
enum edge_status value_from_reading(struct edge_ctx *ctx, const struct reading *r,
                                    struct row_value *ret);
void value_bind(sqlite3_stmt *stmt, int at, const struct row_value *v);
/** Fill what @p column holds into @p r, whose value_type is set. */
void value_to_reading(struct edge_ctx *ctx, sqlite3_stmt *stmt, int column, struct reading *r);
/** Stored JSON; NULL, and a line in the log, where it cannot be read: the rest of a page can. */
const cJSON *value_tree(struct edge_ctx *ctx, const char *text, size_t size);
const char *id_to_text(struct edge_arena *a, const unsigned char id[ID_SIZE]);
uint64_t id_prefix(const unsigned char id[ID_SIZE]);

/* event_sqlite_select.c: which rows */
struct row_match { /* which keys */
    bool all;
    struct dict_entry **entries; /* ids ascending */
    size_t n;
    const uint64_t *bits; /* by id */
    uint32_t n_bits;
    int64_t total; /* rows they have */
};
struct row_part { /* what one segment may contribute */
    uint32_t segment;
    struct hot *hot; /* NULL: sealed */
    const struct hot_chunk *newest;
    uint32_t newest_n;
    int64_t min, max, rows, matches;
    size_t n_keys; /* how many of the matching keys it has */
};
struct row_plan {
    enum row_kind kind;
    int64_t start, end;
    struct row_match match;
    struct row_part *parts;
    size_t n_parts;
};
struct row_ref {
    int64_t origin, seq;
    uint32_t segment;
};
/** Resolve a filter; row_plan_done gives the memory indexes back. */
void row_plan_make(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                   const struct event_filter *filter, struct row_plan *ret);
void row_plan_done(struct row_plan *plan);
/** Does the filter name what the entry stands for? */
bool row_match_has(const struct row_match *m, uint32_t key);
/** Spell out a match of everything as a list of keys. */
void row_match_list(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                    struct row_match *m);
enum edge_status row_plan_count(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                const struct row_plan *plan, int64_t start, int64_t end,
                                int64_t *ret);
/** The newest @p limit after @p offset, in order. */
enum edge_status row_plan_newest(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                 const struct row_plan *plan, int64_t offset, int64_t limit,
                                 struct row_ref **ret, size_t *ret_n);

#endif
