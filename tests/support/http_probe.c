#include "http_probe.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chunks.h"
#include "edge/arena.h"
#include "edge/buf.h"
#include "edge/clock.h"

int http_probe_open(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool http_probe_send(int fd, const void *bytes, size_t n)
{
    const char *from = bytes;
    while (n > 0) {
        ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        from += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool http_probe_text(int fd, const char *text)
{
    return http_probe_send(fd, text, strlen(text));
}

/* Bytes received: > 0; closed: 0; deadline passed: -1. */
static ssize_t receive(int fd, void *to, size_t n, int64_t deadline_ms)
{
    int64_t left = deadline_ms - edge_now_mono_ms();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (left < 0 || poll(&p, 1, (int)left) <= 0) {
        return -1;
    }
    ssize_t got = recv(fd, to, n, 0);
    return got < 0 ? 0 : got;
}

static const char *header_in(struct edge_arena *a, const char *head, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1 + strspn(line + len + 1, " ");
            return edge_strndup(a, value, strcspn(value, "\r"));
        }
    }
    return NULL;
}

/* A line at a time, so that nothing of the next answer is taken. */
static bool read_line(int fd, int64_t deadline_ms, struct edge_buf *out)
{
    char c = '\0';
    while (c != '\n') {
        if (receive(fd, &c, 1, deadline_ms) <= 0) {
            return false;
        }
        edge_buf_putc(out, c);
    }
    return true;
}

static bool read_bytes(int fd, int64_t deadline_ms, struct edge_buf *out, size_t n)
{
    while (n > 0) {
        ssize_t got = receive(fd, edge_buf_room(out, n), n, deadline_ms);
        if (got <= 0) {
            return false;
        }
        out->len += (size_t)got;
        n -= (size_t)got;
    }
    return true;
}

static bool read_chunks(int fd, int64_t deadline_ms, struct edge_buf *out)
{
    size_t size = 1;
    while (size > 0) {
        size_t at = out->len;
        if (!read_line(fd, deadline_ms, out)) {
            return false;
        }
        size = strtoul(edge_buf_str(out) + at, NULL, 16);
        if (!read_bytes(fd, deadline_ms, out, size + 2)) {
            return false;
        }
    }
    return true;
}

static void read_chunked(struct edge_arena *a, int fd, int64_t deadline_ms, struct http_answer *ret)
{
    struct edge_buf raw = EDGE_BUF_INIT;
    long joined = read_chunks(fd, deadline_ms, &raw) ? chunks_join(raw.data, raw.len) : -1;
    if (joined < 0) {
        ret->code = 0;
    } else {
        ret->body = edge_strndup(a, raw.data, (size_t)joined);
        ret->body_size = (size_t)joined;
    }
    edge_buf_done(&raw);
}

/* Byte by byte, so that nothing of the next answer is taken; false where it did not end. */
static bool read_head(int fd, int64_t deadline_ms, struct edge_buf *head, int *ret_code)
{
    char c;
    while (head->len < 4 || memcmp(head->data + head->len - 4, "\r\n\r\n", 4) != 0) {
        ssize_t got = receive(fd, &c, 1, deadline_ms);
        if (got <= 0) {
            *ret_code = got < 0 ? -1 : 0;
            return false;
        }
        edge_buf_putc(head, c);
    }
    *ret_code = (int)strtol(edge_buf_str(head) + strcspn(head->data, " "), NULL, 10);
    return true;
}

void http_probe_read(struct edge_arena *a, int fd, int64_t timeout_ms, struct http_answer *ret)
{
    int64_t deadline_ms = edge_now_mono_ms() + timeout_ms;
    struct edge_buf head = EDGE_BUF_INIT;
    *ret = (struct http_answer){.head = "", .body = ""};
    if (read_head(fd, deadline_ms, &head, &ret->code)) {
        ret->head = edge_strdup(a, edge_buf_str(&head));
        if (chunks_announced(ret->head)) {
            read_chunked(a, fd, deadline_ms, ret);
            edge_buf_done(&head);
            return;
        }
        const char *length = header_in(a, ret->head, "Content-Length");
        size_t size = length ? strtoul(length, NULL, 10) : 0;
        char *body = edge_alloc(a, size + 1, 1);
        while (ret->body_size < size) {
            ssize_t got = receive(fd, body + ret->body_size, size - ret->body_size, deadline_ms);
            if (got <= 0) {
                ret->code = got < 0 ? -1 : 0;
                break;
            }
            ret->body_size += (size_t)got;
        }
        ret->body = body;
    }
    edge_buf_done(&head);
}

bool http_probe_closed(int fd, int64_t timeout_ms)
{
    int64_t deadline_ms = edge_now_mono_ms() + timeout_ms;
    char dropped[1024];
    ssize_t got;
    do {
        got = receive(fd, dropped, sizeof(dropped), deadline_ms);
    } while (got > 0);
    return got == 0;
}

void http_probe_raw(struct edge_arena *a, uint16_t port, const char *request,
                    struct http_answer *ret)
{
    int fd = http_probe_open(port);
    *ret = (struct http_answer){.head = "", .body = ""};
    if (fd >= 0) {
        http_probe_text(fd, request);
        http_probe_read(a, fd, HTTP_PROBE_MS, ret);
        close(fd);
    }
}

void http_probe_ask(struct edge_arena *a, uint16_t port, const char *method, const char *target,
                    const char *headers, const char *body, struct http_answer *ret)
{
    const char *length = body ? edge_printf(a, "Content-Length: %zu\r\n", strlen(body)) : "";
    http_probe_raw(a, port,
                   edge_printf(a, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n%s", method, target,
                               headers ? headers : "", length, body ? body : ""),
                   ret);
}

const char *http_answer_header(struct edge_arena *a, const struct http_answer *answer,
                               const char *name)
{
    return header_in(a, answer->head, name);
}
