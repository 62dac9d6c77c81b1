#include "channel.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "edge/buf.h"

static int dial(const char *address, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address), .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool channel_open(struct channel *c, const char *address, uint16_t port, const char *ca_file)
{
    *c = (struct channel){.fd = dial(address, port)};
    if (c->fd < 0 || !ca_file) {
        return c->fd >= 0;
    }
    c->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
    c->ssl = SSL_new(c->context);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set1_host(c->ssl, "localhost");
    if (SSL_CTX_load_verify_file(c->context, ca_file) != 1 || SSL_connect(c->ssl) != 1) {
        channel_close(c);
        return false;
    }
    return true;
}

bool channel_send(struct channel *c, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent =
            c->ssl ? SSL_write(c->ssl, data, (int)n) : send(c->fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

void channel_receive_all(struct channel *c, struct edge_buf *in)
{
    enum { PIECE = 65536 };
    ssize_t got = 1;
    while (got > 0) {
        char *room = edge_buf_room(in, PIECE);
        got = c->ssl ? SSL_read(c->ssl, room, PIECE) : recv(c->fd, room, PIECE, 0);
        in->len += got > 0 ? (size_t)got : 0;
    }
}

long channel_serial(const struct channel *c)
{
    X509 *x = c->ssl ? SSL_get1_peer_certificate(c->ssl) : NULL;
    long serial = x ? ASN1_INTEGER_get(X509_get_serialNumber(x)) : 0;
    X509_free(x);
    return serial;
}

void channel_close(struct channel *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    ERR_clear_error();
    close(c->fd);
    c->fd = -1;
}
