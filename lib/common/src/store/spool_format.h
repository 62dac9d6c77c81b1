/**
 * What a spool's files are made of. All numbers are little-endian.
 *
 * Segment, NNNNNNNNNNNNNNNN.seg (its first sequence number in hex): a head, then records without gaps.
 *
 *   head     0 magic "EDGXSEG\0"  8 version u32  12 zero  16 first seq u64  24 zero  28 crc32c of 0..27
 *   record   0 magic "EREC"  4 crc32c of 8..71  8 crc32c of the body  12 body bytes u32  16 seq u64
 *           24 origin ns i64  32 spooled ms i64  40 expires ms i64  48 attempts u32  52 kind u8  53 priority u8
 *           54 bytes of correlation id u16  56 of content type u16  58 of context u16  60 payload bytes u32
 *           64 zero u64; then the body: correlation id, content type, context, payload
 */
#ifndef SPOOL_FORMAT_H
#define SPOOL_FORMAT_H

#include "edge/spool.h"

enum { SEGMENT_HEAD = 32, RECORD_HEAD = 72, FORMAT_VERSION = 1, NO_TEXT = 0xffff };
/* What a file says of numbers from here on is not believed: they would come to their end. */
#define SEQ_LIMIT (UINT64_C(1) << 62)

/** CRC-32C (Castagnoli) of @p n bytes, going on from @p crc (0: the beginning). */
uint32_t spool_crc32c(uint32_t crc, const void *bytes, size_t n);
/** For tests: without the processor's help. */
uint32_t spool_crc32c_by_table(uint32_t crc, const void *bytes, size_t n);

uint32_t spool_get_u32(const unsigned char *at);
uint64_t spool_get_u64(const unsigned char *at);
void spool_put_u32(unsigned char *at, uint32_t v);
void spool_put_u64(unsigned char *at, uint64_t v);

void spool_segment_head_put(unsigned char head[SEGMENT_HEAD], uint64_t first_seq);
/** OK, DAMAGED, UNSUPPORTED (a newer version's). */
enum edge_status spool_segment_head_get(const unsigned char head[SEGMENT_HEAD],
                                        uint64_t *ret_first_seq);

size_t spool_record_size(const struct edge_spool_record *r);
/** Writes spool_record_size() bytes. */
void spool_record_put(unsigned char *to, const struct edge_spool_record *r);
/** The head alone: its seq and the bytes of the body. False where it is none. */
bool spool_record_head_get(const unsigned char *head, uint64_t *ret_seq, size_t *ret_body);
/** The whole, of a head that is sound; texts and payload point into @p bytes' copy in @p a. False where the body is damaged. */
bool spool_record_get(struct edge_arena *a, const unsigned char *head, const unsigned char *body,
                      struct edge_spool_record *ret);

#endif
