/* view.h - the definition of a feature view: one text for training and for serving.
 *
 * features.yaml says where events come from, when each becomes known (`available_at`), which columns make an
 * entity, which windows are counted, and which features a request brings along. The offline join (join.h)
 * and the online index (online.h) are both driven by the parsed struct below and share feature_view_fill(),
 * so a value is computed by one piece of code on both sides.
 *
 *     name: flights_delay
 *     source: {path: flights.parquet, timestamp_field: date, id: flight, available_at: "SQL", label: "SQL"}
 *     entities: [{name: origin, join_keys: [origin]}, {name: route, join_keys: [origin, destination]}]
 *     aggregations: [{windows: [1h, 1d], functions: [count, rate]}]
 *     request: [{name: hour, expression: hour(date)}, {name: distance, expression: distance}]
 *     ttl: 28d
 *     online: true
 *
 * The features in order: for each entity, for each window, for each function: `<entity>_<function>_<window>`;
 * then the request features. A window W read at instant t covers events with available_at in (t - W, t].
 * Ownership: everything lives in the arena of the op that parsed it. Times are microseconds since 1970 UTC.
 * Immutable after parsing, so any thread may read it. */
#ifndef INGOT_CORE_FEATURE_VIEW_H
#define INGOT_CORE_FEATURE_VIEW_H

#include "base/op.h"

#define FEATURE_KEYS_MAX 8     /* key columns of one view */
#define FEATURE_NUMBERS_MAX 64 /* numeric request columns */
#define FEATURE_ENTITIES_MAX 16
#define FEATURE_WINDOWS_MAX 16
#define FEATURE_MAX 1024       /* features of one view */

enum feature_kind {
    FEATURE_COUNT,   /* events in the window */
    FEATURE_RATE,    /* flagged / events, missing (NaN) when there are none */
    FEATURE_HOUR,    /* 0..23 of the row's instant, UTC */
    FEATURE_WEEKDAY, /* 0 = Sunday .. 6 */
    FEATURE_NUMBER,  /* a column of the request as it is */
};

struct feature_entity {
    struct str name;
    size_t key_len;
    size_t keys[FEATURE_KEYS_MAX]; /* indices into view->keys */
};
struct feature_window {
    struct str name; /* "28d" */
    int64_t width_us;
};
struct feature_def {
    struct str name;
    enum feature_kind kind;
    size_t entity, window; /* COUNT, RATE */
    size_t number;         /* NUMBER: index into view->numbers */
};

struct feature_view {
    struct str name;
    struct str description;
    struct str source_path;      /* as written; feature_view_load makes it relative to the definition's folder */
    struct str timestamp_field;  /* the column of the row's instant */
    struct str id_field;         /* name of the row id (the row's index in the file); "" = none */
    struct str available_at_sql; /* expression over the source's columns: when an event becomes known */
    struct str label_sql;        /* boolean expression: the flag that rates count, and the training label */
    struct str *keys;            /* distinct key columns (text), in order of first use */
    size_t key_len;
    struct str *numbers;         /* distinct numeric request columns */
    size_t number_len;
    struct feature_entity *entities;
    size_t entity_len;
    struct feature_window *windows; /* ascending */
    size_t window_len;
    struct feature_def *features;   /* in the order of the model's input */
    size_t len;
    int64_t ttl_us;              /* an event counts for at most so long; at least the widest window */
    bool online;
    struct str text;             /* the YAML as read */
    char digest[65];             /* SHA-256 of the text, hex: the view's version */
};

/* One row to compute features for. `keys[i]` belongs to view->keys[i] (p NULL = null: no events), `numbers[i]` to
 * view->numbers[i] (NaN = missing). */
struct feature_row {
    int64_t t_us;
    const struct str *keys;
    const double *numbers;
};
/* What a window holds at an instant. */
struct feature_tally {
    uint32_t events;
    uint32_t flagged;
};

/* Parses and checks the YAML text. E_INVALID names the key path. */
MUST_USE enum err feature_view_parse(struct op *op, struct str yaml, struct feature_view **ret);
/* Reads the file (E_NOT_FOUND, E_TOO_LARGE above LIMIT_FEATURE_VIEW_BYTES) and parses it. */
MUST_USE enum err feature_view_load(struct op *op, const char *path, struct feature_view **ret);
/* NULL when the view has no such feature. */
const struct feature_def *feature_view_find(const struct feature_view *v, struct str name);

/* The one place where features get their values: `tallies` has entity_len * window_len items (window fastest),
 * `out` room for view->len floats. Pure; cannot fail. */
void feature_view_fill(const struct feature_view *v, int64_t t_us, const double *numbers, const struct feature_tally *tallies, float *out);

#endif
