#include "core/webhook/raise.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/vec.h"
#include "sql_gen.h"

#define IS_PROMPT "mlflow.prompt.is_prompt"
#define PROMPT_TEXT "mlflow.prompt.text"
#define PROMPT_TYPE "_mlflow_prompt_type"

struct str webhook_uuid(struct op *op)
{
    uint8_t b[16];
    char hex[33];
    hash_random(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    hash_hex(b, sizeof b, hex);
    return str_from(op_printf(op, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20));
}

static enum err put(struct op *op, struct db_tx *tx, int64_t webhook, enum webhook_event event, struct str body)
{
    enum err e = db_exec(op, tx, &sql_webhook_delivery_insert,
                         DB_ARGS(DB_I64(webhook), DB_TEXT(webhook_uuid(op)), DB_TEXT(webhook_event_name(event)), DB_TEXT(body), DB_I64(op->now_us)), NULL);
    return e ? e : db_exec(op, tx, &sql_webhook_wake, DB_ARGS(DB_I64(webhook), DB_I64(op->now_us)), NULL);
}

static enum err subscribers(struct op *op, struct db_tx *tx, enum webhook_event event, int64_t **ret, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_webhook_subscribed, DB_ARGS(DB_TEXT(webhook_event_name(event))), &rows);
    if (e)
        return e;
    VEC(int64_t) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        int64_t *id = vec_push(&v, op->arena);
        if (!id) {
            e = op_fail(op, E_TOO_LARGE, "too many webhooks to hold in memory");
            break;
        }
        *id = db_col_i64(tx, rows, 0);
    }
    db_end(tx, rows);
    *ret = v.p;
    *ret_len = v.len;
    return e;
}

enum err webhook_raise(struct op *op, struct db_tx *tx, enum webhook_event event, struct str data)
{
    int64_t *ids = NULL;
    size_t n = 0;
    struct str body = STR("");
    enum err e = subscribers(op, tx, event, &ids, &n);
    if (!e && n)
        e = webhook_event_body(op, event, op->now_us, data, &body);
    for (size_t i = 0; !e && i < n; i++)
        e = put(op, tx, ids[i], event, body);
    return e;
}

enum err webhook_raise_to(struct op *op, struct db_tx *tx, int64_t webhook_row, enum webhook_event event, struct str data)
{
    struct str body;
    enum err e = webhook_event_body(op, event, op->now_us, data, &body);
    return e ? e : put(op, tx, webhook_row, event, body);
}

/* ---- payloads ---- */

/* False: nobody subscribed to anything, so nothing need be made. */
static enum err anybody(struct op *op, struct db_tx *tx, bool *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_webhook_any_event, DB_NO_ARGS, &rows);
    if (!e)
        e = db_step(op, tx, rows, ret);
    db_end(tx, rows);
    return e;
}

static enum err is_prompt(struct op *op, struct db_tx *tx, struct str name, bool *ret)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &sql_webhook_prompt_tag, DB_ARGS(DB_TEXT(name)), &v, 1);
    *ret = !e && str_ieq(v.s, STR("true"));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e;
}

static bool tags_say_prompt(const struct track_kv *tags, size_t n)
{
    return str_ieq(names_find(tags, n, IS_PROMPT), STR("true"));
}

static void kv_or_null(struct json_out *w, const char *key, struct str v)
{
    if (v.p && v.len) {
        json_kv_str(w, key, v);
        return;
    }
    json_key(w, key);
    json_null(w);
}

static void kv_version(struct json_out *w, int64_t version)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, version);
    json_kv_cstr(w, "version", text);
}

/* Of a prompt without the tags that make it one. */
static void kv_tags(struct json_out *w, const struct track_kv *tags, size_t n, bool prompt, bool version)
{
    json_key(w, "tags");
    json_begin_object(w);
    for (size_t i = 0; i < n; i++) {
        struct str k = tags[i].key;
        if (prompt && (str_eqc(k, IS_PROMPT) || str_eqc(k, PROMPT_TYPE) || (version && str_eqc(k, PROMPT_TEXT))))
            continue;
        json_key_str(w, k);
        json_str(w, tags[i].value.p ? tags[i].value : STR(""));
    }
    json_end_object(w);
}

static void begin(struct buf *b, struct json_out *w, struct str name)
{
    buf_init(b, LIMIT_WEBHOOK_BODY);
    json_out_init(w, b, 0);
    json_begin_object(w);
    json_kv_str(w, "name", name);
}

static enum err end(struct op *op, struct db_tx *tx, enum webhook_event event, struct buf *b, struct json_out *w)
{
    json_end_object(w);
    if (b->failed)
        return op_fail(op, E_TOO_LARGE, "the message of a webhook is larger than %zu bytes", b->max);
    return webhook_raise(op, tx, event, buf_str(b));
}

enum err webhook_raise_model(struct op *op, struct db_tx *tx, struct str name, struct str description, const struct track_kv *tags, size_t tag_count)
{
    bool any = false, prompt = tags_say_prompt(tags, tag_count);
    enum err e = anybody(op, tx, &any);
    if (e || !any)
        return e;
    AUTO(buf) struct buf b;
    struct json_out w;
    begin(&b, &w, name);
    kv_tags(&w, tags, tag_count, prompt, false);
    json_kv_str(&w, "description", description.p ? description : STR(""));
    return end(op, tx, prompt ? WEBHOOK_PROMPT_CREATED : WEBHOOK_MODEL_CREATED, &b, &w);
}

enum err webhook_raise_version(struct op *op, struct db_tx *tx, const struct webhook_version *v)
{
    bool any = false, prompt = tags_say_prompt(v->tags, v->tag_count);
    enum err e = anybody(op, tx, &any);
    if (e || !any)
        return e;
    AUTO(buf) struct buf b;
    struct json_out w;
    begin(&b, &w, v->name);
    kv_version(&w, v->version);
    if (prompt) {
        struct str text = names_find(v->tags, v->tag_count, PROMPT_TEXT);
        json_key(&w, "template");
        if (text.p)
            json_str(&w, text);
        else
            json_null(&w);
    } else {
        json_kv_str(&w, "source", v->source);
        kv_or_null(&w, "run_id", v->run_id);
    }
    kv_tags(&w, v->tags, v->tag_count, prompt, true);
    kv_or_null(&w, "description", v->description);
    return end(op, tx, prompt ? WEBHOOK_PROMPT_VERSION_CREATED : WEBHOOK_VERSION_CREATED, &b, &w);
}

enum err webhook_raise_version_tag(struct op *op, struct db_tx *tx, struct str name, int64_t version, struct str key, struct str value)
{
    bool any = false, prompt = false;
    enum err e = anybody(op, tx, &any);
    if (e || !any || (e = is_prompt(op, tx, name, &prompt)))
        return e;
    AUTO(buf) struct buf b;
    struct json_out w;
    begin(&b, &w, name);
    kv_version(&w, version);
    json_kv_str(&w, "key", key);
    if (value.p)
        json_kv_str(&w, "value", value);
    if (value.p)
        return end(op, tx, prompt ? WEBHOOK_PROMPT_VERSION_TAG_SET : WEBHOOK_VERSION_TAG_SET, &b, &w);
    return end(op, tx, prompt ? WEBHOOK_PROMPT_VERSION_TAG_DELETED : WEBHOOK_VERSION_TAG_DELETED, &b, &w);
}

enum err webhook_raise_model_tag(struct op *op, struct db_tx *tx, struct str name, struct str key, struct str value)
{
    bool any = false, prompt = false;
    enum err e = anybody(op, tx, &any);
    if (e || !any || (e = is_prompt(op, tx, name, &prompt)) || !prompt)
        return e;
    AUTO(buf) struct buf b;
    struct json_out w;
    begin(&b, &w, name);
    json_kv_str(&w, "key", key);
    if (value.p)
        json_kv_str(&w, "value", value);
    return end(op, tx, value.p ? WEBHOOK_PROMPT_TAG_SET : WEBHOOK_PROMPT_TAG_DELETED, &b, &w);
}

enum err webhook_raise_alias(struct op *op, struct db_tx *tx, struct str name, struct str alias, int64_t version)
{
    bool any = false, prompt = false;
    enum err e = anybody(op, tx, &any);
    if (e || !any || (e = is_prompt(op, tx, name, &prompt)))
        return e;
    AUTO(buf) struct buf b;
    struct json_out w;
    begin(&b, &w, name);
    json_kv_str(&w, "alias", alias);
    if (version)
        kv_version(&w, version);
    if (version)
        return end(op, tx, prompt ? WEBHOOK_PROMPT_ALIAS_CREATED : WEBHOOK_ALIAS_CREATED, &b, &w);
    return end(op, tx, prompt ? WEBHOOK_PROMPT_ALIAS_DELETED : WEBHOOK_ALIAS_DELETED, &b, &w);
}
