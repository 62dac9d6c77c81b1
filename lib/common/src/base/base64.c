/* Standard base64 with padding: binary readings, payloads of envelopes. Pure text. */
#include <string.h>

#include "edge/arena.h"
#include "edge/buf.h"
#include "edge/text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Room for so many characters, which encode() fills. */
static size_t encoded_size(size_t n)
{
    return (n + 2) / 3 * 4;
}

static void encode(char *out, const unsigned char *in, size_t n)
{
    for (; n >= 3; n -= 3, in += 3) {
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 0x3u) << 4 | in[1] >> 4];
        *out++ = alphabet[(in[1] & 0xfu) << 2 | in[2] >> 6];
        *out++ = alphabet[in[2] & 0x3f];
    }
    if (n > 0) {
        unsigned second = n == 2 ? in[1] : 0;
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 0x3u) << 4 | second >> 4];
        *out++ = n == 2 ? alphabet[(second & 0xf) << 2] : '=';
        *out = '=';
    }
}

const char *edge_base64_encode(struct edge_arena *a, const void *bytes, size_t n)
{
    char *text = edge_alloc(a, encoded_size(n) + 1, 1);
    encode(text, bytes, n);
    return text;
}

void edge_base64_put(struct edge_buf *out, const void *bytes, size_t n)
{
    encode(edge_buf_room(out, encoded_size(n)), bytes, n);
    out->len += encoded_size(n);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool edge_base64_decode(struct edge_arena *a, const char *s, const void **ret_bytes, size_t *ret_n)
{
    size_t len = strlen(s);
    if (len % 4 != 0) {
        return false;
    }
    size_t padding = 0;
    while (padding < 2 && padding < len && s[len - 1 - padding] == '=') {
        padding++;
    }
    unsigned char *bytes = edge_alloc(a, len / 4 * 3 + 1, 1);
    unsigned char *out = bytes;
    uint32_t group = 0;
    for (size_t i = 0; i < len; i++) {
        int v = i < len - padding ? value_of(s[i]) : 0;
        if (v < 0) {
            return false;
        }
        group = group << 6 | (uint32_t)v;
        if (i % 4 == 3) {
            *out++ = (unsigned char)(group >> 16);
            *out++ = (unsigned char)(group >> 8);
            *out++ = (unsigned char)group;
        }
    }
    *ret_bytes = bytes;
    *ret_n = len / 4 * 3 - padding;
    return true;
}
