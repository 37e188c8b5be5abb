#include "app/state.h"

#include "adapter/localfs/datadir.h"
#include "app/backends.h"

enum err state_open(struct op *op, struct str data_dir, struct str db, struct str blobs, struct state *ret)
{
    const char *dir = str_cstr(op->arena, data_dir);
    enum err e = datadir_lock(op, dir, &ret->lock);
    if (e || (e = backend_db_open(op, db, dir, &ret->db)))
        return e;
    return backend_blobs_open(op, blobs, dir, &ret->blobs, &ret->blobs_lock);
}

void state_close(struct state *s)
{
    blob_store_close(s->blobs);
    datadir_unlock(s->blobs_lock);
    db_close(s->db);
    datadir_unlock(s->lock);
    *s = (struct state){0};
}
