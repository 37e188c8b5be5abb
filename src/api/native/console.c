#include "core/track/console.h"

#include <stdatomic.h>

#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/time.h"

#define LOOK_MS 100 /* between two looks of a reader that waits: the bytes may come to another server of the same database */

static atomic_int waiters;

static void state_write(struct json_out *w, const struct console_state *s)
{
    json_kv_i64(w, "first", s->first);
    json_kv_i64(w, "size", s->size);
    json_kv_bool(w, "ended", s->ended);
}

enum err native_console_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct console_state state;
    struct json_out w;
    int64_t from = 0;
    struct str text;
    if (!http_query_get(op, req, "from", &text))
        return op_fail_field(op, "from", "query parameter 'from' is needed: the byte at which these stand");
    enum err e = native_query_i64(op, req, "from", 0, INT64_MAX / 2, 0, &from);
    if (!e)
        e = console_append(op, s->db, req->path_args[0], from, req->body, &state);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    state_write(&w, &state);
    json_end_object(&w);
    return OK;
}

/* Until there is something behind `from`, for a while. Few may wait at a time, as each holds a thread; the rest ask again. */
static enum err read_wait(struct op *op, struct services *s, struct str run, int64_t from, size_t max, int64_t wait_ms, struct console_text *ret)
{
    int64_t until_ms = time_mono_ms() + wait_ms;
    enum err e = console_read(op, s->db, run, from, max, ret);
    if (e || wait_ms == 0 || max == 0 || ret->bytes.len || ret->state.ended)
        return e;
    if (atomic_fetch_add(&waiters, 1) < LIMIT_TRACK_CONSOLE_WAITERS) {
        while (!e && !ret->bytes.len && !ret->state.ended && time_mono_ms() < until_ms) {
            time_sleep_ms(LOOK_MS);
            if (!(e = op_check_deadline(op)))
                e = console_read(op, s->db, run, from, max, ret);
        }
    }
    atomic_fetch_sub(&waiters, 1);
    return e;
}

/* Without the beginning of a character whose end is not here yet. */
static struct str whole_characters(struct str s)
{
    for (size_t back = 1; back <= 3 && back < s.len; back++) {
        unsigned char c = (unsigned char)s.p[s.len - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return length > back ? str_sub(s, 0, s.len - back) : s;
    }
    return s;
}

enum err native_console_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t from = 0, max = 0, wait_ms = 0, raw = 0;
    struct console_text t;
    enum err e = native_query_i64(op, req, "from", -(INT64_MAX / 2), INT64_MAX / 2, 0, &from);
    if (!e)
        e = native_query_i64(op, req, "max", 0, LIMIT_TRACK_CONSOLE_CHUNK, LIMIT_TRACK_CONSOLE_ROW, &max);
    if (!e)
        e = native_query_i64(op, req, "wait_ms", 0, LIMIT_TRACK_CONSOLE_WAIT_MS, 0, &wait_ms);
    if (!e)
        e = native_query_i64(op, req, "raw", 0, 1, 0, &raw);
    if (!e)
        e = read_wait(op, s, req->path_args[0], from, (size_t)max, wait_ms, &t);
    if (e)
        return e;
    if (raw) {
        http_set_type(res, "text/plain; charset=utf-8");
        buf_add_str(&res->body, t.bytes);
        return OK;
    }
    bool last = t.state.ended && t.from + (int64_t)t.bytes.len == t.state.size;
    struct str text = last ? t.bytes : whole_characters(t.bytes);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    state_write(&w, &t.state);
    json_kv_i64(&w, "from", t.from);
    json_kv_i64(&w, "next", t.from + (int64_t)text.len);
    json_kv_str(&w, "text", text);
    json_end_object(&w);
    return OK;
}
