#include "app/replay_client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"

#define READ_BYTES LIMIT_KIB(64)
#define ANSWER_BYTES LIMIT_MIB(8)
#define RECONNECT_PAUSE_MS 100

struct flight {              /* a request without its answer */
    size_t index;
    int64_t sent_ns;
};
struct conn {
    int fd;
    struct buf out, in;
    struct flight ring[LIMIT_HTTP_PIPELINE];
    size_t head, len;
};
struct replay_client {
    char *host, *port, *head; /* head: the request up to the length */
    int depth;
    size_t len;
    struct conn conns[LIMIT_REPLAY_CONNECTIONS];
    struct buf body;
};
struct run {
    struct op *op;
    struct replay_client *c;
    size_t n, next, done;
    size_t *again;           /* indices to be asked anew, a stack */
    size_t again_len;
    replay_body_fn body;
    void *arg;
    struct replay_stats *stats;
};

static enum err url_split(struct op *op, struct str url, char **ret_host, char **ret_port)
{
    if (!str_starts(url, STR("http://")))
        return op_fail(op, E_INVALID, "'%.*s': only http:// servers can be replayed against", STR_FMT(url));
    struct str rest = str_sub(url, 7, url.len);
    size_t slash = str_find_char(rest, '/');
    rest = str_sub(rest, 0, slash);
    size_t colon = rest.len;
    while (colon && rest.p[colon - 1] != ':' && rest.p[colon - 1] != ']')
        colon--;
    bool port = colon && rest.p[colon - 1] == ':';
    struct str host = port ? str_sub(rest, 0, colon - 1) : rest;
    if (host.len > 2 && host.p[0] == '[')
        host = str_sub(host, 1, host.len - 2);
    *ret_host = strdup(str_cstr(op->arena, host));
    *ret_port = strdup(port ? str_cstr(op->arena, str_sub(rest, colon, rest.len)) : "80");
    if (!*ret_host || !*ret_port)
        abort();
    return host.len ? OK : op_fail(op, E_INVALID, "'%.*s' names no host", STR_FMT(url));
}

static enum err conn_open(struct op *op, const struct replay_client *c, int *ret_fd)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(c->host, c->port, &hints, &list);
    if (rc)
        return op_fail(op, E_IO, "find '%s': %s", c->host, gai_strerror(rc));
    int fd = -1, saved = 0;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
            saved = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        errno = saved;
        return op_fail_errno(op, "connect to %s:%s", c->host, c->port);
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *ret_fd = fd;
    return OK;
}

enum err replay_client_create(struct op *op, const struct replay_target *t, struct replay_client **ret)
{
    if (t->connections < 1 || t->connections > LIMIT_REPLAY_CONNECTIONS)
        return op_fail(op, E_INVALID, "connections must be 1 to %d", LIMIT_REPLAY_CONNECTIONS);
    if (t->depth < 1 || t->depth > LIMIT_HTTP_PIPELINE)
        return op_fail(op, E_INVALID, "the depth must be 1 to %d", LIMIT_HTTP_PIPELINE);
    struct replay_client *c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    c->depth = t->depth;
    buf_init(&c->body, LIMIT_HTTP_BODY_BYTES);
    enum err e = url_split(op, t->base_url, &c->host, &c->port);
    if (!e) {
        const char *auth = t->bearer_token.len ? op_printf(op, "Authorization: Bearer %.*s\r\n", STR_FMT(t->bearer_token)) : "";
        bool v6 = strchr(c->host, ':') != NULL;
        c->head = strdup(op_printf(op, "POST %.*s HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Type: application/json\r\n%sContent-Length: ",
                                   STR_FMT(t->path), v6 ? "[" : "", c->host, v6 ? "]" : "", c->port, auth));
        if (!c->head)
            abort();
    }
    for (int i = 0; !e && i < t->connections; i++) {
        e = conn_open(op, c, &c->conns[c->len].fd);
        if (!e) {
            buf_init(&c->conns[c->len].out, LIMIT_HTTP_BODY_BYTES);
            buf_init(&c->conns[c->len].in, ANSWER_BYTES);
            c->len++;
        }
    }
    if (e) {
        replay_client_destroy(c);
        return e;
    }
    *ret = c;
    return OK;
}

void replay_client_destroy(struct replay_client *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->len; i++) {
        if (c->conns[i].fd >= 0)
            close(c->conns[i].fd);
        buf_clear(&c->conns[i].out);
        buf_clear(&c->conns[i].in);
    }
    buf_clear(&c->body);
    free(c->host);
    free(c->port);
    free(c->head);
    free(c);
}

/* --- sending --- */

static void request_add(struct run *r, struct conn *k, size_t index)
{
    struct replay_client *c = r->c;
    buf_reset(&c->body);
    r->body(r->arg, index, &c->body);
    buf_add_cstr(&k->out, c->head);
    buf_addf(&k->out, "%zu\r\n\r\n", c->body.len);
    buf_add(&k->out, c->body.p, c->body.len);
    k->ring[(k->head + k->len++) % LIMIT_HTTP_PIPELINE] = (struct flight){.index = index, .sent_ns = time_mono_ns()};
}

/* Tops the connection up with requests. */
static enum err conn_fill(struct run *r, struct conn *k)
{
    while (k->len < (size_t)r->c->depth && (r->again_len || r->next < r->n))
        request_add(r, k, r->again_len ? r->again[--r->again_len] : r->next++);
    return k->out.failed || r->c->body.failed ? op_fail(r->op, E_TOO_LARGE, "a request is too large") : OK;
}

/* False when the connection is broken. */
static bool conn_write(struct run *r, struct conn *k)
{
    while (k->out.len) {
        ssize_t n = send(k->fd, k->out.p, k->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        r->stats->sent_bytes += (uint64_t)n;
        buf_consume(&k->out, (size_t)n);
    }
    return true;
}

/* --- answers --- */

/* Value of a header line in the head, or the empty view. */
static struct str header_of(struct str head, struct str name)
{
    struct str line;
    while (str_split(&head, '\n', &line)) {
        if (line.len > name.len && line.p[name.len] == ':' && str_ieq(str_sub(line, 0, name.len), name))
            return str_trim(str_sub(line, name.len + 1, line.len));
    }
    return (struct str){0};
}

static void answer_count(struct run *r, struct conn *k, int64_t status, struct str body)
{
    struct replay_stats *s = r->stats;
    struct flight f = k->ring[k->head];
    k->head = (k->head + 1) % LIMIT_HTTP_PIPELINE;
    k->len--;
    r->done++;
    int64_t us = (time_mono_ns() - f.sent_ns) / 1000;
    uint32_t clipped = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    latency_hist_add(&s->latency, clipped);
    s->max_us = clipped > s->max_us ? clipped : s->max_us;
    if (status >= 200 && status < 300) {
        s->ok++;
        return;
    }
    if (s->failed++ == 0) {
        size_t room = sizeof(s->first_error) - 8, n = body.len < room ? body.len : room;
        int len = snprintf(s->first_error, 8, "%lld ", (long long)status);
        memcpy(s->first_error + len, body.p ? body.p : "", n);
        s->first_error[(size_t)len + n] = '\0';
    }
}

/* Takes one whole answer off the front of `in`; *ret_took false when it is not complete. */
static enum err answer_take(struct run *r, struct conn *k, size_t *io_at, bool *ret_took)
{
    struct str in = str_sub(buf_str(&k->in), *io_at, k->in.len);
    *ret_took = false;
    const char *end = in.len ? memmem(in.p, in.len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return OK;
    struct str head = {in.p, (size_t)(end - in.p)};
    int64_t status;
    uint64_t length;
    if (!str_starts(head, STR("HTTP/1.1 ")) || !str_parse_i64(str_sub(head, 9, 3), &status) ||
        !str_parse_u64(header_of(head, STR("content-length")), &length) || length > ANSWER_BYTES || k->len == 0)
        return op_fail(r->op, E_IO, "the server's answer is not HTTP/1.1 with a length: '%.*s'", STR_FMT(str_sub(head, 0, 80)));
    size_t whole = head.len + 4 + (size_t)length;
    if (in.len < whole)
        return OK;
    answer_count(r, k, status, str_sub(in, head.len + 4, (size_t)length));
    *io_at += whole;
    *ret_took = true;
    return OK;
}

/* *ret_open false when the peer closed or the connection broke. */
static enum err conn_read(struct run *r, struct conn *k, bool *ret_open)
{
    char *room = buf_reserve(&k->in, READ_BYTES);
    if (!room)
        return op_fail(r->op, E_TOO_LARGE, "an answer is longer than %zu bytes", ANSWER_BYTES);
    ssize_t n = recv(k->fd, room, READ_BYTES, MSG_DONTWAIT);
    *ret_open = n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
    if (n <= 0)
        return OK;
    k->in.len += (size_t)n;
    r->stats->received_bytes += (uint64_t)n;
    size_t at = 0;
    bool took;
    enum err e;
    do {
        e = answer_take(r, k, &at, &took);
    } while (!e && took);
    buf_consume(&k->in, at);
    return e;
}

/* Makes the connection anew; what it had not answered is asked again. */
static enum err conn_renew(struct run *r, struct conn *k)
{
    while (k->len)
        r->again[r->again_len++] = k->ring[(k->head + --k->len) % LIMIT_HTTP_PIPELINE].index;
    buf_reset(&k->in);
    buf_reset(&k->out);
    close(k->fd);
    k->fd = -1;
    r->stats->reconnects++;
    int64_t end_ms = time_mono_ms() + LIMIT_REPLAY_SILENCE_MS;
    for (;;) {
        enum err e = conn_open(r->op, r->c, &k->fd);
        if (!e || time_mono_ms() >= end_ms)
            return e;
        op_clear(r->op);
        time_sleep_ms(RECONNECT_PAUSE_MS);
    }
}

static enum err conn_step(struct run *r, struct conn *k, short events)
{
    bool open = true;
    enum err e = OK;
    if (events & (POLLIN | POLLERR | POLLHUP))
        e = conn_read(r, k, &open);
    if (!e && open)
        e = conn_fill(r, k);
    if (!e && open)
        open = conn_write(r, k);
    if (!e && !open)
        e = conn_renew(r, k);
    return e;
}

static enum err run_loop(struct run *r)
{
    struct replay_client *c = r->c;
    struct pollfd fds[LIMIT_REPLAY_CONNECTIONS];
    enum err e = OK;
    for (size_t i = 0; !e && i < c->len; i++)
        e = conn_step(r, &c->conns[i], 0);
    while (!e && r->done < r->n) {
        for (size_t i = 0; i < c->len; i++) {
            struct conn *k = &c->conns[i];
            short want = POLLIN;
            if (k->out.len || (k->len == 0 && r->again_len))
                want |= POLLOUT;
            fds[i] = (struct pollfd){.fd = k->fd, .events = want};
        }
        int n = poll(fds, (nfds_t)c->len, LIMIT_REPLAY_SILENCE_MS);
        if (n < 0 && errno != EINTR)
            e = op_fail_errno(r->op, "wait for answers");
        else if (n == 0)
            e = op_fail(r->op, E_TIMEOUT, "no answer within %d s", LIMIT_REPLAY_SILENCE_MS / 1000);
        for (size_t i = 0; !e && n > 0 && i < c->len; i++) {
            if (fds[i].revents)
                e = conn_step(r, &c->conns[i], fds[i].revents);
        }
    }
    return e;
}

enum err replay_client_run(struct op *op, struct replay_client *c, size_t n, replay_body_fn body, void *arg, struct replay_stats *stats)
{
    size_t again[LIMIT_REPLAY_CONNECTIONS * LIMIT_HTTP_PIPELINE];
    struct run r = {.op = op, .c = c, .n = n, .again = again, .body = body, .arg = arg, .stats = stats};
    return n ? run_loop(&r) : OK;
}
