/* console.h - what a run prints, kept as bytes while it goes on, so that people see it live and whoever sends it may fail at any
 * moment. It is a file that only grows, addressed by byte: sending the same bytes twice changes nothing. The newest
 * LIMIT_TRACK_CONSOLE_BYTES are kept. Errors: E_NOT_FOUND (no such run), E_CONFLICT (a deleted run; bytes beyond the end),
 * E_TOO_LARGE. Thread-safe. */
#ifndef INGOT_CORE_TRACK_CONSOLE_H
#define INGOT_CORE_TRACK_CONSOLE_H

#include "port/db.h"

struct console_state {
    int64_t first, size; /* bytes first .. size - 1 are here */
    bool ended;          /* the run has a final status: nothing more is expected */
};
struct console_text {
    struct console_state state;
    int64_t from;        /* of the first byte in `bytes`: later than asked for where that is not kept */
    struct str bytes;    /* in op's arena */
};

/* `bytes` stand at `from`. What is there already is passed over; a start beyond the end is refused. At most
 * LIMIT_TRACK_CONSOLE_CHUNK. Durable when it returns. */
MUST_USE enum err console_append(struct op *op, struct db *db, struct str run_id, int64_t from, struct str bytes, struct console_state *ret);
/* Up to `max` bytes from `from` on; 0: only the state. A negative `from` counts from the end. */
MUST_USE enum err console_read(struct op *op, struct db *db, struct str run_id, int64_t from, size_t max, struct console_text *ret);

#endif
