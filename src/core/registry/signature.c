/* When is a change of the signature a break? The question is asked for a caller who was written against the old one and
 * is not touched:
 *  - inputs: one removed, renamed, of another type, at another place (rows can be sent without names), newly required or
 *    no longer optional stops that caller: major. A new optional one behind the old ones, or one that need no longer be sent: minor.
 *  - outputs: one removed, renamed, of another type or at another place: major. One more behind them: minor.
 *  - params: removed, of another type or without its default: major. One more, or another default: minor.
 * A type is compared as its whole spec without the name, so that nested objects, arrays and tensor shapes count. A model may take
 * a wider type than before without harm, but what "wider" is differs between clients, so it is a break like any other type. */
#include "core/registry/signature.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "base/yaml.h"
#include "core/registry/source.h"
#include "core/track/artifact.h"

struct column {
    struct str name; /* p NULL: none */
    struct str type; /* canonical JSON of everything but name, need and default */
    struct str dflt; /* of a param: its JSON */
    bool required;
};
struct columns {
    struct column *p;
    size_t len;
    struct map by_name; /* the first of each name */
};
struct signature {
    bool known;
    struct columns inputs, outputs, params;
};

static bool is_type_member(struct str key)
{
    return !str_eqc(key, "name") && !str_eqc(key, "required") && !str_eqc(key, "optional") && !str_eqc(key, "default");
}

static struct str dumped(struct op *op, const struct json *j)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    json_dumps_python(&b, j, true);
    return str_dup(op->arena, buf_str(&b));
}

static struct column column_read(struct op *op, const struct json *spec)
{
    struct column c = {.required = true};
    struct json type = {.type = JSON_OBJECT};
    type.members = arena_alloc(op->arena, sizeof *type.members * (spec->len + 1));
    for (uint32_t i = 0; i < spec->len; i++) {
        if (is_type_member(spec->members[i].key))
            type.members[type.len++] = spec->members[i];
    }
    c.type = dumped(op, &type);
    const struct json *name = json_get(spec, "name"), *required = json_get(spec, "required"), *optional = json_get(spec, "optional");
    if (name && name->type == JSON_STRING)
        c.name = name->s;
    if ((required && required->type == JSON_BOOL && !required->boolean) || (optional && optional->type == JSON_BOOL && optional->boolean))
        c.required = false;
    const struct json *dflt = json_get(spec, "default");
    c.dflt = dflt ? dumped(op, dflt) : STR("");
    return c;
}

/* False: what stands there is no list of specs. Absent and null are an empty list. */
static bool columns_read(struct op *op, const struct json *sig, const char *key, struct columns *ret)
{
    const struct json *list = json_get(sig, key);
    struct json *parsed = NULL;
    map_init(&ret->by_name, op->arena);
    if (list && list->type == JSON_STRING) {
        if (json_parse(op, list->s, JSON_STRICT, &parsed)) {
            op_clear(op);
            return false;
        }
        list = parsed;
    }
    if (!list || list->type == JSON_NULL)
        return true;
    if (list->type != JSON_ARRAY)
        return false;
    ret->p = arena_alloc(op->arena, sizeof *ret->p * (list->len + 1));
    for (uint32_t i = 0; i < list->len; i++) {
        struct column *c = &ret->p[ret->len++];
        if (list->items[i].type != JSON_OBJECT)
            return false;
        *c = column_read(op, &list->items[i]);
        if (c->name.p && !map_has(&ret->by_name, c->name) && !map_put(&ret->by_name, c->name, c))
            return false;
    }
    return true;
}

static struct signature signature_read(struct op *op, struct str text)
{
    struct signature s = {0};
    struct json *doc = NULL;
    if (!text.len)
        return s;
    if (json_parse(op, text, JSON_STRICT, &doc)) {
        op_clear(op);
        return s;
    }
    s.known = doc->type == JSON_OBJECT && columns_read(op, doc, "inputs", &s.inputs) && columns_read(op, doc, "outputs", &s.outputs) &&
              columns_read(op, doc, "params", &s.params);
    if (s.inputs.len + s.outputs.len + s.params.len == 0)
        s.known = false;
    return s;
}

struct diff {
    struct op *op;
    struct signature_diff *out;
    VEC(struct signature_change) list;
};

static void note(struct diff *d, enum semver_bump bump, const char *text)
{
    if (bump > d->out->bump)
        d->out->bump = bump;
    d->out->total++;
    struct signature_change *c = d->list.len < LIMIT_REGISTRY_CHANGES ? vec_push(&d->list, d->op->arena) : NULL;
    if (c)
        *c = (struct signature_change){bump, str_from(text)};
}

static size_t column_find(const struct columns *list, struct str name)
{
    const struct column *c = map_find(&list->by_name, name);
    return c ? (size_t)(c - list->p) : SIZE_MAX;
}

static const char *column_label(struct op *op, const char *what, const struct column *c, size_t at)
{
    return c->name.p ? op_printf(op, "%s '%.*s'", what, STR_FMT(c->name)) : op_printf(op, "%s %zu", what, at + 1);
}

/* The same column on both sides. */
static void column_compare(struct diff *d, const char *what, const struct column *a, const struct column *b, size_t at)
{
    const char *label = column_label(d->op, what, a, at);
    if (!str_eq(a->type, b->type))
        note(d, SEMVER_MAJOR, op_printf(d->op, "%s changed from %.*s to %.*s", label, STR_FMT(a->type), STR_FMT(b->type)));
    if (!a->required && b->required)
        note(d, SEMVER_MAJOR, op_printf(d->op, "%s is required now", label));
    if (a->required && !b->required)
        note(d, SEMVER_MINOR, op_printf(d->op, "%s is optional now", label));
    if (a->dflt.len && !b->dflt.len)
        note(d, SEMVER_MAJOR, op_printf(d->op, "%s has no default any more", label));
    else if (!str_eq(a->dflt, b->dflt))
        note(d, SEMVER_MINOR, op_printf(d->op, "%s has the default %.*s instead of %.*s", label, STR_FMT(b->dflt), STR_FMT(a->dflt)));
}

/* A column that has no counterpart of its name. The one at its place, of its type and as new as this one is old, is it renamed. */
static void column_lost(struct diff *d, const char *what, const struct columns *before, const struct columns *after, size_t i)
{
    const struct column *a = &before->p[i], *b = i < after->len ? &after->p[i] : NULL;
    bool renamed = b && b->name.p && column_find(before, b->name) == SIZE_MAX && str_eq(a->type, b->type);
    if (renamed)
        note(d, SEMVER_MAJOR, op_printf(d->op, "%s was renamed to '%.*s'", column_label(d->op, what, a, i), STR_FMT(b->name)));
    else
        note(d, SEMVER_MAJOR, op_printf(d->op, "%s was removed", column_label(d->op, what, a, i)));
}

/* Is the new column at `i` what column_lost() took for a renamed one? */
static bool is_renamed(const struct columns *before, const struct columns *after, size_t i)
{
    return i < before->len && before->p[i].name.p && column_find(after, before->p[i].name) == SIZE_MAX &&
           str_eq(before->p[i].type, after->p[i].type);
}

/* Does each have a name of its own? */
static bool is_named(const struct columns *c)
{
    return c->by_name.len == c->len;
}

static void columns_compare_places(struct diff *d, const char *what, const struct columns *before, const struct columns *after)
{
    for (size_t i = 0; i < before->len; i++) {
        if (i < after->len)
            column_compare(d, what, &before->p[i], &after->p[i], i);
        else
            note(d, SEMVER_MAJOR, op_printf(d->op, "%s was removed", column_label(d->op, what, &before->p[i], i)));
        if (i < after->len && before->p[i].name.p && !after->p[i].name.p)
            note(d, SEMVER_MAJOR, op_printf(d->op, "%s has no name any more", column_label(d->op, what, &before->p[i], i)));
    }
}

static void columns_compare_names(struct diff *d, const char *what, const struct columns *before, const struct columns *after, bool places)
{
    size_t lost = 0;
    for (size_t i = 0; i < before->len; i++) {
        size_t at = column_find(after, before->p[i].name);
        lost += at == SIZE_MAX;
        if (at == SIZE_MAX)
            column_lost(d, what, before, after, i);
        else
            column_compare(d, what, &before->p[i], &after->p[at], i);
    }
    /* Where columns are gone, the others' places say nothing new. */
    for (size_t i = 0; places && !lost && i < before->len; i++) {
        size_t at = column_find(after, before->p[i].name);
        if (at != i) {
            note(d, SEMVER_MAJOR, op_printf(d->op, "%s moved from place %zu to %zu", column_label(d->op, what, &before->p[i], i), i + 1, at + 1));
            break;
        }
    }
}

static void columns_compare(struct diff *d, const char *what, const struct columns *before, const struct columns *after, bool places, bool need)
{
    bool by_name = is_named(before) && is_named(after);
    if (by_name)
        columns_compare_names(d, what, before, after, places);
    else
        columns_compare_places(d, what, before, after);
    for (size_t i = by_name ? 0 : before->len; i < after->len; i++) {
        const struct column *c = &after->p[i];
        if (by_name && (column_find(before, c->name) != SIZE_MAX || is_renamed(before, after, i)))
            continue;
        bool breaks = need && c->required;
        note(d, breaks ? SEMVER_MAJOR : SEMVER_MINOR,
             op_printf(d->op, "%s is new%s", column_label(d->op, what, c, i), breaks ? " and required" : ""));
    }
}

void signature_compare(struct op *op, struct str before, struct str after, struct signature_diff *ret)
{
    struct signature a = signature_read(op, before), b = signature_read(op, after);
    *ret = (struct signature_diff){.bump = SEMVER_PATCH};
    struct diff d = {.op = op, .out = ret};
    if (a.known && b.known) {
        columns_compare(&d, "input", &a.inputs, &b.inputs, true, true);
        columns_compare(&d, "output", &a.outputs, &b.outputs, true, false);
        columns_compare(&d, "param", &a.params, &b.params, false, false);
    } else if (a.known) {
        note(&d, SEMVER_MAJOR, "the version has no signature any more");
    } else if (b.known) {
        note(&d, SEMVER_MINOR, "the version has a signature now");
    }
    ret->changes = d.list.p;
    ret->len = d.list.len;
}

/* ---- where a version without one has it from ---- */

struct find_arg {
    const struct registry_version_new *v;
    struct registry_source source;
    struct str copied;
};

static enum err find_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct find_arg *a = arg;
    enum err e = source_resolve(op, tx, a->v, &a->source);
    a->copied = e ? STR("") : a->source.signature;
    return e;
}

static enum err mlmodel_read(struct op *op, struct db *db, struct blob_store *blobs, struct str uri, struct str *ret)
{
    struct str root, yaml;
    struct blob_id id;
    uint64_t size = 0;
    struct json *doc = NULL;
    enum err e = artifact_root(op, uri, &root);
    if (!e)
        e = artifact_find(op, db, artifact_path_join(op, root, STR("MLmodel")), &id, &size);
    if (!e)
        e = blob_get(op, blobs, &id, LIMIT_MIB(1), &yaml);
    if (!e)
        e = yaml_parse(op, yaml, &doc);
    const struct json *sig = e ? NULL : json_get(doc, "signature");
    *ret = sig && sig->type == JSON_OBJECT ? dumped(op, sig) : STR("");
    return e;
}

struct str signature_find(struct op *op, struct db *db, struct blob_store *blobs, const struct registry_version_new *v)
{
    struct find_arg a = {.v = v};
    struct str found = STR("");
    if (v->signature.len)
        return v->signature;
    if (!db_read(op, db, find_tx, &a)) {
        struct str uri = a.source.storage_location.len ? a.source.storage_location : a.source.source;
        found = a.copied;
        if (!found.len && blobs && mlmodel_read(op, db, blobs, uri, &found))
            found = STR("");
    }
    op_clear(op); /* the creation itself says what is wrong with a source */
    return found.len <= LIMIT_REGISTRY_TEXT ? found : STR("");
}
