#include "api/mlflow/points.h"

#include "base/json.h"
#include "base/limits.h"

#include <math.h>

#define NUMBER_CHARS 32                   /* of any number */
#define PIECE_BYTES LIMIT_KIB(128)        /* handed to the stream at once */
#define RUN_POINT_BYTES 160               /* a usual point with its run id: decides what is streamed */

static void piece_send(struct points_out *out)
{
    if (out->to != &out->piece || out->err)
        return;
    if (out->piece.failed)
        out->err = op_fail(out->op, E_IO, "no memory for the answer");
    else
        out->err = http_stream_write(out->op, out->res, out->piece.p, out->piece.len);
    buf_reset(&out->piece);
}

void points_begin(struct points_out *out, struct op *op, struct http_res *res, struct str nan, size_t points)
{
    *out = (struct points_out){.op = op, .res = res, .nan = nan};
    buf_init(&out->piece, 4 * PIECE_BYTES);
    http_set_type(res, "application/json");
    bool stream = points > POINTS_SHORT && points > POINTS_KEEP_BYTES / RUN_POINT_BYTES;
    out->to = stream ? &out->piece : &res->body;
    if (stream)
        out->err = http_stream_begin(op, res, UINT64_MAX);
}

static char *put_str(char *p, struct str s)
{
    memcpy(p, s.p, s.len);
    return p + s.len;
}

static char *put_i64(char *p, int64_t v)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    for (; u >= 100; u /= 100) {
        unsigned pair = (unsigned)(u % 100);
        digits[--at] = (char)('0' + pair % 10);
        digits[--at] = (char)('0' + pair / 10);
    }
    if (u >= 10) {
        digits[--at] = (char)('0' + u % 10);
        u /= 10;
    }
    digits[--at] = (char)('0' + u);
    if (v < 0)
        digits[--at] = '-';
    return put_str(p, (struct str){digits + at, sizeof digits - at});
}

/* {"key":"...","value": and ,"run_id":"..."} are the same for all points of a call. */
struct frame {
    struct buf head, tail;
};

static void frame_make(struct frame *f, struct str key, struct str run_id)
{
    struct json_out w;
    buf_init(&f->head, LIMIT_MIB(1));
    buf_init(&f->tail, LIMIT_MIB(1));
    buf_add_cstr(&f->head, ",{\"key\":");
    json_out_init(&w, &f->head, 0);
    json_str(&w, key);
    buf_add_cstr(&f->head, ",\"value\":");
    if (run_id.len) {
        buf_add_cstr(&f->tail, ",\"run_id\":");
        json_out_init(&w, &f->tail, 0);
        json_str(&w, run_id);
    }
    buf_add_char(&f->tail, '}');
}

static void frame_clear(struct frame *f)
{
    buf_clear(&f->head);
    buf_clear(&f->tail);
}

static void put_point(struct points_out *out, const struct frame *f, double v, int64_t time_ms, int64_t step_number)
{
    static const struct str time = STR_INIT(",\"timestamp\":"), step = STR_INIT(",\"step\":");
    struct str head = buf_str(&f->head);
    if (!out->any) {
        buf_add_cstr(out->to, "{\"metrics\":[");
        head = str_sub(head, 1, head.len);
        out->any = true;
    }
    char *start = buf_reserve(out->to, head.len + f->tail.len + time.len + step.len + 3 * NUMBER_CHARS), *p = start;
    if (!p)
        return; /* the buffer has failed: seen at the end */
    p = put_str(p, head);
    p = isnan(v) ? put_str(p, out->nan) : p + json_format_f64(v, p);
    p = put_i64(put_str(p, time), time_ms);
    p = put_i64(put_str(p, step), step_number);
    p = put_str(p, buf_str(&f->tail));
    out->to->len += (size_t)(p - start);
    if (out->to->len >= PIECE_BYTES)
        piece_send(out);
}

void points_add_series(struct points_out *out, const struct series *s, struct str key, struct str run_id, size_t from, size_t n)
{
    struct frame f;
    frame_make(&f, key, run_id);
    for (size_t i = from; i < from + n && !out->err; i++)
        put_point(out, &f, series_value(s, i), series_time_ms(s, i), series_step(s, i));
    frame_clear(&f);
}

void points_add(struct points_out *out, const struct history_points *points, struct str key, struct str run_id)
{
    struct frame f;
    frame_make(&f, key, run_id);
    for (size_t i = 0; i < points->len && !out->err; i++)
        put_point(out, &f, points->p[i].value, points->p[i].time_ms, points->p[i].step);
    frame_clear(&f);
}

enum err points_end(struct points_out *out, bool empty_list, struct str next_token)
{
    struct buf *b = out->to;
    if (out->any || empty_list)
        buf_add_cstr(b, out->any ? "]" : "{\"metrics\":[]");
    else
        buf_add_char(b, '{');
    if (next_token.len) { /* base64: nothing to escape */
        buf_add_cstr(b, out->any || empty_list ? ",\"next_page_token\":\"" : "\"next_page_token\":\"");
        buf_add_str(b, next_token);
        buf_add_char(b, '"');
    }
    buf_add_char(b, '}');
    piece_send(out);
    buf_clear(&out->piece);
    if (!out->err && out->res->body.failed)
        out->err = op_fail(out->op, E_TOO_LARGE, "the answer is too large: ask for fewer results");
    return out->err;
}
