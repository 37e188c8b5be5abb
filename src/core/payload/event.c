#include "core/payload/event.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"
#include "core/payload/rows.h"

struct payload_sender {
    struct notify *notify;
    struct payload_queue queue;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    atomic_uint_fast64_t sent, dropped;
};

/* ---- one event ---- */

static enum err tensors_write(struct op *op, struct json_out *w, const struct payload_item *item, const char *key, const struct tensor *list, size_t n)
{
    const size_t rows = item->note.rows;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct tensor *t = &list[i];
        const size_t width = rows && t->count % rows == 0 ? t->count / rows : t->count;
        const bool *hidden = NULL;
        enum err e = payload_hidden(op, item, t, width, &hidden);
        if (e)
            return e;
        json_begin_object(w);
        json_kv_str(w, "name", t->name);
        json_key(w, "shape");
        json_begin_array(w);
        for (uint32_t k = 0; k < t->rank; k++)
            json_i64(w, t->shape[k]);
        json_end_array(w);
        json_kv_cstr(w, "datatype", tensor_type_name(t->type));
        json_key(w, "data");
        payload_values_json(w, t, 0, t->count, hidden, width ? width : 1);
        json_end_object(w);
    }
    json_end_array(w);
    return OK;
}

static enum err body_write(struct op *op, const struct payload_item *item, unsigned type, struct buf *body)
{
    const struct payload_note *n = &item->note;
    struct json_out w;
    json_out_init(&w, body, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(&w);
    if (type == PAYLOAD_EVENT_RESPONSE) {
        json_kv_str(&w, "model_name", n->endpoint);
        json_kv_str(&w, "model_version", str_from(op_printf(op, "%lld", (long long)n->version)));
    }
    json_kv_str(&w, "id", n->inference_id.len ? n->inference_id : n->request_id);
    enum err e = type == PAYLOAD_EVENT_REQUEST ? tensors_write(op, &w, item, "inputs", n->inputs, n->input_count)
                                               : tensors_write(op, &w, item, "outputs", n->outputs, n->output_count);
    if (!e)
        json_end_object(&w);
    return e;
}

/* Attributes travel as HTTP fields: all but printable ASCII, and '"', '%' and blanks, as %XX (CloudEvents HTTP binding, 3.1.3.2). */
static struct str attribute(struct op *op, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";
    char *p = arena_array(op->arena, 3 * s.len + 1, char);
    size_t n = 0;
    for (size_t i = 0; p && i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = c > 0x20 && c < 0x7f && c != '"' && c != '%';
        if (plain) {
            p[n++] = (char)c;
        } else {
            p[n++] = '%';
            p[n++] = hex[c >> 4];
            p[n++] = hex[c & 15];
        }
    }
    return p ? (struct str){p, n} : STR("");
}

/* The part of a URI reference that names the endpoint: everything but unreserved characters as %XX. */
static struct str source_of(struct op *op, struct str name)
{
    struct buf b;
    buf_init(&b, LIMIT_KIB(4));
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        buf_addf(&b, plain ? "%c" : "%%%02X", c);
    }
    struct str s = str_from(op_printf(op, "/ingot/endpoints/%.*s", STR_FMT(buf_str(&b))));
    buf_clear(&b);
    return s;
}

static void header(struct notify_message *m, struct str name, struct str value)
{
    if (m->header_count < NOTIFY_HEADERS && value.len)
        m->headers[m->header_count++] = (struct notify_header){name, value};
}

enum err payload_event_make(struct op *op, const struct payload_item *item, unsigned type, struct buf *body, struct notify_message *ret)
{
    const struct payload_note *n = &item->note;
    const bool canary = n->arm && str_eqc(STR("candidate"), n->arm);
    char *time = arena_alloc(op->arena, 32);
    size_t time_len = time_format(n->time_us, time);
    enum err e = body_write(op, item, type, body);
    if (!e && body->failed)
        e = op_fail(op, E_TOO_LARGE, "the event is too large");
    if (e)
        return e;
    struct notify_message m = {.url = item->config.url, .content_type = STR("application/json"), .body = buf_str(body), .timeout_ms = LIMIT_EVENT_TIMEOUT_MS};
    header(&m, STR("ce-specversion"), STR("1.0"));
    header(&m, STR("ce-id"), attribute(op, n->request_id.len ? n->request_id : n->inference_id));
    header(&m, STR("ce-type"),
           type == PAYLOAD_EVENT_REQUEST ? STR("org.kubeflow.serving.inference.request") : STR("org.kubeflow.serving.inference.response"));
    header(&m, STR("ce-source"), source_of(op, n->endpoint));
    header(&m, STR("ce-time"), (struct str){time, time_len});
    header(&m, STR("ce-inferenceservicename"), attribute(op, item->config.service));
    header(&m, STR("ce-namespace"), attribute(op, item->config.space));
    header(&m, STR("ce-component"), STR("predictor"));
    header(&m, STR("ce-endpoint"), canary ? STR("canary") : STR("default"));
    if (n->trace_id.len)
        header(&m, STR("ce-traceid"), n->trace_id);
    *ret = m;
    return OK;
}

/* ---- the thread ---- */

static bool is_stopping(struct payload_sender *s)
{
    return atomic_load(&s->stop);
}

static void pause_briefly(struct payload_sender *s, int64_t ms)
{
    LOCK(&s->queue.lock);
    if (!s->queue.stopping)
        (void)cond_wait_ms(&s->queue.wake, &s->queue.lock, ms);
}

static bool event_send(struct payload_sender *s, struct op *op, const struct payload_item *item, unsigned type)
{
    AUTO(buf) struct buf body;
    struct notify_message m;
    struct notify_answer a = {0};
    buf_init(&body, LIMIT_PAYLOAD_REQUEST_BYTES * 8);
    enum err e = s->notify ? payload_event_make(op, item, type, &body, &m) : op_fail(op, E_UNSUPPORTED, "no way to receivers of events");
    for (int attempt = 1; !e; attempt++) {
        m.stop = &s->stop;
        op_clear(op);
        e = notify_send(op, s->notify, &m, &a);
        bool again = e == E_IO || e == E_TIMEOUT || (!e && (a.status >= 500 || a.status == 429));
        if (!e && a.status >= 200 && a.status < 300)
            return true;
        if (!again || attempt == LIMIT_EVENT_ATTEMPTS || is_stopping(s))
            break;
        pause_briefly(s, LIMIT_EVENT_PAUSE_MS);
        e = OK;
    }
    log_at(LOG_WARN, "event.dropped", {"endpoint", LOG_S(item->note.endpoint)}, {"status", LOG_I(e ? 0 : a.status)}, {"error", LOG_C(e && op->msg ? op->msg : "")});
    return false;
}

static void item_send(struct payload_sender *s, struct arena *arena, const struct payload_item *item)
{
    for (unsigned type = PAYLOAD_EVENT_REQUEST; type <= PAYLOAD_EVENT_RESPONSE; type *= 2) {
        struct op op;
        op_init(&op, arena);
        if (!(item->config.events & type) || (type == PAYLOAD_EVENT_RESPONSE && item->note.err))
            continue;
        if (event_send(s, &op, item, type))
            atomic_fetch_add(&s->sent, 1);
        else
            atomic_fetch_add(&s->dropped, 1);
        arena_reset(arena);
    }
}

static void *sender_thread(void *arg)
{
    struct payload_sender *s = arg;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    mutex_lock(&s->queue.lock);
    while (!s->queue.stopping) {
        struct payload_item *item = payload_queue_pop(&s->queue);
        if (!item) {
            cond_wait(&s->queue.wake, &s->queue.lock);
            continue;
        }
        mutex_unlock(&s->queue.lock);
        item_send(s, arena, item);
        payload_item_destroy(item);
        mutex_lock(&s->queue.lock);
    }
    mutex_unlock(&s->queue.lock);
    arena_destroy(arena);
    return NULL;
}

struct payload_sender *payload_sender_create(void)
{
    struct payload_sender *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    payload_queue_init(&s->queue, LIMIT_EVENT_QUEUE_BYTES);
    return s;
}

void payload_sender_notify(struct payload_sender *s, struct notify *notify)
{
    s->notify = notify;
}

void payload_sender_destroy(struct payload_sender *s)
{
    if (!s)
        return;
    atomic_store(&s->stop, true);
    mutex_lock(&s->queue.lock);
    s->queue.stopping = true;
    cond_broadcast(&s->queue.wake);
    mutex_unlock(&s->queue.lock);
    if (s->started)
        thread_join(s->thread);
    payload_queue_clear(&s->queue);
    free(s);
}

void payload_sender_take(struct payload_sender *s, struct payload_item *take_item)
{
    mutex_lock(&s->queue.lock);
    if (!s->started)
        s->thread = thread_start("events", sender_thread, s);
    s->started = true;
    mutex_unlock(&s->queue.lock);
    payload_queue_put(&s->queue, take_item);
}

void payload_sender_stats(struct payload_sender *s, uint64_t *ret_sent, uint64_t *ret_dropped)
{
    LOCK(&s->queue.lock);
    *ret_sent = atomic_load(&s->sent);
    *ret_dropped = atomic_load(&s->dropped) + s->queue.dropped;
}
