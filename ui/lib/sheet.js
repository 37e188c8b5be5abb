/* sheet.js - files made on the page: tables as comma-separated text. Text that a spreadsheet would take for a formula gets an apostrophe in front
 * (OWASP, CSV injection); numbers stay as they are, also negative ones. */

/* One cell. */
export function csvCell(value) {
  if (value === null || value === undefined || (typeof value === "number" && Number.isNaN(value)))
    return "";
  if (typeof value === "number" || typeof value === "boolean")
    return String(value);
  let text = String(value);
  if (/^[\s]*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/.test(text))
    text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

export function csvText(rows) {
  return rows.map(row => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

/* A name that every file system takes. */
export function fileName(text, ending) {
  const name = String(text).replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 80);
  return (name || "chart") + ending;
}

/* Hands a file to the browser's downloads. */
export function saveBlob(blob, name) {
  const link = document.createElement("a"), address = URL.createObjectURL(blob);
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

export function saveCsv(rows, name) {
  saveBlob(new Blob(["\uFEFF", csvText(rows)], { type: "text/csv;charset=utf-8" }), fileName(name, ".csv"));
}
