/* load.c - a closed-loop HTTP/1.1 load generator on epoll: C connections, each sends one prepared request, waits for the whole
 * answer, and sends it again. Prints one JSON line: rate, latency quantiles, errors, and the CPU time that the server process
 * (--pid) used per request. One thread, so that on two cores the server has the other one.
 *
 *     load --port 5000 --pid 123 --connections 16 --seconds 5 --request request.bin
 *
 * The request file holds the raw bytes. Every "@@N@@" in it is replaced by a number of ten digits that counts up (so that each
 * request can differ). Answers must have a Content-Length. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define MAX_REQUEST (1 << 20)
#define MAX_SAMPLES (1 << 23)
#define ANSWER_BYTES (1 << 20)
#define COUNTER_DIGITS 10
#define MARKER_BYTES 5 /* "@@N@@" */
#define MAX_MARKERS 1024

struct connection {
    int fd;
    int64_t sent_ns;
    size_t have, want; /* bytes of the answer; want 0: head not complete */
    bool bad;
    char *buf;
};
struct plan {
    int port, pid, connections;
    double seconds;
    char *request;
    size_t request_len;
    char *counters[MAX_MARKERS]; /* where the digits go */
    size_t counter_count;
    uint64_t next;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* User + system time of a process in microseconds, and its resident set in KiB. */
static double process_cpu_us(int pid, long *ret_rss_kib)
{
    char path[64], text[2048];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(text, sizeof text, f))
        die(path);
    fclose(f);
    char *p = strrchr(text, ')');
    unsigned long utime = 0, stime = 0;
    long rss = 0;
    if (!p || sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld", &utime, &stime, &rss) != 3)
        die("parse stat");
    *ret_rss_kib = rss * (sysconf(_SC_PAGESIZE) / 1024);
    return (double)(utime + stime) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static void request_load(struct plan *p, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    p->request = malloc(MAX_REQUEST);
    p->request_len = fread(p->request, 1, MAX_REQUEST, f);
    fclose(f);
    for (size_t i = 0; i + MARKER_BYTES <= p->request_len; i++)
        if (!memcmp(p->request + i, "@@N@@", MARKER_BYTES)) {
            /* The marker is five bytes, the number ten: the tail moves, and the file's Content-Length counts the ten. */
            memmove(p->request + i + COUNTER_DIGITS, p->request + i + MARKER_BYTES, p->request_len - i - MARKER_BYTES);
            p->request_len += COUNTER_DIGITS - MARKER_BYTES;
            if (p->counter_count == MAX_MARKERS || p->request_len > MAX_REQUEST - COUNTER_DIGITS)
                die("too many markers");
            p->counters[p->counter_count++] = p->request + i;
        }
}

static void request_send(struct plan *p, struct connection *c)
{
    if (p->counter_count) {
        char digits[COUNTER_DIGITS + 1];
        snprintf(digits, sizeof digits, "%010llu", 1000000000ULL + (unsigned long long)(p->next++ % 1000000000ULL));
        for (size_t i = 0; i < p->counter_count; i++)
            memcpy(p->counters[i], digits, COUNTER_DIGITS);
    }
    c->have = c->want = 0;
    c->sent_ns = now_ns();
    for (size_t off = 0; off < p->request_len;) {
        ssize_t n = send(c->fd, p->request + off, p->request_len - off, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            die("send");
        off += n > 0 ? (size_t)n : 0;
    }
}

/* True when the whole answer is here. */
static bool answer_read(struct connection *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, c->buf + c->have, ANSWER_BYTES - c->have - 1, 0);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            die("the server closed a connection");
        c->have += (size_t)n;
        c->buf[c->have] = 0;
        if (!c->want) {
            char *end = strstr(c->buf, "\r\n\r\n");
            if (!end)
                continue;
            char *length = strcasestr(c->buf, "\r\ncontent-length:");
            if (!length || length > end)
                die("an answer without Content-Length");
            c->want = (size_t)(end + 4 - c->buf) + strtoul(length + 17, NULL, 10);
            c->bad = strncmp(c->buf, "HTTP/1.1 200", 12) != 0;
        }
        if (c->have >= c->want)
            return true;
    }
}

static int connect_one(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run(struct plan *p)
{
    static struct connection conns[MAX_CONNECTIONS];
    uint32_t *samples = malloc(MAX_SAMPLES * sizeof *samples);
    uint64_t done = 0, bad = 0;
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < p->connections; i++) {
        conns[i] = (struct connection){.fd = connect_one(p->port), .buf = malloc(ANSWER_BYTES)};
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
    }
    long rss = 0;
    double cpu = p->pid ? process_cpu_us(p->pid, &rss) : 0;
    int64_t start = now_ns(), stop = start + (int64_t)(p->seconds * 1e9);
    for (int i = 0; i < p->connections; i++)
        request_send(p, &conns[i]);
    int open = p->connections;
    while (open > 0) {
        struct epoll_event evs[64];
        int n = epoll_wait(ep, evs, 64, 10000);
        if (n <= 0)
            die("no answer for ten seconds");
        for (int i = 0; i < n; i++) {
            struct connection *c = evs[i].data.ptr;
            if (!answer_read(c))
                continue;
            int64_t t = now_ns();
            samples[done % MAX_SAMPLES] = (uint32_t)((t - c->sent_ns) / 100);
            done++;
            bad += c->bad;
            if (t < stop)
                request_send(p, c);
            else
                open--;
        }
    }
    double wall = (double)(now_ns() - start) / 1e9;
    cpu = p->pid ? process_cpu_us(p->pid, &rss) - cpu : 0;
    size_t n = done < MAX_SAMPLES ? done : MAX_SAMPLES;
    qsort(samples, n, sizeof *samples, compare_u32);
    printf("{\"requests\": %llu, \"bad\": %llu, \"per_second\": %.0f, \"server_cpu_us\": %.2f, \"rss_kib\": %ld, \"p50_us\": %.1f, \"p95_us\": %.1f, \"p99_us\": %.1f}\n",
           (unsigned long long)done, (unsigned long long)bad, (double)done / wall, cpu / (double)done, rss, samples[n / 2] / 10.0, samples[n * 95 / 100] / 10.0,
           samples[n * 99 / 100] / 10.0);
}

int main(int argc, char **argv)
{
    struct plan p = {.connections = 1, .seconds = 5};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port"))
            p.port = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--pid"))
            p.pid = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--connections"))
            p.connections = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--seconds"))
            p.seconds = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--request"))
            request_load(&p, argv[i + 1]);
    }
    if (!p.port || !p.request || p.connections < 1 || p.connections > MAX_CONNECTIONS) {
        fprintf(stderr, "usage: load --port N --request FILE [--pid N] [--connections N] [--seconds S]\n");
        return 2;
    }
    run(&p);
    return 0;
}
