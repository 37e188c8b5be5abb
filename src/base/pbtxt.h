/* pbtxt.h - protobuf's text format ("config.pbtxt") under a schema, into the same tree as JSON, so one decoder serves both.
 *
 * A schema is a set of constant tables: messages of fields. What it does not know is E_INVALID with line and column, as are a singular field
 * or a choice ("oneof") given twice, a value of another kind or out of range, and texts that are no UTF-8. The tree has the fields' own
 * names as keys, in the order of the text: repeated fields are arrays, maps are objects, enums the texts of their names.
 * Taken: comments, both quotes, all escapes, adjacent texts, `{}` and `<>`, lists in brackets, a colon before messages or none, decimal,
 * hexadecimal and octal integers, signs, floats with `f`, separators `,` and `;`. Not taken: extensions and Any in brackets, groups.
 * The format: https://protobuf.dev/reference/protobuf/textformat-spec/. Threads: any. */
#ifndef INGOT_BASE_PBTXT_H
#define INGOT_BASE_PBTXT_H

#include "base/json.h"

enum pbtxt_kind {
    PBTXT_INT32, PBTXT_INT64, PBTXT_UINT32, PBTXT_UINT64, PBTXT_FLOAT, PBTXT_BOOL, PBTXT_STRING, PBTXT_ENUM, PBTXT_MESSAGE,
    PBTXT_MAP, /* `message` is its entry: a field "key" (a text or a whole number) and a field "value" */
};
struct pbtxt_message;
struct pbtxt_field {
    const char *name;
    enum pbtxt_kind kind;
    bool repeated;
    uint8_t oneof;                       /* > 0: at most one of the message's fields with this number */
    const struct pbtxt_message *message;
    const char *const *words;            /* of an enum: names by number, NULL-ended */
};
/* Rows of a table of fields: one scalar, a list of them, one word of an enum, a message, a list of messages, a map. */
#define PBTXT_ONE(n, k) {.name = n, .kind = k}
#define PBTXT_LIST(n, k) {.name = n, .kind = k, .repeated = true}
#define PBTXT_WORD(n, w) {.name = n, .kind = PBTXT_ENUM, .words = w}
#define PBTXT_SUB(n, m) {.name = n, .kind = PBTXT_MESSAGE, .message = &(m)}
#define PBTXT_SUBS(n, m) {.name = n, .kind = PBTXT_MESSAGE, .repeated = true, .message = &(m)}
#define PBTXT_ENTRIES(n, m) {.name = n, .kind = PBTXT_MAP, .message = &(m)}
struct pbtxt_message {                   /* at most 64 fields */
    const char *name;                    /* for texts */
    const struct pbtxt_field *fields;    /* ends with name NULL */
};

/* The tree lives in op's arena. E_TOO_LARGE above LIMIT_PBTXT_BYTES or when the arena is used up; E_INVALID also above
 * LIMIT_PBTXT_DEPTH messages in each other. */
MUST_USE enum err pbtxt_parse(struct op *op, struct str text, const struct pbtxt_message *schema, struct json **ret);

/* Does a scalar fit the field? Makes it what the tree above has: enums by name, numbers of the kind's own type. `bare`: a text that stood
 * without quotes (a name, inf). NULL when it fits, else what is wanted. Pure. */
const char *pbtxt_fit(const struct pbtxt_field *field, bool bare, struct json *value);
/* NULL: the message has no such field. */
const struct pbtxt_field *pbtxt_field_find(const struct pbtxt_message *message, struct str name);

#endif
