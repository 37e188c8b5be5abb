/* choice.js - which runs are chosen in the table: some of them, or all that the search finds but for a few (so that rows which are not loaded are chosen as
 * well). The address holds it (lib/runlists.js for long lists), so that it outlives a reload. A choice is {inverted, ids: Set, count}. */
import { useMemo } from "../../lib/html.js";
import { get, API } from "../../lib/api.js";
import { integer } from "../../lib/format.js";
import { setParams } from "../../lib/route.js";
import { listOf, listText } from "../../lib/runlists.js";
import { t } from "../../lib/words.js";

const PART = 1000;            /* runs of one answer */
const ACT_MAX = 50000; /* runs that one act is for */

/* `sel` and `not` of the address. [choice, set(Set of ids in the same sense), setAll(bool)]. */
export function useChoice(sel, not, total) {
  const inverted = sel === "all", ids = useMemo(() => new Set(listOf(inverted ? not : sel) ?? []), [sel, not]);
  const write = (all, list) => setParams({ sel: all ? "all" : listText(list), not: all ? listText(list) : null }, { replace: true });
  const set = next => (inverted && next.size >= total ? write(false, []) : write(inverted, [...next]));
  return [{ inverted, ids, count: inverted ? Math.max(0, (total ?? 0) - ids.size) : ids.size }, set, all => write(all, [])];
}

/* The ids of a choice: those of the order that the page shows, or a refusal when that is no more. */
export async function idsOf(choice, body, version) {
  if (!choice.inverted)
    return [...choice.ids];
  const out = [];
  if (choice.count > ACT_MAX)
    throw new Error(t("At most {n} runs at once: narrow the filter.", { n: integer(ACT_MAX) }));
  for (let offset = 0, total = 1; offset < total; offset += PART) {
    const data = await get(`${API}/runs/search`, { body: { ...body, columns: [], offset, limit: PART, version } });
    if (data.version !== version)
      throw new Error(t("What the filter finds has changed meanwhile. Nothing was done: look again."));
    total = data.total;
    for (const run of data.rows)
      if (run && !choice.ids.has(run.id))
        out.push(run.id);
  }
  return out;
}
