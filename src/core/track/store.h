/* store.h - the small pieces that the statements of tracking and registry share. All work inside the callback
 * of db_write or db_read; texts are copied into op's arena. */
#ifndef INGOT_CORE_TRACK_STORE_H
#define INGOT_CORE_TRACK_STORE_H

#include "core/track/names.h"
#include "port/db.h"

/* All rows (key, value) of a statement with one id argument. */
MUST_USE enum err store_kvs(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, struct track_kvs *ret);
/* Key/value rows written by a statement (id, key, value). */
MUST_USE enum err store_put_kvs(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, const struct track_kv *kvs, size_t n);
/* The first column of the first row for (id, key); absent is *ret_found false. The text is a copy. */
MUST_USE enum err store_find_text(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, struct str key, bool *ret_found, struct str *ret);
/* Before copying a row whose texts hold up to `extra` bytes beyond the ordinary ones: E_TOO_LARGE when op's arena could
 * be used up by it, so that no amount of stored data aborts the process. */
MUST_USE enum err store_room(struct op *op, size_t extra);
/* Runs a statement with one id argument. */
MUST_USE enum err store_exec_id(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id);
/* One audit row in the transaction of the change; the pairs become its JSON detail. */
MUST_USE enum err store_audit(struct op *op, struct db_tx *tx, const char *verb, const char *kind, struct str object, const struct track_kv *detail, size_t n);

/* A double as the int64 that sorts like it (and back, every bit kept): IEEE 754 bits, with the magnitude bits
 * of negative numbers flipped. */
int64_t store_from_f64(double v);
double store_to_f64(int64_t v);

static inline int64_t store_now_ms(const struct op *op) { return op->now_us / 1000; }

#endif
