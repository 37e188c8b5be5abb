/* audit.c - see audit.h.
 *
 * The chain. Row n has
 *     leaf(n) = SHA-256(0x00 || "ingot.audit.1" || seq || time_us || allowed || text(actor) || text(verb) ||
 *                       text(kind) || text(object) || text(detail) || text(request_id))
 *     hash(n) = SHA-256(0x01 || hash(n - 1) || leaf(n)),   hash(0) = 32 zero bytes
 * where seq and time_us are 8 bytes, allowed is 1 byte, text(x) is the length in 4 bytes and the bytes, all big-endian.
 * Lengths stand before texts, so no two rows have the same encoding. The prefixes 0x00 and 0x01 are those of RFC 6962
 * section 2.1 (leaf and node): a leaf can never be taken for a node, and the leaves can later be put into a Merkle tree as
 * they are. A chain proves that nothing before a known head was changed; it takes a reading of all rows to check. */
#include "core/audit/audit.h"

#include <assert.h>

#include "base/limits.h"
#include "sql_gen.h"

static void add_number(struct hash_state *h, uint64_t v, int bytes)
{
    uint8_t b[8];
    for (int i = 0; i < bytes; i++)
        b[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    hash_update(h, b, (size_t)bytes);
}

static void add_text(struct hash_state *h, struct str s)
{
    assert(s.len <= UINT32_MAX);
    add_number(h, s.len, 4);
    if (s.len)
        hash_update(h, s.p, s.len);
}

void audit_hash(const struct audit_row *row, const uint8_t prev[HASH_SHA256_LEN],
                uint8_t out[HASH_SHA256_LEN])
{
    static const char format[] = "ingot.audit.1";
    uint8_t node[1 + 2 * HASH_SHA256_LEN];
    struct hash_state *h = hash_create(HASH_SHA256);
    add_number(h, 0x00, 1);
    hash_update(h, format, sizeof format - 1);
    add_number(h, (uint64_t)row->seq, 8);
    add_number(h, (uint64_t)row->time_us, 8);
    add_number(h, row->allowed, 1);
    add_text(h, row->actor);
    add_text(h, row->verb);
    add_text(h, row->kind);
    add_text(h, row->object);
    add_text(h, row->detail);
    add_text(h, row->request_id);
    node[0] = 0x01;
    memcpy(node + 1, prev, HASH_SHA256_LEN);
    hash_finish(h, node + 1 + HASH_SHA256_LEN);
    hash_sha256(node, sizeof node, out);
}

/* The last row's number and hash; 0 and zeros in an empty log. */
static enum err read_head(struct op *op, struct db_tx *tx, int64_t *ret_seq, uint8_t hash[HASH_SHA256_LEN])
{
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_audit_head, DB_NO_ARGS, &rows);
    if (!e)
        e = db_step(op, tx, rows, &row);
    if (!e) {
        *ret_seq = row ? db_col_i64(tx, rows, 0) : 0;
        memset(hash, 0, HASH_SHA256_LEN);
        struct str stored = row ? db_col_str(tx, rows, 1) : (struct str){0};
        if (row && stored.len != HASH_SHA256_LEN)
            e = op_fail(op, E_CORRUPT, "audit row %lld has no hash", (long long)*ret_seq);
        else if (row)
            memcpy(hash, stored.p, HASH_SHA256_LEN);
    }
    db_end(tx, rows);
    return e;
}

static enum err append(struct op *op, struct db_tx *tx, struct audit_row *row)
{
    assert(row->verb.len && row->kind.len);
    if (row->detail.len > LIMIT_AUDIT_DETAIL_BYTES)
        return op_fail(op, E_TOO_LARGE, "the detail of an audit row has %zu bytes, %zu are allowed",
                       row->detail.len, LIMIT_AUDIT_DETAIL_BYTES);
    if (!row->detail.len)
        row->detail = STR("{}");
    int64_t last = 0;
    enum err e = read_head(op, tx, &last, row->prev_hash);
    if (e)
        return e;
    row->seq = last + 1;
    row->time_us = op->now_us;
    row->actor = op->actor.name;
    row->request_id = op->request_id;
    audit_hash(row, row->prev_hash, row->hash);
    struct str prev = {(const char *)row->prev_hash, HASH_SHA256_LEN},
               hash = {(const char *)row->hash, HASH_SHA256_LEN};
    return db_exec(op, tx, &sql_audit_insert,
                   DB_ARGS(DB_I64(row->seq), DB_I64(row->time_us), DB_TEXT(row->actor), DB_TEXT(row->verb),
                           DB_TEXT(row->kind), DB_TEXT(row->object), DB_I64(row->allowed),
                           DB_TEXT(row->detail), DB_TEXT(row->request_id), DB_BLOB(prev), DB_BLOB(hash)),
                   NULL);
}

enum err audit_append(struct op *op, struct db_tx *tx, struct str verb, struct str kind, struct str object,
                      struct str detail_json)
{
    struct audit_row row = {
        .verb = verb, .kind = kind, .object = object, .detail = detail_json, .allowed = true};
    return append(op, tx, &row);
}

enum err audit_append_denied(struct op *op, struct db_tx *tx, struct str verb, struct str kind,
                             struct str object, struct str detail_json)
{
    struct audit_row row = {
        .verb = verb, .kind = kind, .object = object, .detail = detail_json, .allowed = false};
    return append(op, tx, &row);
}

/* The present row; its texts die with the next step. */
static enum err decode(struct op *op, struct db_tx *tx, struct db_rows *rows, struct audit_row *ret)
{
    struct audit_row r = {
        .seq = db_col_i64(tx, rows, 0),
        .time_us = db_col_i64(tx, rows, 1),
        .actor = db_col_str(tx, rows, 2),
        .verb = db_col_str(tx, rows, 3),
        .kind = db_col_str(tx, rows, 4),
        .object = db_col_str(tx, rows, 5),
        .allowed = db_col_i64(tx, rows, 6) != 0,
        .detail = db_col_str(tx, rows, 7),
        .request_id = db_col_str(tx, rows, 8),
    };
    struct str prev = db_col_str(tx, rows, 9), hash = db_col_str(tx, rows, 10);
    if (prev.len != HASH_SHA256_LEN || hash.len != HASH_SHA256_LEN)
        return op_fail(op, E_CORRUPT, "audit row %lld has no hash", (long long)r.seq);
    memcpy(r.prev_hash, prev.p, HASH_SHA256_LEN);
    memcpy(r.hash, hash.p, HASH_SHA256_LEN);
    *ret = r;
    return OK;
}

/* One page: which statement, its parameters, and where the rows go. */
struct page {
    const struct sql *sql;
    struct db_val args[5];
    size_t args_len, limit;
    struct audit_row *rows;
    size_t count;
};

static void keep_texts(struct op *op, struct audit_row *r)
{
    struct str *texts[] = {&r->actor, &r->verb, &r->kind, &r->object, &r->detail, &r->request_id};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = str_dup(op->arena, *texts[i]);
}

static enum err read_page(struct op *op, struct db_tx *tx, void *arg)
{
    struct page *p = arg;
    struct db_rows *rows = NULL;
    bool more = true;
    enum err e = db_query(op, tx, p->sql, p->args, p->args_len, &rows);
    while (!e && p->count < p->limit && (e = db_step(op, tx, rows, &more)) == OK && more) {
        e = decode(op, tx, rows, &p->rows[p->count]);
        if (!e)
            keep_texts(op, &p->rows[p->count++]);
    }
    db_end(tx, rows);
    return e;
}

static enum err run_page(struct op *op, struct db *db, struct page *p, struct audit_row **ret_rows,
                         size_t *ret_count)
{
    p->rows = arena_array(op->arena, p->limit, struct audit_row);
    if (!p->rows)
        return op_fail(op, E_TOO_LARGE, "a page of audit rows does not fit into memory");
    enum err e = db_read(op, db, read_page, p);
    if (e)
        return e;
    *ret_rows = p->rows;
    *ret_count = p->count;
    return OK;
}

enum err audit_list(struct op *op, struct db *db, const struct audit_filter *filter,
                    struct audit_row **ret_rows, size_t *ret_count)
{
    if (filter->object.len && !filter->kind.len)
        return op_fail_field(op, "object", "an object is looked for together with its kind");
    if (filter->limit > LIMIT_AUDIT_PAGE)
        return op_fail_field(op, "limit", "a page has up to %d rows", LIMIT_AUDIT_PAGE);
    struct page p = {
        .sql = &sql_audit_newest, .args_len = 2, .limit = filter->limit ? filter->limit : LIMIT_AUDIT_PAGE};
    p.args[0] = DB_I64(filter->before_seq > 0 ? filter->before_seq : INT64_MAX);
    p.args[1] = DB_I64((int64_t)p.limit);
    struct db_val verb = filter->verb.len ? DB_TEXT(filter->verb) : DB_NULL;
    if (filter->kind.len) {
        p.sql = filter->object.len ? &sql_audit_newest_by_object : &sql_audit_newest_by_kind;
        p.args_len = filter->object.len ? 5 : 4;
        p.args[2] = DB_TEXT(filter->kind);
        p.args[3] = verb;
        p.args[4] = DB_TEXT(filter->object);
    } else if (filter->verb.len) {
        p.sql = &sql_audit_newest_by_verb;
        p.args_len = 3;
        p.args[2] = verb;
    }
    return run_page(op, db, &p, ret_rows, ret_count);
}

enum err audit_export(struct op *op, struct db *db, int64_t after_seq, size_t limit,
                      struct audit_row **ret_rows, size_t *ret_count)
{
    if (limit < 1 || limit > LIMIT_AUDIT_PAGE)
        return op_fail_field(op, "limit", "a page has 1 to %d rows", LIMIT_AUDIT_PAGE);
    struct page p = {.sql = &sql_audit_forward, .args_len = 2, .limit = limit};
    p.args[0] = DB_I64(after_seq);
    p.args[1] = DB_I64((int64_t)limit);
    return run_page(op, db, &p, ret_rows, ret_count);
}

static enum err verify_all(struct op *op, struct db_tx *tx, void *arg)
{
    struct audit_proof *proof = arg;
    struct db_rows *rows = NULL;
    bool more = true;
    *proof = (struct audit_proof){0};
    enum err e = db_query(op, tx, &sql_audit_forward, DB_ARGS(DB_I64(INT64_MIN), DB_I64(INT64_MAX)), &rows);
    while (!e && (e = db_step(op, tx, rows, &more)) == OK && more) {
        struct audit_row row;
        uint8_t hash[HASH_SHA256_LEN];
        e = decode(op, tx, rows, &row);
        if (e)
            break;
        audit_hash(&row, proof->head, hash);
        if (row.seq != proof->rows + 1)
            e = op_fail(op, E_CORRUPT, "audit row %lld is missing", (long long)(proof->rows + 1));
        else if (memcmp(row.prev_hash, proof->head, sizeof proof->head) ||
                 memcmp(row.hash, hash, sizeof hash))
            e = op_fail(op, E_CORRUPT, "audit row %lld is not what was written", (long long)row.seq);
        proof->rows = row.seq;
        memcpy(proof->head, hash, sizeof hash);
    }
    db_end(tx, rows);
    return e;
}

enum err audit_verify(struct op *op, struct db *db, struct audit_proof *ret)
{
    struct audit_proof proof;
    enum err e = db_read(op, db, verify_all, &proof);
    if (e)
        return e;
    *ret = proof;
    return OK;
}
