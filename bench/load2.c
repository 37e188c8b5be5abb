/* load2.c - a closed-loop HTTP/2 load generator on epoll, the twin of load.c: C connections with S streams each; every stream
 * sends the prepared request, waits for the whole answer, and is followed by the next. Prints one JSON line: rate, latency
 * quantiles, errors, and the CPU time that the server process (--pid) used per request. One thread.
 *
 *     load2 --port 5000 --pid 123 --connections 4 --streams 16 --seconds 5 --path /x [--method POST] [--body FILE]
 *           [--header "name: value"]...
 *
 * Framing is done here by hand (RFC 9113, 7541): fields go into the peer's table with the first request of a connection and are
 * one or two bytes each from then on, as real clients have it. Of an answer only the status (200 or not) and the end are looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define MAX_STREAMS 256
#define MAX_FIELDS 32
#define MAX_BODY (4u << 20)
#define MAX_SAMPLES (1 << 23)
#define IN_BYTES (1 << 17)
#define FRAME_MAX 16384u
#define WINDOW_STEP (1u << 20)

enum { DATA = 0, HEADERS = 1, RST = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW = 8, ACK = 1, END_STREAM = 1, END_HEADERS = 4 };

struct stream {
    uint32_t id;
    int64_t sent_ns;
    size_t unsent;       /* bytes of the body that wait for a window */
    int64_t window;
    bool open, seen, bad;
};
struct connection {
    int fd, ep;
    uint32_t next_id;
    bool introduced;     /* the fields are in the peer's table */
    bool want_write;
    int64_t window, first_window;
    uint64_t taken;      /* DATA bytes since the last window update */
    size_t have, out_len, out_off, out_cap;
    char *in, *out;
    struct stream streams[MAX_STREAMS];
    int open;
};
struct plan {
    int port, pid, connections, streams;
    double seconds;
    const char *names[MAX_FIELDS], *values[MAX_FIELDS];
    int fields;
    char *body;
    size_t body_len;
};
static struct plan plan = {.connections = 1, .streams = 1, .seconds = 5};
static uint32_t *samples;
static uint64_t done, bad;
static int64_t stop_ns;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load2: %s: %s\n", what, strerror(errno));
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

static uint32_t u32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static char *room(struct connection *c, size_t n)
{
    if (c->out_len + n > c->out_cap) {
        c->out_cap = (c->out_len + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out)
            die("memory");
    }
    return c->out + c->out_len;
}

static void frame(struct connection *c, int type, int flags, uint32_t id, const void *p, size_t n)
{
    char *o = room(c, n + 9);
    o[0] = (char)(n >> 16), o[1] = (char)(n >> 8), o[2] = (char)n, o[3] = (char)type, o[4] = (char)flags;
    o[5] = (char)(id >> 24), o[6] = (char)(id >> 16), o[7] = (char)(id >> 8), o[8] = (char)id;
    if (n)
        memcpy(o + 9, p, n);
    c->out_len += n + 9;
}

static void frame_u32(struct connection *c, int type, uint32_t id, uint32_t v)
{
    char p[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    frame(c, type, 0, id, p, 4);
}

static size_t put_text(char *p, const char *s)
{
    size_t n = strlen(s), at = 0;
    if (n < 127) {
        p[at++] = (char)n;
    } else { /* two bytes: enough for 254 */
        p[at++] = 127;
        p[at++] = (char)(n - 127);
    }
    memcpy(p + at, s, n);
    return at + n;
}

static size_t header_block(struct connection *c, char *p)
{
    size_t n = 0;
    for (int i = 0; i < plan.fields; i++) {
        if (c->introduced) {
            p[n++] = (char)(0x80 | (62 + plan.fields - 1 - i));
            continue;
        }
        p[n++] = 0x40;
        n += put_text(p + n, plan.names[i]);
        n += put_text(p + n, plan.values[i]);
    }
    c->introduced = true;
    return n;
}

static void body_send(struct connection *c, struct stream *s)
{
    while (s->unsent > 0 && s->window > 0 && c->window > 0) {
        size_t n = s->unsent < FRAME_MAX ? s->unsent : FRAME_MAX;
        n = (int64_t)n > s->window ? (size_t)s->window : n;
        n = (int64_t)n > c->window ? (size_t)c->window : n;
        frame(c, DATA, n == s->unsent ? END_STREAM : 0, s->id, plan.body + plan.body_len - s->unsent, n);
        s->unsent -= n;
        s->window -= (int64_t)n;
        c->window -= (int64_t)n;
    }
}

static void request_send(struct connection *c, struct stream *s)
{
    static char block[16384];
    *s = (struct stream){.id = c->next_id, .sent_ns = now_ns(), .open = true, .unsent = plan.body_len, .window = c->first_window};
    c->next_id += 2;
    c->open++;
    frame(c, HEADERS, END_HEADERS | (plan.body_len ? 0 : END_STREAM), s->id, block, header_block(c, block));
    body_send(c, s);
}

static void flush(struct connection *c)
{
    while (c->out_off < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            die("send");
        if (n < 0)
            break;
        c->out_off += (size_t)n;
    }
    bool want = c->out_off < c->out_len;
    if (!want)
        c->out_off = c->out_len = 0;
    if (want != c->want_write) {
        struct epoll_event ev = {.events = EPOLLIN | (want ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(c->ep, EPOLL_CTL_MOD, c->fd, &ev);
        c->want_write = want;
    }
}

static void stream_over(struct connection *c, struct stream *s)
{
    int64_t t = now_ns();
    samples[done % MAX_SAMPLES] = (uint32_t)((t - s->sent_ns) / 100);
    done++;
    bad += s->bad;
    s->open = false;
    c->open--;
    if (t < stop_ns)
        request_send(c, s);
}

static struct stream *stream_of(struct connection *c, uint32_t id)
{
    for (int i = 0; i < plan.streams; i++)
        if (c->streams[i].open && c->streams[i].id == id)
            return &c->streams[i];
    return NULL;
}

static void settings_take(struct connection *c, const char *p, size_t n)
{
    for (size_t i = 0; i + 6 <= n; i += 6)
        if (p[i] == 0 && p[i + 1] == 4) { /* SETTINGS_INITIAL_WINDOW_SIZE */
            int64_t more = (int64_t)u32(p + i + 2) - c->first_window;
            c->first_window += more;
            for (int k = 0; k < plan.streams; k++)
                c->streams[k].window += more;
        }
    frame(c, SETTINGS, ACK, 0, NULL, 0);
}

static void windows_use(struct connection *c)
{
    for (int i = 0; i < plan.streams; i++)
        if (c->streams[i].open && c->streams[i].unsent)
            body_send(c, &c->streams[i]);
}

static void frame_take(struct connection *c, int type, int flags, uint32_t id, const char *p, size_t n)
{
    struct stream *s = id ? stream_of(c, id) : NULL;
    if (type == GOAWAY) {
        fprintf(stderr, "load2: the server says goodbye: %u\n", u32(p + 4));
        exit(1);
    }
    if (type == SETTINGS && !(flags & ACK))
        settings_take(c, p, n);
    if (type == PING && !(flags & ACK))
        frame(c, PING, ACK, 0, p, n);
    if (type == WINDOW) {
        if (id == 0)
            c->window += u32(p);
        else if (s)
            s->window += u32(p);
    }
    if (type == WINDOW || type == SETTINGS)
        windows_use(c);
    if (type == HEADERS && s && !s->seen) {
        size_t at = 0;
        while (at < n && (p[at] & 0xe0) == 0x20) /* a change of the table's size */
            at++;
        s->seen = true;
        s->bad = at == n || (uint8_t)p[at] != 0x88;
    }
    if (type == DATA && (c->taken += n) >= WINDOW_STEP) {
        frame_u32(c, WINDOW, 0, (uint32_t)c->taken);
        c->taken = 0;
    }
    if (type == RST && s)
        s->bad = true;
    if (s && (type == RST || ((type == HEADERS || type == DATA) && (flags & END_STREAM))))
        stream_over(c, s);
}

static void readable(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->have, IN_BYTES - c->have, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("the server closed a connection");
    c->have += (size_t)n;
    size_t at = 0;
    while (c->have - at >= 9) {
        const char *p = c->in + at;
        size_t len = u32(p) >> 8;
        if (c->have - at < len + 9)
            break;
        frame_take(c, p[3], (uint8_t)p[4], u32(p + 5) & 0x7fffffff, p + 9, len);
        at += len + 9;
    }
    memmove(c->in, c->in + at, c->have - at);
    c->have -= at;
}

static void connect_one(struct connection *c, int ep)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static const char settings[] = {0, 2, 0, 0, 0, 0, 0, 4, 0x7f, (char)0xff, (char)0xff, (char)0xff}; /* no push; the largest window */
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)plan.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    *c = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .ep = ep, .next_id = 1, .window = 65535, .first_window = 65535, .in = malloc(IN_BYTES)};
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a))
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
    memcpy(room(c, sizeof preface - 1), preface, sizeof preface - 1);
    c->out_len += sizeof preface - 1;
    frame(c, SETTINGS, 0, 0, settings, sizeof settings);
    frame_u32(c, WINDOW, 0, 1u << 30);
    flush(c);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run(void)
{
    static struct connection conns[MAX_CONNECTIONS];
    samples = malloc(MAX_SAMPLES * sizeof *samples);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < plan.connections; i++)
        connect_one(&conns[i], ep);
    long rss = 0;
    double cpu = plan.pid ? process_cpu_us(plan.pid, &rss) : 0;
    int64_t start = now_ns();
    stop_ns = start + (int64_t)(plan.seconds * 1e9);
    for (int i = 0; i < plan.connections; i++) {
        for (int k = 0; k < plan.streams; k++)
            request_send(&conns[i], &conns[i].streams[k]);
        flush(&conns[i]);
    }
    for (bool open = true; open;) {
        struct epoll_event evs[64];
        int n = epoll_wait(ep, evs, 64, 10000);
        if (n <= 0)
            die("no answer for ten seconds");
        for (int i = 0; i < n; i++) {
            struct connection *c = evs[i].data.ptr;
            if (evs[i].events & ~(uint32_t)EPOLLOUT)
                readable(c);
            flush(c);
        }
        open = false;
        for (int i = 0; i < plan.connections; i++)
            open |= conns[i].open > 0;
    }
    double wall = (double)(now_ns() - start) / 1e9;
    cpu = plan.pid ? process_cpu_us(plan.pid, &rss) - cpu : 0;
    size_t n = done < MAX_SAMPLES ? done : MAX_SAMPLES;
    qsort(samples, n, sizeof *samples, compare_u32);
    printf("{\"requests\": %llu, \"bad\": %llu, \"per_second\": %.0f, \"server_cpu_us\": %.2f, \"rss_kib\": %ld, \"p50_us\": %.1f, \"p95_us\": %.1f, \"p99_us\": %.1f}\n",
           (unsigned long long)done, (unsigned long long)bad, (double)done / wall, cpu / (double)done, rss, samples[n / 2] / 10.0, samples[n * 95 / 100] / 10.0,
           samples[n * 99 / 100] / 10.0);
}

static void field_add(const char *name, const char *value)
{
    if (plan.fields == MAX_FIELDS || strlen(value) > 250)
        die("too many fields, or too long ones");
    plan.names[plan.fields] = name;
    plan.values[plan.fields++] = value;
}

static void body_load(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    plan.body = malloc(MAX_BODY);
    plan.body_len = fread(plan.body, 1, MAX_BODY, f);
    fclose(f);
}

int main(int argc, char **argv)
{
    const char *path = "/", *method = "GET", *extra[MAX_FIELDS];
    int extras = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port"))
            plan.port = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--pid"))
            plan.pid = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--connections"))
            plan.connections = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--streams"))
            plan.streams = (int)strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--seconds"))
            plan.seconds = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--path"))
            path = argv[i + 1];
        else if (!strcmp(argv[i], "--method"))
            method = argv[i + 1];
        else if (!strcmp(argv[i], "--body"))
            body_load(argv[i + 1]);
        else if (!strcmp(argv[i], "--header") && extras < MAX_FIELDS)
            extra[extras++] = argv[i + 1];
    }
    if (!plan.port || plan.connections < 1 || plan.connections > MAX_CONNECTIONS || plan.streams < 1 || plan.streams > MAX_STREAMS) {
        fprintf(stderr, "usage: load2 --port N --path P [--pid N] [--connections N] [--streams N] [--seconds S] [--method M] [--body FILE] [--header 'n: v']...\n");
        return 2;
    }
    field_add(":method", method);
    field_add(":scheme", "http");
    field_add(":authority", "localhost");
    field_add(":path", path);
    for (int i = 0; i < extras; i++) {
        char *line = strdup(extra[i]), *colon = strstr(line, ": ");
        if (!colon)
            die("a header without ': '");
        *colon = 0;
        field_add(line, colon + 2);
    }
    run();
    return 0;
}
