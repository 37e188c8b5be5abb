#include "unit/core/track/fixture.h"

#include "base/hash.h"
#include "core/registry/files.h"
#include "core/track/artifact.h"

static void put(struct fixture *f, const char *path, const char *bytes)
{
    struct blob_id id;
    hash_sha256(bytes, strlen(bytes), id.sha256);
    assert_ok(&f->op, artifact_put(&f->op, f->db, str_from(path), &id, strlen(bytes)));
}

static void files(void **state)
{
    struct fixture *f = *state;
    struct registry_files got;
    struct registry_version v = {.source = STR("runs:/r/model"), .storage_location = STR("mlflow-artifacts:/0/r/artifacts/model")};
    put(f, "0/r/artifacts/model/MLmodel", "flavors: {}");
    put(f, "0/r/artifacts/model/data/weights.bin", "abc");
    put(f, "0/r/artifacts/model2/MLmodel", "another");
    put(f, "0/r/artifacts/modelling.txt", "beside");
    assert_ok(&f->op, registry_version_files(&f->op, f->db, &v, &got));
    assert_int_equal(got.len, 2);
    assert_str(got.root, "0/r/artifacts/model");
    assert_str(got.files[0].path, "MLmodel");
    assert_str(got.files[1].path, "data/weights.bin");
    assert_int_equal(got.files[1].size_bytes, 3);
    assert_string_equal(got.files[1].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_false(got.truncated);
    v = (struct registry_version){.source = STR("s3://bucket/model")};
    assert_ok(&f->op, registry_version_files(&f->op, f->db, &v, &got));
    assert_true(got.len == 0 && !got.root.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
