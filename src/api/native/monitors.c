/* monitors.c - all monitors at a glance, an endpoint's windows, and the distributions of one. Alerts and labels: endpoints.c. */
#include "api/native/native.h"
#include "api/services.h"
#include "core/monitor/config.h"
#include "core/monitor/monitor.h"
#include "core/monitor/summary.h"
#include "core/serve/serve.h"

enum err native_monitor_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    (void)req;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "monitors");
    enum err e = monitor_summaries_json(op, s->db, &w);
    json_end_object(&w);
    return e;
}

/* The limits in force: what the endpoint says, and the defaults of the rest. */
static enum err config_write(struct op *op, struct services *s, struct str endpoint, struct json_out *w)
{
    struct serve_endpoint *at = NULL;
    struct monitor_config config;
    enum err e = serve_acquire(op, s->serve, endpoint, &at);
    if (e)
        return e;
    e = monitor_config_parse(op, json_get(serve_endpoint_info(at)->config, "monitor"), &config);
    serve_release(at);
    if (e)
        return e;
    json_key(w, "config");
    monitor_config_json(w, &config);
    return OK;
}

enum err native_endpoint_windows(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    int64_t from = 0;
    enum err e = native_query_i64(op, req, "from_us", INT64_MIN, INT64_MAX, INT64_MIN, &from);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    if ((e = config_write(op, s, req->path_args[0], &w)))
        return e;
    json_key(&w, "windows");
    e = monitor_windows_json(op, s->db, req->path_args[0], from, &w);
    json_end_object(&w);
    return e;
}

enum err native_window_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    int64_t start_us = 0;
    if (!str_parse_i64(req->path_args[1], &start_us))
        return op_fail(op, E_NOT_FOUND, "no window '%.*s': it is named by its start_us", STR_FMT(req->path_args[1]));
    enum err e = native_endpoint_known(op, s, req->path_args[0]);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "revisions");
    e = monitor_shapes_json(op, s->db, req->path_args[0], start_us, &w);
    json_end_object(&w);
    return e;
}
