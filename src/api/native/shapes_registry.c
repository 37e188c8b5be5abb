/* Models, versions, cards, who may move what, where things come from. */
#include "api/native/native.h"
#include "api/native/shapes.h"

#define PAGE "limit?: int(1..1000) -- 100.\nbefore?: int(0..) -- The `next` of the page before.\n"
#define REASON "reason?: text -- For the history; the header X-Ingot-Reason does as well.\n"
#define POLICY \
    "aliases?: [text | null] -- A move of these waits for a second person.\nstages?: [Stage]\nexpires_in_s?: int(1..31536000) -- Seven days.\n" \
    "self_approval?: bool -- Who asks may approve.\nfree_rollback?: bool -- A rollback does not wait."

const struct route_shape native_shapes_registry[] = {
    {.handler = native_model_list,
     .query = "search?: text -- A part of the name.\nafter?: text -- The `next` of the page before.\nlimit?: int(1..500) -- 100.",
     .answer = "models: [{ model: text, description: text, owner: text, created: text, updated: text, versions: int, waiting: int, "
               "newest: { version: int, semver: text, stage: Stage, run_id: text, created_by: text, created: text } | null, aliases: <int>, stages: <int>, "
               "endpoints: [{ endpoint: text, version: int }] }]\nnext?: text"},
    {.handler = native_model_get,
     .answer = "model: text\ndescription: text\ncreated: text\nupdated: text\naliases: <int>\nowner: text\nversions: int\nendpoints: [{ endpoint: text, version: int }]\n"
               "latest: [Version]\napprovals: [int] -- Requests that wait."},
    {.handler = native_model_preview,
     .body = "act: 'alias' | 'stage' | 'rollback' | 'delete'\nalias?: text\nstage?: Stage\nversion?: int(0..) -- 0: an alias is removed, a rollback chooses.\narchive_others?: bool\n"
             "endpoints?: bool -- Endpoints go along.",
     .answer = "model: text\nalias?: text\nstage?: Stage\nversion: int | null\nfrom: text | null\nchanged: bool\nrefused: { code: text, error: text } | null\nneeds_approval: bool\nself_approval: bool\n"
               "expires_in_s: int\narchives: [int] -- Versions that go to Archived.\nendpoints: [{ endpoint: text, version: int, moves: bool }]"},
    {.handler = native_model_versions, .query = PAGE, .answer = "versions: [Version]\nnext?: int"},
    {.handler = native_version_create,
     .body = "source: text -- Where the files are: runs:/RUN/PATH, models:/ID or a URI.\nrun_id?: text\nrun_link?: text\nlogged_model?: text\ndescription?: text\ndata_version?: text\n"
             "semver?: text -- Where it is absent, the signature says the next one.\nsignature?: object | text\ntags?: <text>",
     .answer = "Version"},
    {.handler = native_version_get, .answer = "Version"},
    {.handler = native_version_files,
     .answer = "source: text\nroot: text | null -- null: the files are not here.\nfiles: [{ path: text, size_bytes: int, sha256: text }]\ntruncated: bool"},
    {.handler = native_version_compare, .answer = "model: text\nversion: int\nwith: int\nbump: Bump\nchanges: [{ bump: Bump, text: text }]\ntotal: int"},
    {.handler = native_stage_put,
     .body = "stage: Stage\narchive_others?: bool -- What is in that stage now is archived.\n" REASON,
     .answer = "Move"},
    {.handler = native_alias_put, .body = "version: int(1..) | text -- Its number, semantic version or another alias.\n" REASON, .answer = "Move"},
    {.handler = native_alias_delete, .body = REASON, .may_lack_body = true, .answer = "Move"},
    {.handler = native_model_history, .query = PAGE "kind?: text -- alias or stage.\nsubject?: text -- The alias, or the version.", .answer = "history: [Change]\nnext?: int"},
    {.handler = native_model_rollback,
     .body = "alias?: text -- This or stage.\nstage?: Stage\nto?: int(1..) -- The version before it, where it is absent.\nendpoints?: bool -- Those that answer with the version that is left go along.\n" REASON,
     .answer = "model: text\nalias?: text\nstage?: text\nfrom: int | null\nversion: int\nchanged: bool\nendpoints?: [{ endpoint: text, moved: bool, error?: text }]"},
    {.handler = native_card_get, .query = "format?: 'json' | 'markdown'", .answer = "Card", .type = "text/markdown"},
    {.handler = native_card_put,
     .query = "format?: 'json' | 'markdown'",
     .body = "sections: <text> -- By their names; an empty text takes a section away.\n" REASON,
     .answer = "Card",
     .type = "text/markdown"},
    {.handler = native_card_edits,
     .query = "limit?: int(1..1000) -- 100.",
     .answer = "edits: [{ section: text, revision: int, time: text, actor: text, reason: text, text: text }]"},
    {.handler = native_policy_get, .answer = "Policy"},
    {.handler = native_policy_put, .body = POLICY, .answer = "Policy"},
    {.handler = native_policy_delete, .answer = "Policy"},
    {.handler = native_approval_list, .query = PAGE "model?: text\nstate?: 'pending' | 'all'", .answer = "approvals: [Approval]\nnext?: int"},
    {.handler = native_approval_get, .answer = "ApprovalWithNotes"},
    {.handler = native_approval_decide, .body = "action: 'comment' | 'approve' | 'reject' | 'cancel'\ncomment?: text", .answer = "ApprovalWithNotes"},
    {.handler = native_lineage,
     .query = "node: text -- data/VERSION, dataset/DIGEST/NAME, run/ID, logged_model/ID, version/MODEL/N, alias/MODEL/ALIAS, and others: docs/registry.md.\n"
              "direction?: 'up' | 'down' | 'both'\ndepth?: int(1..32)",
     .answer = "nodes: [{ id: text, kind: text, label: text, state: text, time?: text, depth: int }]\nedges: [{ from: text, to: text, relation: text }]\ntruncated: bool"},
    {.handler = native_dataset_list,
     .query = "search?: text -- A part of the name.\nafter_name?: text -- The `next` of the page before.\nafter_digest?: text\nlimit?: int(1..500) -- 100.",
     .answer = "datasets: [DatasetItem]\nnext?: { after_name: text, after_digest: text }"},
    {.handler = native_dataset_get,
     .query = "name: text -- A digest may belong to several datasets.",
     .answer = "...DatasetItem\nsource: text\nschema: any\nprofile: any\n"
               "used_by: [{ run_id: text, run: text, context: text, experiment: text, experiment_id: int, status: RunStatus, start_ms: int }]"},
    {.handler = NULL},
};
