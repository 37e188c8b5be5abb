#include "unit/core/track/fixture.h"

#include "adapter/mem/mem.h"
#include "base/buf.h"
#include "core/registry/model.h"
#include "core/registry/signature.h"
#include "core/track/artifact.h"
#include "core/track/logged_model.h"

#define COL(type, name) "{\"type\": \"" type "\", \"name\": \"" name "\", \"required\": true}"
#define OPT(type, name) "{\"type\": \"" type "\", \"name\": \"" name "\", \"required\": false}"
#define TENSOR(shape) "{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": " shape "}}"
#define OUT ", \"outputs\": [" TENSOR("[-1]") "]}"
#define IN(list) "{\"inputs\": [" list "]" OUT
#define PARAM(name, type, dflt) "{\"name\": \"" name "\", \"dtype\": \"" type "\", \"default\": " dflt ", \"shape\": null}"

static const char base[] = IN(COL("double", "age") ", " COL("string", "city"));

static const struct {
    const char *before, *after;
    enum semver_bump bump;
    const char *text; /* part of the first difference; "" = none */
} rows[] = {
    {base, base, SEMVER_PATCH, ""},
    /* The same in MLflow's stored form: JSON in a text, other order of members. */
    {IN(COL("double", "a")), "{\"outputs\": \"[" "{\\\"tensor-spec\\\": {\\\"shape\\\": [-1], \\\"dtype\\\": \\\"float32\\\"}, \\\"type\\\": \\\"tensor\\\"}" "]\", \"inputs\": \"[{\\\"name\\\": \\\"a\\\", \\\"type\\\": \\\"double\\\", \\\"required\\\": true}]\", \"params\": null}", SEMVER_PATCH, ""},
    {base, IN(COL("double", "age")), SEMVER_MAJOR, "input 'city' was removed"},
    {base, IN(COL("double", "age") ", " COL("string", "town")), SEMVER_MAJOR, "input 'city' was renamed to 'town'"},
    {base, IN(COL("long", "age") ", " COL("string", "city")), SEMVER_MAJOR, "input 'age' changed from"},
    {base, IN(COL("string", "city") ", " COL("double", "age")), SEMVER_MAJOR, "input 'age' moved from place 1 to 2"},
    {base, IN(COL("double", "age") ", " COL("string", "city") ", " COL("long", "n")), SEMVER_MAJOR, "input 'n' is new and required"},
    {base, IN(COL("double", "age") ", " COL("string", "city") ", " OPT("long", "n")), SEMVER_MINOR, "input 'n' is new"},
    {base, IN(OPT("long", "n") ", " COL("double", "age") ", " COL("string", "city")), SEMVER_MAJOR, "input 'age' moved"},
    {base, IN(COL("double", "age") ", " OPT("string", "city")), SEMVER_MINOR, "input 'city' is optional now"},
    {IN(OPT("double", "a")), IN(COL("double", "a")), SEMVER_MAJOR, "input 'a' is required now"},
    {IN(TENSOR("[-1, 4]")), IN(TENSOR("[-1, 5]")), SEMVER_MAJOR, "input 1 changed from"},
    {IN(TENSOR("[-1, 4]")), IN(TENSOR("[-1, 4]") ", " TENSOR("[-1]")), SEMVER_MAJOR, "input 2 is new and required"},
    {"{\"inputs\": []" OUT, "{\"outputs\": [" TENSOR("[-1, 2]") "]}", SEMVER_MAJOR, "output 1 changed"},
    {"{\"inputs\": []" OUT, "{\"outputs\": [" TENSOR("[-1]") ", " COL("double", "p") "]}", SEMVER_MINOR, "output 'p' is new"},
    {"{\"outputs\": [" COL("double", "p") ", " COL("double", "q") "]}", "{\"outputs\": [" COL("double", "p") "]}", SEMVER_MAJOR, "output 'q' was removed"},
    {"{\"inputs\": []" OUT, "{\"params\": [" PARAM("t", "double", "0.5") "]" OUT, SEMVER_MINOR, "param 't' is new"},
    {"{\"params\": [" PARAM("t", "double", "0.5") "]}", "{\"params\": [" PARAM("t", "double", "0.7") "]}", SEMVER_MINOR, "default 0.7 instead of 0.5"},
    {"{\"params\": [" PARAM("t", "double", "0.5") "]}", "{\"params\": [" PARAM("t", "integer", "1") "]}", SEMVER_MAJOR, "param 't' changed"},
    {"{\"inputs\": [{\"type\": \"object\", \"name\": \"o\", \"properties\": {\"x\": {\"type\": \"double\"}}}]}",
     "{\"inputs\": [{\"type\": \"object\", \"name\": \"o\", \"properties\": {\"x\": {\"type\": \"string\"}}}]}", SEMVER_MAJOR, "input 'o' changed"},
    {"", "", SEMVER_PATCH, ""},
    {"", base, SEMVER_MINOR, "has a signature now"},
    {base, "", SEMVER_MAJOR, "has no signature any more"},
    {base, "not JSON", SEMVER_MAJOR, "has no signature any more"},
    {"[1]", "{\"inputs\": 3}", SEMVER_PATCH, ""},
};

static void compares(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct signature_diff d;
        signature_compare(&f->op, str_from(rows[i].before), str_from(rows[i].after), &d);
        struct str first = d.len ? d.changes[0].text : STR("");
        if (d.bump != rows[i].bump || (d.len > 0) != (rows[i].text[0] != 0) || str_find(first, str_from(rows[i].text)) == SIZE_MAX)
            fail_msg("row %zu: %s, %.*s", i, semver_bump_name(d.bump), STR_FMT(first));
    }
}

/* Many differences are counted, the first ones named; thousands of columns cost no square of time. */
static void large(void **state)
{
    struct fixture *f = *state;
    AUTO(buf) struct buf a, b;
    struct signature_diff d;
    buf_init(&a, LIMIT_MIB(8));
    buf_init(&b, LIMIT_MIB(8));
    buf_add_cstr(&a, "{\"inputs\": [");
    buf_add_cstr(&b, "{\"inputs\": [");
    for (int i = 0; i < 20000; i++) {
        buf_addf(&a, "%s" COL("double", "a%d"), i ? "," : "", i);
        buf_addf(&b, "%s" COL("double", "b%d"), i ? "," : "", i);
    }
    buf_add_cstr(&a, "]}");
    buf_add_cstr(&b, "]}");
    signature_compare(&f->op, buf_str(&a), buf_str(&b), &d);
    assert_true(d.bump == SEMVER_MAJOR && d.total == 20000 && d.len == LIMIT_REGISTRY_CHANGES);
}

static void put(struct fixture *f, struct blob_store *blobs, struct str root, const char *text)
{
    struct blob_id id;
    assert_ok(&f->op, blob_put(&f->op, blobs, str_from(text), &id));
    assert_ok(&f->op, artifact_put(&f->op, f->db, artifact_path_join(&f->op, root, STR("MLmodel")), &id, strlen(text)));
}

static void from_mlmodel(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct blob_store *blobs = NULL;
    struct registry_model m;
    struct registry_version v;
    struct track_run r;
    struct str root;
    blobs = mem_blobs_create(0);
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, track_run_create(op, f->db, 0, STR("r"), STR(""), 0, NULL, 0, &r));
    assert_ok(op, artifact_root(op, r.artifact_uri, &root));
    struct registry_version_new in = {.name = STR("m"), .run_id = r.run_id, .source = str_from(op_printf(op, "runs:/%s/model", r.run_id.p))};
    assert_str(signature_find(op, f->db, blobs, &in), ""); /* no file there */
    put(f, blobs, artifact_path_join(op, root, STR("model")), "signature:\n  inputs: '[{\"type\": \"double\", \"name\": \"x\"}]'\n  outputs: null\n");
    in.signature = signature_find(op, f->db, blobs, &in);
    assert_true(str_find(in.signature, STR("\\\"name\\\": \\\"x\\\"")) != SIZE_MAX);
    assert_ok(op, registry_version_create(op, f->db, &in, &v));
    assert_str(v.semver, "1.0.0");
    /* A copy has what it copies. */
    struct registry_version_new copy = {.name = STR("m"), .source = STR("models:/m/1")};
    assert_str(signature_find(op, f->db, NULL, &copy), in.signature.p);
    /* Damage is no signature, and no failure. */
    put(f, blobs, artifact_path_join(op, root, STR("model")), "signature: [\n");
    in.signature = STR("");
    assert_str(signature_find(op, f->db, blobs, &in), "");
    assert_null(op->msg);
    struct registry_version_new given = {.name = STR("m"), .signature = STR("{}"), .source = STR("s3://elsewhere/x")};
    assert_str(signature_find(op, f->db, blobs, &given), "{}");
    blob_store_close(blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(compares), fixture_test(large), fixture_test(from_mlmodel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
