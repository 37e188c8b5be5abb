/* signature.js - MLflow's signatures as rows: {"inputs", "outputs", "params"}, each a list of specs or the JSON text of one. Pure. */
const DEPTH_MAX = 4;

function listOf(member) {
  if (Array.isArray(member))
    return member;
  if (typeof member !== "string")
    return [];
  try {
    const list = JSON.parse(member);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/* "double", "array(string)", "{a: long, b?: string}", "tensor float32 [-1, 28]". */
export function typeText(spec, depth = 0) {
  if (typeof spec === "string")
    return spec;
  if (!spec || typeof spec !== "object" || depth > DEPTH_MAX)
    return "…";
  const tensor = spec["tensor-spec"];
  if (tensor)
    return `tensor ${tensor.dtype ?? ""} [${(tensor.shape ?? []).join(", ")}]`;
  if (spec.type === "array")
    return `array(${typeText(spec.items, depth + 1)})`;
  if (spec.type === "object" && spec.properties)
    return `{${Object.entries(spec.properties).map(([name, s]) => `${name}${s.required === false ? "?" : ""}: ${typeText(s, depth + 1)}`).join(", ")}}`;
  return String(spec.type ?? spec.dtype ?? "…") + (Array.isArray(spec.shape) ? ` [${spec.shape.join(", ")}]` : "");
}

/* [{name, type, required, fallback}]; a column without a name is called by its place. */
export function columnsOf(member) {
  return listOf(member).map((spec, i) => ({ name: spec?.name ?? String(i), type: typeText(spec), required: spec?.required !== false && !("default" in Object(spec)), fallback: spec && "default" in Object(spec) ? JSON.stringify(spec.default) : null }));
}

/* Rows of two signatures beside each other, by name: {name, a, b, differs}; absent is null. */
export function sideBySide(a, b) {
  const left = new Map(columnsOf(a).map(c => [c.name, c])), right = new Map(columnsOf(b).map(c => [c.name, c]));
  return [...new Set([...left.keys(), ...right.keys()])].map(name => {
    const x = left.get(name) ?? null, y = right.get(name) ?? null;
    return { name, a: x, b: y, differs: x?.type !== y?.type || x?.required !== y?.required };
  });
}
