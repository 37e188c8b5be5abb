#include "adapter/mlflow/files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "unit/core/track/fixture.h"

static void locations_become_folders(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct mlflow_files f = {STR("/srv/art"), STR("/home/u")};
    const char *cases[][2] = {{"/a/b", "/a/b"}, {"file:///a/b%20c", "/a/b c"}, {"file:/a", "/a"}, {"mlruns/1/x", "/home/u/mlruns/1/x"},
                              {"mlflow-artifacts:/1/r", "/srv/art//1/r"}, {"mlflow-artifacts://host:5000/1/r", "/srv/art//1/r"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str folder;
        assert_ok(op, mlflow_files_folder(op, &f, str_from(cases[i][0]), &folder));
        if (!str_eqc(folder, cases[i][1]))
            fail_msg("%s: %.*s", cases[i][0], STR_FMT(folder));
    }
    struct str folder;
    assert_fails(op, mlflow_files_folder(op, &f, STR("s3://bucket/x"), &folder), E_UNSUPPORTED, "not on this machine");
    assert_fails(op, mlflow_files_folder(op, &f, STR("mlflow-artifacts:/../../etc"), &folder), E_UNSUPPORTED, "no folder");
    assert_fails(op, mlflow_files_folder(op, &f, STR("file:///a/%2e%2e/b"), &folder), E_UNSUPPORTED, "no folder");
    assert_fails(op, mlflow_files_folder(op, &f, STR(""), &folder), E_UNSUPPORTED, "no folder");
    f.artifact_folder = STR("");
    assert_fails(op, mlflow_files_folder(op, &f, STR("mlflow-artifacts:/1/r"), &folder), E_UNSUPPORTED, "--artifact-folder");
}

static enum err take(void *arg, const void *p, size_t n)
{
    buf_add(arg, p, n);
    return OK;
}

static enum err refuse(void *arg UNUSED, const void *p UNUSED, size_t n UNUSED)
{
    return E_TOO_LARGE;
}

static void regular_files_are_listed_and_read_links_are_not(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    char root[] = "/tmp/ingot-files-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(mkdir(op_printf(op, "%s/sub", root), 0700), 0);
    assert_ok(op, file_write(op, op_printf(op, "%s/sub/a", root), STR("hello")));
    assert_ok(op, file_write(op, op_printf(op, "%s/b", root), STR("")));
    assert_int_equal(symlink("/etc/passwd", op_printf(op, "%s/link", root)), 0);
    assert_int_equal(symlink("/etc", op_printf(op, "%s/links", root)), 0);

    struct mlflow_files f = {STR(""), STR("/")};
    struct str cursor = STR(""), uri = str_from(op_printf(op, "file://%s", root));
    struct origin_file *files;
    size_t n;
    assert_ok(op, mlflow_files_list(op, &f, uri, &cursor, &files, &n));
    assert_int_equal(n, 2);
    size_t a = str_eqc(files[0].path, "b");
    assert_str(files[a].path, "sub/a");
    assert_int_equal(files[a].size_bytes, 5);
    assert_true(files[a].changed_us > 0);
    assert_ok(op, mlflow_files_list(op, &f, uri, &cursor, &files, &n));
    assert_int_equal(n, 0);
    struct buf bytes;
    buf_init(&bytes, 100);
    assert_ok(op, mlflow_files_read(op, &f, uri, STR("sub/a"), take, &bytes));
    assert_str(buf_str(&bytes), "hello");
    assert_int_equal(mlflow_files_read(op, &f, uri, STR("link"), take, &bytes), E_IO);
    op_clear(op);
    assert_int_equal(mlflow_files_read(op, &f, uri, STR("sub/a"), refuse, NULL), E_TOO_LARGE);
    buf_clear(&bytes);
    cursor = STR(""); /* an absent folder holds nothing: a run that logged no file has none */
    assert_ok(op, mlflow_files_list(op, &f, str_from(op_printf(op, "%s/none", root)), &cursor, &files, &n));
    assert_int_equal(n, 0);
    const char *names[] = {"sub/a", "b", "link", "links"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(op_printf(op, "%s/%s", root, names[i]));
    rmdir(op_printf(op, "%s/sub", root));
    rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(locations_become_folders), fixture_test(regular_files_are_listed_and_read_links_are_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
