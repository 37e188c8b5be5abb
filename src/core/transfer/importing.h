/* importing.h - what the parts of an import share (inside this folder). */
#ifndef INGOT_CORE_TRANSFER_IMPORTING_H
#define INGOT_CORE_TRANSFER_IMPORTING_H

#include "core/track/names.h"
#include "core/transfer/import.h"

struct importing {
    const struct import_options *o;
    struct op *op;              /* the whole import's: notes, cursors */
    struct import_report *report;
    int64_t source;             /* row of import_source */
    struct origin_counts totals;
};

/* The kinds of marks; see sql/schema/017_import.sql. */
#define MARK_EXPERIMENT "experiment"
#define MARK_RUN "run"
#define MARK_POINTS "points"
#define MARK_MODEL "model"
#define MARK_URI "uri"
#define MARK_FILE "file"
#define MARK_REGISTERED "registered"
#define MARK_VERSION "version"

/* In a transaction. p NULL in *ret: there is none. */
MUST_USE enum err import_mark_find(struct op *op, struct db_tx *tx, const struct importing *im, const char *kind, struct str key, struct str *ret);
MUST_USE enum err import_mark_set(struct op *op, struct db_tx *tx, const struct importing *im, const char *kind, struct str key, struct str mark);
/* Keeps a line for the report. */
void import_note(struct importing *im, const char *fmt, ...) PRINTF_LIKE(2, 3);
void import_progress(const struct importing *im, enum import_kind kind, int64_t done);
/* A fresh op with the import's identity and clock, in `arena`. */
void import_op(const struct importing *im, struct arena *arena, struct op *ret);
/* Copies the failure of a page's op, whose arena is about to go, to the import's. */
enum err import_failed(const struct importing *im, const struct op *from);
/* One page: reads it into `op`, whose memory goes with it, and moves what it holds. *ret_n 0: there are no more. */
typedef enum err (*import_page_fn)(struct importing *im, struct op *op, void *arg, struct str *cursor, size_t *ret_n);
/* All pages of a listing, from its start. */
MUST_USE enum err import_pages(struct importing *im, import_page_fn fn, void *arg);
/* The experiment here for an id there. E_NOT_FOUND: it was not imported. `ret_location` may be NULL. */
MUST_USE enum err import_experiment_here(struct op *op, struct db_tx *tx, const struct importing *im, struct str id_there, int64_t *ret_id, struct str *ret_location);
/* Where files of a run ("<location>/<id>/artifacts") or model ("<location>/models/<id>/artifacts") are kept here. */
struct str import_location(struct op *op, struct str experiment_location, bool model, struct str id);

static inline struct track_kvs import_kvs(struct origin_kvs kvs)
{
    _Static_assert(sizeof(struct track_kv) == sizeof(struct origin_kv), "both are a key and a value");
    return (struct track_kvs){(struct track_kv *)(void *)kvs.p, kvs.len};
}

MUST_USE enum err import_runs(struct importing *im);
MUST_USE enum err import_logged_models(struct importing *im);
MUST_USE enum err import_registry(struct importing *im);
MUST_USE enum err import_files(struct importing *im);

#endif
