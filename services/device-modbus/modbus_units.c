#include <stdlib.h>
#include <string.h>

#include "modbus_discover.h"

static const char *skip(const char *at)
{
    return at + strspn(at, ", \t");
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
