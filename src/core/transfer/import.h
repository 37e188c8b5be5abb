/* import.h - moves experiments, runs, logged models, registered models and files in from another tracking system.
 * It can be stopped at any moment and started again: rows and the marks that say how far it came are written together,
 * and whatever was written but not marked is recognised by its own name (run id, point, version, file). A second import
 * of the same source adds what is new there and takes over changed states and tags of what came from there; nothing is
 * added twice and nothing here is removed. Run ids, model ids, version numbers and points are kept as they are;
 * experiment ids where they are free. */
#ifndef INGOT_CORE_TRANSFER_IMPORT_H
#define INGOT_CORE_TRANSFER_IMPORT_H

#include "port/blob.h"
#include "port/db.h"
#include "port/origin.h"

enum import_kind {
    IMPORT_EXPERIMENTS, IMPORT_RUNS, IMPORT_PARAMS, IMPORT_TAGS, IMPORT_POINTS, IMPORT_LOGGED_MODELS, IMPORT_MODELS,
    IMPORT_VERSIONS, IMPORT_FILES, IMPORT_KINDS
};
struct import_count {
    int64_t there; /* seen at the source */
    int64_t added;
    int64_t failed;
};
#define IMPORT_NOTES_MAX 50
struct import_report {
    struct import_count counts[IMPORT_KINDS];
    int64_t bytes;          /* of files that were copied */
    int64_t points_per_s;
    int64_t wrong_latest;   /* metrics whose latest point differs from what the source says */
    int64_t traces;         /* at the source; not moved */
    struct str notes[IMPORT_NOTES_MAX]; /* what could not be moved or differs, in op's arena */
    size_t note_count, notes_dropped;
};
struct import_options {
    struct origin *origin;
    struct str source;      /* its name for the next time: the URI without secrets */
    struct db *db;
    struct blob_store *blobs;
    bool keep_artifacts;    /* leave files and their locations where they are */
    void (*progress)(void *arg, const char *what, int64_t done, int64_t total); /* NULL: none */
    void *arg;
};

/* What cannot be moved is noted and counted as failed, and the rest goes on; the world's failures end it. */
MUST_USE enum err import_run(struct op *op, const struct import_options *o, struct import_report *ret);
const char *import_kind_name(enum import_kind k); /* "logged models" */
/* Everything that is there is here, and equal where it was compared. */
bool import_complete(const struct import_report *r);

#endif
