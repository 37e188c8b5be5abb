#include "api/ask.h"

#include <inttypes.h>

enum err ask_endpoint(struct op *op, struct services *s, struct str name, struct str version, struct serve_endpoint **ret, int64_t *ret_version)
{
    int64_t n = 0;
    if (version.len && (!str_parse_i64(version, &n) || n < 1))
        return op_fail(op, E_INVALID, "\"%.*s\" is not a version number", STR_FMT(version));
    struct serve_endpoint *ep = NULL;
    enum err e = serve_acquire(op, s->serve, name, &ep);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    bool loaded = !n;
    for (size_t i = 0; i < info->version_count; i++)
        loaded = loaded || info->versions[i] == n;
    if (loaded) {
        *ret = ep;
        *ret_version = n;
        return OK;
    }
    e = op_fail(op, E_NOT_FOUND, "version %" PRId64 " of \"%.*s\" is not loaded", n, STR_FMT(info->name));
    serve_release(ep);
    return e;
}

struct ask *ask_create(struct op *op, struct serve_endpoint *ep, const struct http_req *req, http_answer_fn encode)
{
    struct ask *a = op_new(op, struct ask);
    a->name = str_dup(op->arena, serve_endpoint_info(ep)->name);
    a->encode = encode;
    a->request.started_ns = req->started_ns;
    return a;
}

static void *begin(void *arg)
{
    struct ask *a = arg;
    return http_later(a->res, a->encode, a);
}

enum err ask_start(struct op *op, struct serve_endpoint *ep, struct ask *a, struct http_req *req, struct http_res *res)
{
    a->res = res;
    const struct infer_later later = {.begin = begin, .done = http_later_done, .arg = a};
    enum err e = serve_infer_start(op, ep, &a->request, &a->answer, &later);
    if (e || res->later) /* nobody else touches `later` before the handler returns */
        return e;
    return a->encode(op, req, res, a);
}

void ask_warn(struct op *op, const struct ask *a, struct http_res *res)
{
    if (!a->answer.warning)
        return;
    struct str text = str_dup(op->arena, str_from(a->answer.warning));
    for (size_t i = 0; i < text.len; i++) /* a header is printable ASCII */
        if ((unsigned char)text.p[i] < 0x20 || (unsigned char)text.p[i] >= 0x7f)
            ((char *)(uintptr_t)text.p)[i] = '?';
    http_set_header(res, "X-Ingot-Warning", text);
}

void ask_retry_after(const struct op *op, struct http_res *res)
{
    if (op->err == E_BUSY)
        http_set_header(res, "Retry-After", STR("1"));
}

void ask_reply(struct http_res *res, struct json_out *w)
{
    http_set_type(res, "application/json");
    json_out_init(w, &res->body, 0);
    w->nonfinite = JSON_NONFINITE_BARE;
}

void ask_plain_error(struct op *op, struct http_req *req, struct http_res *res)
{
    (void)req;
    buf_reset(&res->body);
    http_set_status(res, err_http(op->err));
    http_set_type(res, "text/plain; charset=utf-8");
    buf_add_cstr(&res->body, op->msg ? op->msg : err_name(op->err));
}

void ask_error(struct op *op, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    (void)req;
    buf_reset(&res->body);
    http_set_status(res, err_http(op->err));
    ask_retry_after(op, res);
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "error", op->msg ? op->msg : err_name(op->err));
    json_end_object(&w);
}
