#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "modbus_discover.h"

static const char *skip(const char *at)
{
    return at + strspn(at, ", \t");
}

static bool take_address(const char **at, uint32_t *ret)
{
    char text[16];
    struct in_addr addr;
    size_t n = strspn(*at, "0123456789.");
    if (n == 0 || n >= sizeof(text)) {
        return false;
    }
    memcpy(text, *at, n);
    text[n] = '\0';
    if (inet_pton(AF_INET, text, &addr) != 1) {
        return false;
    }
    *ret = ntohl(addr.s_addr);
    *at += n;
    return true;
}

static bool take_number(const char **at, unsigned long most, unsigned long *ret)
{
    size_t n = strspn(*at, "0123456789");
    if (n == 0 || n > 3) {
        return false;
    }
    *ret = strtoul(*at, NULL, 10);
    *at += n;
    return *ret <= most;
}

static bool take_network(const char **at, struct modbus_range *r)
{
    unsigned long bits;
    (*at)++;
    if (!take_number(at, 32, &bits) || bits < 16) {
        return false;
    }
    uint32_t hosts = bits == 32 ? 0 : UINT32_MAX >> bits;
    r->first &= ~hosts;
    r->last = r->first | hosts;
    if (bits < 31) {
        r->first++;
        r->last--;
    }
    return true;
}

static bool take_range(const char **at, struct modbus_range *r)
{
    if (!take_address(at, &r->first)) {
        return false;
    }
    r->last = r->first;
    if (**at == '/') {
        return take_network(at, r);
    }
    if (**at == '-') {
        (*at)++;
        return take_address(at, &r->last) && r->last >= r->first;
    }
    return true;
}

bool modbus_ranges_parse(const char *text, struct modbus_range ret[MODBUS_MOST_RANGES],
                         size_t *ret_n, const char **ret_at)
{
    uint64_t all = 0;
    *ret_n = 0;
    for (const char *at = skip(text); *at; at = skip(at)) {
        *ret_at = at;
        if (*ret_n == MODBUS_MOST_RANGES || !take_range(&at, &ret[*ret_n]) ||
            !strchr(", \t", *at)) {
            return false;
        }
        all += (uint64_t)ret[*ret_n].last - ret[*ret_n].first + 1;
        if (all > MODBUS_MOST_ADDRESSES) {
            return false;
        }
        (*ret_n)++;
    }
    return true;
}

bool modbus_units_parse(const char *text, bool ret[256], const char **ret_at)
{
    bool any = false;
    memset(ret, 0, 256 * sizeof(*ret));
    for (const char *at = skip(text); *at; at = skip(at)) {
        unsigned long first, last;
        *ret_at = at;
        if (!take_number(&at, 255, &first)) {
            return false;
        }
        last = first;
        if (*at == '-') {
            at++;
            if (!take_number(&at, 255, &last)) {
                return false;
            }
        }
        if (last < first || !strchr(", \t", *at)) {
            return false;
        }
        for (unsigned long unit = first; unit <= last; unit++) {
            ret[unit] = any = true;
        }
    }
    *ret_at = any ? *ret_at : text;
    return any;
}
