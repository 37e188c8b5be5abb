#include "core/webhook/webhook.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "core/track/page.h"
#include "core/track/store.h"
#include "core/webhook/raise.h"
#include "sql_gen.h"

#define KEY_ID_BYTES 8
#define PAGE_DEFAULT 100

struct webhooks {
    struct webhooks_config config;
    struct str key_id;
    struct arena *arena;
};

struct webhooks *webhooks_create(const struct webhooks_config *config)
{
    struct webhooks *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    h->arena = arena_create(LIMIT_KIB(64));
    h->config = *config;
    h->config.server = str_dup(h->arena, config->server);
    /* A digest of the key tells which key sealed a secret, and nothing about the key. */
    uint8_t mac[HASH_SHA256_LEN];
    char hex[2 * KEY_ID_BYTES + 1];
    seal_hmac_sha256((struct str){(const char *)config->key, SEAL_KEY_LEN}, STR("ingot webhook key id"), mac);
    hash_hex(mac, KEY_ID_BYTES, hex);
    h->key_id = str_dup(h->arena, str_from(hex));
    return h;
}

void webhooks_destroy(struct webhooks *h)
{
    if (!h)
        return;
    explicit_bzero(h->config.key, sizeof h->config.key);
    arena_destroy(h->arena);
    free(h);
}

const struct webhooks_config *webhooks_config_of(const struct webhooks *h)
{
    return &h->config;
}

struct str webhooks_key_id(const struct webhooks *h)
{
    return h->key_id;
}

/* ---- checks ---- */

static bool name_fits(struct str name)
{
    if (name.len == 0 || name.len > LIMIT_WEBHOOK_NAME || !isalnum((unsigned char)name.p[0]) || !isalnum((unsigned char)name.p[name.len - 1]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '.' && name.p[i] != '_' && name.p[i] != '-')
            return false;
    return true;
}

enum err webhook_check_input(struct op *op, struct webhooks *h, const struct webhook_input *in)
{
    if (in->name.p && !name_fits(in->name))
        return op_fail_field(op, "name",
                             "Webhook name %.*s is invalid. It must start and end with a letter or digit, be less than 63 characters long, "
                             "and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
                             STR_FMT(names_repr(op, in->name)));
    enum err e = names_check_length(op, "description", in->description, LIMIT_WEBHOOK_TEXT);
    if (!e && in->secret.len > LIMIT_WEBHOOK_SECRET)
        e = op_fail_field(op, "secret", "Webhook secret must be at most %d bytes long", LIMIT_WEBHOOK_SECRET);
    return !e && in->url.p ? notify_check(op, h->config.notify, in->url) : e;
}

/* Scheme and host of a URL: what an audit row may say of it. */
static struct str url_host(struct str url)
{
    size_t at = str_find(url, STR("://"));
    size_t from = at == SIZE_MAX ? 0 : at + 3, to = from;
    while (to < url.len && url.p[to] != '/' && url.p[to] != '?' && url.p[to] != '#')
        to++;
    struct str authority = str_sub(url, from, to - from);
    for (size_t i = 0; i < authority.len; i++)
        if (authority.p[i] == '@')
            return str_sub(authority, i + 1, SIZE_MAX);
    return authority;
}

/* ---- rows ---- */

static enum err load_events(struct op *op, struct db_tx *tx, struct webhook *w)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_webhook_events, DB_ARGS(DB_I64(w->row)), &rows);
    if (e)
        return e;
    w->events = arena_array(op->arena, WEBHOOK_EVENTS, enum webhook_event);
    w->event_count = 0;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more && w->events && w->event_count < WEBHOOK_EVENTS)
        if (webhook_event_parse(db_col_str(tx, rows, 0), &w->events[w->event_count]))
            w->event_count++;
    db_end(tx, rows);
    return !e && !w->events ? op_fail(op, E_TOO_LARGE, "too many webhooks to hold in memory") : e;
}

static void load_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct webhook *w)
{
    *w = (struct webhook){
        .row = db_col_i64(tx, rows, 0),
        .id = db_col_dup(op, tx, rows, 1),
        .name = db_col_dup(op, tx, rows, 2),
        .description = db_col_dup(op, tx, rows, 3),
        .url = db_col_dup(op, tx, rows, 4),
        .active = db_col_i64(tx, rows, 5) != 0,
        .alert = db_col_i64(tx, rows, 6) != 0,
        .created_ms = db_col_i64(tx, rows, 7),
        .updated_ms = db_col_i64(tx, rows, 8),
        .secret = !db_col_null(tx, rows, 9),
    };
}

/* With the sealed secret (p NULL: none) and the id of its key. */
static enum err find_sealed(struct op *op, struct db_tx *tx, struct str id, struct webhook *ret, struct str *ret_secret, struct str *ret_key_id)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_webhook_get, DB_ARGS(DB_TEXT(id)), &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row) {
        load_row(op, tx, rows, ret);
        *ret_secret = db_col_null(tx, rows, 9) ? (struct str){0} : db_col_dup(op, tx, rows, 9);
        *ret_key_id = db_col_dup(op, tx, rows, 10);
    }
    db_end(tx, rows);
    if (!e && !row)
        return op_fail(op, E_NOT_FOUND, "Webhook with ID %.*s not found.", STR_FMT(id));
    return e ? e : load_events(op, tx, ret);
}

enum err webhook_find(struct op *op, struct db_tx *tx, struct str id, struct webhook *ret)
{
    struct str secret, key_id;
    return find_sealed(op, tx, id, ret, &secret, &key_id);
}

static enum err put_events(struct op *op, struct db_tx *tx, int64_t row, const enum webhook_event *events, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++)
        e = db_exec(op, tx, &sql_webhook_event_insert, DB_ARGS(DB_I64(row), DB_TEXT(webhook_event_name(events[i]))), NULL);
    return e;
}

/* The events as one text, for the audit row. */
static struct str events_text(struct op *op, const struct webhook *w)
{
    const char *text = "";
    for (size_t i = 0; i < w->event_count; i++)
        text = op_printf(op, "%s%s%.*s", text, i ? " " : "", STR_FMT(webhook_event_name(w->events[i])));
    return str_from(text);
}

static enum err audit(struct op *op, struct db_tx *tx, const char *verb, const struct webhook *w)
{
    struct track_kv detail[] = {{STR("name"), w->name}, {STR("host"), url_host(w->url)}, {STR("events"), events_text(op, w)},
                                {STR("status"), w->active ? STR("ACTIVE") : STR("DISABLED")}, {STR("signed"), w->secret ? STR("yes") : STR("no")}};
    return store_audit(op, tx, verb, "webhook", w->id, detail, ARRAY_LEN(detail));
}

enum err webhook_insert(struct op *op, struct db_tx *tx, struct webhooks *h, const struct webhook_input *in, struct webhook *ret)
{
    struct str id = webhook_uuid(op), sealed = {0}, none = STR("");
    enum err e = in->secret.len ? seal_close(op, h->config.key, id, in->secret, &sealed) : OK;
    if (!e)
        e = db_exec(op, tx, &sql_webhook_insert,
                    DB_ARGS(DB_TEXT(id), DB_TEXT(in->name), DB_TEXT(in->description.p ? in->description : none), DB_TEXT(in->url),
                            DB_I64(!in->active || *in->active), DB_I64(in->alert), sealed.p ? DB_BLOB(sealed) : DB_NULL,
                            DB_TEXT(sealed.p ? h->key_id : none), DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = put_events(op, tx, db_last_id(tx), in->events, in->event_count);
    if (!e)
        e = webhook_find(op, tx, id, ret);
    return e ? e : audit(op, tx, "webhook.create", ret);
}

enum err webhook_remove(struct op *op, struct db_tx *tx, const struct webhook *w)
{
    enum err e = store_exec_id(op, tx, &sql_webhook_events_delete, w->row);
    if (!e)
        e = db_exec(op, tx, &sql_webhook_delivery_drop_all, DB_ARGS(DB_I64(w->row), DB_I64(op->now_us)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_webhook_delete, DB_ARGS(DB_I64(w->row), DB_I64(store_now_ms(op))), NULL);
    return e ? e : audit(op, tx, "webhook.delete", w);
}

/* ---- calls ---- */

struct call {
    struct webhooks *h;
    const struct webhook_input *in;
    struct str id;
    int64_t limit, offset;
    struct webhook w;
    struct str sealed, key_id;
    struct webhook_page page;
    struct webhook_test *test;
};

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    return webhook_insert(op, tx, c->h, c->in, &c->w);
}

enum err webhook_create(struct op *op, struct webhooks *h, const struct webhook_input *in, struct webhook *ret)
{
    struct call c = {.h = h, .in = in};
    struct webhook_input whole = *in;
    whole.name.p = whole.name.p ? whole.name.p : "";
    whole.url.p = whole.url.p ? whole.url.p : "";
    enum err e = webhook_check_input(op, h, &whole);
    if (!e && !in->event_count && !in->alert)
        e = op_fail_field(op, "events", "Webhook events must be a non-empty list of WebhookEvent objects: [].");
    if (!e)
        e = db_write(op, h->config.db, create_tx, &c);
    if (!e)
        *ret = c.w;
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    return find_sealed(op, tx, c->id, &c->w, &c->sealed, &c->key_id);
}

enum err webhook_get(struct op *op, struct webhooks *h, struct str id, struct webhook *ret)
{
    struct call c = {.id = id};
    enum err e = db_read(op, h->config.db, get_tx, &c);
    if (!e)
        *ret = c.w;
    return e;
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct db_rows *rows = NULL;
    VEC(struct webhook) v = {0};
    bool more = false;
    enum err e = db_query(op, tx, &sql_webhook_list, DB_ARGS(DB_I64(c->limit + 1), DB_I64(c->offset)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        if ((int64_t)v.len == c->limit) {
            c->page.next_token = page_token(op, c->offset + c->limit);
            break;
        }
        struct webhook *w = store_room(op, LIMIT_NOTIFY_URL) ? NULL : vec_push(&v, op->arena);
        if (!w) {
            e = op_fail(op, E_TOO_LARGE, "too many webhooks to hold in memory");
            break;
        }
        load_row(op, tx, rows, w);
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < v.len; i++)
        e = load_events(op, tx, &v.p[i]);
    c->page.hooks = v.p;
    c->page.len = v.len;
    return e;
}

enum err webhook_list(struct op *op, struct webhooks *h, int64_t max_results, struct str token, struct webhook_page *ret)
{
    struct call c = {.limit = max_results ? max_results : PAGE_DEFAULT};
    if (c.limit < 1 || c.limit > LIMIT_WEBHOOK_PAGE)
        return op_fail_field(op, "max_results", "max_results must be between 1 and %d.", LIMIT_WEBHOOK_PAGE);
    enum err e = page_offset(op, token, &c.offset);
    if (!e)
        e = db_read(op, h->config.db, list_tx, &c);
    if (!e)
        *ret = c.page;
    return e;
}

static enum err update_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    const struct webhook_input *in = c->in;
    struct str sealed, key_id;
    enum err e = find_sealed(op, tx, c->id, &c->w, &sealed, &key_id);
    if (e)
        return e;
    if (in->secret.p) {
        sealed = (struct str){0};
        key_id = in->secret.len ? c->h->key_id : STR("");
        if (in->secret.len && (e = seal_close(op, c->h->config.key, c->id, in->secret, &sealed)))
            return e;
    }
    const struct webhook *w = &c->w;
    e = db_exec(op, tx, &sql_webhook_update,
                DB_ARGS(DB_I64(w->row), DB_TEXT(in->name.p ? in->name : w->name), DB_TEXT(in->description.p ? in->description : w->description),
                        DB_TEXT(in->url.p ? in->url : w->url), DB_I64(in->active ? *in->active : w->active),
                        sealed.p ? DB_BLOB(sealed) : DB_NULL, DB_TEXT(key_id), DB_I64(store_now_ms(op))), NULL);
    if (!e && (in->url.p || in->active)) /* whatever it waited for, the receiver may be another one now */
        e = db_exec(op, tx, &sql_webhook_wake_now, DB_ARGS(DB_I64(w->row), DB_I64(op->now_us)), NULL);
    if (!e && in->event_count) {
        e = store_exec_id(op, tx, &sql_webhook_events_delete, w->row);
        if (!e)
            e = put_events(op, tx, w->row, in->events, in->event_count);
    }
    if (!e)
        e = webhook_find(op, tx, c->id, &c->w);
    return e ? e : audit(op, tx, "webhook.update", &c->w);
}

enum err webhook_update(struct op *op, struct webhooks *h, struct str id, const struct webhook_input *in, struct webhook *ret)
{
    struct call c = {.h = h, .in = in, .id = id};
    enum err e = webhook_get(op, h, id, &c.w);
    if (!e)
        e = webhook_check_input(op, h, in);
    if (!e)
        e = db_write(op, h->config.db, update_tx, &c);
    if (!e)
        *ret = c.w;
    return e;
}

static enum err delete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    enum err e = webhook_find(op, tx, c->id, &c->w);
    return e ? e : webhook_remove(op, tx, &c->w);
}

enum err webhook_delete(struct op *op, struct webhooks *h, struct str id)
{
    return db_write(op, h->config.db, delete_tx, &(struct call){.id = id});
}

/* ---- sending ---- */

enum err webhook_post(struct op *op, struct webhooks *h, struct str id, struct str url, struct str sealed, struct str delivery_id, struct str body, const atomic_bool *stop, struct notify_answer *ret)
{
    struct str secret = {0}, time = str_from(op_printf(op, "%" PRId64, (int64_t)(time_now_us() / TIME_US_PER_S)));
    enum err e = sealed.p ? seal_open(op, h->config.key, id, sealed, &secret) : OK;
    if (e)
        return e;
    struct notify_message m = {.url = url, .content_type = STR("application/json"), .body = body, .timeout_ms = h->config.timeout_ms, .stop = stop,
                               .headers = {{STR("X-MLflow-Delivery-Id"), delivery_id}, {STR("X-MLflow-Timestamp"), time}}, .header_count = 2};
    if (secret.len)
        m.headers[m.header_count++] = (struct notify_header){STR("X-MLflow-Signature"), webhook_signature(op, secret, delivery_id, time, body)};
    return notify_send(op, h->config.notify, &m, ret);
}

static enum err test_audit_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct track_kv detail[] = {{STR("name"), c->w.name}, {STR("host"), url_host(c->w.url)},
                                {STR("status"), str_from(op_printf(op, "%d", c->test->status))}, {STR("error"), c->test->error}};
    return store_audit(op, tx, "webhook.test", "webhook", c->w.id, detail, ARRAY_LEN(detail));
}

enum err webhook_send_test(struct op *op, struct webhooks *h, struct str id, const enum webhook_event *event, struct webhook_test *ret)
{
    struct call c = {.h = h, .id = id, .test = ret};
    struct notify_answer a;
    struct str body;
    enum err e = db_read(op, h->config.db, get_tx, &c);
    if (e)
        return e;
    enum webhook_event what = event ? *event : c.w.event_count ? c.w.events[0] : WEBHOOK_ALERT_FIRING;
    if ((e = webhook_event_body(op, what, op->now_us, webhook_event_example(what), &body)))
        return e;
    *ret = (struct webhook_test){.body = STR(""), .error = STR("")};
    e = webhook_post(op, h, c.w.id, c.w.url, c.sealed, webhook_uuid(op), body, NULL, &a);
    if (e) {
        ret->error = str_from(op_printf(op, "Failed to test webhook: %s", op->msg));
        op_clear(op);
    } else {
        *ret = (struct webhook_test){a.status < 400, a.status, a.body, STR("")};
    }
    return db_write(op, h->config.db, test_audit_tx, &c);
}
