/* test_localfs.c - what the blob contract cannot ask: failing and full disks, planted links, power cuts. */
#include "adapter/localfs/localfs.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fault.h"
#include "contract/scratch.h"
#include "contract/smalldisk.h"

/* What a power cut leaves: the bytes of a file as of its last flush, the names in a folder as of its last flush. The
 * store's own calls land here; a flush of a file notes its hash, a flush of a folder its entries. */
enum { NOTES = 4096 };
static struct note {
    ino_t folder, file; /* folder 0: the bytes of `file` */
    char name[NAME_MAX + 1];
    uint8_t sha256[HASH_SHA256_LEN];
} notes[NOTES];
static size_t note_count;

static struct note *note_new(void)
{
    if (note_count == NOTES)
        abort();
    return &notes[note_count++];
}

static void note_bytes(int fd, const struct stat *st)
{
    char *bytes = malloc((size_t)st->st_size + 1);
    struct note *n = note_new();
    if (!bytes || pread(fd, bytes, (size_t)st->st_size, 0) != st->st_size)
        abort();
    *n = (struct note){.file = st->st_ino};
    hash_sha256(bytes, (size_t)st->st_size, n->sha256);
    free(bytes);
}

static void note_names(int fd, const struct stat *st)
{
    for (size_t i = 0; i < note_count; i++)
        if (notes[i].folder == st->st_ino)
            notes[i].folder = (ino_t)-1; /* the flush before is history */
    DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct note *n = note_new();
        *n = (struct note){.folder = st->st_ino, .file = entry->d_ino};
        snprintf(n->name, sizeof n->name, "%s", entry->d_name);
    }
    closedir(d);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    struct stat st;
    if (fstat(fd, &st))
        abort();
    if (S_ISREG(st.st_mode))
        note_bytes(fd, &st);
    else
        note_names(fd, &st);
    return real(fd);
}

/* The file that a name leads to after the cut, or 0. */
static ino_t after_cut(ino_t folder, const char *name)
{
    for (size_t i = 0; i < note_count; i++)
        if (notes[i].folder == folder && !strcmp(notes[i].name, name))
            return notes[i].file;
    return 0;
}

static bool bytes_after_cut(ino_t file, const struct blob_id *id)
{
    for (size_t i = note_count; i-- > 0;)
        if (!notes[i].folder && notes[i].file == file)
            return !memcmp(notes[i].sha256, id->sha256, sizeof id->sha256);
    return false;
}

struct fixture {
    struct scratch s;
    struct blob_store *store;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    note_count = 0;
    assert_int_equal(localfs_open(&f->s.op, f->s.dir, &f->store), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unsetenv("INGOT_FAULT");
    fault_setup();
    blob_store_close(f->store);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static int files_in(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    for (struct dirent *entry; d && (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void arm(const char *text)
{
    setenv("INGOT_FAULT", text, 1);
    fault_setup();
}

/* Each step of storing a file fails once: an error, no temporary file, no blob; the next try succeeds. */
static void each_failing_step_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const steps[] = {"blob.write:1:ENOSPC", "blob.fsync:1:ENOSPC", "blob.fsync:2:ENOSPC",
                                        "blob.rename:1:EIO"};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct str bytes = str_from(steps[i]), back;
        struct blob_id id;
        hash_sha256(bytes.p, bytes.len, id.sha256);
        op_clear(&f->s.op);
        arm(steps[i]);
        assert_int_equal(blob_put(&f->s.op, f->store, bytes, &id), E_IO);
        assert_int_equal(files_in(scratch_path(&f->s, "tmp")), 0);
        op_clear(&f->s.op);
        assert_int_equal(blob_get(&f->s.op, f->store, &id, 100, &back), E_NOT_FOUND);
        op_clear(&f->s.op);
        assert_int_equal(blob_put(&f->s.op, f->store, bytes, &id), OK);
        assert_int_equal(blob_get(&f->s.op, f->store, &id, 100, &back), OK);
    }
}

static void a_failed_flush_ends_all_storing(void **state)
{
    struct fixture *f = *state;
    struct blob_id id, first;
    struct str back;
    assert_int_equal(blob_put(&f->s.op, f->store, STR("before"), &first), OK);
    arm("blob.fsync:2:EIO");
    assert_int_equal(blob_put(&f->s.op, f->store, STR("at"), &id), E_IO);
    op_clear(&f->s.op);
    assert_int_equal(blob_put(&f->s.op, f->store, STR("after"), &id), E_IO);
    assert_non_null(strstr(f->s.op.msg, "starts again"));
    op_clear(&f->s.op);
    assert_int_equal(blob_get(&f->s.op, f->store, &first, 100, &back), OK); /* reads go on */
    blob_store_close(f->store);
    assert_int_equal(localfs_open(&f->s.op, f->s.dir, &f->store), OK);
    assert_int_equal(blob_put(&f->s.op, f->store, STR("after"), &id), OK);
}

static void a_failing_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct blob_id id;
    struct str back;
    assert_int_equal(blob_put(&f->s.op, f->store, STR("text"), &id), OK);
    arm("blob.read:1:EIO");
    assert_int_equal(blob_get(&f->s.op, f->store, &id, 100, &back), E_IO);
    op_clear(&f->s.op);
    assert_int_equal(blob_get(&f->s.op, f->store, &id, 100, &back), OK);
}

static void acknowledged_blobs_survive_a_power_cut(void **state)
{
    struct fixture *f = *state;
    struct stat root;
    assert_int_equal(stat(f->s.dir, &root), 0);
    struct blob_id ids[40];
    for (int i = 0; i < 40; i++) { /* each is stored twice */
        const char *text = op_printf(&f->s.op, "blob %d", i % 20);
        assert_int_equal(blob_put(&f->s.op, f->store, str_from(text), &ids[i]), OK);
        for (int k = 0; k <= i; k++) {
            char hex[2 * HASH_SHA256_LEN + 1], folder[3] = {0};
            hash_hex(ids[k].sha256, HASH_SHA256_LEN, hex);
            memcpy(folder, hex, 2);
            ino_t file = after_cut(after_cut(after_cut(root.st_ino, "blobs"), folder), hex + 2);
            assert_int_not_equal(file, 0);
            assert_true(bytes_after_cut(file, &ids[k]));
        }
    }
}

static void equal_bytes_are_one_private_file(void **state)
{
    struct fixture *f = *state;
    struct blob_id a, b;
    struct str path;
    struct stat st;
    assert_int_equal(blob_put(&f->s.op, f->store, STR("same"), &a), OK);
    assert_int_equal(blob_put(&f->s.op, f->store, STR("same"), &b), OK);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(blob_local_path(&f->s.op, f->store, &a, &path), OK);
    assert_int_equal(stat(path.p, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode & 0777, 0400);
    assert_int_equal(files_in(scratch_path(&f->s, "blobs")), 1);
    assert_int_equal(blob_remove(&f->s.op, f->store, &a), OK);
    assert_int_equal(blob_local_path(&f->s.op, f->store, &a, &path), E_NOT_FOUND);
}

static void planted_links_lead_nowhere(void **state)
{
    struct fixture *f = *state;
    struct blob_id id;
    struct str path, back;
    const char *secret = scratch_path(&f->s, "secret");
    int fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "secret", 6), 6);
    close(fd);
    assert_int_equal(blob_put(&f->s.op, f->store, STR("x"), &id), OK);
    assert_int_equal(blob_local_path(&f->s.op, f->store, &id, &path), OK);
    assert_int_equal(unlink(path.p), 0);
    assert_int_equal(symlink(secret, path.p), 0);
    assert_int_not_equal(blob_get(&f->s.op, f->store, &id, 100, &back), OK);
    op_clear(&f->s.op);
    assert_int_equal(blob_local_path(&f->s.op, f->store, &id, &path), E_NOT_FOUND);
    /* A named pipe in a blob's place must not hang the reader. */
    op_clear(&f->s.op);
    assert_int_equal(unlink(path.p), 0);
    assert_int_equal(mkfifo(path.p, 0600), 0);
    assert_int_equal(blob_get(&f->s.op, f->store, &id, 100, &back), E_CORRUPT);
    /* Stored again, the blob takes its place back. */
    op_clear(&f->s.op);
    assert_int_equal(blob_put(&f->s.op, f->store, STR("x"), &id), OK);
    assert_int_equal(blob_get(&f->s.op, f->store, &id, 100, &back), OK);
    /* The folder of a blob turned into a link out of the store. */
    char *folder = op_printf(&f->s.op, "%.*s", (int)(strrchr(path.p, '/') - path.p), path.p);
    assert_int_equal(unlink(path.p), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(symlink(f->s.dir, folder), 0);
    assert_int_not_equal(blob_put(&f->s.op, f->store, STR("x"), &id), OK);
    assert_int_equal(files_in(f->s.dir), 3); /* blobs, tmp, secret */
}

/* Runs in a child: a disk of 512 KiB. The exit code is the number of the check that failed. */
static int full_disk_child(const char *dir)
{
    struct arena *a = arena_create((size_t)64 << 20);
    struct op op;
    op_init(&op, a);
    struct blob_store *store = NULL;
    if (!smalldisk_mount(dir, 512))
        return 77;
    if (localfs_open(&op, dir, &store))
        return 2;
    char *filler = op_printf(&op, "%s/filler", dir), *bytes = arena_alloc(a, 100000);
    struct blob_id small, id;
    struct str back;
    if (blob_put(&op, store, STR("small"), &small))
        return 3;
    smalldisk_fill(filler);
    if (blob_put(&op, store, (struct str){bytes, 100000}, &id) != E_IO || !strstr(op.msg, "No space left"))
        return 4;
    op_clear(&op);
    if (blob_get(&op, store, &small, 100, &back) || files_in(op_printf(&op, "%s/tmp", dir)))
        return 5;
    unlink(filler);
    if (blob_put(&op, store, (struct str){bytes, 100000}, &id) || blob_get(&op, store, &id, 100000, &back))
        return 6;
    blob_store_close(store);
    arena_destroy(a);
    return 0;
}

static void a_full_disk_heals(void **state)
{
    struct fixture *f = *state;
    const char *dir = scratch_path(&f->s, "disk");
    assert_int_equal(mkdir(dir, 0700), 0);
    pid_t child = fork();
    if (!child)
        _exit(full_disk_child(dir));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no mount namespaces here */
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_failing_step_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_flush_ends_all_storing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_read_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(acknowledged_blobs_survive_a_power_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_bytes_are_one_private_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(planted_links_lead_nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_heals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
