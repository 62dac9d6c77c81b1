/** IPv4 addresses a discovery looks at: "192.168.1.0/24, 10.0.0.5-10.0.0.20, 10.0.1.7". A plain struct; no thread, no memory. */
#ifndef DEVSDK_RANGES_H
#define DEVSDK_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DEVSDK_RANGES_MAX = 64, DEVSDK_RANGES_ADDRESSES = 65536 /* in all of them */ };

typedef struct devsdk_ranges {
    struct {
        uint32_t first, last; /* in the host's order */
    } at[DEVSDK_RANGES_MAX];
    unsigned n, i;
    uint32_t next; /* of the i-th, counted from its first */
} devsdk_ranges;

/** Items end with a comma or blanks. Of a network of /30 or larger neither its own address nor that for all. False: @p why
 * (at most @p size bytes) says what is wrong; name the key before it. */
bool devsdk_ranges_parse(const char *text, devsdk_ranges *ret, char *why, size_t size);
/** Of all of them together. */
uint32_t devsdk_ranges_count(const devsdk_ranges *ranges);
/** The next address; false: there are no more. */
bool devsdk_ranges_next(devsdk_ranges *ranges, uint32_t *ret_address);

#ifdef __cplusplus
}
#endif
#endif
