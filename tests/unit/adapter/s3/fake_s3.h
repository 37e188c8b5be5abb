/* fake_s3.h - a server of scripted answers, to bring about failures that a healthy S3 server does not show: each request takes the
 * next step of the script. Real servers judge everything else (tests/contract/test_blob_s3.c, tests/e2e/test_s3.py). */
#ifndef INGOT_TESTS_FAKE_S3_H
#define INGOT_TESTS_FAKE_S3_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/s3/call.h"
#include "base/thread.h"
#include "base/time.h"

#define FAKE_STEPS 32

struct fake_step {
    const char *head;   /* "206 Partial Content\r\nContent-Range: bytes 0-9/10"; NULL: the connection is reset instead */
    const char *body;
    size_t cut;         /* the connection closes so many bytes before the body's end */
    bool hang;          /* ... or stays open without them until the peer leaves */
    bool half_head;     /* the connection closes behind `head`, before the blank line */
};
struct fake_s3 {
    int listener, port;
    pthread_t thread;
    const struct fake_step *steps;
    size_t count;
    atomic_size_t taken;
    char heads[FAKE_STEPS][4096]; /* what was asked */
    char bodies[FAKE_STEPS][256]; /* its beginning */
};

/* Reads a head and its body. 0 at the end of the connection. */
static inline size_t fake_request(struct fake_s3 *f, int fd, size_t index)
{
    char *head = f->heads[index];
    size_t n = 0;
    while (n < sizeof f->heads[0] - 1) {
        ssize_t got = recv(fd, head + n, 1, 0);
        if (got <= 0)
            return 0;
        n += (size_t)got;
        head[n] = 0;
        if (n >= 4 && !memcmp(head + n - 4, "\r\n\r\n", 4))
            break;
    }
    const char *length = strcasestr(head, "\r\nContent-Length: ");
    size_t left = length ? strtoul(length + 18, NULL, 10) : 0, kept = 0;
    while (left) {
        char piece[65536];
        ssize_t got = recv(fd, piece, left < sizeof piece ? left : sizeof piece, 0);
        if (got <= 0)
            return 0;
        for (ssize_t i = 0; i < got && kept < sizeof f->bodies[0] - 1; i++)
            f->bodies[index][kept++] = piece[i];
        left -= (size_t)got;
    }
    return n;
}

/* False: the connection is over. */
static inline bool fake_answer(int fd, const struct fake_step *s, bool head_only)
{
    if (!s->head) {
        struct linger rst = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
        return false;
    }
    size_t len = s->body ? strlen(s->body) : 0;
    char head[2048];
    int n = s->half_head ? snprintf(head, sizeof head, "HTTP/1.1 %s\r\n", s->head)
                         : snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", s->head, len);
    if (send(fd, head, (size_t)n, MSG_NOSIGNAL) < 0 || s->half_head)
        return false;
    if (!head_only && len > s->cut && send(fd, s->body, len - s->cut, MSG_NOSIGNAL) < 0)
        return false;
    char c;
    if (s->hang)
        return recv(fd, &c, 1, 0) > 0 && false;
    return s->cut == 0;
}

static inline void *fake_main(void *arg)
{
    struct fake_s3 *f = arg;
    for (;;) {
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        for (;;) {
            size_t index = atomic_load(&f->taken);
            if (index >= f->count || !fake_request(f, fd, index))
                break;
            atomic_fetch_add(&f->taken, 1);
            if (!fake_answer(fd, &f->steps[index], !strncmp(f->heads[index], "HEAD ", 5)))
                break;
        }
        close(fd);
    }
}

static inline void fake_start(struct fake_s3 *f, const struct fake_step *steps, size_t count)
{
    memset(f, 0, sizeof *f);
    f->steps = steps;
    f->count = count;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    if (bind(f->listener, (struct sockaddr *)&at, sizeof at) || listen(f->listener, 8) || getsockname(f->listener, (struct sockaddr *)&at, &len))
        abort();
    f->port = ntohs(at.sin_port);
    f->thread = thread_start("fake-s3", fake_main, f);
}

/* The client is gone already: its connections are closed. */
static inline void fake_stop(struct fake_s3 *f)
{
    shutdown(f->listener, SHUT_RDWR);
    thread_join(f->thread);
    close(f->listener);
}

static inline struct s3_config fake_config(struct op *op, const struct fake_s3 *f)
{
    return (struct s3_config){.bucket = STR("box"), .prefix = STR("p/"), .scheme = STR("http"), .region = STR("r"), .path_style = true,
                              .host = str_from(op_printf(op, "127.0.0.1:%d", f->port)), .key_id = STR("the-id"), .secret = STR("the-secret"),
                              .session_token = STR("the-token"), .ca_path = STR(""), .stall_s = 1};
}

#endif
