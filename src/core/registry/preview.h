/* preview.h - what an act on a model would do, found by doing it inside a transaction that is then undone: what a preview promises is what
 * the act itself does as long as nothing changes between the two. Nothing stays: no change, no request, no row of history or audit, no
 * webhook. Takes a turn on the database's writer. Texts in op's arena. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_PREVIEW_H
#define INGOT_CORE_REGISTRY_PREVIEW_H

#include "core/registry/version.h"
#include "port/db.h"

enum registry_act { REGISTRY_ACT_ALIAS, REGISTRY_ACT_STAGE, REGISTRY_ACT_ROLLBACK, REGISTRY_ACT_DELETE };

struct registry_preview {
    enum registry_act act;
    struct str model;
    struct str alias;          /* ALIAS, ROLLBACK of one; p NULL: a stage */
    enum registry_stage stage; /* STAGE, ROLLBACK of one */
    int64_t version;           /* ALIAS: 0 removes it; ROLLBACK: 0 is the one before */
    bool archive_others;       /* STAGE */
    /* What would come of it. */
    bool changed;              /* false, and not refused: it is so already */
    enum err refused;          /* OK, or what the act would answer, its text in `why` */
    const char *why;
    bool needs_approval;       /* the act would make a request in place of the change */
    bool self_approval;        /* whoever asks may approve */
    int64_t ttl_us;            /* how long that request would wait */
    struct str from;           /* the alias's version or the version's stage now; p NULL: none */
    int64_t to;                /* the version; 0: none */
    int64_t *archives;         /* versions that would become Archived */
    size_t archive_count;
};

/* E_NOT_FOUND: model or version. E_INVALID: the act makes no sense. Other refusals stand in `p`. */
MUST_USE enum err registry_preview(struct op *op, struct db *db, struct registry_preview *p);
MUST_USE enum err registry_act_parse(struct op *op, struct str text, enum registry_act *ret);

#endif
