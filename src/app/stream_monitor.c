#include "app/stream_monitor.h"

#include <stdlib.h>

#include "api/ask.h"
#include "api/dispatch.h"
#include "api/services.h"
#include "app/metrics.h"
#include "base/limits.h"
#include "base/time.h"
#include "net/server.h"

struct stream_monitor {
    const struct stream_monitor_config *config;
    struct services services;
    struct dispatch *dispatch;
    struct pool *pool;
    struct server *server;
};

static const struct stream_monitor *monitor_of(struct services *s)
{
    return CONTAINER_OF(s, struct stream_monitor, services);
}

/* The loop asks the log for records a few times a second; a job that has not for so long hangs in an engine or in the log. */
static enum err health(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)req;
    struct streaming_counts c = streaming_figures_read(monitor_of(s)->config->figures);
    bool good = !c.last_poll_ms || time_mono_ms() - c.last_poll_ms < LIMIT_STREAM_SILENT_MS;
    http_set_type(res, "text/plain; charset=utf-8");
    http_set_status(res, good ? 200 : 503);
    buf_add_cstr(&res->body, good ? "OK" : "nothing has been read for a minute");
    return OK;
}

static enum err metrics(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)req;
    const struct stream_monitor_config *c = monitor_of(s)->config;
    http_set_type(res, "text/plain; version=0.0.4; charset=utf-8");
    streaming_figures_write(c->figures, c->topic, c->group, c->model, &res->body);
    metrics_write(s, &res->body);
    return OK;
}

static const struct route rows[] = {
    {"GET", "/health", health, PERM_PUBLIC, ROUTE_INLINE, 0, "OK while records are asked for."},
    {"GET", "/metrics", metrics, PERM_READ, ROUTE_POOL, 0, "Prometheus metrics."},
};
static const struct route_table monitor_routes = {.dialect = "stream", .rows = rows, .len = ARRAY_LEN(rows), .error = ask_plain_error};
static const struct route_table *const tables[] = {&monitor_routes, NULL};

/* There is nothing to change here, and nothing secret. */
static enum err caller_check(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    (void)arg, (void)op, (void)token, (void)peer_loopback;
    *ret = (struct actor){.name = STR("caller"), .perms = 1u << PERM_PUBLIC | 1u << PERM_READ};
    return OK;
}

enum err stream_monitor_start(struct op *op, const struct stream_monitor_config *config, struct stream_monitor **ret, int *ret_port)
{
    static const struct str any = STR_INIT("*");
    struct stream_monitor *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    m->config = config;
    m->services = (struct services){.metrics = metrics_write, .data_dir = STR(""), .started_us = op->now_us};
    const struct dispatch_config dispatch = {.tables = tables, .services = &m->services, .auth = {.check = caller_check}, .allowed_hosts = &any, .allowed_host_count = 1};
    enum err e = dispatch_create(op, &dispatch, &m->dispatch);
    if (!e) {
        m->services.dispatch = m->dispatch;
        m->pool = pool_create("pool", 1, LIMIT_POOL_QUEUE);
        const struct server_config server = {.host = config->host, .port = config->port, .io_threads = 1, .pool = m->pool, .handler = dispatch_handler(m->dispatch)};
        e = server_open(op, &server, &m->server, ret_port);
    }
    if (e) {
        stream_monitor_stop(m);
        return e;
    }
    m->services.server = m->server;
    server_run(m->server);
    *ret = m;
    return OK;
}

void stream_monitor_stop(struct stream_monitor *m)
{
    if (!m)
        return;
    if (m->server)
        server_stop(m->server);
    pool_destroy(m->pool);
    dispatch_destroy(m->dispatch);
    free(m);
}
