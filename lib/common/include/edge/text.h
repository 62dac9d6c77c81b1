/** Small grammars of the wire: UUIDs, durations, name escaping, number texts. */
#ifndef EDGE_TEXT_H
#define EDGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_arena;
struct edge_buf;

enum { EDGE_UUID_SIZE = 37 };

/** A new random (version 4) UUID, lower case. Any thread. */
void edge_uuid_new(char text[EDGE_UUID_SIZE]);
const char *edge_uuid_make(struct edge_arena *a);
/** Lower-case canonical form only: the rule for ids in new objects (contract 3.1). */
bool edge_uuid_is_strict(const char *s);
/**
 * The lenient rule of path ids, patches and envelopes: upper case, braces, urn:uuid: and 32 bare
 * digits are fine. @p ret_canonical may be NULL.
 */
bool edge_uuid_parse(const char *s, char ret_canonical[EDGE_UUID_SIZE]);

/**
 * A Go duration ("1h30m", "250ms", "-1.5s", "0"), plus day parts ("1d12h") when @p days is allowed
 * (contract 3.1). False where it is malformed or beyond int64 nanoseconds.
 */
bool edge_duration_parse(const char *s, bool days, int64_t *ret_ns);

/** One name level of a topic or path segment, percent-encoded as contract 11.4 says. */
const char *edge_name_escape(struct edge_arena *a, const char *name);
/**
 * The name as one level of a topic: escaped where @p escape says so (Service.EnableNameFieldEscape)
 * and where it could not stand there as it is, such as "Int[0-9]+" or "a/b". Every receiver decodes.
 */
const char *edge_name_level(struct edge_arena *a, const char *name, bool escape);
/** Stands where a text had a character that cannot be kept, such as NUL. */
#define EDGE_REPLACEMENT "\xef\xbf\xbd"

/**
 * Bytes of an escaped name: topics (edge/bus.h) hold at most four of them, targets (edge/http.h) two,
 * and both end at 4096 bytes.
 */
enum { EDGE_MAX_NAME = 960 };
/**
 * NULL if @p name can be a segment of a path and a level of a topic, so that what is called so can be
 * read and removed again; else what is wrong with it, as the end of a sentence. Clients resolve "." and
 * ".." before they send a path, escaped ones too.
 */
const char *edge_name_fault(struct edge_arena *a, const char *name);
/** Percent-decode once. NULL where an escape is malformed or decodes to NUL. */
const char *edge_percent_decode(struct edge_arena *a, const char *s, size_t len);

bool edge_utf8_valid(const char *s, size_t len);
/**
 * UTF-8 of characters alone: no controls, C1 among them, and none of the code points that are no characters
 * (U+FDD0 to U+FDEF, the last two of each plane). A broker hangs up on whoever has them in a topic.
 */
bool edge_text_is_plain(const char *s);
/** Bytes of the UTF-8 character at the start of @p s (@p len > 0), 0 where it is none. */
size_t edge_utf8_char(const char *s, size_t len);

/**
 * Shorten @p text to at most @p len bytes (8 or more), the "..." at its end among them: between
 * words where one ends nearby, never inside a UTF-8 character.
 */
void edge_text_mark_cut(char *text, size_t len);
/** @p text, or its beginning marked as cut where it has more than @p max bytes. */
const char *edge_text_brief(struct edge_arena *a, const char *text, size_t max);
/** The same in @p buf of @p size bytes: for texts that outlive an arena. */
void edge_text_fit(char *buf, size_t size, const char *text);

/**
 * The search for the name somebody may have meant: known ones are offered, the nearest stays. Near
 * is what differs in at most two letters, or a third of them, and not in most of them; letters that
 * changed places count as one, case as none. Names of more than 64 bytes are near to nothing.
 */
struct edge_nearest {
    const char *wanted;
    const char *name; /* the nearest so far, as it was offered; NULL: none is near */
    size_t distance;
};
void edge_nearest_offer(struct edge_nearest *n, const char *known);

/** Is @p media that @p type, in any case, with or without parameters ("; charset=utf-8")? NULL is none. */
bool edge_media_is(const char *media, const char *type);

/** Go's strconv.ParseBool. */
bool edge_bool_parse(const char *s, bool *ret);
/** The whole of @p s as base 10 in range; a sign only where the type has one (contract 3.4). */
bool edge_int_parse(const char *s, int64_t *ret);
bool edge_uint_parse(const char *s, uint64_t *ret);

enum { EDGE_REAL_TEXT_SIZE = 40, EDGE_REAL_PLAIN_SIZE = 352 };
/** Shortest round-trip in the form of JSON output (contract 2.2); finite values only. */
size_t edge_real_json(double v, char text[EDGE_REAL_TEXT_SIZE]);
/** Shortest round-trip without an exponent, however long that is; finite values only. */
size_t edge_real_plain(double v, char text[EDGE_REAL_PLAIN_SIZE]);
/** Shortest round-trip in e-notation as readings are written (contract 3.4). */
size_t edge_real_e(double v, char text[EDGE_REAL_TEXT_SIZE]);
size_t edge_float_e(float v, char text[EDGE_REAL_TEXT_SIZE]);

/** Standard base64 with padding. */
const char *edge_base64_encode(struct edge_arena *a, const void *bytes, size_t n);
void edge_base64_put(struct edge_buf *out, const void *bytes, size_t n);
/** False where @p s is not standard base64. */
bool edge_base64_decode(struct edge_arena *a, const char *s, const void **ret_bytes, size_t *ret_n);

/**
 * FNV-1a of a text and its end, so that texts in a row do not run into each other; the first one begins
 * with EDGE_HASH. Anybody can make texts that collide: nothing but speed or chance may hang on it.
 */
#define EDGE_HASH UINT64_C(14695981039346656037)
uint64_t edge_hash(uint64_t hash, const char *text);

#endif
