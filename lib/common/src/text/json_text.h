/** Runs of plain text inside JSON strings, eight bytes at a time; for reader and writer. */
#ifndef COMMON_JSON_TEXT_H
#define COMMON_JSON_TEXT_H

#include <stdint.h>
#include <string.h>

/** Nonzero where a byte of @p word is a quote, a backslash, a control character or not ASCII. */
static inline uint64_t json_special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return ((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & highs;
}

/** The first byte from @p s on that cannot stand in a JSON string as it is, or @p end. */
static inline const char *json_plain_end(const char *s, const char *end)
{
    for (uint64_t word; end - s >= 8; s += 8) {
        memcpy(&word, s, 8);
        if (json_special_bytes(word)) {
            break; /* the loop below finds where */
        }
    }
    while (s < end && (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80 && *s != '"' &&
           *s != '\\') {
        s++;
    }
    return s;
}

#endif
