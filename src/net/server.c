#include "net/server.h"

#include "base/limits.h"
#include "base/log.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_BACKLOG 1024
#define SERVER_LOOPS_MAX 64

struct server {
    struct loop *loops[SERVER_LOOPS_MAX];
    int loop_count;
    struct peers *peers;
    struct tls_server *tls;
    bool running;
};

static struct server_limits limits_resolve(struct server_limits l)
{
    static const struct server_limits defaults = {
        .head_ms = LIMIT_HTTP_HEAD_MS, .body_idle_ms = LIMIT_HTTP_BODY_IDLE_MS, .idle_ms = LIMIT_HTTP_IDLE_MS,
        .drain_ms = LIMIT_HTTP_DRAIN_MS, .connections = LIMIT_HTTP_CONNECTIONS,
        .connections_per_peer = LIMIT_HTTP_CONNECTIONS_PER_PEER,
    };
    l.head_ms = l.head_ms ? l.head_ms : defaults.head_ms;
    l.body_idle_ms = l.body_idle_ms ? l.body_idle_ms : defaults.body_idle_ms;
    l.idle_ms = l.idle_ms ? l.idle_ms : defaults.idle_ms;
    l.drain_ms = l.drain_ms ? l.drain_ms : defaults.drain_ms;
    l.connections = l.connections ? l.connections : defaults.connections;
    l.connections_per_peer = l.connections_per_peer ? l.connections_per_peer : defaults.connections_per_peer;
    return l;
}

static enum err address_parse(struct op *op, struct str host, int port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
        host = str_sub(host, 1, host.len - 2);
    const char *text = str_cstr(op->arena, host);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memset(ret, 0, sizeof *ret);
    if (port < 0 || port > 65535)
        return op_fail(op, E_INVALID, "port %d is not between 0 and 65535", port);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof v4);
        *ret_len = sizeof v4;
    } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(ret, &v6, sizeof v6);
        *ret_len = sizeof v6;
    } else {
        return op_fail(op, E_INVALID, "'%s' is not an IP address", text);
    }
    return OK;
}

static int bound_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &a, sizeof v4);
    memcpy(&v6, &a, sizeof v6);
    return ntohs(a.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

/* `shared`: with SO_REUSEPORT. -1 with errno. */
static int socket_bind(const struct sockaddr_storage *address, socklen_t len, bool shared)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
              (address->ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
              bind(fd, (const struct sockaddr *)address, len) == 0;
    if (ok)
        return fd;
    int keep = errno;
    close(fd);
    errno = keep;
    return -1;
}

/* SO_REUSEPORT would let a second server of the same user share the port silently, so the port is first taken
 * without it: that fails while anyone else listens there. */
static enum err listeners_open(struct op *op, const struct server_config *config, int *fds, int n, int *ret_port)
{
    struct sockaddr_storage address;
    socklen_t len;
    enum err e = address_parse(op, config->host, config->port, &address, &len);
    if (e)
        return e;
    int port = config->port;
    int probe = socket_bind(&address, len, false);
    if (probe >= 0 && listen(probe, 1) == 0) {
        port = bound_port(probe);
        close(probe);
    } else {
        int keep = errno;
        if (probe >= 0)
            close(probe);
        errno = keep;
        return op_fail_errno(op, "listen on %.*s port %d", STR_FMT(config->host), port);
    }
    e = address_parse(op, config->host, port, &address, &len);
    for (int i = 0; i < n && !e; i++) {
        fds[i] = socket_bind(&address, len, true);
        if (fds[i] < 0 || listen(fds[i], SERVER_BACKLOG) != 0)
            e = op_fail_errno(op, "listen on %.*s port %d", STR_FMT(config->host), port);
    }
    for (int i = 0; i < n && e; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    *ret_port = port;
    return e;
}

enum err server_open(struct op *op, const struct server_config *config, struct server **ret, int *ret_port)
{
    int n = config->io_threads > 0 ? config->io_threads : thread_cpu_count();
    if (n > SERVER_LOOPS_MAX)
        n = SERVER_LOOPS_MAX;
    struct tls_server *tls = NULL;
    if (!config->tls_cert_path != !config->tls_key_path)
        return op_fail(op, E_INVALID, "TLS needs both a certificate and a key");
    if (config->tls_cert_path) {
        enum err e = tls_server_create(op, config->tls_cert_path, config->tls_key_path, &tls);
        if (e)
            return e;
    }
    int fds[SERVER_LOOPS_MAX], port = 0;
    for (int i = 0; i < n; i++)
        fds[i] = -1;
    enum err e = listeners_open(op, config, fds, n, &port);
    if (e) {
        tls_server_destroy(tls);
        return e;
    }
    struct server *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->tls = tls;
    s->loop_count = n;
    struct loop_config lc = {.limits = limits_resolve(config->limits), .handler = config->handler, .pool = config->pool,
                             .transfer_pool = config->transfer_pool, .tls = tls};
    s->peers = lc.peers = peers_create(lc.limits.connections, lc.limits.connections_per_peer);
    for (int i = 0; i < n; i++) {
        lc.take_listen_fd = fds[i];
        lc.index = i;
        s->loops[i] = loop_create(&lc);
    }
    *ret = s;
    *ret_port = port;
    return OK;
}

void server_run(struct server *s)
{
    s->running = true;
    for (int i = 0; i < s->loop_count; i++)
        loop_run(s->loops[i]);
}

enum err server_start(struct op *op, const struct server_config *config, struct server **ret, int *ret_port)
{
    enum err e = server_open(op, config, ret, ret_port);
    if (!e)
        server_run(*ret);
    return e;
}

void server_stop(struct server *s)
{
    if (!s)
        return;
    if (!s->running)
        server_run(s); /* a loop takes itself apart on its own thread */
    for (int i = 0; i < s->loop_count; i++)
        loop_stop(s->loops[i]);
    for (int i = 0; i < s->loop_count; i++)
        loop_join(s->loops[i]);
    peers_destroy(s->peers);
    tls_server_destroy(s->tls);
    free(s);
}

void server_stats_get(struct server *s, struct server_stats *ret)
{
    struct server_stats sum = {0};
    for (int i = 0; i < s->loop_count; i++)
        loop_stats_add(s->loops[i], &sum);
    sum.connections_now = (uint64_t)peers_total(s->peers);
    *ret = sum;
}
