/* server.c - the wiring. Parts are opened in the order of the struct and closed in the reverse order; a part that fails to open
 * leaves the later ones NULL, and every close ignores NULL, so platform_stop() is also the clean-up of a failed start. */
#include "app/server.h"

#include <stdlib.h>

#include "adapter/localfs/datadir.h"
#include "api/dispatch.h"
#include "api/graphql/graphql.h"
#include "api/grpc/grpc.h"
#include "api/invocations/invocations.h"
#include "api/mlflow/absent.h"
#include "api/mlflow/mlflow.h"
#include "api/native/listen.h"
#include "api/native/native.h"
#include "api/services.h"
#include "api/settings.h"
#include "api/system/system.h"
#include "api/ui/ui.h"
#include "api/v1/v1.h"
#include "api/v2/v2.h"
#include "api/web/site.h"
#include "api/web/web.h"
#include "app/backends.h"
#include "app/metrics.h"
#include "app/outbox.h"
#include "app/retrain.h"
#include "app/rows_reader.h"
#include "app/ticker.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/access/access.h"
#include "core/access/session.h"
#include "core/alert/rule.h"
#include "core/feature/online.h"
#include "core/monitor/monitor.h"
#include "core/payload/payload.h"
#include "core/predlog/predlog.h"
#include "core/registry/source_pattern.h"
#include "core/serve/serve.h"
#include "core/serve/source.h"
#include "core/track/experiment.h"
#include "core/track/index.h"
#include "core/track/run_window.h"
#include "core/track/series_cache.h"
#include "net/server.h"
#include "web_gen.h"

struct platform {
    struct datadir *datadir;
    struct db *db;
    struct datadir *blobs_lock; /* of a folder that is not the data folder */
    struct blob_store *blobs;
    struct access *access;
    struct sessions *sessions;
    struct listeners *listeners;
    struct mutex tables_mutex;
    struct table_engine *tables; /* opened when first used */
    struct predlog *predlog;
    struct payload *payload;
    struct feature_online *features;
    struct monitor *monitor;
    struct rollout_live *live;
    struct trend *trend;
    struct series_cache *series;
    struct run_index *run_index;
    struct run_windows *run_windows;
    struct serve_source source;
    struct serve *serve;
    struct retrain *retrain;
    struct source_pattern *version_sources;
    struct ui *ui;
    struct site *site;
    struct notify *notify;
    struct webhooks *webhooks;
    struct alerts *alerts;
    struct telemetry *telemetry;
    struct tracer *tracer;
    struct services services;
    struct dispatch *dispatch;
    struct pool *pool, *transfer_pool;
    struct server *server;
    struct ticker *ticker;
    struct outbox *outbox;
};

/* `ret`: NULL-ended. */
static void tables_choose(const struct config *config, const struct route_table *ret[16])
{
    const struct route_table *const all[] = {
        &system_routes, &web_routes, &mlflow_routes, &mlflow_absent_routes, &graphql_routes, &v2_routes, &v1_routes, &invocations_routes, &grpc_routes,
        &native_routes, config->serve_artifacts ? &mlflow_proxy_routes : &mlflow_proxy_off_routes,
        config->ui_dir ? &ui_routes : &ui_absent_routes, config->ui_dir ? NULL : &web_home_routes, NULL,
    };
    _Static_assert(ARRAY_LEN(all) <= 16, "the caller has room for them");
    memcpy(ret, all, sizeof all);
}

static enum err tables_open(void *arg, struct op *op, struct table_engine **ret)
{
    struct platform *p = arg;
    LOCK(&p->tables_mutex);
    enum err e = p->tables ? OK : backend_tables_open(op, &p->tables);
    *ret = p->tables;
    return e;
}

/* The state on disk, and who may reach it. */
static enum err state_open(struct op *op, struct platform *p, const struct config *config)
{
    const char *dir = str_cstr(op->arena, config->data_dir);
    enum err e = datadir_lock(op, dir, &p->datadir);
    if (e || (e = backend_db_open(op, config->db, dir, &p->db)) || (e = backend_blobs_open(op, config->blobs, dir, &p->blobs, &p->blobs_lock)))
        return e;
    return access_open(op, dir, config->auth, &p->access);
}

/* The parts of the core that keep something in memory. */
static enum err core_open(struct op *op, struct platform *p, const struct config *config)
{
    struct predlog_tables tables = {p, tables_open};
    p->predlog = predlog_create(p->db, p->blobs, &tables, str_from(op_printf(op, "%.*s/tmp", STR_FMT(config->data_dir))));
    struct prediction_sink sink = predlog_sink(p->predlog);
    p->payload = payload_create(&(struct payload_parts){
        .db = p->db, .blobs = p->blobs, .tables = tables, .tmp_dir = str_from(op_printf(op, "%.*s/tmp", STR_FMT(config->data_dir)))});
    p->monitor = monitor_create(p->db, &sink);
    p->live = rollout_live_create();
    p->trend = trend_create();
    if (rollout_live_load(op, p->db, p->live)) { /* what it holds is worth less than a server that starts */
        log_at(LOG_ERROR, "rollout.journal", {"error", LOG_C(op->msg)});
        op_clear(op);
    }
    p->series = series_cache_create(LIMIT_TRACK_SERIES_CACHE);
    p->run_index = run_index_create(LIMIT_TRACK_INDEX_BYTES);
    p->run_windows = run_windows_create(LIMIT_TRACK_WINDOW_BYTES);
    enum err e = feature_online_open(op, p->db, &p->features);
    if (e)
        return e;
    p->source = serve_source_registry(p->db, p->blobs);
    backend_engines_setup(config->isolate, (size_t)config->engine_memory_mib << 20);
    struct serve_config serve = {
        .db = p->db, .features = p->features, .monitor = p->monitor, .payload = p->payload, .engines = backend_engines, .source = p->source, .live = p->live,
        .memory_max_bytes = (size_t)config->models_memory_mib << 20, .threads = config->engine_threads};
    if ((e = serve_open(op, &serve, &p->serve)))
        return e;
    return retrain_open(op, p->db, p->serve, config->data_dir, &p->retrain);
}

/* What the dialects need beside the core. */
static enum err api_open(struct op *op, struct platform *p, const struct config *config)
{
    enum err e = OK;
    p->sessions = sessions_create();
    p->listeners = listeners_create(p->db);
    if (config->version_source_pattern.len)
        e = source_pattern_create(op, config->version_source_pattern, &p->version_sources);
    if (!e && config->artifact_root.len)
        e = experiment_default_below(op, p->db, config->artifact_root);
    if (!e && config->ui_dir)
        e = ui_open(op, config->ui_dir, &p->ui);
    if (!e)
        e = site_open(op, web_files, web_file_count, config->ui_src, &p->site);
    if (!e)
        e = outbox_open(op, &config->webhook, p->db, str_cstr(op->arena, config->data_dir), &p->notify, &p->webhooks);
    if (!e)
        payload_notify_set(p->payload, p->notify);
    if (!e)
        p->alerts = alerts_create(p->db, p->webhooks);
    if (!e)
        e = telemetry_open(op, &config->telemetry, &p->telemetry, &p->tracer);
    return e;
}

/* What handlers may reach; dispatch and server are set once they stand. */
static struct services services_of(const struct op *op, const struct platform *p, const struct config *config)
{
    return (struct services){
        .db = p->db,
        .blobs = p->blobs,
        .serve = p->serve,
        .features = p->features,
        .monitor = p->monitor,
        .live = p->live,
        .trend = p->trend,
        .payload = p->payload,
        .series = p->series,
        .run_index = p->run_index,
        .run_windows = p->run_windows,
        .webhooks = p->webhooks,
        .alerts = p->alerts,
        .retrainer = retrain_hooks(p->retrain),
        .pipelines = retrain_control(p->retrain),
        .rows_read = rows_reader_read,
        .metrics = metrics_write,
        .healthy = metrics_healthy,
        .version_sources = p->version_sources,
        .ui = p->ui,
        .site = p->site,
        .access = p->access,
        .sessions = p->sessions,
        .listeners = p->listeners,
        .prefix = config->static_prefix,
        .artifacts_elsewhere = !config->serve_artifacts,
        .artifact_root = config->artifact_root,
        .graphql_root_fields = config->graphql_root_fields,
        .graphql_aliases = config->graphql_aliases,
        .data_dir = config->data_dir,
        .tracer = p->tracer,
        .triton_metrics = config->triton_metrics,
        .grpc_stream_plain = config->grpc_stream_plain,
        .started_us = op->now_us,
    };
}

static enum err net_open(struct op *op, struct platform *p, const struct config *config, int *ret_port)
{
    p->services = services_of(op, p, config);
    const struct route_table *tables[16];
    tables_choose(config, tables);
    struct dispatch_config dispatch = {
        .tables = tables,
        .services = &p->services,
        .auth = {p->access, access_check, session_find, p->sessions},
        .allowed_hosts = config->allowed_hosts,
        .allowed_host_count = config->allowed_host_count,
        .allowed_origins = config->allowed_origins,
        .allowed_origin_count = config->allowed_origin_count,
        .frame_options = config->frame_options,
        .prefix = config->static_prefix,
        .missing = STR(WEB_MISSING),
    };
    enum err e = dispatch_create(op, &dispatch, &p->dispatch);
    if (e)
        return e;
    p->services.dispatch = p->dispatch;
    settings_trace_bind(p->tracer);
    p->pool = pool_create("pool", config->pool_threads, LIMIT_POOL_QUEUE);
    p->transfer_pool = pool_create("transfer", LIMIT_TRANSFER_THREADS, LIMIT_POOL_QUEUE);
    struct server_config server = {
        .host = config->host,
        .port = config->port,
        .io_threads = config->io_threads,
        .tls_cert_path = config->tls_cert,
        .tls_key_path = config->tls_key,
        .pool = p->pool,
        .transfer_pool = p->transfer_pool,
        .limits = {config->head_ms, config->body_ms, config->idle_ms, config->drain_ms, config->connections, config->connections_per_peer},
        .handler = dispatch_handler(p->dispatch),
    };
    if ((e = server_open(op, &server, &p->server, ret_port)))
        return e;
    p->services.server = p->server; /* from here on handlers only read what is set up */
    if ((e = retrain_serve(op, p->retrain, config, *ret_port)) || (e = outbox_start(op, p->webhooks, p->alerts, config->webhook.workers, &p->outbox)))
        return e;
    server_run(p->server);
    return OK;
}

enum err platform_start(struct op *op, const struct config *config, struct platform **ret, int *ret_port)
{
    struct platform *p = calloc(1, sizeof *p);
    if (!p)
        return op_fail(op, E_IO, "out of memory");
    mutex_init(&p->tables_mutex);
    enum err e = state_open(op, p, config);
    if (e || (e = core_open(op, p, config)) || (e = api_open(op, p, config)) || (e = net_open(op, p, config, ret_port))) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op end;
        op_init(&end, arena);
        platform_stop(&end, p);
        return e;
    }
    p->ticker = ticker_start(&(struct ticker_config){.serve = p->serve, .monitor = p->monitor, .retrainer = p->services.retrainer, .db = p->db,
                                                     .live = p->live, .trend = p->trend, .retention_ms = LIMIT_RETENTION_MS, .interval_ms = LIMIT_MONITOR_TICK_MS});
    *ret = p;
    return OK;
}

void platform_stop(struct op *op, struct platform *p)
{
    if (!p)
        return;
    if (p->server)
        server_stop(p->server);
    listeners_destroy(p->listeners);
    ticker_stop(p->ticker);
    outbox_stop(p->outbox);
    retrain_close(p->retrain);
    pool_destroy(p->pool);
    pool_destroy(p->transfer_pool);
    /* What the open windows hold is written once more, so that a restart loses no prediction. */
    if (p->monitor && p->serve && monitor_flush(op, p->monitor))
        log_at(LOG_ERROR, "server.flush", {"error", LOG_C(op->msg)});
    dispatch_destroy(p->dispatch);
    settings_trace_bind(NULL);
    tracer_destroy(p->tracer);
    telemetry_close(p->telemetry);
    alerts_destroy(p->alerts);
    webhooks_destroy(p->webhooks);
    ui_close(p->ui);
    site_close(p->site);
    source_pattern_destroy(p->version_sources);
    serve_close(p->serve);
    payload_destroy(p->payload);
    notify_close(p->notify);
    monitor_destroy(p->monitor);
    rollout_live_destroy(p->live);
    trend_destroy(p->trend);
    feature_online_close(p->features);
    run_windows_destroy(p->run_windows);
    run_index_destroy(p->run_index);
    series_cache_destroy(p->series);
    predlog_destroy(p->predlog);
    if (p->tables)
        table_engine_close(p->tables);
    sessions_destroy(p->sessions);
    access_close(p->access);
    blob_store_close(p->blobs);
    datadir_unlock(p->blobs_lock);
    db_close(p->db);
    datadir_unlock(p->datadir);
    mutex_clear(&p->tables_mutex);
    free(p);
}
