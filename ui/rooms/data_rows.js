/* data_rows.js - what clients log of a dataset, as rows: MLflow's schema {"mlflow_colspec": [...]} or {"mlflow_tensorspec": {...}}, its profile (any object), its
 * source (a JSON text of one). What has another form is shown as it is. Pure. */
import { columnsOf } from "./models/signature.js";

export function schemaRows(schema) {
  if (Array.isArray(schema?.mlflow_colspec))
    return columnsOf(schema.mlflow_colspec);
  const tensors = schema?.mlflow_tensorspec;
  if (tensors && typeof tensors === "object")
    return Object.entries(tensors).flatMap(([part, list]) => columnsOf(list).map(c => ({ ...c, name: `${part} ${c.name}` })));
  return Array.isArray(schema) ? columnsOf(schema) : [];
}

/* [[name, text]]. */
export function profileRows(profile) {
  if (profile === null || profile === undefined)
    return [];
  if (typeof profile !== "object" || Array.isArray(profile))
    return [["", typeof profile === "string" ? profile : JSON.stringify(profile)]];
  return Object.entries(profile).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
}

/* The one address in {"uri": ...}, {"path": ...} or {"url": ...}; else the whole text. */
export function sourceText(source) {
  try {
    const parsed = JSON.parse(source);
    return String(parsed?.uri ?? parsed?.path ?? parsed?.url ?? source);
  } catch {
    return String(source ?? "–");
  }
}
