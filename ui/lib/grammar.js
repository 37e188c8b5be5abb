/* grammar.js - the filter language of the runs table (docs/search.md): reads a filter while it is typed, says where it is wrong and what was
 * expected, and what may stand at the caret. A text without comparisons is no filter but a part of a run's name. Pure; the server judges in the end. */
const TEXT_OPS = ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"];
const NUMBER_OPS = ["<", "<=", ">", ">=", "=", "!=", "IN", "IS NULL", "IS NOT NULL"];
const ATTRIBUTES = { run_name: "text", run_id: "text", status: "text", user_id: "text", artifact_uri: "text", start_time: "number", end_time: "number" };
const STATUSES = ["FINISHED", "RUNNING", "FAILED", "KILLED", "SCHEDULED"];
const ENTITIES = { metrics: "metrics", metric: "metrics", params: "params", param: "params", parameters: "params", parameter: "params", tags: "tags", tag: "tags",
  attributes: "attributes", attribute: "attributes", attr: "attributes", run: "attributes", datasets: "datasets", dataset: "datasets" };
const DATASET = ["name", "digest", "context"];
const WORDS = /^(?:and|or|not|in|is|null|like|ilike)$/i;
const TOKEN = /(\s+)|(`[^`]*`?|"(?:[^"]|"")*"?|'(?:[^']|'')*'?)|([<>=!~]+)|([(),])|(-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))|([\p{L}_][\p{L}\p{N}_]*(?:\.(?:[\p{L}\p{N}_]+|`[^`]*`?|"[^"]*"?)?)*)|([\s\S])/gu;

/* [{kind, text, from, to}]: quoted, op, mark, number, name, word (a keyword) or other. */
export function tokens(text) {
  const out = [];
  for (const m of text.matchAll(TOKEN)) {
    if (m[1] !== undefined)
      continue;
    const kind = m[2] !== undefined ? "quoted" : m[3] !== undefined ? "op" : m[4] !== undefined ? "mark" : m[5] !== undefined ? "number" : m[6] === undefined ? "other" : WORDS.test(m[6]) ? "word" : "name";
    out.push({ kind, text: m[0], from: m.index, to: m.index + m[0].length });
  }
  return out;
}

function closed(token) {
  return token.text.length > 1 && token.text.endsWith(token.text[0]);
}

/* {entity, key, type} of a name, or null: metrics.`val/loss` -> metrics, val/loss, number. */
export function field(name) {
  const dot = name.indexOf("."), head = dot < 0 ? name : name.slice(0, dot);
  if (dot < 0)
    return name in ATTRIBUTES ? { entity: "attributes", key: name, type: ATTRIBUTES[name] } : null;
  const entity = ENTITIES[head.toLowerCase()], raw = name.slice(dot + 1), quoted = /^[`"]/.test(raw);
  if (!entity || !raw || (quoted && (raw.length < 3 || raw.at(-1) !== raw[0])))
    return null;
  const key = quoted ? raw.slice(1, -1) : raw;
  if (entity === "attributes")
    return key in ATTRIBUTES ? { entity, key, type: ATTRIBUTES[key] } : null;
  if (entity === "datasets" && !DATASET.includes(key))
    return null;
  return { entity, key, type: entity === "metrics" ? "number" : "text" };
}

/* No comparison in it: the words are looked for in names. "in" and "is" are words as well, unless a field stands before them. */
export function isPlain(text) {
  const list = tokens(text), first = list[0];
  if (!first)
    return true;
  const compared = list.some((x, i) => x.kind === "op" || (i > 0 && x.kind === "word" && list[i - 1].kind === "name" && field(list[i - 1].text) && !/^(?:and|or)$/i.test(x.text)));
  const begun = first.text === "(" || (first.kind === "name" && (field(first.text)?.entity === "attributes" || first.text.split(".")[0].toLowerCase() in ENTITIES) && /[.`"]|^(?:metrics|params|tags|attributes|datasets)$/i.test(first.text));
  return !compared && !begun;
}

/* What the server is asked. In a LIKE the quote cannot stand: any character is asked for in its place. */
export function toFilter(text) {
  const trimmed = text.trim();
  if (!trimmed)
    return "";
  return isPlain(trimmed) ? `attributes.run_name ILIKE '%${trimmed.replace(/'/g, "_")}%'` : trimmed;
}

/* expected: name, comparison, number, text, list, and, close, quote, null or known; the caller has the words. */
class Wrong extends Error {
  constructor(at, to, expected) {
    super(expected);
    this.at = at;
    this.to = to;
    this.expected = expected;
  }
}

class Reader {
  constructor(text) {
    this.text = text;
    this.list = tokens(text);
    this.i = 0;
  }
  peek() {
    return this.list[this.i];
  }
  wrong(expected) {
    const x = this.peek();
    return x ? new Wrong(x.from, x.to, expected) : new Wrong(this.text.trimEnd().length, this.text.trimEnd().length, expected);
  }
  word(...names) {
    const x = this.peek();
    if (x?.kind !== "word" || !names.includes(x.text.toLowerCase()))
      return null;
    this.i++;
    return x.text.toLowerCase();
  }
  mark(c) {
    if (this.peek()?.text !== c)
      return false;
    this.i++;
    return true;
  }
  value(type) {
    const x = this.peek();
    if (x?.kind === "quoted" && x.text[0] !== "`" && !closed(x))
      throw this.wrong("quote");
    const fits = type === "number" ? x?.kind === "number" : x?.kind === "quoted" && x.text[0] !== "`";
    if (!fits)
      throw this.wrong(type);
    this.i++;
  }
  listOf(type) {
    if (!this.mark("("))
      throw this.wrong("list");
    do
      this.value(type);
    while (this.mark(","));
    if (!this.mark(")"))
      throw this.wrong("close");
  }
  comparison() {
    const x = this.peek();
    if (x?.kind !== "name")
      throw this.wrong("name");
    const f = field(x.text);
    if (!f)
      throw this.wrong(/[`"]/.test(x.text) ? "quote" : "known");
    this.i++;
    if (this.word("is")) {
      this.word("not");
      if (!this.word("null"))
        throw this.wrong("null");
      return;
    }
    const not = this.word("not");
    if (this.word("in"))
      return void this.listOf(f.type);
    const op = this.peek(), like = !not && f.type === "text" && this.word("like", "ilike");
    if (!like) {
      const ops = f.type === "number" ? ["<", "<=", ">", ">=", "=", "!="] : ["=", "!="];
      if (not || op?.kind !== "op" || !ops.includes(op.text))
        throw this.wrong("comparison");
      this.i++;
    }
    this.value(f.type);
  }
  /* Parentheses on a list of our own: what people type does not decide how deep we call ourselves. */
  all() {
    let open = 0;
    for (;;) {
      while (this.mark("("))
        open++;
      this.comparison();
      while (open && this.mark(")"))
        open--;
      if (!this.peek() && !open)
        return;
      if (!this.word("and", "or"))
        throw this.wrong(open && !this.peek() ? "close" : "and");
    }
  }
}

/* null where the filter is right, else {at, to, expected}. */
export function check(text) {
  if (!text.trim() || isPlain(text))
    return null;
  try {
    new Reader(text).all();
    return null;
  } catch (e) {
    if (e instanceof Wrong)
      return { at: e.at, to: e.to, expected: e.expected };
    throw e;
  }
}

/* How a key is written behind its entity. */
export function written(entity, key) {
  return `${entity}.${/^[\p{L}_][\p{L}\p{N}_]*$/u.test(key) ? key : key.includes("`") ? `"${key}"` : `\`${key}\``}`;
}

function names(columns) {
  const of = (entity, kind) => (columns?.[entity] ?? []).map(c => ({ text: written(entity, c.key), kind, detail: c.runs }));
  return [...of("metrics", "metric"), ...of("params", "param"), ...Object.keys(ATTRIBUTES).map(a => ({ text: a, kind: "attribute" })), ...of("tags", "tag"),
    ...DATASET.map(d => ({ text: `datasets.${d}`, kind: "dataset" }))];
}

function values(f, columns) {
  if (f.type === "number")
    return [];
  const known = f.key === "status" && f.entity === "attributes" ? STATUSES : (columns?.[f.entity] ?? []).find(c => c.key === f.key)?.values ?? [];
  return known.filter(v => !v.includes("'")).map(v => ({ text: `'${v}'`, kind: "value" }));
}

/* Where a comparison stands at the end of `list`: start, name, op, in or done. */
function place(list) {
  let state = "start", f = null;
  for (const x of list) {
    const word = x.kind === "word" ? x.text.toLowerCase() : "";
    if (state === "start")
      [state, f] = x.kind === "name" ? ["name", field(x.text)] : ["start", f];
    else if (state === "name")
      state = word === "in" ? "in" : word === "is" ? "is" : word === "not" ? "name" : x.kind === "op" || word ? "op" : "name";
    else if (state === "is")
      state = word === "null" ? "done" : "is";
    else if (state === "op")
      state = "done";
    else if (state === "in")
      state = x.text === ")" ? "done" : "in";
    else if (word === "and" || word === "or")
      state = "start";
  }
  return { state, f };
}

/* {from, to, options: [{text, kind, detail}]}: what may replace [from, to) of `text` with the caret at `caret`. At most `max` options. */
export function complete(text, caret, columns, max = 12) {
  const list = tokens(text).filter(x => x.from < caret), last = list.at(-1), touching = last && last.to >= caret && last.kind !== "op" && last.kind !== "mark" ? last : null;
  const before = touching ? list.slice(0, -1) : list, typed = touching ? text.slice(touching.from, caret) : "";
  const { state, f } = place(before), all = { start: () => names(columns), name: () => (f ? (f.type === "number" ? NUMBER_OPS : TEXT_OPS).map(o => ({ text: o, kind: "op" })) : []),
    op: () => (f ? values(f, columns) : []), in: () => (f && last?.text !== "(" ? [] : f ? values(f, columns) : []), is: () => ["NULL", "NOT NULL"].map(o => ({ text: o, kind: "op" })),
    done: () => ["AND", "OR"].map(o => ({ text: o, kind: "op" })) }[state]();
  const want = typed.toLowerCase().replace(/[`"']/g, ""), bare = o => o.text.toLowerCase().replace(/[`"']/g, "");
  const rank = o => { /* the whole name, then what stands behind its entity, then anywhere */
    const name = bare(o);
    return name.startsWith(want) ? 0 : name.slice(name.indexOf(".") + 1).startsWith(want) ? 1 : name.includes(want) ? 2 : 3;
  };
  const options = all.map((o, i) => ({ o, i, r: want ? rank(o) : 0 })).filter(x => x.r < 3).sort((a, b) => a.r - b.r || a.i - b.i).map(x => x.o).slice(0, max);
  return { from: touching ? touching.from : caret, to: touching ? Math.max(touching.to, caret) : caret, options: options.length === 1 && options[0].text === typed ? [] : options };
}
