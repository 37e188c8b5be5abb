#include "core/event/note.h"

#include "base/limits.h"
#include "sql_gen.h"

/* Old rows go in portions. */
#define TRIM_EVERY 256

enum err event_note(struct op *op, struct db_tx *tx, enum event_kind kind, struct str name)
{
    enum err e = db_exec(op, tx, &sql_event_note_insert, DB_ARGS(DB_I64(kind), DB_TEXT(name)), NULL);
    int64_t id = e ? 0 : db_last_id(tx);
    if (!e && id > LIMIT_EVENT_NOTES && id % TRIM_EVERY == 0)
        e = db_exec(op, tx, &sql_event_note_trim, DB_ARGS(DB_I64(id - LIMIT_EVENT_NOTES)), NULL);
    return e;
}
