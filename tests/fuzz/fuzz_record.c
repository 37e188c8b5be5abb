/* fuzz_record.c - the records of an import: any JSON gives each kind of record, or an error with a text. The texts of a record can be
 * read to their ends. */
#include <stdlib.h>

#include "adapter/mlflow/record.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touched;

static void touch(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        touched += (unsigned char)s.p[i];
}

static void touch_kvs(const struct origin_kvs *kvs)
{
    for (size_t i = 0; i < kvs->len; i++) {
        touch(kvs->p[i].key);
        touch(kvs->p[i].value);
    }
}

static void all(struct op *op, const struct json *j)
{
    struct origin_experiment x;
    struct origin_run r;
    struct origin_logged_model l;
    struct origin_model m;
    struct origin_version v;
    if (record_experiment(op, j, &x) || record_run(op, j, &r) || record_logged_model(op, j, &l) || record_model(op, j, &m) || record_version(op, j, &v)) {
        if (!op->msg)
            abort();
        return;
    }
    touch(x.name);
    touch_kvs(&x.tags);
    touch_kvs(&r.params);
    touch_kvs(&r.tags);
    for (size_t i = 0; i < r.latest_count; i++)
        touch(r.latest[i].key);
    for (size_t i = 0; i < r.dataset_count; i++)
        touch_kvs(&r.datasets[i].tags);
    touch_kvs(&l.params);
    touch_kvs(&m.aliases);
    touch(v.stage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct json *j = NULL;
    op_init(&op, arena);
    if (!json_parse(&op, (struct str){(const char *)data, size}, JSON_NAN | JSON_DUP_LAST, &j))
        all(&op, j);
    else if (!op.msg)
        abort();
    arena_destroy(arena);
    return 0;
}
