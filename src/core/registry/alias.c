#include "core/registry/alias.h"

#include "base/limits.h"
#include "core/registry/history.h"
#include "core/registry/model.h"
#include "core/registry/move.h"
#include "core/registry/release.h"
#include "core/track/store.h"
#include "sql_gen.h"

static enum err check_form(struct op *op, struct str alias)
{
    if (alias.len == 0)
        return op_fail_field(op, "alias", "Registered model alias name cannot be empty.");
    for (size_t i = 0; i < alias.len; i++) {
        char c = alias.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  (unsigned char)c >= 0x80;
        if (!ok)
            return op_fail_field(op, "alias",
                                 "Invalid alias name: '%.*s'. Names may only contain alphanumerics, underscores (_), and "
                                 "dashes (-).",
                                 STR_FMT(alias));
    }
    return names_check_length(op, "Registered model alias name", alias, LIMIT_REGISTRY_ALIAS);
}

static enum err check_free(struct op *op, struct str alias)
{
    if (str_ieq(alias, STR("latest")))
        return op_fail_field(op, "alias", "'latest' alias name (case insensitive) is reserved.");
    bool version = alias.len > 1 && (alias.p[0] == 'v' || alias.p[0] == 'V');
    for (size_t i = 1; version && i < alias.len; i++)
        version = alias.p[i] >= '0' && alias.p[i] <= '9';
    if (version)
        return op_fail_field(op, "alias", "Version alias name '%.*s' is reserved.", STR_FMT(alias));
    return OK;
}

enum err registry_alias_check(struct op *op, struct str alias)
{
    enum err e = check_form(op, alias);
    return e ? e : check_free(op, alias);
}

enum err registry_alias_now(struct op *op, struct db_tx *tx, int64_t model_row, struct str alias, int64_t *ret_version)
{
    struct db_val v = {.i = 0};
    enum err e = db_query_one(op, tx, &sql_registry_alias_get, DB_ARGS(DB_I64(model_row), DB_TEXT(alias)), &v, 1);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        *ret_version = 0;
        return OK;
    }
    if (!e)
        *ret_version = v.i;
    return e;
}

enum err registry_alias_set(struct op *op, struct db *db, struct str name, struct str alias, int64_t version)
{
    enum err e = registry_model_check_name(op, name);
    if (!e)
        e = registry_alias_check(op, alias);
    if (!e && version < 1)
        e = op_fail(op, E_NOT_FOUND, "Model Version (name=%.*s, version=%lld) not found", STR_FMT(name), (long long)version);
    return e ? e : registry_move(op, db, &(struct registry_move){.model = name, .alias = alias, .version = version});
}

enum err registry_alias_delete(struct op *op, struct db *db, struct str name, struct str alias)
{
    enum err e = registry_model_check_name(op, name);
    if (!e)
        e = check_form(op, alias);
    return e ? e : registry_move(op, db, &(struct registry_move){.model = name, .alias = alias});
}

static enum err newest(struct op *op, struct db_tx *tx, struct str name, int64_t *ret_version)
{
    struct registry_version *all = NULL;
    size_t n = 0;
    enum err e = registry_version_newest(op, tx, name, &all, &n);
    if (!e && n == 0)
        return op_fail(op, E_NOT_FOUND, "Latest version not found for model %.*s.", STR_FMT(name));
    if (!e)
        *ret_version = all[0].version;
    return e;
}

enum err registry_alias_version(struct op *op, struct db_tx *tx, struct str name, struct str alias, int64_t *ret_version)
{
    struct semver_range range;
    int64_t row = 0, version = 0;
    enum err e = registry_model_row(op, tx, name, &row);
    if (!e && str_ieq(alias, STR("latest")))
        return newest(op, tx, name, ret_version);
    if (!e)
        e = registry_alias_now(op, tx, row, alias, &version);
    if (!e && !version && semver_range_parse(alias, &range))
        e = registry_release_find(op, tx, row, &range, &version);
    if (!e && !version)
        return op_fail_field(op, "alias", "Registered model alias %.*s not found.", STR_FMT(alias));
    if (!e)
        *ret_version = version;
    return e;
}

struct resolve_arg {
    struct str name, alias;
    struct registry_version v;
};

static enum err resolve_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct resolve_arg *a = arg;
    int64_t version = 0;
    enum err e = registry_alias_version(op, tx, a->name, a->alias, &version);
    if (!e)
        e = registry_version_find(op, tx, a->name, version, &a->v);
    return e ? e : registry_version_fill(op, tx, &a->v);
}

enum err registry_alias_resolve(struct op *op, struct db *db, struct str name, struct str alias, struct registry_version *ret)
{
    enum err e = registry_model_check_name(op, name);
    if (!e && !semver_is_range(alias))
        e = check_form(op, alias);
    struct resolve_arg a = {.name = name, .alias = alias};
    if (!e)
        e = db_read(op, db, resolve_tx, &a);
    if (!e)
        *ret = a.v;
    return e;
}
