/* settings.js - what the room that compares runs is set to, read from the address and written to it: x (step, time, relative), xlog, ylog, smooth (0..0.999),
 * group (param:KEY or tag:KEY), band, zoom (from,to), m (what metrics are looked for), pin, off (runs that are not shown), base, and the tabs' own. */
import { useMemo } from "../../lib/html.js";
import { setParams, useLocation } from "../../lib/route.js";

const list = text => (text ?? "").split("\n").filter(Boolean);

export function readSettings(query) {
  const smooth = Number(query.get("smooth") ?? 0), zoom = (query.get("zoom") ?? "").split(",").map(Number);
  const one = (key, known) => (known.includes(query.get(key)) ? query.get(key) : known[0]);
  return {
    x: one("x", ["step", "time", "relative"]), xlog: query.get("xlog") === "1", ylog: query.get("ylog") === "1",
    smooth: smooth > 0 && smooth < 1 ? smooth : 0, group: /^(param|tag):./.test(query.get("group") ?? "") ? query.get("group") : "", band: one("band", ["std", "stderr", "minmax", "none"]),
    zoom: zoom.length === 2 && zoom.every(Number.isFinite) && zoom[0] < zoom[1] && query.get("zoom") ? zoom : null,
    search: query.get("m") ?? "", pins: list(query.get("pin")), off: new Set(list(query.get("off")?.replaceAll(",", "\n"))), base: query.get("base") ?? "",
    only: query.get("only") !== "0", figure: one("figure", ["last", "best", "min", "max"]), axes: list(query.get("axes")), colour: query.get("by") ?? "",
    logs: new Set(list(query.get("logs"))), sx: query.get("sx") ?? "", sy: query.get("sy") ?? "", brushes: readBrushes(query.getAll("brush")),
  };
}

/* "key\nlow\nhigh" each. */
function readBrushes(texts) {
  const out = {};
  for (const text of texts.flatMap(one => one.split("\n\n"))) {
    const [key, low, high] = text.split("\n");
    if (key && Number(low) <= Number(high))
      out[key] = [Number(low), Number(high)];
  }
  return out;
}

export function writeBrushes(brushes) {
  return Object.entries(brushes).map(([key, [low, high]]) => [key, low, high].join("\n")).join("\n\n");
}

/* The settings with `set({ smooth: 0.6 })`; null or "" takes the default. */
export function useSettings() {
  const { query } = useLocation(), text = query.toString();
  return useMemo(() => ({ ...readSettings(query), set: setParams }), [text]);
}
