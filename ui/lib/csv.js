/* csv.js - rows of comma or tab separated text (RFC 4180: quotes, doubled quotes, line ends within quotes), and the way back. Pure.
 * A file that was cut ends within a row: that row is dropped when `cut` is set. Rows are bounded by `max`. */

export function parseRows(text, { separator = ",", max = 10000, cut = false } = {}) {
  const rows = [];
  let row = [], cell = "", quoted = false, i = text.charCodeAt(0) === 0xfeff ? 1 : 0, any = false;
  for (; i < text.length && rows.length < max; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== "\"")
        cell += c;
      else if (text[i + 1] === "\"") {
        cell += c;
        i++;
      } else
        quoted = false;
    } else if (c === "\"" && cell === "") {
      quoted = any = true;
    } else if (c === separator) {
      row.push(cell);
      cell = "";
      any = true;
    } else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n")
        i++;
      if (any || cell)
        rows.push([...row, cell]);
      row = [];
      cell = "";
      any = false;
    } else
      cell += c;
  }
  if (rows.length < max && !cut && (any || cell))
    rows.push([...row, cell]);
  return rows;
}
