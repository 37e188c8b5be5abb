/* download.js - the view as a CSV file: all rows that the filter finds, in the table's order, with the columns shown. */
import { API, get } from "../../lib/api.js";
import { csvCell, csvRow } from "./query.js";

const AT_ONCE = 1000;

/* The file's text. told(done, total) after each part; all parts are of one order, and a changed one begins anew. */
export async function csvText(body, columns, experimentName, told = () => {}) {
  const asked = body.columns;
  for (;;) {
    const lines = [["run_id", "name", ...columns.filter(c => c !== "id")].map(csvCell).join(",")];
    let version, total = 1, offset = 0, again = false;
    while (offset < total) {
      const data = await get(`${API}/runs/search`, { body: { ...body, offset, limit: AT_ONCE, version } });
      again = version !== undefined && data.version !== version;
      if (again)
        break;
      version = data.version;
      total = data.total;
      for (const row of data.rows)
        if (row)
          lines.push(csvRow(row, columns, asked, experimentName));
      offset += AT_ONCE;
      told(Math.min(offset, total), total);
    }
    if (!again)
      return lines.join("\r\n") + "\r\n";
  }
}

export function saveFile(name, text) {
  const link = document.createElement("a"), at = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  link.href = at;
  link.download = name;
  link.dataset.native = "";
  link.click();
  setTimeout(() => URL.revokeObjectURL(at), 60000);
}
