/* version.c - version = SHA-256 of "ingot-dataset-1\n", the file's digest and '\n', then "name\ttype\n" per column. */
#include "core/dataset/version.h"

#include "base/file.h"
#include "base/hash.h"

static enum err read_shape(struct op *op, struct table_engine *tables, struct str path, struct dataset_version *v)
{
    struct str from = {0};
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    struct frame *count = NULL;
    enum err e = table_source_sql(op, path, false, &from);
    if (!e)
        e = table_scan_open(op, tables, str_from(op_printf(op, "SELECT * FROM %.*s", STR_FMT(from))), &scan, &schema);
    if (e)
        return e;
    v->schema.len = schema->len;
    v->schema.fields = arena_alloc(op->arena, schema->len * sizeof *v->schema.fields);
    for (size_t i = 0; i < schema->len; i++)
        v->schema.fields[i] = (struct table_field){str_dup(op->arena, schema->fields[i].name), schema->fields[i].type};
    table_scan_close(tables, scan);
    e = frame_load(op, tables, str_from(op_printf(op, "SELECT count(*) AS n FROM %.*s", STR_FMT(from))), 1 << 20, &count);
    if (e)
        return e;
    v->rows = (uint64_t)count->cols[0].i64[0];
    frame_destroy(count);
    return OK;
}

enum err dataset_version(struct op *op, struct table_engine *tables, struct str path, struct dataset_version *ret)
{
    struct dataset_version v = {0};
    enum err e = file_sha256(op, str_cstr(op->arena, path), v.file_sha256, &v.bytes);
    if (!e)
        e = read_shape(op, tables, path, &v);
    if (e)
        return e;
    struct hash_state *h = hash_create(HASH_SHA256);
    static const char head[] = "ingot-dataset-1\n";
    hash_update(h, head, sizeof head - 1);
    hash_update(h, v.file_sha256, 64);
    hash_update(h, "\n", 1);
    for (size_t i = 0; i < v.schema.len; i++) {
        const char *type = table_type_name(v.schema.fields[i].type);
        hash_update(h, v.schema.fields[i].name.p, v.schema.fields[i].name.len);
        hash_update(h, "\t", 1);
        hash_update(h, type, strlen(type));
        hash_update(h, "\n", 1);
    }
    uint8_t digest[HASH_SHA256_LEN];
    hash_finish(h, digest);
    hash_hex(digest, sizeof digest, v.version);
    *ret = v;
    return OK;
}
