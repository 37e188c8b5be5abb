/* Versions from the registry: a run's model folder, with and without MLmodel, single files, and what is missing. */
#include "core/serve/source.h"

#include "adapter/mem/mem.h"
#include "core/registry/model.h"
#include "core/track/artifact.h"
#include "core/track/run.h"
#include "unit/core/track/fixture.h"

struct place {
    struct fixture *f;
    struct blob_store *blobs;
    struct track_run run;
    struct serve_source source;
};

static struct place place_open(struct fixture *f)
{
    struct registry_model m;
    struct place p = {.f = f, .blobs = mem_blobs_create(0)};
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, STR("r"), STR(""), 0, NULL, 0, &p.run));
    assert_ok(&f->op, registry_model_create(&f->op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    p.source = serve_source_registry(f->db, p.blobs);
    return p;
}

static void file_put(struct place *p, const char *path, struct str bytes)
{
    struct op *op = &p->f->op;
    struct blob_id id;
    struct str root;
    assert_ok(op, blob_put(op, p->blobs, bytes, &id));
    assert_ok(op, artifact_root(op, p->run.artifact_uri, &root));
    assert_ok(op, artifact_put(op, p->f->db, artifact_path_join(op, root, str_from(path)), &id, bytes.len));
}

static int64_t version_add(struct place *p, const char *folder)
{
    struct op *op = &p->f->op;
    struct registry_version v;
    struct str source = str_from(op_printf(op, "%.*s/%s", STR_FMT(p->run.artifact_uri), folder));
    const struct registry_version_new in = {.name = STR("m"), .source = source, .run_id = p->run.run_id};
    assert_ok(op, registry_version_create(op, p->f->db, &in, &v));
    return v.version;
}

static void test_folders_and_files(void **state)
{
    struct fixture *f = *state;
    struct place p = place_open(f);
    struct serve_files files;
    file_put(&p, "model/model.json", STR("{plain}"));
    file_put(&p, "model/reference.bin", STR("REF"));
    file_put(&p, "named/MLmodel", STR("flavors:\n  python_function: {loader_module: mlflow.xgboost}\n  xgboost: {data: model.xgb.json}\n"));
    file_put(&p, "named/model.xgb.json", STR("{named}"));
    file_put(&p, "ours/MLmodel", STR("flavors:\n  ingot: {data: sub/m.json, format: ingot-linear}\n"));
    file_put(&p, "ours/sub/m.json", STR("{ours}"));
    file_put(&p, "one.json", STR("{one}"));
    const struct {
        const char *folder, *model, *reference;
    } cases[] = {{"model", "{plain}", "REF"}, {"named", "{named}", ""}, {"ours", "{ours}", ""}, {"one.json", "{one}", ""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = version_add(&p, cases[i].folder);
        assert_ok(&f->op, p.source.fetch(&p.source, &f->op, STR("m"), v, &files));
        assert_str(files.model, cases[i].model);
        assert_str(files.reference, cases[i].reference);
    }
    blob_store_close(p.blobs);
}

static void test_what_is_missing_is_named(void **state)
{
    struct fixture *f = *state;
    struct place p = place_open(f);
    struct serve_files files;
    struct op *op = &f->op;
    file_put(&p, "empty/other", STR("x"));
    file_put(&p, "bad/MLmodel", STR("flavors: [\n"));
    file_put(&p, "up/MLmodel", STR("flavors: {ingot: {data: ../../secret}}\n"));
    int64_t empty = version_add(&p, "empty"), bad = version_add(&p, "bad"), up = version_add(&p, "up");
    assert_fails(op, p.source.fetch(&p.source, op, STR("m"), empty, &files), E_NOT_FOUND, "empty/model.json");
    assert_fails(op, p.source.fetch(&p.source, op, STR("m"), bad, &files), E_INVALID, "MLmodel");
    assert_fails(op, p.source.fetch(&p.source, op, STR("m"), up, &files), E_INVALID, "");
    assert_fails(op, p.source.fetch(&p.source, op, STR("m"), 99, &files), E_NOT_FOUND, "");
    assert_fails(op, p.source.fetch(&p.source, op, STR("nobody"), 1, &files), E_NOT_FOUND, "nobody");
    blob_store_close(p.blobs);
}

static enum err check_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct place *p = arg;
    enum err e = p->source.check(&p->source, op, tx, STR("m"), 1);
    if (e)
        return e;
    e = registry_version_delete(op, p->f->db, STR("m"), 1); /* in the same transaction */
    return e ? e : p->source.check(&p->source, op, tx, STR("m"), 1);
}

/* A version that went while it was being loaded is not taken up. */
static void test_a_deleted_version_is_seen(void **state)
{
    struct fixture *f = *state;
    struct place p = place_open(f);
    version_add(&p, "model");
    assert_fails(&f->op, db_write(&f->op, f->db, check_tx, &p), E_NOT_FOUND, "version=1) not found");
    blob_store_close(p.blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(test_folders_and_files), fixture_test(test_what_is_missing_is_named),
                                       fixture_test(test_a_deleted_version_is_seen)};
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
