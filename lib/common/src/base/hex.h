/** One hex digit; shared by the escapes of JSON and of paths, and by UUIDs. */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

/** 0 to 15, or -1 where @p c is no hex digit. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
