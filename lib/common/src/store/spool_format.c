/* Records and heads as bytes, and their checksum. */
#include "spool_format.h"

#include <endian.h>
#include <string.h>

static const unsigned char SEGMENT_MAGIC[8] = "EDGXSEG";
static const unsigned char RECORD_MAGIC[4] = {'E', 'R', 'E', 'C'};

/* ---- checksum ------------------------------------------------------------------------------- */

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_cpu(uint32_t crc, const unsigned char *p,
                                                             size_t n)
{
    uint64_t wide = crc;
    for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), p += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; n > 0; n--, p++) {
        crc = __builtin_ia32_crc32qi(crc, *p);
    }
    return crc;
}
#endif

/* A nibble at a time: sixteen entries, for machines that do not have it. */
static uint32_t crc_by_table(uint32_t crc, const unsigned char *p, size_t n)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    for (; n > 0; n--, p++) {
        crc ^= *p;
        crc = crc >> 4 ^ table[crc & 0xf];
        crc = crc >> 4 ^ table[crc & 0xf];
    }
    return crc;
}

uint32_t spool_crc32c(uint32_t crc, const void *bytes, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc_by_cpu(~crc, bytes, n);
    }
#endif
    return ~crc_by_table(~crc, bytes, n);
}

uint32_t spool_crc32c_by_table(uint32_t crc, const void *bytes, size_t n)
{
    return ~crc_by_table(~crc, bytes, n);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static uint16_t get_u16(const unsigned char *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof(v));
    return le16toh(v);
}

uint32_t spool_get_u32(const unsigned char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return le32toh(v);
}

uint64_t spool_get_u64(const unsigned char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return le64toh(v);
}

static void put_u16(unsigned char *at, uint16_t v)
{
    v = htole16(v);
    memcpy(at, &v, sizeof(v));
}

void spool_put_u32(unsigned char *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof(v));
}

void spool_put_u64(unsigned char *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof(v));
}

/* ---- segments ------------------------------------------------------------------------------- */

void spool_segment_head_put(unsigned char head[SEGMENT_HEAD], uint64_t first_seq)
{
    memset(head, 0, SEGMENT_HEAD);
    memcpy(head, SEGMENT_MAGIC, sizeof(SEGMENT_MAGIC));
    spool_put_u32(head + 8, FORMAT_VERSION);
    spool_put_u64(head + 16, first_seq);
    spool_put_u32(head + 28, spool_crc32c(0, head, 28));
}

enum edge_status spool_segment_head_get(const unsigned char head[SEGMENT_HEAD],
                                        uint64_t *ret_first_seq)
{
    if (memcmp(head, SEGMENT_MAGIC, sizeof(SEGMENT_MAGIC)) != 0 ||
        spool_get_u32(head + 28) != spool_crc32c(0, head, 28)) {
        return EDGE_DAMAGED;
    }
    *ret_first_seq = spool_get_u64(head + 16);
    return spool_get_u32(head + 8) == FORMAT_VERSION ? EDGE_OK : EDGE_UNSUPPORTED;
}

/* ---- records -------------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    return n < NO_TEXT ? n : NO_TEXT - 1;
}

static uint16_t text_length(const char *text)
{
    return text ? (uint16_t)text_size(text) : NO_TEXT;
}

size_t spool_record_size(const struct edge_spool_record *r)
{
    return RECORD_HEAD + text_size(r->correlation_id) + text_size(r->content_type) +
           text_size(r->context) + r->size;
}

static unsigned char *put_bytes(unsigned char *to, const void *bytes, size_t n)
{
    if (n > 0) {
        memcpy(to, bytes, n);
    }
    return to + n;
}

void spool_record_put(unsigned char *to, const struct edge_spool_record *r)
{
    unsigned char *body = to + RECORD_HEAD, *end = body;
    end = put_bytes(end, r->correlation_id, text_size(r->correlation_id));
    end = put_bytes(end, r->content_type, text_size(r->content_type));
    end = put_bytes(end, r->context, text_size(r->context));
    end = put_bytes(end, r->payload, r->size);
    memset(to, 0, RECORD_HEAD);
    memcpy(to, RECORD_MAGIC, sizeof(RECORD_MAGIC));
    spool_put_u32(to + 8, spool_crc32c(0, body, (size_t)(end - body)));
    spool_put_u32(to + 12, (uint32_t)(end - body));
    spool_put_u64(to + 16, r->seq);
    spool_put_u64(to + 24, (uint64_t)r->origin_ns);
    spool_put_u64(to + 32, (uint64_t)r->spooled_ms);
    spool_put_u64(to + 40, (uint64_t)r->expires_ms);
    spool_put_u32(to + 48, r->attempts);
    to[52] = r->kind;
    to[53] = r->priority;
    put_u16(to + 54, text_length(r->correlation_id));
    put_u16(to + 56, text_length(r->content_type));
    put_u16(to + 58, text_length(r->context));
    spool_put_u32(to + 60, (uint32_t)r->size);
    spool_put_u32(to + 4, spool_crc32c(0, to + 8, RECORD_HEAD - 8));
}

static size_t length_of(uint16_t stored)
{
    return stored == NO_TEXT ? 0 : stored;
}

bool spool_record_head_get(const unsigned char *head, uint64_t *ret_seq, size_t *ret_body)
{
    if (memcmp(head, RECORD_MAGIC, sizeof(RECORD_MAGIC)) != 0 ||
        spool_get_u32(head + 4) != spool_crc32c(0, head + 8, RECORD_HEAD - 8)) {
        return false;
    }
    size_t body = spool_get_u32(head + 12);
    size_t parts = length_of(get_u16(head + 54)) + length_of(get_u16(head + 56)) +
                   length_of(get_u16(head + 58)) + spool_get_u32(head + 60);
    *ret_seq = spool_get_u64(head + 16);
    *ret_body = body;
    return body == parts;
}

static const char *take_text(struct edge_arena *a, const unsigned char **at, uint16_t stored)
{
    if (stored == NO_TEXT) {
        return NULL;
    }
    const char *text = edge_strndup(a, (const char *)*at, stored);
    *at += stored;
    return text;
}

bool spool_record_get(struct edge_arena *a, const unsigned char *head, const unsigned char *body,
                      struct edge_spool_record *ret)
{
    if (spool_get_u32(head + 8) != spool_crc32c(0, body, spool_get_u32(head + 12))) {
        return false;
    }
    struct edge_spool_record r = {
        .seq = spool_get_u64(head + 16),
        .origin_ns = (int64_t)spool_get_u64(head + 24),
        .spooled_ms = (int64_t)spool_get_u64(head + 32),
        .expires_ms = (int64_t)spool_get_u64(head + 40),
        .attempts = spool_get_u32(head + 48),
        .kind = head[52],
        .priority = head[53],
        .size = spool_get_u32(head + 60),
    };
    r.correlation_id = take_text(a, &body, get_u16(head + 54));
    r.content_type = take_text(a, &body, get_u16(head + 56));
    r.context = take_text(a, &body, get_u16(head + 58));
    r.payload = edge_strndup(a, (const char *)body, r.size);
    *ret = r;
    return true;
}
