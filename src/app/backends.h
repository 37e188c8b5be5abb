/* backends.h - every adapter of the program in one table: what it is for, whether it was built, and whether its library
 * can be used here. `ingot doctor` prints it; the engine and learner lists are what the core is given. */
#ifndef INGOT_APP_BACKENDS_H
#define INGOT_APP_BACKENDS_H

#include "adapter/child/child.h"
#include "base/op.h"
#include "port/blob.h"
#include "port/db.h"
#include "port/engine.h"
#include "port/learner.h"
#include "port/table.h"

struct backend {
    const char *port;      /* "db" */
    const char *name;      /* "sqlite" */
    bool built;
    const char *without;   /* what is switched off when it is missing */
    const char *install;   /* how to get it */
    /* Tries the library; NULL: nothing to try. The text of the failure is in op. */
    enum err (*check)(struct op *op);
};
/* Ended by name NULL. */
extern const struct backend backends[];

/* NULL-ended, in the order in which model_load tries them. */
extern const struct engine_ops *const backend_engines[];
/* Engines that may run in a process of their own (adapter/child): what main() hosts when it was started for that. Ends with engine NULL. */
extern const struct child_guest backend_guests[];
/* For models loaded afterwards; memory of one such process, 0 = half of the machine's. Without a call: as with (CHILD_ISOLATE_AUTO, 0). */
void backend_engines_setup(enum child_isolate isolate, size_t memory_bytes);
/* NULL when there is no learner of that name in this build. */
const struct learner_ops *backend_learner(struct str name);

/* The analytical engine with the settings of a command: all cores, a quarter of the machine's memory. E_UNSUPPORTED when DuckDB was
 * not built in, E_IO when its library cannot be opened; both say what to do. */
MUST_USE enum err backend_tables_open(struct op *op, struct table_engine **ret);

/* The database that the setting `db` names, with our migrations: "postgresql://...", or "" for the SQLite file in `data_dir`.
 * E_UNSUPPORTED: this build lacks libpq. */
MUST_USE enum err backend_db_open(struct op *op, struct str db, const char *data_dir, struct db **ret);
/* Where it is, without a password, for logs; in op's arena. */
const char *backend_db_place(struct op *op, struct str db, struct str data_dir);
/* Connects to the database server of `db` and says what it is. E_INVALID, E_IO, E_UNSUPPORTED. */
MUST_USE enum err backend_db_probe(struct op *op, struct str db, const char **ret_text);
/* What a database tells of itself, whichever it is; what it does not know is 0. */
struct backend_db_stats {
    uint64_t writes, commits, checkpoints, reconnects, resolved, queued;
    bool failed;      /* writes are refused until a restart */
    bool unreachable; /* the last try to reach its server failed; it is tried again */
};
void backend_db_stats(struct db *db, struct backend_db_stats *ret);

/* The blob store that the setting `blobs` names: "s3://...", a folder of its own (which is then locked: *ret_lock), or "" for
 * `data_dir`, whose tmp folder is ready afterwards in any case. *ret_lock NULL: nothing to unlock. */
struct datadir;
MUST_USE enum err backend_blobs_open(struct op *op, struct str blobs, const char *data_dir, struct blob_store **ret, struct datadir **ret_lock);

#endif
