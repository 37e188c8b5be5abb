/* table.h - the endpoints of a server by name, and how a new state of one is made and takes the old one's place. Private to
 * core/serve: serve.c changes endpoints that have a row in the database, repository.c those that come from files. */
#ifndef INGOT_CORE_SERVE_TABLE_H
#define INGOT_CORE_SERVE_TABLE_H

#include "base/thread.h"
#include "core/serve/batch.h"
#include "core/serve/endpoint.h"
#include "core/serve/loader.h"
#include "core/serve/mirror.h"

enum { SERVE_LOCKS = 16 };

/* A look-up takes the lock of its thread alone, so that I/O threads do not meet; a change takes all of them. */
struct table_lock {
    _Alignas(64) struct mutex m;
};
struct serve {
    struct serve_config config;
    struct table_lock locks[SERVE_LOCKS];
    struct mutex change;
    struct serve_endpoint *slots[LIMIT_SERVE_ENDPOINTS]; /* sorted by name */
    size_t len;
    struct loader *loader;
    struct batcher *batcher;
    struct mirror *mirror;          /* NULL: nothing is shadowed */
};
/* An endpoint as it is stored. */
struct serve_row {
    struct str name, model, config;
    int64_t version, rollout_seen;
};

static inline void endpoint_auto(struct serve_endpoint **e) { serve_release(*e); }

/* Without endpoints; the loader's thread runs. */
struct serve *table_create(const struct serve_config *config);
void table_destroy(struct serve *s); /* NULL is ignored */
/* A reference, or NULL. */
struct serve_endpoint *table_find(struct serve *s, struct str name);
/* E_TOO_LARGE: there is no room for one more. */
MUST_USE enum err table_room(struct op *op, struct serve *s, struct str name, bool *ret_found);
/* Takes the reference of `take_new` (NULL: the endpoint goes). Graphs that name it follow. */
MUST_USE enum err table_swap(struct op *op, struct serve *s, struct str name, struct serve_endpoint *take_new);

/* ---- `change` is held ---- */

/* The version, loaded; the one that `old` has is taken unless `anew`. E_TOO_LARGE: the server's memory for models is used up. */
MUST_USE enum err table_load(struct op *op, struct serve *s, const struct serve_endpoint *old, struct str model, int64_t version,
                             const struct serve_policy *policy, bool anew, struct serve_version **ret);
/* The view that an endpoint names; *ret NULL: it names none. */
MUST_USE enum err table_view(struct op *op, struct serve *s, const struct serve_spec *spec, struct feature_table **ret);
/* A version of a graph linked to its members as they stand, another version as it is: a reference. E_NOT_FOUND, E_CONFLICT, E_INVALID:
 * it cannot be linked. `name`: the endpoint's. */
MUST_USE enum err table_link(struct op *op, struct serve *s, struct str name, struct serve_version *v, struct serve_version **ret);
/* `old` again, its graphs linked to their members as they stand now. */
MUST_USE enum err table_relink(struct op *op, struct serve *s, const struct serve_endpoint *old);
/* A new state of row, weights and the `needed` versions, the live one first, in place of `old`; versions of `old` that nobody
 * needs any more stay loaded while there is room and they take the same rows. Entries of `needed` may be NULL. Graphs are linked; one that
 * cannot be is published as not ready. */
MUST_USE enum err table_publish(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct serve_row *row,
                                const struct rollout_weights *weights, struct serve_version *const *needed, size_t needed_len);

#endif
