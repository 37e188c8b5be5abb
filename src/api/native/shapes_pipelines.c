/* Runs of pipelines: reported by who runs them, shown, ended, run again. */
#include "api/native/native.h"
#include "api/native/shapes.h"

#define WHOLE "int(0..2305843009213693951)" /* INT64_MAX / 4 */

const struct route_shape native_shapes_pipelines[] = {
    {.handler = native_pipeline_list,
     .query = "after?: text -- The `next` of the page before.\nlimit?: int(1..1000) -- 100.",
     .answer = "pipelines: [{ name: text, runs: int, newest: [PipelineRun] }]\nnext?: text"},
    {.handler = native_pipeline_runs,
     .query = "limit?: int(1..1000) -- 100.\nbefore?: int(0..) -- The `next` of the page before.",
     .answer = "runs: [PipelineRun]\nnext?: int"},
    {.handler = native_pipeline_run_get, .answer = "...PipelineRun\nagain: { possible: bool, why_not?: text }\nstages: [PipelineStage]"},
    {.handler = native_pipeline_run_log, .query = "stage?: text -- Where it is absent, of the run itself.", .answer = "bytes: int -- Of all of it.\ntext: text"},
    {.handler = native_pipeline_run_begin,
     .body = "run?: int(0..) -- One that the server made; 0: a new one.\npipeline?: text\nworkspace?: text\nhost?: text\nargv?: [any]\nstages: [{ name: text, needs?: [any], facts?: object }]",
     .answer = "id: int"},
    {.handler = native_pipeline_run_report,
     .body = "stages: [{ place: int(0..499), state?: text, reason?: text, run_id?: text, attempts?: int(0..2147483647), started_us?: " WHOLE ", ended_us?: " WHOLE ", cpu_us?: " WHOLE
             ", max_rss_bytes?: " WHOLE ", exit_code?: int(-2147483648..2147483647), log_bytes?: " WHOLE ", log?: text }]",
     .answer = "cancel: bool -- Somebody wants the run to end."},
    {.handler = native_pipeline_run_end,
     .body = "state: 'succeeded' | 'failed' | 'cancelled'\nexit_code?: int(-2147483648..2147483647)\ncpu_us?: " WHOLE "\nmax_rss_bytes?: " WHOLE,
     .answer = "{}"},
    {.handler = native_pipeline_run_cancel, .body = "", .may_lack_body = true, .answer = "cancelling: bool"},
    {.handler = native_pipeline_run_again, .body = "stage?: text -- From this one on; absent: only what changed.", .answer = "id: int\npipeline: text"},
    {.handler = NULL},
};
