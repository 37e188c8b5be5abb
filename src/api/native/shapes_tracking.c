/* Runs and experiments, beside each other and over time; what they print; the rules that watch them. */
#include "api/native/native.h"
#include "api/native/shapes.h"

#define PAGE "limit?: int(1..1000) -- 100.\nbefore?: int(0..) -- The `next` of the page before.\n"
#define EXPERIMENTS "experiments?: [int | text] -- Numbers of experiments; all.\n"
#define FILTER "filter?: text -- As in MLflow's search, and more: docs/search.md.\n"
#define VIEW "view?: 'active' | 'deleted' | 'all'\n"
#define GROUP "group_by?: { param: text } | { tag: text } -- One line per value of it.\n"
#define MANY "run_ids?: [text] -- These, or those of a search.\nexperiments?: [int] -- All.\n" FILTER "order_by?: [text]\nruns?: int(1..10000) -- At most.\n"
#define AXIS "x?: 'step' | 'time' | 'relative'\nlog?: bool -- A logarithmic axis.\nrange?: [num] -- From and to.\n"

const struct route_shape native_shapes_tracking[] = {
    {.handler = native_runs_compare,
     .body = "run_ids: [text]\nonly_differing?: bool\nextremes?: bool -- The least and greatest value of each metric too.",
     .answer = "runs: [{ run_id: text, name: text, experiment_id: int, status: RunStatus, start_ms: int, end_ms?: int, deleted: bool }]\nparams: [ComparedTexts]\ntags: [ComparedTexts]\n"
               "metrics: [{ key: text, differs: bool, values: [num | null | 'NaN'], "
               "extremes?: [{ points: int, min?: num | null, min_step?: int, max?: num | null, max_step?: int }] }]\ncode: [ComparedTexts]\ndatasets: [ComparedTexts]"},
    {.handler = native_metrics_chart,
     .body = "run_ids: [text]\nmetric: text\npoints?: int(1..5000) -- Of each line; 500.\n" AXIS
             "smoothing?: { kind: 'ema', weight: num } | { kind: 'ema_axis', half_life: num } | { kind: 'mean', window: num } | { kind: 'gaussian', sigma: num }\n"
             GROUP,
     .answer = "metric: text\nx: text\nfrom: num | null\nto: num | null\nlines: [ChartLine]"},
    {.handler = native_metrics_overlay,
     .body = MANY "metric: text\npoints?: int(1..5000) -- Of each line; 32, of groups 500.\n" AXIS GROUP "smoothing?: num -- 0 to less than 1.\nbinary?: bool -- Numbers as bytes: docs/charts.md.",
     .answer = "{ metric: text, x_axis: text, from: num | null, to: num | null, run_ids: [text | null], names: [text | null], start: [int], x: [num | null], y: [num | null] } | "
               "{ metric: text, x: text, from: num | null, to: num | null, groups: int, runs: int, lines: [ChartLine] }",
     .type = "application/octet-stream"},
    {.handler = native_runs_values,
     .body = MANY "columns?: [text] -- metrics.KEY, params.KEY, tags.KEY.",
     .answer = "run_ids: [text]\nnames: [text]\nstart_ms: [int]\nend_ms: [int | null]\nmetrics: [{ key: text, values: [num | null | 'NaN'] }]\n"
               "params: [{ key: text, texts: [text], at: [int | null] }] -- Each text once, and which of them a run has.\ntags: [{ key: text, texts: [text], at: [int | null] }]"},
    {.handler = native_runs_search,
     .body = EXPERIMENTS FILTER "sort?: [text] -- Such as metrics.loss DESC.\ncolumns?: [text] -- metrics.KEY, params.KEY, tags.KEY.\n" VIEW "offset?: int(0..2147483647)\nlimit?: int(1..1000) -- 100.\n"
             "version?: int(0..) -- That of the first answer: the order is kept.",
     .answer = "total: int\nversion: int\noffset: int\nrows: [{ id: text, name: text, status: RunStatus, experiment: int, user: text, start_ms: int, end_ms?: int, deleted?: bool, "
               "values: [num | text | null] } | null] -- null: gone since; values in the order of the columns."},
    {.handler = native_runs_tops, .body = EXPERIMENTS FILTER VIEW "metrics?: [text]", .answer = "tops: <[num | null]> -- The least and the greatest."},
    {.handler = native_runs_columns,
     .query = "experiments?: text -- Numbers with commas between, at most 20; all.",
     .answer = "runs: int\nwhole: bool -- All runs were looked at.\nmetrics: [KeyList]\nparams: [KeyList]\ntags: [KeyList]\nmore: bool"},
    {.handler = native_experiment_list,
     .answer = "experiments: [{ id: int, name: text, deleted: bool, created_ms: int, runs: int, running: int, last_ms?: int }]"},
    {.handler = native_search,
     .query = "q?: text -- A part of a name.\nlimit?: int(1..50) -- 12.",
     .answer = "results: [{ kind: 'run' | 'experiment' | 'model' | 'endpoint', name: text, id?: text | int, detail?: text }]"},
    {.handler = native_run_rows,
     .query = "path: text -- The file, below the run's artifacts.\noffset?: int(0..)\nlimit?: int(1..1000) -- 100.",
     .answer = "total: int\noffset: int\nall_columns: int\ncolumns: [{ name: text, type: text }]\nrows: [[any]]"},
    {.handler = native_run_preview, .type = "*/*"},
    {.handler = native_console_put, .query = "from: int(0..) -- The byte at which these stand.", .answer = "ConsoleState"},
    {.handler = native_console_get,
     .query = "from?: int -- A byte; negative: from the end.\nmax?: int(0..1048576) -- Bytes; 65536.\nwait_ms?: int(0..5000)\nraw?: int(0..1) -- 1: as text/plain.",
     .answer = "...ConsoleState\nfrom: int\nnext: int -- Where to go on.\ntext: text",
     .type = "text/plain"},
    {.handler = native_alert_rule_list, .answer = "rules: [AlertRule]"},
    {.handler = native_alert_rule_add,
     .body = "name: text\nkind?: 'metric' | 'nan' | 'stale' | 'failed'\nexperiment_id?: text -- All.\nfilter?: text -- Of runs, as in a search.\nmetric?: text\n"
             "comparison?: '>' | '>=' | '<' | '<=' | '==' | '!='\nthreshold?: num -- Kind metric needs it.\npoints?: int(1..2147483647) -- So many in a row.\nafter?: text -- Kind stale: 90s, 10m, 2h.\n"
             "webhook?: text -- Id of one that exists.\nurl?: text -- Or where to send it.\nsecret?: text",
     .answer = "AlertRule"},
    {.handler = native_alert_rule_remove, .answer = "removed: text"},
    {.handler = native_alert_list,
     .query = PAGE "rule?: text\nstate?: 'firing' | 'resolved' | 'all'",
     .answer = "alerts: [{ seq: int, rule: text, kind: 'metric' | 'nan' | 'stale' | 'failed', state: 'firing' | 'resolved', experiment_id: text, run_id: text, metric?: text, value?: num | null, step?: int, "
               "reason: text, fired?: text, resolved?: text }]\nnext?: int"},
    {.handler = NULL},
};
