#include "core/scoring/bind.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"

struct binding {
    struct op *op;
    const struct scoring_wish *wish;
    const struct table_schema *schema;
    struct str file;
    bool untyped;
    struct map places;              /* name -> struct place */
    VEC(struct table_field) fields;
    VEC(struct scoring_input) inputs;
};
struct place {
    size_t at;
};

static enum err no_memory(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "no memory for the columns");
}

static const struct table_field *field_find(const struct table_schema *s, struct str name)
{
    for (size_t i = 0; i < s->len; i++)
        if (str_eq(s->fields[i].name, name))
            return &s->fields[i];
    return NULL;
}

static enum err missing(struct binding *b, struct str name)
{
    for (size_t i = 0; i < b->schema->len; i++)
        if (str_ieq(b->schema->fields[i].name, name))
            return op_fail(b->op, E_INVALID, "'%.*s' has no column \"%.*s\" (it has \"%.*s\")", STR_FMT(b->file), STR_FMT(name),
                           STR_FMT(b->schema->fields[i].name));
    return op_fail(b->op, E_INVALID, "'%.*s' has no column \"%.*s\"", STR_FMT(b->file), STR_FMT(name));
}

/* What a column of a text file is read as. */
static enum table_type text_type(enum tensor_type want)
{
    switch (want) {
    case TENSOR_BOOL:
        return TABLE_BOOL;
    case TENSOR_UINT8: case TENSOR_UINT16: case TENSOR_UINT32: case TENSOR_UINT64:
    case TENSOR_INT8: case TENSOR_INT16: case TENSOR_INT32: case TENSOR_INT64:
        return TABLE_I64;
    case TENSOR_BYTES:
        return TABLE_STRING;
    default:
        return TABLE_F64;
    }
}

static bool type_fits(enum table_type has, enum tensor_type want)
{
    switch (text_type(want)) {
    case TABLE_BOOL:
        return has == TABLE_BOOL;
    case TABLE_I64:
        return has == TABLE_I64;
    case TABLE_STRING:
        return has == TABLE_STRING;
    default:
        return has == TABLE_F64 || has == TABLE_F32 || has == TABLE_I64 || has == TABLE_BOOL;
    }
}

/* The place of a column among those that are read; `want` NULL: as it is. */
static enum err column_place(struct binding *b, struct str name, const enum tensor_type *want, size_t *ret)
{
    const struct table_field *f = field_find(b->schema, name);
    if (!f)
        return missing(b, name);
    enum table_type type = f->type;
    if (b->untyped && want && !(*want == TENSOR_TYPE_COUNT && type == TABLE_BOOL)) /* "true" is a number to a model, but not to a parser of numbers */
        type = text_type(*want);
    struct place *known = map_find(&b->places, name);
    if (known && want && b->untyped)
        b->fields.p[known->at].type = type;
    if (want && !type_fits(type, *want))
        return op_fail(b->op, E_INVALID, "'%.*s': column \"%.*s\" is %s; the model takes %s", STR_FMT(b->file), STR_FMT(name), table_type_name(type),
                       *want == TENSOR_TYPE_COUNT ? "numbers" : tensor_type_name(*want));
    if (!known) {
        struct table_field *slot = vec_push(&b->fields, b->op->arena);
        known = arena_array(b->op->arena, 1, struct place);
        if (!slot || !known || !map_put(&b->places, f->name, known))
            return no_memory(b->op);
        *known = (struct place){b->fields.len - 1};
        *slot = (struct table_field){str_dup(b->op->arena, f->name), type};
    }
    *ret = known->at;
    return OK;
}

static enum err input_add(struct binding *b, const struct scoring_input *in, const struct str *names)
{
    size_t *places = arena_array(b->op->arena, in->width + 1, size_t);
    struct scoring_input *slot = vec_push(&b->inputs, b->op->arena);
    if (!places || !slot)
        return no_memory(b->op);
    *slot = *in;
    slot->places = places;
    for (size_t i = 0; i < in->width; i++) {
        enum err e = column_place(b, names[i], &in->type, &places[i]);
        if (e)
            return e;
    }
    return OK;
}

/* The names of "x=a,b,c" or "a,b,c" that are for the input `name`; none: *ret_n is 0. */
static enum err wish_find(struct binding *b, struct str name, bool only, struct str **ret, size_t *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < b->wish->column_count; i++) {
        struct str text = b->wish->columns[i], rest = text, part;
        size_t eq = str_find_char(text, '='), n = 0;
        bool mine = eq != SIZE_MAX && str_eq(str_sub(text, 0, eq), name);
        if (!mine && !only)
            continue;
        rest = mine ? str_sub(text, eq + 1, SIZE_MAX) : text;
        struct str *names = arena_array(b->op->arena, rest.len / 2 + 2, struct str);
        if (!names)
            return no_memory(b->op);
        while (str_split(&rest, ',', &part)) {
            if (!part.len)
                return op_fail(b->op, E_INVALID, "--columns '%.*s': a name is empty", STR_FMT(text));
            names[n++] = part;
        }
        *ret = names;
        *ret_n = n;
        return OK;
    }
    return OK;
}

/* A model with named features: a tensor per feature, so that the endpoint's chain sees names. */
static enum err features_bind(struct binding *b, const struct serve_info *info, const struct str *names)
{
    for (size_t i = 0; i < info->features; i++) {
        const struct scoring_input in = {.name = info->feature_names[i], .type = TENSOR_TYPE_COUNT, .rank = 1, .width = 1};
        enum err e = input_add(b, &in, &names[i]);
        if (e)
            return e;
    }
    return OK;
}

static enum err matrix_bind(struct binding *b, const struct tensor_spec *s, bool row_model, bool only)
{
    struct str *names = NULL;
    size_t n = 0;
    enum err e = wish_find(b, s->name, only, &names, &n);
    if (e)
        return e;
    if (!n)
        return op_fail(b->op, E_INVALID, "input \"%.*s\" of the model has columns without names: say which with --columns a,b,c", STR_FMT(s->name));
    if (s->shape[1] >= 0 && n != (size_t)s->shape[1])
        return op_fail(b->op, E_INVALID, "--columns names %zu columns; input \"%.*s\" has %lld", n, STR_FMT(s->name), (long long)s->shape[1]);
    const struct scoring_input in = {.name = s->name, .type = row_model ? TENSOR_TYPE_COUNT : s->type, .rank = 2, .width = n};
    return input_add(b, &in, names);
}

static enum err spec_bind(struct binding *b, const struct tensor_spec *s, bool row_model, bool only)
{
    bool free_rows = s->rank >= 1 && s->shape[0] < 0;
    bool column = free_rows && (s->rank == 1 || (s->rank == 2 && s->shape[1] == 1));
    struct str *names = NULL;
    size_t n = 0;
    if (free_rows && s->rank == 2 && !column)
        return matrix_bind(b, s, row_model, only);
    if (!column)
        return op_fail(b->op, E_UNSUPPORTED, "input \"%.*s\" of the model has no shape that rows of a table can have", STR_FMT(s->name));
    enum err e = wish_find(b, s->name, only, &names, &n);
    if (e)
        return e;
    if (n > 1)
        return op_fail(b->op, E_INVALID, "--columns names %zu columns; input \"%.*s\" has one", n, STR_FMT(s->name));
    if (!n && s->optional && !field_find(b->schema, s->name))
        return OK;
    const struct scoring_input in = {.name = s->name, .type = s->type, .rank = s->rank, .width = 1};
    return input_add(b, &in, n ? names : &s->name);
}

static enum err inputs_bind(struct binding *b, const struct infer_signature *sig, const struct serve_info *info)
{
    const struct tensor_spec *first = sig->inputs;
    bool only = sig->input_count == 1;
    /* What a model of rows says of itself before any chain. */
    bool row_model = only && info->features && first->rank == 2 && first->shape[1] == (int64_t)info->features && first->type == TENSOR_FP32;
    if (!sig->joins)
        return op_fail(b->op, E_UNSUPPORTED, "the model does not say that its rows are independent: they cannot be scored in parts");
    for (size_t i = 0; i < b->wish->column_count; i++) {
        size_t eq = str_find_char(b->wish->columns[i], '='), k = 0;
        while (eq != SIZE_MAX && k < sig->input_count && !str_eq(sig->inputs[k].name, str_sub(b->wish->columns[i], 0, eq)))
            k++;
        if (!only && (eq == SIZE_MAX || k == sig->input_count))
            return op_fail(b->op, E_INVALID, "--columns '%.*s': the model has several inputs; NAME=a,b,c is wanted", STR_FMT(b->wish->columns[i]));
        if (only && i)
            return op_fail(b->op, E_INVALID, "the model has one input: --columns can be given once");
    }
    if (row_model && info->feature_names) {
        struct str *names = NULL;
        size_t n = 0;
        enum err e = wish_find(b, first->name, true, &names, &n);
        if (!e && n && n != info->features)
            e = op_fail(b->op, E_INVALID, "--columns names %zu columns; the model has %zu features", n, info->features);
        return e ? e : features_bind(b, info, n ? names : info->feature_names);
    }
    for (size_t i = 0; i < sig->input_count; i++) {
        enum err e = spec_bind(b, &sig->inputs[i], row_model, only);
        if (e)
            return e;
    }
    return b->inputs.len ? OK : op_fail(b->op, E_INVALID, "'%.*s' has no column that the model takes", STR_FMT(b->file));
}

static enum err keep_bind(struct binding *b, size_t **ret, size_t *ret_n)
{
    const size_t n = b->wish->keep_all ? b->schema->len : b->wish->keep_count;
    size_t *keep = arena_array(b->op->arena, n + 1, size_t);
    if (!keep)
        return no_memory(b->op);
    for (size_t i = 0; i < n; i++) {
        enum err e = column_place(b, b->wish->keep_all ? b->schema->fields[i].name : b->wish->keep[i], NULL, &keep[i]);
        if (e)
            return e;
        for (size_t k = 0; k < i; k++)
            if (keep[k] == keep[i])
                return op_fail(b->op, E_INVALID, "--keep names \"%.*s\" twice", STR_FMT(b->wish->keep[i]));
    }
    *ret = keep;
    *ret_n = n;
    return OK;
}

enum err scoring_bind(struct op *op, const struct infer_signature *signature, const struct serve_info *info, const struct scoring_wish *wish,
                      const struct table_schema *schema, struct str file, bool untyped, struct scoring_binding *ret)
{
    struct binding b = {.op = op, .wish = wish, .schema = schema, .file = file, .untyped = untyped};
    size_t *keep = NULL, keep_count = 0;
    map_init(&b.places, op->arena);
    enum err e = inputs_bind(&b, signature, info);
    if (!e)
        e = keep_bind(&b, &keep, &keep_count);
    bool *casts = arena_array(op->arena, b.fields.len + 1, bool);
    if (!e && !casts)
        e = no_memory(op);
    if (e)
        return e;
    *ret = (struct scoring_binding){.casts = casts, .fields = {b.fields.p, b.fields.len}, .inputs = b.inputs.p, .input_count = b.inputs.len, .keep = keep,
                                    .keep_count = keep_count};
    return OK;
}

static bool is_kept(const struct scoring_binding *b, size_t place)
{
    for (size_t i = 0; i < b->keep_count; i++)
        if (b->keep[i] == place)
            return true;
    return false;
}

static bool is_number(enum table_type t)
{
    return t == TABLE_BOOL || t == TABLE_I64 || t == TABLE_F32 || t == TABLE_F64;
}

enum err scoring_bind_join(struct op *op, struct scoring_binding *b, const struct scoring_binding *other, struct str file, bool untyped)
{
    if (b->fields.len != other->fields.len)
        return op_fail(op, E_INVALID, "'%.*s' does not have the columns of the files before it", STR_FMT(file));
    for (size_t i = 0; i < b->fields.len; i++) {
        struct table_field *mine = &b->fields.fields[i];
        const struct table_field *theirs = &other->fields.fields[i];
        if (!str_eq(mine->name, theirs->name))
            return op_fail(op, E_INVALID, "'%.*s' has a column \"%.*s\" where the files before it have \"%.*s\"", STR_FMT(file), STR_FMT(theirs->name),
                           STR_FMT(mine->name));
        if (mine->type == theirs->type || untyped) /* a text file is read in the types of the first */
            continue;
        if (is_kept(b, i) || !is_number(mine->type) || !is_number(theirs->type))
            return op_fail(op, E_INVALID, "'%.*s': column \"%.*s\" is %s; in the files before it, it is %s", STR_FMT(file), STR_FMT(mine->name),
                           table_type_name(theirs->type), table_type_name(mine->type));
        mine->type = TABLE_F64;
        b->casts[i] = true;
    }
    return OK;
}

/* ---- the statement ---- */

static void name_add(struct buf *b, struct str name)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, name.p[i]);
    }
    buf_add_char(b, '"');
}

static void text_source(struct op *op, struct buf *b, const struct scoring_binding *k, const struct scoring_file *f, const struct str *nulls,
                        size_t null_count)
{
    const struct str path = table_quote(op, f->path);
    buf_addf(b, "read_csv(%.*s, header = true, types = {", STR_FMT(path));
    for (size_t i = 0; i < k->fields.len; i++) {
        buf_add_cstr(b, i ? ", " : "");
        name_add(b, k->fields.fields[i].name);
        buf_addf(b, ": '%s'", table_type_name(k->fields.fields[i].type));
    }
    buf_add_cstr(b, "}, nullstr = [''");
    for (size_t i = 0; i < null_count; i++) {
        buf_add_cstr(b, ", ");
        buf_add_str(b, table_quote(op, nulls[i]));
    }
    buf_add_cstr(b, "])");
}

enum err scoring_select(struct op *op, const struct scoring_binding *b, const struct scoring_file *f, const struct str *nulls, size_t null_count,
                        uint64_t first, uint64_t rows, bool whole, struct str *ret)
{
    AUTO(buf) struct buf sql;
    buf_init(&sql, LIMIT_TABLE_SQL_BYTES);
    buf_add_cstr(&sql, "SELECT ");
    for (size_t i = 0; i < b->fields.len; i++) {
        buf_add_cstr(&sql, i ? ", " : "");
        buf_add_cstr(&sql, b->casts[i] ? "CAST(" : "");
        name_add(&sql, b->fields.fields[i].name);
        buf_add_cstr(&sql, b->casts[i] ? " AS DOUBLE)" : "");
    }
    buf_add_cstr(&sql, " FROM ");
    if (!f->parquet) {
        text_source(op, &sql, b, f, nulls, null_count);
        if (!whole)
            buf_addf(&sql, " LIMIT %llu OFFSET %llu", (unsigned long long)rows, (unsigned long long)first);
    } else {
        struct str path = table_quote(op, f->path);
        buf_addf(&sql, "read_parquet(%.*s%s)", STR_FMT(path), whole ? "" : ", file_row_number = true");
        if (!whole) /* row groups outside are not read */
            buf_addf(&sql, " WHERE file_row_number >= %llu AND file_row_number < %llu", (unsigned long long)first, (unsigned long long)(first + rows));
    }
    if (sql.failed)
        return op_fail(op, E_TOO_LARGE, "the names of %zu columns are too long together", b->fields.len);
    *ret = str_dup(op->arena, buf_str(&sql));
    return OK;
}

enum err scoring_count(struct op *op, const struct scoring_binding *b, const struct scoring_file *f, const struct str *nulls, size_t null_count,
                       struct str *ret)
{
    AUTO(buf) struct buf sql;
    buf_init(&sql, LIMIT_TABLE_SQL_BYTES);
    if (f->parquet) {
        const struct str path = table_quote(op, f->path);
        buf_addf(&sql, "SELECT num_rows FROM parquet_file_metadata(%.*s)", STR_FMT(path));
    } else { /* read as it will be: what a row is may depend on the types */
        buf_add_cstr(&sql, "SELECT count(*) FROM ");
        text_source(op, &sql, b, f, nulls, null_count);
    }
    if (sql.failed)
        return op_fail(op, E_TOO_LARGE, "the names of %zu columns are too long together", b->fields.len);
    *ret = str_dup(op->arena, buf_str(&sql));
    return OK;
}
