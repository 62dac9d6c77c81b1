#include "devsdk/ranges.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM = 64, PREFIX_MAX = 32, HOSTS_PREFIX = 30 };

static bool take_address(const char *text, uint32_t *ret)
{
    struct in_addr in;
    bool taken = inet_pton(AF_INET, text, &in) == 1;
    *ret = taken ? ntohl(in.s_addr) : 0;
    return taken;
}

static bool take_network(const char *address, const char *prefix, uint32_t *ret_first,
                         uint32_t *ret_last)
{
    char *end;
    unsigned long bits = strtoul(prefix, &end, 10);
    uint32_t in;
    if (end == prefix || *end || bits > PREFIX_MAX || !take_address(address, &in)) {
        return false;
    }
    uint32_t mask = bits == 0 ? 0 : UINT32_MAX << (PREFIX_MAX - bits);
    *ret_first = in & mask;
    *ret_last = in | ~mask;
    if (bits <= HOSTS_PREFIX) {
        ++*ret_first;
        --*ret_last;
    }
    return true;
}

/* "a", "a/n" or "a-b", which is cut in two meanwhile. */
static bool take_item(char *item, uint32_t *ret_first, uint32_t *ret_last)
{
    char *slash = strchr(item, '/'), *dash = strchr(item, '-');
    if (slash) {
        *slash = '\0';
        return take_network(item, slash + 1, ret_first, ret_last);
    }
    if (dash) {
        *dash = '\0';
    }
    return take_address(item, ret_first) && take_address(dash ? dash + 1 : item, ret_last);
}

static bool add(devsdk_ranges *ret, const char *text, size_t n, char *why, size_t size)
{
    char item[ITEM];
    uint32_t first, last;
    snprintf(item, sizeof(item), "%.*s", (int)(n < ITEM ? n : 0), text);
    if (!take_item(item, &first, &last) || last < first) {
        snprintf(why, size, "'%.*s' is no IPv4 address, a/n or a-b", (int)(n < ITEM ? n : ITEM),
                 text);
        return false;
    }
    if (ret->n == DEVSDK_RANGES_MAX ||
        (uint64_t)last - first + devsdk_ranges_count(ret) >= DEVSDK_RANGES_ADDRESSES) {
        snprintf(why, size, "more than %d ranges, or %d addresses", DEVSDK_RANGES_MAX,
                 DEVSDK_RANGES_ADDRESSES);
        return false;
    }
    ret->at[ret->n].first = first;
    ret->at[ret->n++].last = last;
    return true;
}

bool devsdk_ranges_parse(const char *text, devsdk_ranges *ret, char *why, size_t size)
{
    static const char separators[] = ", \t\n";
    *ret = (devsdk_ranges){0};
    for (const char *c = text + strspn(text, separators); *c; c += strspn(c, separators)) {
        size_t n = strcspn(c, separators);
        if (!add(ret, c, n, why, size)) {
            return false;
        }
        c += n;
    }
    return true;
}

uint32_t devsdk_ranges_count(const devsdk_ranges *ranges)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < ranges->n; i++) {
        count += ranges->at[i].last - ranges->at[i].first + 1;
    }
    return count;
}

bool devsdk_ranges_next(devsdk_ranges *ranges, uint32_t *ret_address)
{
    if (ranges->i == ranges->n) {
        return false;
    }
    *ret_address = ranges->at[ranges->i].first + ranges->next++;
    if (*ret_address == ranges->at[ranges->i].last) {
        ranges->i++;
        ranges->next = 0;
    }
    return true;
}
