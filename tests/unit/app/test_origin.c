#include "app/origin.h"

#include "unit/adapter/mlflow/origin_fixture.h"

static void a_file_has_one_name_however_it_is_written(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    char path[64];
    struct origin o = origin_fixture_open(op, "", path), again;
    const char *forms[] = {path, op_printf(op, "sqlite:///%s", path), op_printf(op, "sqlite+pysqlite:////tmp/../%s", path)};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct str name;
        struct origin_choice choice = {.uri = str_from(forms[i]), .artifact_folder = STR("/tmp")};
        assert_ok(op, origin_open(op, &choice, &again, &name));
        if (!str_eqc(name, op_printf(op, "sqlite:///%s", path)))
            fail_msg("%s: %.*s", forms[i], STR_FMT(name));
        origin_close(&again);
    }
    origin_fixture_close(&o, path);
}

static void what_cannot_be_opened_is_told(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct origin o;
    struct str name;
    assert_fails(op, origin_open(op, &(struct origin_choice){.uri = STR("sqlite:////nowhere/at/all.db")}, &o, &name), E_NOT_FOUND, "/nowhere/at/all.db");
    assert_fails(op, origin_open(op, &(struct origin_choice){.uri = STR("mssql://x/y")}, &o, &name), E_UNSUPPORTED, "sqlite:///FILE");
    assert_fails(op, origin_open(op, &(struct origin_choice){.uri = STR("x.db"), .artifact_folder = STR("/nowhere/at/all")}, &o, &name), E_NOT_FOUND,
                 "artifact folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(a_file_has_one_name_however_it_is_written), fixture_test(what_cannot_be_opened_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
