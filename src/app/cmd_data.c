/* cmd_data.c - data files from the command line: do they meet a suite, what do they look like, which version are they. */
#include <stdio.h>

#include "app/backends.h"
#include "app/commands.h"
#include "base/file.h"
#include "base/limits.h"
#include "core/dataset/profile.h"
#include "core/dataset/suite.h"
#include "core/dataset/version.h"

#define ROWS_SAID 5 /* failing rows per expectation on the terminal; the document has more */

static void say_row(struct op *op, struct command_ctx *ctx, const struct suite_result *r, const struct suite_row *row)
{
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    for (size_t c = 0; c < r->schema.len; c++)
        buf_addf(&b, "%s%.*s=%.*s", c ? "  " : "", STR_FMT(r->schema.fields[c].name), STR_FMT(row->cells[c]));
    struct str text = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    command_say(ctx, "      row %llu: %.*s", (unsigned long long)row->index, STR_FMT(text));
}

static void say_result(struct op *op, struct command_ctx *ctx, const struct suite_result *r)
{
    for (size_t i = 0; i < r->suite->len; i++) {
        const struct expectation *x = &r->items[i];
        struct str text = suite_item_text(op, r, i);
        command_say(ctx, "  %s  %.*s", x->success ? "ok  " : "FAIL", STR_FMT(text));
        for (size_t k = 0; !x->success && k < x->shown_len && k < ROWS_SAID; k++) {
            const struct suite_row *row = suite_row_find(r, x->shown[k]);
            if (row)
                say_row(op, ctx, r, row);
        }
    }
    command_say(ctx, "%s: %zu of %zu expectations of suite %.*s hold over %llu rows of %.*s", r->success ? "valid" : "INVALID",
                r->successful, r->suite->len, STR_FMT(r->suite->name), (unsigned long long)r->rows, STR_FMT(r->path));
}

static enum err write_document(struct op *op, const struct suite_result *r, struct str path)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_JSON_BYTES);
    json_out_init(&w, &b, 2);
    suite_result_write(r, &w);
    buf_add_char(&b, '\n');
    enum err e = b.failed ? op_fail(op, E_TOO_LARGE, "the result document is too large") : file_write(op, str_cstr(op->arena, path), buf_str(&b));
    buf_clear(&b);
    return e;
}

static enum err data_validate_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct suite *suite = NULL;
    struct suite_result *r = NULL;
    const struct str *args = NULL;
    command_args(ctx, &args);
    enum err e = suite_load(op, str_cstr(op->arena, command_str(ctx, "suite")), &suite);
    if (!e)
        e = backend_tables_open(op, &tables);
    if (!e)
        e = suite_run(op, tables, suite, args[0], &r);
    if (!e && command_has(ctx, "out"))
        e = write_document(op, r, command_str(ctx, "out"));
    if (e)
        return e;
    suite_result_write(r, command_out(ctx));
    say_result(op, ctx, r);
    if (!r->success)
        return op_fail(op, E_INVALID, "%.*s does not meet suite %.*s: %zu of %zu expectations fail", STR_FMT(args[0]), STR_FMT(suite->name),
                       suite->len - r->successful, suite->len);
    return OK;
}

static enum err data_profile_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct profile *p = NULL;
    const struct str *args = NULL;
    command_args(ctx, &args);
    enum err e = backend_tables_open(op, &tables);
    if (!e)
        e = profile_run(op, tables, args[0], &p);
    if (e)
        return e;
    profile_write(p, command_out(ctx));
    command_say(ctx, "%llu rows", (unsigned long long)p->rows);
    command_say(ctx, "%-16s %-10s %10s %10s  %-24s %-24s %12s %12s", "column", "type", "nulls", "distinct", "min", "max", "mean", "stdev");
    for (size_t i = 0; i < p->len; i++) {
        const struct profile_column *c = &p->columns[i];
        bool number = c->type != TABLE_STRING && c->type != TABLE_TIMESTAMP;
        char mean[32] = "", stdev[32] = "";
        if (number && c->mean == c->mean) {
            snprintf(mean, sizeof mean, "%.6g", c->mean);
            snprintf(stdev, sizeof stdev, "%.6g", c->stdev);
        }
        command_say(ctx, "%-16.*s %-10s %10llu %s%9llu  %-24.*s %-24.*s %12s %12s", STR_FMT(c->name), table_type_name(c->type), (unsigned long long)c->nulls,
                    c->distinct_capped ? ">" : " ", (unsigned long long)c->distinct, STR_FMT(c->min), STR_FMT(c->max), mean, stdev);
    }
    return OK;
}

static enum err data_version_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct dataset_version v;
    const struct str *args = NULL;
    command_args(ctx, &args);
    enum err e = backend_tables_open(op, &tables);
    if (!e)
        e = dataset_version(op, tables, args[0], &v);
    if (e)
        return e;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_cstr(w, "version", v.version);
    json_kv_cstr(w, "sha256", v.file_sha256);
    json_kv_i64(w, "bytes", (int64_t)v.bytes);
    json_kv_i64(w, "rows", (int64_t)v.rows);
    json_key(w, "columns");
    json_begin_object(w);
    for (size_t i = 0; i < v.schema.len; i++) {
        json_key_str(w, v.schema.fields[i].name);
        json_cstr(w, table_type_name(v.schema.fields[i].type));
    }
    json_end_object(w);
    json_end_object(w);
    command_say(ctx, "%s  %.*s (%llu rows, %llu bytes)", v.version, STR_FMT(args[0]), (unsigned long long)v.rows, (unsigned long long)v.bytes);
    return OK;
}

static const struct option_row validate_options[] = {
    {"suite", OPTION_STRING, "FILE", "the expectation suite (YAML)", NULL, true},
    {"out", OPTION_STRING, "FILE", "write the result document (JSON) here", NULL, false},
    {0},
};

const struct command data_commands[] = {
    {.path = "data validate", .args = "FILE", .min_args = 1, .max_args = 1, .summary = "Check a data file against an expectation suite.",
     .help = "Runs every expectation of the suite (Great Expectations' names and parameters) in one pass over a Parquet or CSV\n"
             "file. An invalid file is an error: exit code 1, with the failing rows shown.",
     .examples = "ingot data validate flights.parquet --suite suite.yaml --out validation.json", .options = validate_options, .run = data_validate_run},
    {.path = "data profile", .args = "FILE", .min_args = 1, .max_args = 1, .summary = "Describe the columns of a data file.",
     .help = "Types, nulls, range, mean and deviation, different values and the most frequent ones, quantiles.",
     .examples = "ingot data profile flights.parquet --json", .run = data_profile_run},
    {.path = "data version", .args = "FILE", .min_args = 1, .max_args = 1, .summary = "Print the version of a data file: a digest of its content and schema.",
     .help = "The same bytes with the same columns have the same version, wherever they lie.",
     .examples = "ingot data version flights.parquet", .run = data_version_run},
    {0},
};
