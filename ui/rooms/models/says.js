/* says.js - what an act on a model will do, in sentences made of the server's preview of it (POST .../preview), and what became of it. `t` is given,
 * so that tests need no page. */

function moves(p, t) {
  return p.endpoints.map(e => (e.moves ? t("Endpoint {endpoint} will serve version {version} instead of {from}.", { endpoint: e.endpoint, version: p.version, from: e.version }) :
    t("Endpoint {endpoint} goes on answering with version {version}.", { endpoint: e.endpoint, version: e.version })));
}

/* What the act does once it may. */
function change(act, p, t) {
  const a = { alias: p.alias, version: p.version, from: p.from, stage: p.stage, model: p.model };
  if (act.act === "delete")
    return t("Version {version} of {model} will be deleted. Its number is not given again and this cannot be undone; its run and the run's files stay.", { ...a, version: act.version });
  if (p.alias !== undefined && p.version === null)
    return t("Alias {alias}, which names version {from}, will be removed.", a);
  if (p.alias !== undefined)
    return p.from === null ? t("Alias {alias} will name version {version}.", a) : t("Alias {alias} will name version {version} instead of {from}.", a);
  if (act.act === "rollback")
    return p.from === null ? t("Version {version} will go back to {stage}.", a) : t("Stage {stage} will hold version {version} instead of {from}.", a);
  return p.from === p.stage ? t("Version {version} stays in {stage}.", a) : t("Version {version} will move from {from} to {stage}.", a);
}

function nothing(act, p, t) {
  const a = { alias: p.alias, version: p.version, stage: p.stage };
  if (p.alias !== undefined)
    return p.version === null ? t("There is no alias {alias}: nothing will change.", a) : t("Alias {alias} names version {version} already: nothing will change.", a);
  return t("Version {version} is in {stage} already: nothing will change.", a);
}

/* act: the request's body; p: its answer. -> {sentences, blocked, waits}. */
export function says(act, p, t, days = "") {
  if (p.refused)
    return { sentences: [t("This cannot be done: {why}", { why: p.refused.error })], blocked: true, waits: false };
  if (!p.changed && !p.needs_approval)
    return { sentences: [nothing(act, p, t)], blocked: true, waits: false };
  const sentences = [];
  if (p.needs_approval)
    sentences.push(p.self_approval ? t("It is protected: nothing changes until the request is approved. You may approve it yourself.") :
      t("It is protected: nothing changes until another person approves. The request waits {days}.", { days }), t("Then:"));
  sentences.push(change(act, p, t));
  if (p.archives.length)
    sentences.push(t("Version {list} will become Archived.|Versions {list} will become Archived.", { n: p.archives.length, list: p.archives.join(", ") }));
  return { sentences: act.act === "delete" ? sentences : [...sentences, ...moves(p, t)], blocked: false, waits: p.needs_approval };
}

/* What a request asks for: one line. */
export function asks(a, t) {
  const x = { alias: a.subject, version: a.version, from: a.from, stage: a.subject, model: a.model };
  if (a.kind === "alias" && a.version === null)
    return t("Remove alias {alias}, which names version {from}", x);
  if (a.kind === "alias")
    return a.from === null ? t("Point alias {alias} at version {version}", x) : t("Point alias {alias} at version {version} instead of {from}", x);
  return t("Move version {version} from {from} to {stage}", x);
}

/* One line of the history. */
export function changed(c, t) {
  const x = { subject: c.subject, to: c.to, from: c.from };
  if (c.kind === "alias")
    return c.to === null ? t("Alias {subject} removed; it named version {from}", x) : c.from === null ? t("Alias {subject} set to version {to}", x) : t("Alias {subject} moved from version {from} to {to}", x);
  if (c.kind === "stage")
    return t("Version {subject} moved from {from} to {to}", x);
  if (c.kind === "name")
    return t("Renamed from {from} to {to}", x);
  return [c.kind, c.subject, c.from, c.to].filter(Boolean).join(" ");
}
