/* How a number is found. The new version is compared with the release before it: the highest of all, or, if its author names
 * X.Y.Z, the highest below that, so that an old line can still be served (1.4.1 after 2.0.0). The comparison says which part must
 * rise at least; a wish may raise more, never less. Rows of deleted versions count, because their numbers are out in the world. */
#include "core/registry/release.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/vec.h"
#include "core/registry/alias.h"
#include "core/registry/history.h"
#include "core/registry/signature.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

static const struct semver TOP = {INT64_MAX, 0, 0};

struct baseline {
    bool found;
    struct semver semver;
    struct str signature;
};

static enum err baseline_find(struct op *op, struct db_tx *tx, int64_t model, const struct semver *below, struct baseline *ret)
{
    struct db_val v[4];
    enum err e = db_query_one(op, tx, &sql_registry_release_below,
                              DB_ARGS(DB_I64(model), DB_I64(below->major), DB_I64(below->minor), DB_I64(below->patch)), v, ARRAY_LEN(v));
    *ret = (struct baseline){.signature = STR("")};
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (!e)
        *ret = (struct baseline){true, {v[0].i, v[1].i, v[2].i}, v[3].s};
    return e;
}

static struct str changes_json(struct op *op, const struct signature_diff *d)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (size_t i = 0; i < d->len; i++)
        json_str(&w, str_sub(d->changes[i].text, 0, LIMIT_KIB(4)));
    if (d->total > d->len)
        json_cstr(&w, op_printf(op, "and %zu more", d->total - d->len));
    json_end_array(&w);
    return str_dup(op->arena, buf_str(&b));
}

/* The first differences that ask for `bump`, as one line. */
static const char *reasons(struct op *op, const struct signature_diff *d, enum semver_bump bump)
{
    const char *text = "";
    size_t shown = 0, all = 0;
    for (size_t i = 0; i < d->len; i++) {
        if (d->changes[i].bump < bump)
            continue;
        all++;
        if (shown < 10) {
            text = op_printf(op, "%s%s%.*s", text, shown ? "; " : "", STR_FMT(str_sub(d->changes[i].text, 0, 300)));
            shown++;
        }
    }
    return all > shown ? op_printf(op, "%s; and %zu more", text, all - shown) : text;
}

static enum err check_free(struct op *op, struct db_tx *tx, int64_t model, const struct semver *v)
{
    struct db_val taken;
    enum err e = db_query_one(op, tx, &sql_registry_release_taken,
                              DB_ARGS(DB_I64(model), DB_I64(v->major), DB_I64(v->minor), DB_I64(v->patch)), &taken, 1);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e ? e : op_fail_field(op, "semver", "semantic version %" PRId64 ".%" PRId64 ".%" PRId64 " is taken by version %" PRId64,
                                 v->major, v->minor, v->patch, taken.i);
}

static enum err too_small(struct op *op, struct str wanted, const struct baseline *b, const struct signature_diff *d, enum semver_bump need)
{
    struct semver least = semver_next(&b->semver, need);
    return op_fail_field(op, "semver",
                         "'%.*s' hides a change of the signature: against %.*s it needs a %s release, %.*s or higher (%s)", STR_FMT(wanted),
                         STR_FMT(semver_text(op, &b->semver)), semver_bump_name(need), STR_FMT(semver_text(op, &least)),
                         reasons(op, d, d->bump));
}

/* The number, and what it was compared with. */
static enum err choose(struct op *op, struct db_tx *tx, const struct registry_release_new *r, struct semver *ret, struct baseline *b, struct signature_diff *d)
{
    struct semver given, below = TOP;
    enum semver_bump wish = SEMVER_PATCH;
    bool exact = semver_parse(r->wanted, &given);
    if (!exact && r->wanted.len && !semver_bump_parse(r->wanted, &wish))
        return op_fail_field(op, "semver", "a semantic version is MAJOR.MINOR.PATCH or one of patch, minor, major, not '%.*s'",
                             STR_FMT(str_sub(r->wanted, 0, 100)));
    if (exact)
        below = given;
    enum err e = exact ? check_free(op, tx, r->model_row, &given) : OK;
    if (!e)
        e = baseline_find(op, tx, r->model_row, &below, b);
    if (e)
        return e;
    *d = (struct signature_diff){.bump = SEMVER_FIRST};
    if (b->found)
        signature_compare(op, b->signature, r->signature, d);
    enum semver_bump need = semver_needed(&b->semver, d->bump);
    if (b->found && ((exact && !semver_raises(&b->semver, &given, need)) || (!exact && r->wanted.len && wish < need)))
        return too_small(op, r->wanted, b, d, need);
    if (exact)
        *ret = given;
    else
        *ret = b->found ? semver_next(&b->semver, wish > need ? wish : need) : (struct semver){1, 0, 0};
    return OK;
}

static enum err add_one(struct op *op, struct db_tx *tx, const struct registry_release_new *r, struct registry_release *ret)
{
    struct baseline b;
    struct signature_diff d;
    struct registry_release out = {.known = true};
    enum err e = choose(op, tx, r, &out.semver, &b, &d);
    if (e)
        return e;
    out.bump = str_from(semver_bump_name(d.bump));
    out.changes = changes_json(op, &d);
    e = db_exec(op, tx, &sql_registry_release_insert,
                DB_ARGS(DB_I64(r->version_row), DB_I64(r->model_row), DB_I64(out.semver.major), DB_I64(out.semver.minor),
                        DB_I64(out.semver.patch), DB_TEXT(out.bump), DB_TEXT(out.changes), DB_TEXT(r->signature.p ? r->signature : STR("")),
                        DB_I64(r->origin_row)), NULL);
    if (!e)
        *ret = out;
    return e;
}

/* Gives the versions before the model's first release theirs, so that it is compared with what callers know. */
static enum err backfill(struct op *op, struct db_tx *tx, const struct registry_release_new *r)
{
    VEC(struct registry_release_new) list = {0};
    struct registry_release made;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_registry_release_missing,
                          DB_ARGS(DB_I64(r->model_row), DB_I64(r->version_row), DB_I64(LIMIT_REGISTRY_BACKFILL)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_release_new *old = store_room(op, 0) ? NULL : vec_push(&list, op->arena);
        if (!old) {
            op_clear(op); /* the rest goes without */
            break;
        }
        *old = (struct registry_release_new){.model_row = r->model_row, .version_row = db_col_i64(tx, rows, 0),
                                             .signature = db_col_dup(op, tx, rows, 1)};
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < list.len; i++)
        e = add_one(op, tx, &list.p[i], &made);
    return e;
}

enum err registry_release_add(struct op *op, struct db_tx *tx, const struct registry_release_new *r, struct registry_release *ret)
{
    struct baseline highest;
    enum err e = baseline_find(op, tx, r->model_row, &TOP, &highest);
    if (!e && !highest.found)
        e = backfill(op, tx, r);
    return e ? e : add_one(op, tx, r, ret);
}

enum err registry_release_get(struct op *op, struct db_tx *tx, int64_t version_row, struct registry_release *ret)
{
    struct db_val v[5];
    enum err e = db_query_one(op, tx, &sql_registry_release_of_version, DB_ARGS(DB_I64(version_row)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        *ret = (struct registry_release){.bump = STR(""), .changes = STR("[]")};
        return OK;
    }
    if (!e)
        *ret = (struct registry_release){true, {v[0].i, v[1].i, v[2].i}, v[3].s, v[4].s};
    return e;
}

enum err registry_release_find(struct op *op, struct db_tx *tx, int64_t model_row, const struct semver_range *range, int64_t *ret_version)
{
    const struct semver *a = &range->from, *b = &range->below;
    struct db_val v = {.i = 0};
    enum err e = db_query_one(op, tx, &sql_registry_release_in_range,
                              DB_ARGS(DB_I64(model_row), DB_I64(a->major), DB_I64(a->minor), DB_I64(a->patch), DB_I64(b->major),
                                      DB_I64(b->minor), DB_I64(b->patch)), &v, 1);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        *ret_version = 0;
        return OK;
    }
    if (!e)
        *ret_version = v.i;
    return e;
}

struct str registry_release_text(struct op *op, const struct registry_release *r)
{
    return r->known ? semver_text(op, &r->semver) : STR("");
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.len > 0;
}

enum err registry_resolve_tx(struct op *op, struct db_tx *tx, struct str name, struct str spec, int64_t *ret_version)
{
    if (is_number(spec))
        return registry_version_parse(op, spec, ret_version);
    return registry_alias_version(op, tx, name, spec, ret_version);
}

struct resolve_arg {
    struct str name, spec;
    struct registry_version v;
};

static enum err resolve_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct resolve_arg *a = arg;
    int64_t version = 0;
    enum err e = registry_resolve_tx(op, tx, a->name, a->spec, &version);
    if (!e)
        e = registry_version_find(op, tx, a->name, version, &a->v);
    return e ? e : registry_version_fill(op, tx, &a->v);
}

enum err registry_resolve(struct op *op, struct db *db, struct str name, struct str spec, struct registry_version *ret)
{
    struct resolve_arg a = {.name = name, .spec = spec};
    enum err e = db_read(op, db, resolve_tx, &a);
    if (!e)
        *ret = a.v;
    return e;
}
