#include "chunks.h"

#include <stdlib.h>
#include <string.h>

bool chunks_announced(const char *head)
{
    static const char line[] = "\r\nTransfer-Encoding: chunked\r\n";
    const char *end = strstr(head, "\r\n\r\n"), *at = strstr(head, line);
    return at && (!end || at < end);
}

long chunks_join(char *body, size_t len)
{
    const char *end = body + len;
    char *at = body, *to = body;
    for (;;) {
        char *behind = at;
        const char *line = memchr(at, '\n', (size_t)(end - at));
        size_t size = line ? strtoul(at, &behind, 16) : 0;
        if (!line || behind == at || behind + 1 != line || *behind != '\r' ||
            (size_t)(end - line) < size + 3) {
            return -1;
        }
        at = (char *)(size_t)(line + 1);
        memmove(to, at, size);
        to += size;
        at += size;
        if (at[0] != '\r' || at[1] != '\n') {
            return -1;
        }
        at += 2;
        if (size == 0) {
            return at == end ? to - body : -1;
        }
    }
}
