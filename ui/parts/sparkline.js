/* sparkline.js - a line the size of a word, for tables. Sparkline({ values, min, max, label, mark, x, width, height }):
 * min and max are numbers (the range) or columns (a band); mark is a value that is drawn as a line (a threshold); a gap is a gap. Hover tells the last value. */
import { html } from "../lib/html.js";
import { number } from "../lib/format.js";
import { extent, mapping, toNumbers } from "../lib/scale.js";
import { t } from "../lib/words.js";

/* The pieces of a line between gaps, as SVG paths; single points are dots. Pure. */
export function sparkPaths(xs, ys, toX, toY) {
  const out = [], dots = [];
  let piece = [];
  const end = () => {
    if (piece.length === 1)
      dots.push(piece[0]);
    else if (piece.length > 1)
      out.push("M" + piece.map(p => `${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join("L"));
    piece = [];
  };
  for (let i = 0; i < ys.length; i++)
    if (Number.isFinite(ys[i]))
      piece.push([toX(xs[i]), toY(ys[i])]);
    else
      end();
  end();
  return { lines: out, dots };
}

export function Sparkline({ values, min, max, label, mark, x, width = 96, height = 24, stroke = "currentColor" }) {
  const ys = toNumbers(values), xs = x ? toNumbers(x) : Float64Array.from(ys.keys());
  const low = Array.isArray(min) ? toNumbers(min) : null, high = Array.isArray(max) ? toNumbers(max) : null;
  let range = extent(ys);
  if (!range)
    return html`<span class="soft" aria-label=${label ? `${label}: ${t("no data")}` : t("no data")}>–</span>`;
  for (const more of [low, high, Number.isFinite(mark) ? [mark] : null])
    range = more ? extent(more, false, range) : range;
  range = [typeof min === "number" ? min : range[0], typeof max === "number" ? max : range[1]];
  if (!(range[1] > range[0]))
    range = [range[0] - 1, range[0] + 1];
  const toX = mapping(extent(xs) ?? [0, 1], [2, width - 3]), toY = mapping(range, [height - 2, 2]), { lines, dots } = sparkPaths(xs, ys, toX, toY);
  let last = ys.length - 1;
  while (!Number.isFinite(ys[last]))
    last--;
  const one = xs.length === 1 ? width / 2 : null, band = low && high && [...xs.keys()].filter(i => Number.isFinite(low[i]) && Number.isFinite(high[i]));
  const text = `${label ? label + ": " : ""}${number(ys.find(Number.isFinite))} → ${number(ys[last])}`;
  return html`<svg class="sparkline" width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${text}><title>${text}</title>
    ${band?.length > 1 && html`<path class="spark-band" d=${"M" + [...band.map(i => `${toX(xs[i])} ${toY(high[i])}`), ...band.reverse().map(i => `${toX(xs[i])} ${toY(low[i])}`)].join("L") + "Z"} fill=${stroke} />`}
    ${Number.isFinite(mark) && html`<line class="spark-mark" x1="0" x2=${width} y1=${toY(mark)} y2=${toY(mark)} />`}
    ${lines.map(d => html`<path d=${d} fill="none" stroke=${stroke} stroke-width="1.5" stroke-linejoin="round" />`)}
    ${dots.map(p => html`<circle cx=${one ?? p[0]} cy=${p[1]} r="1.5" fill=${stroke} />`)}
    <circle cx=${one ?? toX(xs[last])} cy=${toY(ys[last])} r="2" fill=${stroke} /></svg>`;
}
