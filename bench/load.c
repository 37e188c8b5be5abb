/* load.c - an HTTP/1.1 load generator on epoll. C connections send prepared requests. Closed loop: each waits for the whole answer and
 * sends the next. Open loop (--rate R): requests fall due at the times of a Poisson process, whatever the server does; one that
 * finds no free connection waits here, and its latency counts from when it was due (no coordinated omission). Prints one JSON line: rate,
 * latency quantiles (p99_window_us: the median of the 99th percentiles of each tenth of a second), errors, and the CPU time that the
 * server process (--pid) used per request. One thread, so that on two cores the server has the other one.
 *
 *     load --port 5000 --pid 123 --connections 16 --seconds 5 --request request.bin [--request more.bin ...] [--rate 1000]
 *
 * --beside FILE --beside-rate R: on a connection of its own another request is sent R times a second, each after the last one was
 * answered; it is counted apart ("beside"). So a disturbance needs no other process, which would disturb by itself.
 *
 * A request file holds the raw bytes. Every "@@N@@" in it is replaced by a number of ten digits that counts up (so that each
 * request can differ). Of several files the k-th is sent with a weight of 1/k (Zipf). Answers must have a Content-Length. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
#define MAX_REQUEST (8 << 20)
#define MAX_SAMPLES (1 << 23)
#define ANSWER_BYTES (8 << 20)
#define COUNTER_DIGITS 10
#define MARKER_BYTES 5 /* "@@N@@" */
#define MAX_MARKERS 1024
#define MAX_REQUESTS 1024
#define MAX_WAITING (1 << 16)
#define PATIENCE_NS 10000000000 /* without any answer */
#define WINDOW_NS 100000000
#define MAX_WINDOWS 4096

struct connection {
    int fd;
    int64_t sent_ns;
    size_t have, want; /* bytes of the answer; want 0: head not complete */
    bool bad;
    char *buf;
};
struct request {
    char *bytes;
    size_t len;
    char **counters; /* where the digits go */
    size_t counter_count;
};
struct plan {
    int port, pid, connections;
    double seconds, rate; /* rate 0: closed loop */
    struct request *requests, beside;
    double beside_rate; /* 0: nothing is sent beside */
    double *cumulative; /* of the requests' weights */
    size_t request_count;
    uint64_t next, random;
};
struct waiting { /* due, and no connection was free */
    int64_t *due_ns;
    size_t head, len;
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
    if (!p ||
        sscanf(p + 2,
               "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &utime, &stime, &rss) != 3)
        die("parse stat");
    *ret_rss_kib = rss * (sysconf(_SC_PAGESIZE) / 1024);
    return (double)(utime + stime) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static void request_read(struct request *r, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f), room = size + MAX_MARKERS * COUNTER_DIGITS;
    rewind(f);
    if (size > MAX_REQUEST)
        die("too large a request");
    *r = (struct request){.bytes = malloc(room), .counters = malloc(MAX_MARKERS * sizeof(char *))};
    r->len = fread(r->bytes, 1, size, f);
    fclose(f);
    for (size_t i = 0; i + MARKER_BYTES <= r->len; i++)
        if (!memcmp(r->bytes + i, "@@N@@", MARKER_BYTES)) {
            /* The marker is five bytes, the number ten: the tail moves, and the file's Content-Length counts the ten. */
            if (r->counter_count == MAX_MARKERS)
                die("too many markers");
            memmove(r->bytes + i + COUNTER_DIGITS, r->bytes + i + MARKER_BYTES, r->len - i - MARKER_BYTES);
            r->len += COUNTER_DIGITS - MARKER_BYTES;
            r->counters[r->counter_count++] = r->bytes + i;
        }
}

static void request_load(struct plan *p, const char *path)
{
    if (p->request_count == MAX_REQUESTS)
        die("too many requests");
    request_read(&p->requests[p->request_count], path);
    double before = p->request_count ? p->cumulative[p->request_count - 1] : 0;
    p->cumulative[p->request_count] = before + 1.0 / (double)(p->request_count + 1);
    p->request_count++;
}

/* Uniform in (0, 1): splitmix64. */
static double random_unit(struct plan *p)
{
    uint64_t z = p->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static struct request *request_choose(struct plan *p)
{
    if (p->request_count == 1)
        return p->requests;
    double at = random_unit(p) * p->cumulative[p->request_count - 1];
    size_t low = 0, high = p->request_count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->cumulative[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return &p->requests[low];
}

static void request_send_one(struct plan *p, struct request *r, struct connection *c, int64_t due_ns)
{
    if (r->counter_count) {
        char digits[COUNTER_DIGITS + 1];
        snprintf(digits, sizeof digits, "%010llu",
                 1000000000ULL + (unsigned long long)(p->next++ % 1000000000ULL));
        for (size_t i = 0; i < r->counter_count; i++)
            memcpy(r->counters[i], digits, COUNTER_DIGITS);
    }
    c->have = c->want = 0;
    c->sent_ns = due_ns;
    for (size_t off = 0; off < r->len;) {
        ssize_t n = send(c->fd, r->bytes + off, r->len - off, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            die("send");
        off += n > 0 ? (size_t)n : 0;
    }
}

static void request_send(struct plan *p, struct connection *c, int64_t due_ns)
{
    request_send_one(p, request_choose(p), c, due_ns);
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
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
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

struct run {
    struct plan *p;
    struct connection conns[MAX_CONNECTIONS];
    struct connection *idle[MAX_CONNECTIONS]; /* a ring: each has its turn, so none rests until the server closes it */
    size_t idle_head, idle_count;
    struct waiting waiting;
    int ep;
    struct connection beside;
    bool beside_busy;
    int64_t beside_due_ns, beside_spent_ns;
    uint64_t beside_done, beside_bad;
    int64_t next_due_ns, stop_ns;
    uint32_t *samples; /* tenths of microseconds */
    uint64_t done, bad, dropped;
    size_t waiting_most;
    size_t window_ends[MAX_WINDOWS], window_count; /* samples up to each end of a window */
    int64_t window_end_ns;
};

static void idle_put(struct run *r, struct connection *c)
{
    r->idle[(r->idle_head + r->idle_count++) % MAX_CONNECTIONS] = c;
}

static struct connection *idle_take(struct run *r)
{
    struct connection *c = r->idle[r->idle_head];
    r->idle_head = (r->idle_head + 1) % MAX_CONNECTIONS;
    r->idle_count--;
    return c;
}

static void connection_open(struct run *r, struct connection *c)
{
    *c = (struct connection){.fd = connect_one(r->p->port), .buf = malloc(ANSWER_BYTES)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(r->ep, EPOLL_CTL_ADD, c->fd, &ev);
}

static void run_open(struct run *r)
{
    r->ep = epoll_create1(EPOLL_CLOEXEC);
    r->samples = malloc(MAX_SAMPLES * sizeof *r->samples);
    r->waiting.due_ns = malloc(MAX_WAITING * sizeof(int64_t));
    for (int i = 0; i < r->p->connections; i++) {
        connection_open(r, &r->conns[i]);
        idle_put(r, &r->conns[i]);
    }
    if (r->p->beside_rate > 0)
        connection_open(r, &r->beside);
}

/* Sends the other request when it is due and the last one is over. */
static void beside_send(struct run *r)
{
    int64_t now = now_ns();
    if (r->p->beside_rate <= 0 || r->beside_busy || now < r->beside_due_ns || now >= r->stop_ns)
        return;
    r->beside_due_ns = now + (int64_t)(1e9 / r->p->beside_rate);
    r->beside_busy = true;
    request_send_one(r->p, &r->p->beside, &r->beside, now);
}

static void beside_take(struct run *r)
{
    if (!answer_read(&r->beside))
        return;
    r->beside_busy = false;
    r->beside_done++;
    r->beside_bad += r->beside.bad;
    r->beside_spent_ns += now_ns() - r->beside.sent_ns;
}

/* Open loop: what fell due goes out, or waits. */
static void due_send(struct run *r)
{
    struct waiting *w = &r->waiting;
    for (int64_t now = now_ns(); r->next_due_ns <= now && r->next_due_ns < r->stop_ns;) {
        if (w->len == MAX_WAITING)
            r->dropped++;
        else
            w->due_ns[(w->head + w->len++) % MAX_WAITING] = r->next_due_ns;
        r->next_due_ns += (int64_t)(-log(random_unit(r->p)) * 1e9 / r->p->rate);
    }
    if (w->len > r->waiting_most)
        r->waiting_most = w->len;
    for (; w->len && r->idle_count; w->len--, w->head = (w->head + 1) % MAX_WAITING)
        request_send(r->p, idle_take(r), w->due_ns[w->head]);
}

/* How long epoll may wait: until the next request is due, or the end. */
static struct timespec wait_time(const struct run *r)
{
    int64_t ns = PATIENCE_NS;
    if (r->p->rate > 0) {
        int64_t until = r->next_due_ns < r->stop_ns ? r->next_due_ns : r->stop_ns, now = now_ns();
        if (r->p->beside_rate > 0 && !r->beside_busy && r->beside_due_ns < until)
            until = r->beside_due_ns;
        if (until > now)
            ns = until - now;
        else if (r->next_due_ns < r->stop_ns)
            ns = 0;
    }
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

/* Where the answers of one window of time end among the samples. */
static void window_note(struct run *r, int64_t now)
{
    for (; now >= r->window_end_ns && r->window_count < MAX_WINDOWS && r->done < MAX_SAMPLES; r->window_end_ns += WINDOW_NS)
        r->window_ends[r->window_count++] = r->done;
}

static void answers_take(struct run *r)
{
    struct epoll_event evs[64];
    struct timespec wait = wait_time(r);
    int n = epoll_pwait2(r->ep, evs, 64, &wait, NULL);
    if (n < 0 || (!n && wait.tv_sec >= PATIENCE_NS / 1000000000))
        die("no answer for ten seconds");
    for (int i = 0; i < n; i++) {
        struct connection *c = evs[i].data.ptr;
        if (c == &r->beside) {
            beside_take(r);
            continue;
        }
        if (!answer_read(c))
            continue;
        int64_t t = now_ns();
        window_note(r, t);
        r->samples[r->done++ % MAX_SAMPLES] = (uint32_t)((t - c->sent_ns) / 100);
        r->bad += c->bad;
        if (r->p->rate > 0 || t >= r->stop_ns)
            idle_put(r, c);
        else
            request_send(r->p, c, t);
    }
}

static double quantile(const struct run *r, size_t n, double q)
{
    size_t at = (size_t)((double)n * q);
    return n ? r->samples[at < n ? at : n - 1] / 10.0 : 0;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median over the windows of each one's 99th percentile: what most of the time looks like on a machine that now and then takes a processor away for
 * milliseconds. Sorts the samples within their windows. */
static double p99_of_windows(struct run *r)
{
    static double of[MAX_WINDOWS];
    size_t n = 0, from = 0;
    for (size_t i = 0; i < r->window_count; from = r->window_ends[i++]) {
        size_t len = r->window_ends[i] - from;
        qsort(r->samples + from, len, sizeof *r->samples, compare_u32);
        if (len)
            of[n++] = r->samples[from + len * 99 / 100] / 10.0;
    }
    qsort(of, n, sizeof *of, compare_double);
    return n ? of[n / 2] : 0;
}

static void run(struct plan *p)
{
    static struct run r;
    r.p = p;
    run_open(&r);
    long rss = 0;
    double cpu = p->pid ? process_cpu_us(p->pid, &rss) : 0;
    int64_t start = now_ns();
    r.next_due_ns = r.beside_due_ns = start;
    r.stop_ns = start + (int64_t)(p->seconds * 1e9);
    r.window_end_ns = start + WINDOW_NS;
    while (p->rate <= 0 && r.idle_count)
        request_send(p, idle_take(&r), now_ns());
    while (r.idle_count < (size_t)p->connections || r.beside_busy ||
           (p->rate > 0 && (r.waiting.len || now_ns() < r.stop_ns))) {
        if (p->rate > 0)
            due_send(&r);
        beside_send(&r);
        answers_take(&r);
    }
    double wall = (double)(now_ns() - start) / 1e9;
    cpu = p->pid ? process_cpu_us(p->pid, &rss) - cpu : 0;
    size_t n = r.done < MAX_SAMPLES ? r.done : MAX_SAMPLES;
    double windows = p99_of_windows(&r);
    qsort(r.samples, n, sizeof *r.samples, compare_u32);
    printf("{\"requests\": %llu, \"bad\": %llu, \"dropped\": %llu, \"waiting_most\": %zu, \"per_second\": "
           "%.0f, \"server_cpu_us\": %.2f, \"rss_kib\": %ld, ",
           (unsigned long long)r.done, (unsigned long long)r.bad, (unsigned long long)r.dropped,
           r.waiting_most, (double)r.done / wall, cpu / (double)(r.done ? r.done : 1), rss);
    printf("\"beside\": %llu, \"beside_bad\": %llu, \"beside_us\": %.0f, ", (unsigned long long)r.beside_done,
           (unsigned long long)r.beside_bad, (double)r.beside_spent_ns / 1e3 / (double)(r.beside_done ? r.beside_done : 1));
    printf("\"p50_us\": %.1f, \"p95_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"p99_window_us\": %.1f}\n",
           quantile(&r, n, 0.5), quantile(&r, n, 0.95), quantile(&r, n, 0.99), quantile(&r, n, 0.999),
           quantile(&r, n, 1), windows);
}

int main(int argc, char **argv)
{
    struct plan p = {.connections = 1, .seconds = 5, .random = 1};
    p.requests = calloc(MAX_REQUESTS, sizeof *p.requests);
    p.cumulative = calloc(MAX_REQUESTS, sizeof *p.cumulative);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port"))
            p.port = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--pid"))
            p.pid = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--connections"))
            p.connections = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--seconds"))
            p.seconds = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--rate"))
            p.rate = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--request"))
            request_load(&p, argv[i + 1]);
        else if (!strcmp(argv[i], "--beside"))
            request_read(&p.beside, argv[i + 1]);
        else if (!strcmp(argv[i], "--beside-rate"))
            p.beside_rate = strtod(argv[i + 1], NULL);
    }
    if (!p.port || !p.request_count || (p.beside_rate > 0 && !p.beside.len) || p.connections < 1 || p.connections > MAX_CONNECTIONS) {
        fprintf(
            stderr,
            "usage: load --port N --request FILE... [--pid N] [--connections N] [--seconds S] [--rate R] [--beside FILE --beside-rate R]\n");
        return 2;
    }
    run(&p);
    return 0;
}
