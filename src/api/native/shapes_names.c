/* The shapes that have a name: what several answers hold. Times end with _us (microseconds) or _ms since 1970 UTC, or are texts of RFC 3339. */
#include "api/native/shapes.h"

const struct shape_name native_shape_names[] = {
    {"Figures", "start_us: int\nend_us: int\nrevision: int -- Grows when late labels change the window.\npredictions: int\nlabelled: int\nerrors: int\n"
                "auc: num | null\nlogloss: num | null\nbrier: num | null\nece: num | null -- Expected calibration error.\naccuracy: num | null\nbase_rate: num | null\n"
                "mean_score: num | null\np50_us: num | null\np95_us: num | null\np99_us: num | null\nerror_rate: num | null\nscore: Drift\n"
                "drifted: int -- How many features have drifted.\nversions: [{ version: int, predictions: int }] -- Who answered, the busiest first."},
    {"Window", "...Figures\nfeatures: [Drift]"},
    {"Drift", "name: text\nks_d: num | null -- Kolmogorov and Smirnov's distance to the reference.\nks_p: num | null\npsi: num | null -- Population stability index.\nmissing: int\ndrifted: bool"},
    {"Histogram", "edges: [num]\nreference: [int]\ncurrent: [int]"},
    {"EndpointAlert", "id: int\nrule: text\nsubject: text -- The feature, where the rule is of one.\nstate: 'firing' | 'resolved'\nvalue: num | null\nlimit: num | null\nfired_us: int\nresolved_us: int | null"},

    {"RolloutKind", "'canary' | 'blue_green' | 'shadow' | 'ab' | 'bandit'"},
    {"RolloutVerdict", "'none' | 'hold' | 'advance' | 'promote' | 'rollback' | 'pause' | 'resume' | 'shift'"},
    {"RolloutMetric", "'logloss' | 'brier' | 'accuracy' | 'reward' | 'errors'"},
    {"RolloutPlan",
     "kind?: RolloutKind\nsteps_permille?: [int(1..1000)] -- A canary's steps, rising to 1000.\nmin_samples?: int(30..1000000000)\nmin_step_us?: int(0..1000000000000000)\n"
     "max_step_us?: int(1..1000000000000000)\nalpha?: num(0..0.25) -- How often a healthy candidate may be refused.\nmargin?: num(0..10) -- How much worse is still good.\n"
     "max_error_rate?: num(0..0.999)\nmax_p95_us?: int(1..3600000000)\nlatency?: { quantile: num(0.5..0.999), method: 'dkw', max_ratio?: num(1..1000) }\n"
     "namespace?: { name: text, from: int(0..999), to: int(1..1000) } -- Experiments of one namespace never share a unit.\nthreshold?: num\nhold_back_permille?: int(0..500)\n"
     "shadow_permille?: int(1..1000)\nmin_labels?: int(0..1000000000)\ntolerance?: num(0..)\nmin_agreement?: num(0..1)\nmax_psi?: num(0..100)\nmax_latency_ratio?: num(0..1000)\n"
     "versions?: [int(1..)] -- Further candidates.\nshares_permille?: [int(1..999)] -- Of each arm, the control first; they make 1000.\nmetrics?: [RolloutMetric]\n"
     "samples_per_arm?: int(0..1000000000000)\nsrm_alpha?: num(0..0.25)\ntest?: 'always_valid' | 'fixed'\ncorrection?: 'holm' | 'bh' | 'none'\n"
     "rule?: 'epsilon_greedy' | 'ucb1' | 'thompson_beta' | 'thompson_normal' | 'top_two_beta' | 'top_two_normal'\nepsilon?: num(0..1)\nc?: num(0..100)\nfloor?: num(0..0.5)\n"
     "half_life_us?: num(0..)\nstop_at?: num(0..1)\nreward?: RolloutMetric\non_inconclusive?: 'hold' | 'rollback' | 'advance' | 'pause'\non_win?: 'pause' | 'promote'"},
    {"RolloutDecision", "verdict: RolloutVerdict\nreason?: text -- This and what follows: absent where the verdict is none.\nrollout?: int\nseq?: int\ncontrol?: int\ncandidate?: int\n"
                        "from_permille?: int\nto_permille?: int\ndiff?: num | null\nlo?: num | null\nhi?: num | null\nlabels_control?: int\nlabels_candidate?: int\nat_us?: int"},
    {"RolloutStep", "seq: int\nat_us: int\nverdict: RolloutVerdict\nreason: text\nfrom_permille: int\nto_permille: int\nstep: int\ndiff: num | null -- Candidate less control.\nlo: num | null\nhi: num | null\nnote: text"},
    {"RolloutHead", "id: int\nkind: RolloutKind\ncontrol: int -- A version.\ncandidate: int\nstate: 'running' | 'promoted' | 'rolled_back'\npaused: text | null -- Why it waits for a person.\n"
                    "step: int\nstep_started_us: int\ndecisions: int\nplan: RolloutPlan"},
    {"RolloutQuantiles", "quantile: num\nmax_ratio: num\ncontrol: object\ncandidate: object\nbroken: bool"},
    {"RolloutBound", "value: num | null\nlo: num | null\nhi: num | null"},
    {"RolloutSketch", "p50: num | null\np90: num | null\np95: num | null\np99: num | null\nmax: num | null"},
    {"GuardReport", "arms: [{ version: int, requests: int, errors: int, slow: int, labels: int, step_labels: int, loss: num | null, brier: num | null }]\n"
                    "guards: [{ name: text, limit: num, control: num | null, candidate: num | null, log_e: num | null, boundary: num, broken: bool }]\nlatency?: RolloutQuantiles"},
    {"ShadowReport", "pairs: int\ndropped: int\ncontrol_failed: int\ncandidate_failed: int\nboth_failed: int\nagreement: RolloutBound\ndelta: RolloutSketch\npsi: num | null\nks: num | null\n"
                     "latency_ratio: RolloutBound\ncontrol_latency_us: RolloutSketch\ncandidate_latency_us: RolloutSketch\nlabels: int\nloss_delta: RolloutBound\nonly_control_right: int\n"
                     "only_candidate_right: int\nmcnemar_p: num | null"},
    {"TrialReport", "comparisons: [{ version: int, metric: RolloutMetric, more_is_better: bool, n_control: int, n: int, diff: num | null, se: num | null, lo: num | null, hi: num | null, "
                    "p_one_look: num | null, p_corrected: num | null }]\nsrm_log_e?: num | null -- Against a split that is not the planned one.\nsrm_boundary?: num\nsplit_by?: text | null\n"
                    "arms: [{ version: int, permille: int, mean_reward: num | null, snips: num | null, snips_se: num | null, chance_best: num | null, requests: int, errors: int, units: int, "
                    "broken: text | null, latency?: RolloutQuantiles }]"},
    {"RolloutState", "rollout_id: int\nversion: int -- Which answers for the endpoint.\nactive: bool\ncandidate: int\npermille: int"},

    {"Endpoint",
     "name: text\nmodel: text\nversion: int\nready: bool\nformat: text\nfeatures: int\nversions: [int] -- Those that are loaded.\n"
     "load?: { span_us: int, requests_per_s: num | null, errors_per_s: num | null, p50_us: num | null, p99_us: num | null, spark: { step_us: int, requests: [num | null] } } | null\n"
     "view?: text -- The feature view that requests are joined with.\npending: bool -- A retraining is on its way.\n"
     "rollout: { active: bool, id?: int, kind?: RolloutKind, shares?: [{ version: int, permille: int }], shadow_permille?: int, control: int, candidate: int, permille: int }\n"
     "monitor?: { recorded: int, dropped: int, late: int, bad_features: int, open_rows: int, labels_pending: int, labels_joined: int, labels_unmatched: int, errors: int, "
     "latency_p50_us: num | null, latency_p95_us: num | null, latency_p99_us: num | null, closed_until_us?: int }\nconfig: object -- As it was given."},
    {"TensorSpec", "name: text\ndatatype: text -- As the Open Inference Protocol names it.\nshape: [int] -- -1: any.\noptional: bool"},
    {"Load", "requests: [num | null]\nerrors: [num | null]\nrows: [num | null]\nruns: [num | null]\ncache_hits: [num | null]\ncache_misses: [num | null]\np50_us: [num | null]\np95_us: [num | null]\n"
             "p99_us: [num | null]\nqueue_us: [num | null]\nbatch: [num | null]\nqueued: [num | null]"},
    {"LogFile", "seq: int\nstart_us: int\nend_us: int\nrows: int\nsize_bytes: int\nsha256: text\nexpires_us?: int"},
    {"FeatureView",
     "name: text\ndigest: text\ndescription: text\nonline: bool\nttl_us: int\nsource: text\nentities: [{ name: text, keys: [text] }]\n"
     "columns: [{ name: text, type: 'float32', kind: 'count' | 'rate' | 'hour' | 'weekday' | 'request', entity?: text, window?: text }]\nnumbers: [text] -- What a request brings.\nkeys: [text]\n"
     "features: [text]\nevents: int\nentity_keys: int\nmemory_bytes: int\nnewest_us?: int\noldest_read_us?: int\ndefinition: text -- The YAML that was given."},

    {"Stage", "'None' | 'Staging' | 'Production' | 'Archived'"},
    {"Bump", "'major' | 'minor' | 'patch'"},
    {"Version", "model: text\nversion: int\nsemver: text\nsemver_bump: text\nsemver_changes: [any] -- What of the signature changed.\nstage: Stage\naliases: [text]\ntags: <text>\ndescription: text\n"
                "source: text\nstorage_location: text\nrun_id: text\nlogged_model: text\ndata_version: text\nsignature: object | null\ncreated_by: text\ncreated: text\nupdated: text"},
    {"Change", "id: int\ntime: text\nactor: text\nkind: 'alias' | 'stage'\nsubject: text -- The alias, or the version whose stage it is.\nfrom: text | null\nto: text | null\n"
               "action?: 'rollback' | 'approval'\nreason: text\napproval?: int\nrequest_id: text"},
    {"Move", "model: text\napproval?: int -- The request that waits; with 202.\nexpires?: text\nmessage?: text\nalias?: text\nstage?: Stage\nversion: int | null\nfrom: text | null\nchanged: bool"},
    {"Policy", "aliases: [text]\nstages: [Stage]\nexpires_in_s: int\nself_approval: bool\nfree_rollback: bool\nown: bool -- Of this model; else that of all models.\nupdated?: text\nupdated_by?: text"},
    {"Approval", "id: int\nstate: 'pending' | 'approved' | 'rejected' | 'cancelled' | 'expired'\nmodel: text\nkind: 'alias' | 'stage'\nsubject: text\nversion: int | null\nfrom: text | null\n"
                 "archive_others: bool\nreason: text\nrequested_by: text\nrequested: text\nexpires: text\ndecided_by?: text\ndecided?: text\nrequest_id: text"},
    {"ApprovalWithNotes", "...Approval\nnotes: [{ time: text, actor: text, action: 'comment' | 'approve' | 'reject' | 'cancel', text: text }]"},
    {"Card", "model: text\nversion: int\nsemver: text\nsemver_changes: [any] | null\ncreated: text\ncreated_by: text\ndescription: text\nstage: Stage\naliases: [text]\nendpoints: [text]\ntags: <text>\n"
             "source: text\ndata_version: text\nsignature: object | null\ngates: any -- What the evaluation said of each gate.\n"
             "run: { run_id: text, name: text, status: RunStatus, user: text, started: text, params: <text>, metrics: <num | null>, "
             "datasets: [{ name: text, digest: text, source_type: text, context: text }] } | null\n"
             "logged_model: { model_id: text, name: text, type: text, metrics: [{ key: text, value: num | null, dataset: text, dataset_digest: text }] } | null\n"
             "sections: <{ text: text, version: int, revision: int, time: text, actor: text }> -- What its owner wrote.\nhistory: [Change]"},
    {"DatasetItem", "name: text\ndigest: text\nsource_type: text\nruns: int\nmore_runs?: bool -- There are at least so many.\nfirst_ms?: int\nlast_ms?: int"},

    {"RunStatus", "'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'"},
    {"OverviewRun", "id: text\nname: text\nexperiment_id: text\nexperiment: text\nuser: text\nstatus: RunStatus\nstart_ms: int\nend_ms?: int"},
    {"ComparedTexts", "key: text\ndiffers: bool\nvalues: [text | null] -- One per run; null: it has none."},
    {"KeyList", "key: text\nruns: int\ndistinct?: int\nvalues?: [text] -- The most frequent ones."},
    {"ChartLine", "group?: text | null\nrun_ids?: [text]\nruns?: int -- In the group, where they are not named.\nrun_id?: text\nname?: text\nx: [num | null]\nmean?: [num | null]\nmin?: [num | null]\nmax?: [num | null]\nfirst?: [num | null]\nlast?: [num | null]\n"
                  "std?: [num | null]\nstderr?: [num | null]\nsmooth?: [num | null]\ncount: [int]"},
    {"ConsoleState", "first: int -- The first byte that is kept.\nsize: int\nended: bool"},
    {"AlertRule", "name: text\nkind: 'metric' | 'nan' | 'stale' | 'failed'\nrule: text -- In words.\nexperiment_id?: text\nfilter?: text\nmetric?: text\ncomparison?: '>' | '>=' | '<' | '<=' | '==' | '!='\n"
                  "threshold?: num | null\npoints?: int\nafter_s?: int\nwebhook?: text\ncreated_by: text\ncreated?: text"},

    {"PipelineRun", "id: int\npipeline: text\norigin: text -- server: it started the run; report: it was told.\nendpoint: text\nworkspace: text\n"
                    "state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'lost'\nactor: text\nhost: text\ntime_us: int\nstarted_us?: int\nended_us?: int\nseen_us?: int\ncancelling: bool\n"
                    "exit_code?: int\ncpu_us?: int\nmax_rss_bytes?: int\nreason: any -- What asked for it.\nresult: any -- What it made.\nargv: [any] | null"},
    {"PipelineStage", "name: text\nneeds: [any]\nfacts: object\nstate: text\nreason: text\nattempts: int\nstarted_us?: int\nended_us?: int\nusual_us?: int -- How long it took before.\ncpu_us?: int\n"
                      "max_rss_bytes?: int\nexit_code?: int\nrun_id: text\nlog_bytes: int"},
    {"Session", "user: text | null\ncookie: bool\nmay: [text] -- Permissions.\nversion: text\nstarted_us: int"},
    {NULL, NULL},
};
