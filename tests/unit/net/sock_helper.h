/* sock_helper.h - plain blocking sockets for tests of the real server. */
#ifndef INGOT_TESTS_NET_SOCK_HELPER_H
#define INGOT_TESTS_NET_SOCK_HELPER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"

/* A connection to 127.0.0.1 whose reads and writes give up after 10 s; -1 with errno. */
static inline int sock_connect(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct timeval tv = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    int keep = errno;
    close(fd);
    errno = keep;
    return -1;
}

static inline bool sock_send(int fd, const void *p, size_t n)
{
    const char *from = p;
    while (n > 0) {
        ssize_t k = send(fd, from, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        from += k;
        n -= (size_t)k;
    }
    return true;
}

static inline bool sock_puts(int fd, const char *text)
{
    return sock_send(fd, text, strlen(text));
}

/* Reads until the peer closes, or `until` was seen (NULL: only the close). True if that happened. */
static inline bool sock_read_until(int fd, const char *until, struct buf *b)
{
    for (;;) {
        if (until && b->len && str_find(buf_str(b), str_from(until)) != SIZE_MAX)
            return true;
        char piece[32768];
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n == 0)
            return until == NULL;
        if (n < 0)
            return false;
        buf_add(b, piece, (size_t)n);
    }
}

/* The peer closes within `ms`; what it sent before is dropped. */
static inline bool sock_closed_within(int fd, int ms)
{
    int64_t end = time_mono_ms() + ms;
    char piece[4096];
    struct timeval tv = {.tv_usec = 20000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    while (time_mono_ms() < end) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
            return true;
    }
    return false;
}

#endif
