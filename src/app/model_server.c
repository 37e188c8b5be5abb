#include "app/model_server.h"

#include <stdlib.h>

#include "api/ask.h"
#include "api/dispatch.h"
#include "api/grpc/grpc.h"
#include "api/invocations/invocations.h"
#include "api/memory.h"
#include "api/services.h"
#include "api/settings.h"
#include "api/system/system.h"
#include "api/v1/v1.h"
#include "api/v2/v2.h"
#include "app/disk_models.h"
#include "app/metrics.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/serve/infer.h"
#include "net/server.h"

struct model_server {
    const struct model_server_config *config;
    struct disk_models *disk;
    struct disk_poll *poll;      /* NULL: the disk is looked at when a client asks */
    struct serve *serve;
    struct telemetry *telemetry;
    struct tracer *tracer;
    struct memory_regions *memory; /* NULL: none may be registered */
    struct services services;
    struct dispatch *dispatch;
    struct pool *pool, *transfer_pool;
    struct server *server;
};

/* The platform has its web interface there. */
static const struct route root_rows[] = {{"GET", "/", v1_alive, PERM_PUBLIC, ROUTE_INLINE, 0, "The process runs, as KServe's V1 clients ask it."}};
static const struct route_table root_routes = {.dialect = "root", .rows = root_rows, .len = ARRAY_LEN(root_rows), .error = ask_error};
static const struct route_table *const tables[] = {&system_routes, &root_routes, &v2_routes, &v1_routes, &invocations_routes, &grpc_routes, NULL};

/* ---- the paths as a source of models, for others ---- */

static enum err paths_list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    const struct model_server_config *c = self->arg;
    struct disk_models *d = disk_models_create(c->paths, c->path_count);
    const struct serve_source source = disk_models_source(d);
    enum err e = source.list(&source, op, ret, ret_len);
    disk_models_destroy(d);
    return e;
}

static enum err paths_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    const struct model_server_config *c = self->arg;
    struct disk_models *d = disk_models_create(c->paths, c->path_count);
    const struct serve_source source = disk_models_source(d);
    enum err e = source.fetch(&source, op, model, version, ret);
    disk_models_destroy(d);
    return e;
}

struct serve_source model_server_source(const struct model_server_config *config)
{
    return (struct serve_source){.arg = (void *)(uintptr_t)config, .fetch = paths_fetch, .list = paths_list};
}

/* ---- who may ask ---- */

/* Equal in time that depends on the length only. */
static bool token_is(struct str token, struct str want)
{
    unsigned char diff = token.len != want.len;
    for (size_t i = 0; i < want.len; i++)
        diff |= (unsigned char)want.p[i] ^ (unsigned char)(token.len ? token.p[i % token.len] : 0);
    return !diff;
}

/* Without a token whoever reaches us may read and ask; models are loaded and unloaded, and settings changed, from this machine only. */
static enum err caller_check(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    const struct model_server_config *c = arg;
    const uint32_t asks = 1u << PERM_PUBLIC | 1u << PERM_READ | 1u << PERM_INFER;
    if (c->token.len && !token_is(token, c->token))
        return op_fail(op, E_UNAUTHENTICATED, "this server asks for its token");
    *ret = (struct actor){.name = STR("caller"), .perms = c->token.len || peer_loopback ? asks | 1u << PERM_DEPLOY | 1u << PERM_ADMIN : asks};
    return OK;
}

/* ---- life ---- */

static enum err net_open(struct op *op, struct model_server *m, int *ret_port)
{
    const struct model_server_config *c = m->config;
    m->memory = c->shared_memory ? memory_regions_create() : NULL;
    m->services = (struct services){.serve = m->serve, .metrics = metrics_write, .data_dir = STR(""), .grpc_stream_plain = c->stream_plain,
                                    .ready_early = c->ready_early, .memory = m->memory,
                                    .tracer = m->tracer, .triton_metrics = c->triton_metrics, .started_us = op->now_us};
    const struct dispatch_config dispatch = {.tables = tables,
                                             .services = &m->services,
                                             .auth = {.arg = (void *)(uintptr_t)c, .check = caller_check},
                                             .allowed_hosts = c->allowed_hosts,
                                             .allowed_host_count = c->allowed_host_count};
    enum err e = dispatch_create(op, &dispatch, &m->dispatch);
    if (e)
        return e;
    m->services.dispatch = m->dispatch;
    settings_trace_bind(m->tracer);
    m->pool = pool_create("pool", LIMIT_MODEL_SERVER_THREADS, LIMIT_POOL_QUEUE);
    m->transfer_pool = pool_create("transfer", LIMIT_TRANSFER_THREADS, LIMIT_POOL_QUEUE);
    const struct server_config server = {.host = c->host,
                                         .port = c->port,
                                         .io_threads = c->io_threads,
                                         .tls_cert_path = c->tls_cert,
                                         .tls_key_path = c->tls_key,
                                         .pool = m->pool,
                                         .transfer_pool = m->transfer_pool,
                                         .handler = dispatch_handler(m->dispatch)};
    if ((e = server_open(op, &server, &m->server, ret_port)))
        return e;
    m->services.server = m->server;
    server_run(m->server);
    return OK;
}

/* What the command line asks for in the explicit mode: one is all of them, "*". A name that the repository does not hold is an error,
 * a model that cannot be loaded is there and not ready. */
static enum err wanted_load(struct op *op, struct model_server *m)
{
    const struct model_server_config *c = m->config;
    const struct serve_source source = disk_models_source(m->disk);
    struct serve_source_model *models = NULL;
    size_t n = 0;
    enum err e = c->load_count ? source.list(&source, op, &models, &n) : OK;
    for (size_t i = 0; !e && i < c->load_count; i++) {
        bool found = false;
        for (size_t k = 0; k < n; k++) {
            if (!str_eqc(c->load[i], "*") && !str_eq(c->load[i], models[k].name))
                continue;
            found = true;
            if (serve_repository_load(op, m->serve, models[k].name, NULL))
                log_at(LOG_ERROR, "serve.endpoint", {"name", LOG_S(models[k].name)}, {"error", LOG_C(op->msg)});
            op_clear(op);
        }
        if (!found)
            e = op_fail(op, E_NOT_FOUND, "--load-model: there is no model \"%.*s\"", STR_FMT(c->load[i]));
    }
    return e;
}

static enum err models_open(struct op *op, struct model_server *m)
{
    const struct model_server_config *c = m->config;
    m->disk = disk_models_create(c->paths, c->path_count);
    if (c->uploads_memory_bytes)
        disk_models_limit(m->disk, c->uploads_memory_bytes);
    const struct serve_config serve = {.engines = backend_engines,
                                       .source = disk_models_source(m->disk),
                                       .memory_max_bytes = c->models_memory_bytes,
                                       .queue_max_bytes = c->queues_memory_bytes,
                                       .threads = c->engine_threads,
                                       .explicit_load = c->explicit_load};
    enum err e = disk_models_notes(op, m->disk);
    if (!e)
        e = serve_open(op, &serve, &m->serve);
    return e ? e : wanted_load(op, m);
}

enum err model_server_start(struct op *op, const struct model_server_config *config, struct model_server **ret, int *ret_port)
{
    struct model_server *m = calloc(1, sizeof *m);
    if (!m)
        return op_fail(op, E_IO, "out of memory");
    m->config = config;
    backend_engines_setup(config->isolate, config->engine_memory_bytes);
    enum err e = telemetry_open(op, &config->telemetry, &m->telemetry, &m->tracer);
    if (!e)
        e = models_open(op, m);
    if (!e)
        e = net_open(op, m, ret_port);
    if (!e && config->poll_ms)
        e = disk_poll_start(op, m->disk, m->serve, config->poll_ms, &m->poll);
    if (e) {
        model_server_stop(m);
        return e;
    }
    *ret = m;
    return OK;
}

void model_server_stop(struct model_server *m)
{
    if (!m)
        return;
    disk_poll_stop(m->poll);
    if (m->server)
        server_stop(m->server);
    pool_destroy(m->pool);
    pool_destroy(m->transfer_pool);
    dispatch_destroy(m->dispatch);
    serve_close(m->serve);
    memory_regions_destroy(m->memory);
    settings_trace_bind(NULL);
    tracer_destroy(m->tracer);
    telemetry_close(m->telemetry);
    disk_models_destroy(m->disk);
    free(m);
}

void model_server_count(struct op *op, struct model_server *m, size_t *ret_models, size_t *ret_ready)
{
    struct str *names = NULL;
    *ret_models = serve_list(op, m->serve, &names);
    *ret_ready = 0;
    for (size_t i = 0; i < *ret_models; i++) {
        struct serve_endpoint *ep = NULL;
        if (serve_acquire(op, m->serve, names[i], &ep))
            continue;
        *ret_ready += serve_endpoint_info(ep)->ready;
        serve_release(ep);
    }
}
