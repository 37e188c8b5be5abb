#include "core/scoring/manifest.h"

#include "base/limits.h"

static void texts_out(struct json_out *w, const char *key, const struct str *texts, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_str(w, texts[i]);
    json_end_array(w);
}

static void settings_out(struct json_out *w, const struct scoring_manifest *m)
{
    json_key(w, "settings");
    json_begin_object(w);
    json_kv_i64(w, "batch-rows", m->plan->chunk_rows);
    json_kv_i64(w, "limit", (int64_t)m->limit);
    texts_out(w, "columns", m->wish->columns, m->wish->column_count);
    texts_out(w, "keep", m->wish->keep, m->wish->keep_count);
    json_kv_bool(w, "keep-all", m->wish->keep_all);
    texts_out(w, "null", m->nulls, m->null_count);
    json_kv_str(w, "output-name", m->output_name);
    json_kv_cstr(w, "parts", m->csv ? "csv" : "parquet");
    json_end_object(w);
}

enum err scoring_manifest_text(struct op *op, const struct scoring_manifest *m, struct str *ret)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_SCORING_MANIFEST_BYTES);
    json_out_init(&w, &b, 2);
    json_begin_object(&w);
    json_kv_cstr(&w, "format", "ingot.predict");
    json_kv_i64(&w, "format_version", 1);
    json_key(&w, "model");
    json_begin_object(&w);
    json_kv_str(&w, "name", m->model);
    json_kv_i64(&w, "version", m->version);
    json_kv_cstr(&w, "sha256", m->model_sha256);
    json_end_object(&w);
    settings_out(&w, m);
    json_kv_i64(&w, "rows", (int64_t)m->plan->rows);
    json_kv_i64(&w, "parts", (int64_t)m->plan->chunk_count);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < m->plan->file_count; i++) {
        const struct scoring_file *f = &m->plan->files[i];
        json_begin_object(&w);
        json_kv_str(&w, "name", scoring_base_name(f->path));
        json_kv_i64(&w, "size_bytes", (int64_t)f->size_bytes);
        json_kv_i64(&w, "changed_us", f->changed_us);
        json_kv_cstr(&w, "sha256", f->sha256);
        json_kv_i64(&w, "rows", (int64_t)f->rows);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    buf_add_char(&b, '\n');
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the names of %zu files are too long together", m->plan->file_count);
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}

/* ---- reading ---- */

static enum err manifest_read(struct op *op, struct str text, struct json **ret)
{
    struct str format = STR("");
    int64_t version = 0;
    enum err e = json_parse(op, text, JSON_STRICT, ret);
    if (!e)
        e = json_want_str(op, *ret, "format", &format);
    if (!e)
        e = json_want_i64(op, *ret, "format_version", 0, INT32_MAX, &version);
    if (e || !str_eqc(format, "ingot.predict")) {
        op_clear(op);
        return op_fail(op, E_CORRUPT, "the manifest is none of ingot predict");
    }
    if (version != 1)
        return op_fail(op, E_UNSUPPORTED, "the manifest has version %lld; this program writes 1", (long long)version);
    return OK;
}

/* Both are printed alike, so that equal texts are equal values. */
static bool json_same(const struct json *a, const struct json *b)
{
    if (!a || !b)
        return a == b;
    AUTO(buf) struct buf x;
    AUTO(buf) struct buf y;
    buf_init(&x, LIMIT_SCORING_MANIFEST_BYTES);
    buf_init(&y, LIMIT_SCORING_MANIFEST_BYTES);
    json_dumps_python(&x, a, true);
    json_dumps_python(&y, b, true);
    return !x.failed && !y.failed && str_eq(buf_str(&x), buf_str(&y));
}

static const struct json *file_at(const struct json *doc, size_t i)
{
    const struct json *files = json_get(doc, "files");
    return files && files->type == JSON_ARRAY && i < files->len ? &files->items[i] : NULL;
}

static enum err files_compare(struct op *op, const struct json *old, const struct json *now)
{
    const struct json *a = json_get(old, "files"), *b = json_get(now, "files");
    size_t n = a && a->type == JSON_ARRAY ? a->len : 0, m = b->len;
    for (size_t i = 0; i < n && i < m; i++) {
        const struct json *x = file_at(old, i), *y = file_at(now, i);
        struct str was = STR("?"), is = STR("?");
        if (json_same(x, y))
            continue;
        if (json_opt_str(op, x, "name", was, &was) || json_opt_str(op, y, "name", is, &is))
            op_clear(op);
        if (!str_eq(was, is))
            return op_fail(op, E_CONFLICT, "the input is another one: '%.*s' stands where '%.*s' stood", STR_FMT(is), STR_FMT(was));
        return op_fail(op, E_CONFLICT, "the input has changed: '%.*s' is not the file that it was", STR_FMT(is));
    }
    return n == m ? OK : op_fail(op, E_CONFLICT, "the input has changed: there are %zu files, there were %zu", m, n);
}

static enum err settings_compare(struct op *op, const struct json *old, const struct json *now)
{
    const struct json *a = json_get(old, "settings"), *b = json_get(now, "settings");
    for (uint32_t i = 0; i < b->len; i++)
        if (!json_same(json_get_str(a, b->members[i].key), &b->members[i].value))
            return op_fail(op, E_CONFLICT, "--%.*s is not what it was", STR_FMT(b->members[i].key));
    return json_same(a, b) ? OK : op_fail(op, E_CONFLICT, "the settings are not what they were");
}

enum err scoring_manifest_compare(struct op *op, struct str old, struct str now)
{
    struct json *a = NULL, *b = NULL;
    enum err e = manifest_read(op, old, &a);
    if (!e)
        e = manifest_read(op, now, &b);
    if (!e && !json_same(json_path(a, "model.sha256"), json_path(b, "model.sha256")))
        e = op_fail(op, E_CONFLICT, "the model has changed");
    if (!e)
        e = files_compare(op, a, b);
    if (!e)
        e = settings_compare(op, a, b);
    if (!e && (!json_same(json_get(a, "rows"), json_get(b, "rows")) || !json_same(json_get(a, "parts"), json_get(b, "parts"))))
        e = op_fail(op, E_CONFLICT, "the plan is another one");
    return e;
}

bool scoring_manifest_rows(struct op *op, struct str old, size_t index, const struct scoring_file *f, uint64_t *ret)
{
    struct json *doc = NULL;
    struct str name = STR(""), sha = STR("");
    int64_t size = -1, changed = -1, rows = -1;
    bool good = old.len && !manifest_read(op, old, &doc);
    const struct json *m = good ? file_at(doc, index) : NULL;
    good = m && !json_want_str(op, m, "name", &name) && !json_want_str(op, m, "sha256", &sha) &&
           !json_want_i64(op, m, "size_bytes", 0, INT64_MAX, &size) && !json_want_i64(op, m, "changed_us", INT64_MIN, INT64_MAX, &changed) &&
           !json_want_i64(op, m, "rows", 0, INT64_MAX, &rows);
    op_clear(op);
    good = good && str_eq(name, scoring_base_name(f->path)) && str_eqc(sha, f->sha256) && (uint64_t)size == f->size_bytes && changed == f->changed_us;
    if (good)
        *ret = (uint64_t)rows;
    return good;
}

enum err scoring_manifest_parts(struct op *op, struct str text, uint64_t *ret_parts, bool *ret_csv)
{
    struct json *doc = NULL;
    int64_t parts = 0;
    struct str kind = STR("");
    enum err e = manifest_read(op, text, &doc);
    if (e)
        return e;
    if (json_want_i64(op, doc, "parts", 1, LIMIT_SCORING_CHUNKS, &parts) || json_want_str(op, json_get(doc, "settings"), "parts", &kind)) {
        op_clear(op);
        return op_fail(op, E_CORRUPT, "the manifest does not say which parts there are");
    }
    *ret_parts = (uint64_t)parts;
    *ret_csv = str_eqc(kind, "csv");
    return OK;
}
