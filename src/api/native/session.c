/* Signing in with a browser: a token is given once, for a cookie that scripts cannot read and other sites cannot send. */
#include "core/access/access.h"

#include "api/guard.h"
#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/access/session.h"

static const char *const perm_names[PERM_COUNT] = {
    [PERM_READ] = "read", [PERM_RUN_WRITE] = "run_write", [PERM_MODEL_WRITE] = "model_write", [PERM_INFER] = "infer",
    [PERM_FEATURE_WRITE] = "feature_write", [PERM_DEPLOY] = "deploy", [PERM_ADMIN] = "admin",
};

static void who_write(struct op *op, struct services *s, const struct actor *actor, bool cookie, struct http_res *res)
{
    struct json_out w;
    (void)op;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "user");
    if (actor->perms & 1u << PERM_READ)
        json_str(&w, actor->name);
    else
        json_null(&w);
    json_kv_bool(&w, "cookie", cookie);
    json_key(&w, "may");
    json_begin_array(&w);
    for (size_t i = 0; i < PERM_COUNT; i++)
        if (perm_names[i] && (actor->perms & 1u << i))
            json_cstr(&w, perm_names[i]);
    json_end_array(&w);
    json_kv_cstr(&w, "version", INGOT_VERSION);
    json_kv_i64(&w, "started_us", s->started_us);
    json_end_object(&w);
}

static void cookie_set(struct op *op, const struct http_req *req, const char *key, int64_t age_s, struct http_res *res)
{
    http_set_header(res, "Set-Cookie", str_from(op_printf(op, "%.*s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s", STR_FMT(guard_cookie_name(op, req)), key, (long long)age_s,
                                                          req->tls ? "; Secure" : "")));
}

enum err native_session_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct actor by_cookie;
    struct str key = guard_session(op, req);
    who_write(op, s, &op->actor, key.len && session_find(op, s->sessions, key, &by_cookie), res);
    return OK;
}

enum err native_session_open(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct str token, old = guard_session(op, req);
    char key[SESSION_KEY_LEN + 1];
    enum err e = native_body(op, req, &body);
    if (e || (e = json_want_str(op, body, "token", &token)))
        return e;
    if (!token.len)
        return op_fail_field(op, "token", "'token' must not be empty");
    if ((e = access_check(s->access, op, token, req->peer_loopback, &op->actor)))
        return e;
    if (old.len)
        session_close(s->sessions, old);
    session_open(op, s->sessions, key);
    cookie_set(op, req, key, LIMIT_SESSION_S, res);
    explicit_bzero(key, sizeof key);
    who_write(op, s, &op->actor, true, res);
    return OK;
}

enum err native_session_close(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static const struct actor nobody = {0};
    struct str key = guard_session(op, req);
    if (key.len)
        session_close(s->sessions, key);
    cookie_set(op, req, "", 0, res);
    who_write(op, s, &nobody, false, res);
    return OK;
}
