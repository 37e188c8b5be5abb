/* echo.c - the floor under every HTTP server on this machine: reads a request to the end of its body and answers with a fixed
 * answer of the size asked for. No parsing but the search for the blank line and Content-Length. One thread, epoll.
 *
 *     echo PORT ANSWER_BODY_BYTES
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 4096
#define REQUEST_BYTES 65536

struct peer {
    size_t have;
    char buf[REQUEST_BYTES];
};
static struct peer *peers[MAX_FDS];

static void peer_serve(int ep, int fd, const char *answer, size_t answer_len)
{
    struct peer *p = peers[fd];
    ssize_t n = read(fd, p->buf + p->have, sizeof p->buf - p->have - 1);
    if (n <= 0) {
        epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
        free(p);
        peers[fd] = NULL;
        return;
    }
    p->have += (size_t)n;
    p->buf[p->have] = 0;
    char *end = strstr(p->buf, "\r\n\r\n");
    if (!end)
        return;
    char *length = strcasestr(p->buf, "content-length:");
    size_t want = (size_t)(end + 4 - p->buf) + (length ? strtoul(length + 15, NULL, 10) : 0);
    if (p->have < want)
        return;
    p->have = 0;
    if (write(fd, answer, answer_len) != (ssize_t)answer_len)
        perror("echo: write");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: echo PORT ANSWER_BODY_BYTES\n");
        return 2;
    }
    size_t body = strtoul(argv[2], NULL, 10);
    char *answer = malloc(body + 256);
    int head = snprintf(answer, 256, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body);
    memset(answer + head, 'x', body);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 512)) {
        perror("echo: listen");
        return 1;
    }
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        struct epoll_event evs[64];
        int n = epoll_wait(ep, evs, 64, -1);
        for (int i = 0; i < n; i++) {
            if (evs[i].data.fd != listener) {
                peer_serve(ep, evs[i].data.fd, answer, (size_t)head + body);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0 || fd >= MAX_FDS) {
                if (fd >= 0)
                    close(fd);
                continue;
            }
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            peers[fd] = calloc(1, sizeof **peers);
            struct epoll_event in = {.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(ep, EPOLL_CTL_ADD, fd, &in);
        }
    }
}
