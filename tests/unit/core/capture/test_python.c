#include "unit/core/capture/folder.h"

#include <sys/stat.h>

#include "core/capture/python.h"

static void interpreter(struct folder *f, const char *name)
{
    folder_put(f, name, "#!/bin/sh\n");
    chmod(op_printf(&f->op, "%s/%s", f->root, name), 0755);
}

static bool find(struct folder *f, const char *word, const char *path, struct capture_python *ret)
{
    bool found = false;
    assert_int_equal(capture_python_find(&f->op, str_from(word), str_from(path), &found, ret), OK);
    return found;
}

static void a_virtual_environment(void **state)
{
    struct folder *f = *state;
    struct capture_python p;
    interpreter(f, "venv/bin/python3");
    folder_put(f, "venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n");
    folder_put(f, "venv/lib/python3.11/site-packages/numpy-1.26.4.dist-info/METADATA", "");
    folder_put(f, "venv/lib/python3.11/site-packages/scikit_learn-1.5.0.dist-info/METADATA", "");
    folder_put(f, "venv/lib/python3.11/site-packages/a-b-2.0.dist-info/METADATA", "");
    folder_put(f, "venv/lib/python3.11/site-packages/numpy/core.py", "");
    folder_put(f, "venv/lib/python3.11/site-packages/.dist-info/x", "");
    folder_put(f, "venv/lib/python3.11/site-packages/nodash.dist-info/x", "");
    assert_true(find(f, "python3", op_printf(&f->op, "/nowhere::%s/venv/bin:/usr/bin", f->root), &p));
    assert_true(str_eqc(p.version, "3.11.2"));
    assert_false(p.conda);
    assert_int_equal(p.count, 3);
    assert_true(str_eqc(p.packages[0], "a-b==2.0") && str_eqc(p.packages[1], "numpy==1.26.4") && str_eqc(p.packages[2], "scikit_learn==1.5.0"));
    assert_true(find(f, op_printf(&f->op, "%s/venv/bin/python3", f->root), "", &p)); /* by its path */
    assert_int_equal(p.count, 3);
}

static void conda(void **state)
{
    struct folder *f = *state;
    struct capture_python p;
    interpreter(f, "env/bin/python");
    folder_put(f, "env/conda-meta/openssl-3.0.13-h7f8727e_0.json", "{}");
    folder_put(f, "env/conda-meta/numpy-1.26.4-py311_0.json", "{}");
    folder_put(f, "env/conda-meta/history", "");
    folder_put(f, "env/lib/python3.11/site-packages/numpy-1.26.4.dist-info/METADATA", "");
    assert_true(find(f, "python", op_printf(&f->op, "%s/env/bin", f->root), &p));
    assert_true(p.conda && str_eqc(p.version, "3.11"));
    assert_int_equal(p.count, 2); /* each once */
    assert_true(str_eqc(p.packages[1], "openssl==3.0.13"));
}

static void what_is_no_python(void **state)
{
    struct folder *f = *state;
    struct capture_python p;
    interpreter(f, "bin/pythonista");
    folder_put(f, "bin/python3", "not executable\n");
    const char *path = op_printf(&f->op, "%s/bin", f->root);
    static const char *const words[] = {"pythonista", "python3", "python9.99", "sh", "", "/"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_false(find(f, words[i], path, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_virtual_environment, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(conda, folder_open, folder_close),
        cmocka_unit_test_setup_teardown(what_is_no_python, folder_open, folder_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
