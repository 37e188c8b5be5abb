#include "unit/core/track/fixture.h"

#include "base/time.h"
#include "core/registry/model.h"
#include "core/registry/source.h"
#include "core/track/logged_model.h"

static enum err add(struct fixture *f, const char *name, const char *source, const char *run, struct registry_version *v)
{
    struct registry_version_new in = {.name = str_from(name), .source = str_from(source), .run_id = str_from(run)};
    return registry_version_create(&f->op, f->db, &in, v);
}

static void sources(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct track_run r;
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, track_run_create(op, f->db, 0, STR("r"), STR(""), 0, NULL, 0, &r));
    static const char *const bad[] = {"mlflow-artifacts:/../../etc", "s3://b/..%2f..", "http://h/%252e%252e/x", "s3://b/a%00", "/etc/passwd",
                                      "file:///etc", "models", "runs:/nobody/x", "models:/m-00", "models:/none/1", "mlflow-artifacts:/1/x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum err e = add(f, "m", bad[i], "", &v);
        if (e != E_INVALID && e != E_NOT_FOUND)
            fail_msg("%s: %s", bad[i], err_name(e));
        op_clear(op);
    }
    /* Escapes within escapes cost a walk each, on the thread that does all writes. */
    char *nested = op_printf(op, "s3://b/%%%090000d", 0);
    for (size_t i = strlen("s3://b/%"); nested[i]; i++)
        nested[i] = "25"[(i - strlen("s3://b/%")) % 2];
    int64_t start = time_mono_ms();
    assert_fails(op, add(f, "m", nested, "", &v), E_INVALID, "Invalid model version source");
    assert_true(time_mono_ms() - start < 500);
    assert_fails(op, add(f, "m", op_printf(op, "%sx", r.artifact_uri.p), r.run_id.p, &v), E_INVALID, "The run_id request parameter must identify");
    assert_ok(op, add(f, "m", op_printf(op, "%s/model", r.artifact_uri.p), r.run_id.p, &v));
    assert_str(v.run_id, r.run_id.p);
    assert_ok(op, add(f, "m", op_printf(op, "runs:/%s/model", r.run_id.p), r.run_id.p, &v));
    struct str uri;
    assert_ok(op, registry_version_uri(op, f->db, STR("m"), v.version, &uri));
    assert_str(uri, op_printf(op, "%s/model", r.artifact_uri.p));
    assert_ok(op, add(f, "m", "models:/m/latest", "", &v));
    assert_str(v.source, "models:/m/2");
    assert_str(v.storage_location, uri.p);
    assert_str(v.run_id, r.run_id.p);
    struct logged_model lm;
    struct logged_model_new in = {.name = STR("lm"), .source_run_id = r.run_id};
    assert_ok(op, logged_model_create(op, f->db, &in, &lm));
    assert_ok(op, add(f, "m", op_printf(op, "models:/%s", lm.model_id.p), "", &v));
    assert_str(v.model_id, lm.model_id.p);
    assert_str(v.run_id, r.run_id.p);
    assert_ok(op, logged_model_get(op, f->db, lm.model_id, false, &lm));
    assert_str(names_find(lm.tags.p, lm.tags.len, "mlflow.modelVersions"), "[{\"name\":\"m\",\"version\":4}]");
    assert_ok(op, logged_model_finalize(op, f->db, lm.model_id, LOGGED_MODEL_READY, &lm));
    assert_ok(op, logged_model_delete(op, f->db, lm.model_id));
    assert_fails(op, logged_model_get(op, f->db, lm.model_id, false, &lm), E_NOT_FOUND, "Logged model with ID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(sources)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
