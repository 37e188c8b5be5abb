/* state.h - the server's state, opened by a command that works on it without a server. */
#ifndef INGOT_APP_STATE_H
#define INGOT_APP_STATE_H

#include "app/command.h"
#include "port/blob.h"
#include "port/db.h"

struct datadir;
struct state {
    struct datadir *lock, *blobs_lock;
    struct db *db;
    struct blob_store *blobs;
};

/* Rows for a command's option table, as `ingot server` has them. */
#define STATE_OPTIONS                                                                                              \
    {"data", OPTION_STRING, "DIR", "folder of the server's state", "ingot-data", false},                            \
    {"db", OPTION_STRING, "URL", "database in place of the SQLite file in the data folder: postgresql://user@host/db", NULL, false}, \
    {"blobs", OPTION_STRING, "URL", "place of the artifacts in place of the data folder: s3://bucket/prefix, or a folder", NULL, false}

/* `db` and `blobs` may be empty. E_CONFLICT: a server uses the folder. On a failure state_close() is still due. */
MUST_USE enum err state_open(struct op *op, struct str data_dir, struct str db, struct str blobs, struct state *ret);
void state_close(struct state *s);

#endif
