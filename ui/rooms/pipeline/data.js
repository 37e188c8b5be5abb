/* data.js - addresses and words of the pages of pipelines. */
import { API, change } from "../../lib/api.js";
import { t } from "../../lib/words.js";
import { ruleText } from "../home_items.js";

export { followers, runMs, usualMs } from "../../lib/spans.js";

export const runsPath = name => `${API}/pipelines/${encodeURIComponent(name)}/runs?limit=100`;
export const runPath = id => `${API}/pipeline-runs/${encodeURIComponent(id)}`;
export const logPath = (id, stage) => `${API}/pipeline-runs/${encodeURIComponent(id)}/log${stage ? `?stage=${encodeURIComponent(stage)}` : ""}`;
export const cancel = id => change("POST", `${API}/pipeline-runs/${id}/cancel`, {});
export const again = (id, stage) => change("POST", `${API}/pipeline-runs/${id}/again`, { stage }).then(({ data }) => data);

export function isOpen(run) {
  return run.state === "running" || run.state === "queued";
}

/* Why the server started it, in words; "" where somebody did. */
export function reasonText(run) {
  const why = run.reason;
  if (!why)
    return "";
  if (why.again)
    return why.from ? t("run {id} again, from {stage} on", { id: why.again, stage: why.from }) : t("run {id} again", { id: why.again });
  return why.rule ? ruleText(why) : "";
}
