#include "unit/core/track/fixture.h"

#include "adapter/mem/mem.h"
#include "core/track/upload.h"

struct talk {
    struct op *op;
    struct db *db;
    struct blob_store *blobs;
    struct str id;
};

static struct talk talk_begin(struct fixture *f, int64_t parts)
{
    struct talk t = {&f->op, f->db, mem_blobs_create(0), STR("")};
    assert_ok(t.op, upload_create(t.op, t.db, STR("0/r/big"), parts, &t.id));
    assert_int_equal(t.id.len, 64);
    return t;
}

static struct str send(struct talk *t, int64_t number, const char *bytes)
{
    struct blob_id blob;
    struct str etag;
    assert_ok(t->op, upload_check_part(t->op, t->db, t->id, number));
    assert_ok(t->op, blob_put(t->op, t->blobs, str_from(bytes), &blob));
    assert_ok(t->op, upload_put_part(t->op, t->db, t->id, number, &blob, strlen(bytes), &etag));
    return etag;
}

static enum err complete(struct talk *t, const char *path, const struct upload_part *parts, size_t n)
{
    return upload_complete(t->op, t->db, t->blobs, t->id, str_from(path), parts, n);
}

static void content_is(struct talk *t, const char *path, const char *want)
{
    struct blob_id blob;
    uint64_t size;
    struct str back;
    assert_ok(t->op, artifact_find(t->op, t->db, str_from(path), &blob, &size));
    assert_ok(t->op, blob_get(t->op, t->blobs, &blob, 1000, &back));
    assert_int_equal(size, strlen(want));
    assert_true(str_eqc(back, want));
}

static void parts_become_one_file(void **state)
{
    struct talk t = talk_begin(*state, 3);
    struct blob_id blob;
    uint64_t size;
    struct str third = send(&t, 3, "three"), first = send(&t, 1, "one-"), old = send(&t, 2, "wrong"), second = send(&t, 2, "two-");
    assert_fails(t.op, artifact_find(t.op, t.db, STR("0/r/big"), &blob, &size), E_NOT_FOUND, "No such artifact");
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, first}, {2, old}, {3, third}}, 3), E_INVALID, "part 2 has another etag");
    assert_ok(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, first}, {2, second}, {3, third}}, 3));
    content_is(&t, "0/r/big", "one-two-three");
    /* The answer was lost: once more is fine; more parts are not. */
    assert_ok(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, first}, {2, second}, {3, third}}, 3));
    assert_fails(t.op, upload_check_part(t.op, t.db, t.id, 1), E_NOT_FOUND, "no such upload");
    assert_ok(t.op, upload_abort(t.op, t.db, t.id, STR("0/r/big")));
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, first}}, 1), E_NOT_FOUND, "no such upload");
    content_is(&t, "0/r/big", "one-two-three");
    blob_store_close(t.blobs);
}

static void some_of_the_parts_or_one(void **state)
{
    struct talk t = talk_begin(*state, 5);
    send(&t, 1, "a");
    struct str three = send(&t, 3, "c"), five = send(&t, 5, "e");
    assert_ok(t.op, complete(&t, "0/r/big", (struct upload_part[]){{3, str_sub(three, 1, 64)}, {5, five}}, 2)); /* quotes are no matter */
    content_is(&t, "0/r/big", "ce");
    assert_ok(t.op, upload_create(t.op, t.db, STR("0/r/small"), 1, &t.id));
    send(&t, 1, "x");
    assert_ok(t.op, complete(&t, "0/r/small", (struct upload_part[]){{1, STR("")}}, 1));
    content_is(&t, "0/r/small", "x");
    blob_store_close(t.blobs);
}

static void what_is_refused(void **state)
{
    struct talk t = talk_begin(*state, 2);
    struct str id;
    assert_fails(t.op, upload_create(t.op, t.db, STR("a"), 0, &id), E_INVALID, "num_parts must be 1 to");
    assert_fails(t.op, upload_create(t.op, t.db, STR("a"), LIMIT_TRACK_UPLOAD_PARTS + 1, &id), E_INVALID, "num_parts must be 1 to");
    assert_fails(t.op, upload_create(t.op, t.db, STR(""), 1, &id), E_INVALID, "Invalid path");
    assert_fails(t.op, upload_check_part(t.op, t.db, t.id, 0), E_INVALID, "parts 1 to 2");
    assert_fails(t.op, upload_check_part(t.op, t.db, t.id, 3), E_INVALID, "parts 1 to 2");
    assert_fails(t.op, upload_check_part(t.op, t.db, STR("0"), 1), E_NOT_FOUND, "no such upload");
    struct str one = send(&t, 1, "1");
    assert_fails(t.op, complete(&t, "0/r/other", (struct upload_part[]){{1, one}}, 1), E_INVALID, "another file");
    assert_fails(t.op, complete(&t, "0/r/big", NULL, 0), E_INVALID, "at least one part");
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, one}, {2, one}}, 2), E_INVALID, "part 2 did not come");
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, one}, {1, one}}, 2), E_INVALID, "rising order");
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{-1, one}}, 1), E_INVALID, "did not come");
    assert_fails(t.op, upload_abort(t.op, t.db, t.id, STR("0/r/other")), E_INVALID, "another file");
    /* The name was taken by a folder meanwhile. */
    struct blob_id blob = {{1}};
    assert_ok(t.op, artifact_put(t.op, t.db, STR("0/r/big/file"), &blob, 1));
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, one}}, 1), E_CONFLICT, "is a folder");
    assert_fails(t.op, upload_create(t.op, t.db, STR("0/r/big"), 1, &id), E_CONFLICT, "is a folder");
    blob_store_close(t.blobs);
}

static void uploads_expire(void **state)
{
    struct talk t = talk_begin(*state, 2);
    struct str other;
    send(&t, 1, "1");
    t.op->now_us += (int64_t)(LIMIT_TRACK_UPLOAD_S - 1) * 1000000;
    send(&t, 2, "2"); /* which renews it */
    t.op->now_us += (int64_t)(LIMIT_TRACK_UPLOAD_S - 1) * 1000000;
    assert_ok(t.op, upload_check_part(t.op, t.db, t.id, 1));
    t.op->now_us += 2 * 1000000;
    assert_fails(t.op, upload_check_part(t.op, t.db, t.id, 1), E_NOT_FOUND, "expired");
    assert_ok(t.op, upload_create(t.op, t.db, STR("next"), 1, &other));
    t.op->now_us -= 10LL * LIMIT_TRACK_UPLOAD_S * 1000000; /* back in time: the rows are gone for good */
    assert_fails(t.op, upload_check_part(t.op, t.db, t.id, 1), E_NOT_FOUND, "no such upload");
    assert_ok(t.op, upload_check_part(t.op, t.db, other, 1));
    blob_store_close(t.blobs);
}

/* A part whose bytes are gone or damaged fails the completion, and the upload stays as it was. */
static void a_lost_part_is_told(void **state)
{
    struct talk t = talk_begin(*state, 2);
    struct str one = send(&t, 1, "1"), two = send(&t, 2, "2");
    struct blob_id blob;
    hash_sha256("2", 1, blob.sha256);
    assert_ok(t.op, blob_remove(t.op, t.blobs, &blob));
    assert_fails(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, one}, {2, two}}, 2), E_NOT_FOUND, "part 2");
    send(&t, 2, "2");
    assert_ok(t.op, complete(&t, "0/r/big", (struct upload_part[]){{1, one}, {2, two}}, 2));
    content_is(&t, "0/r/big", "12");
    blob_store_close(t.blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(parts_become_one_file), fixture_test(some_of_the_parts_or_one), fixture_test(what_is_refused),
                                       fixture_test(uploads_expire), fixture_test(a_lost_part_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
