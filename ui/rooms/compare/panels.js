/* panels.js - a wall of charts, one per metric: pinned ones first, the others in the order of their names, each keeping its place and height. A panel asks
 * for its data when it comes near the window. */
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { t } from "../../lib/words.js";
import { Icon } from "../../parts/icons.js";

export const PANEL_PX = 220;

/* What of the names is shown, and in which order. Pure. */
export function panelOrder(names, search, pins) {
  const wanted = search.trim().toLowerCase(), match = name => !wanted || wanted.split(/\s+/).every(word => name.toLowerCase().includes(word));
  const system = name => name.startsWith("system/"), sorted = [...names].sort((a, b) => system(a) - system(b) || new Intl.Collator(undefined, { numeric: true }).compare(a, b));
  return [...pins.filter(name => names.includes(name) && match(name)), ...sorted.filter(name => !pins.includes(name) && match(name))];
}

/* True once the element was near the window; and its width. */
function useNear(box) {
  const [near, set] = useState(false), [width, setWidth] = useState(0);
  useEffect(() => {
    const seen = new IntersectionObserver(found => {
      if (found.some(one => one.isIntersecting)) {
        setWidth(box.current.clientWidth);
        set(true);
        seen.disconnect();
      }
    }, { rootMargin: "300px" });
    seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  return [near, width];
}

/* draw({metric, width, actions}): the chart, once it is near. */
function Panel({ metric, pinned, onPin, draw }) {
  const box = useRef(null), [near, width] = useNear(box), says = pinned ? t("Unpin {name}", { name: metric }) : t("Pin {name}", { name: metric });
  const actions = onPin && html`<button type="button" class=${pinned ? "icon-button pinned" : "icon-button"} aria-pressed=${pinned ? "true" : "false"} title=${says} aria-label=${says} onClick=${() => onPin(metric)}><${Icon} name="pin" /></button>`;
  return html`<section class="card metric-panel" data-metric=${metric} aria-label=${metric} ref=${box}>${near ? draw({ metric, width, actions }) : html`<div class="panel-wait"><b>${metric}</b></div>`}</section>`;
}

export function Panels({ names, settings, draw }) {
  const shown = panelOrder(names, settings.search, settings.pins);
  const pin = name => settings.set({ pin: (settings.pins.includes(name) ? settings.pins.filter(one => one !== name) : [...settings.pins, name]).join("\n") });
  if (shown.length === 0)
    return html`<p class="chart-empty">${names.length ? t("No metric has this in its name.") : t("These runs have logged no metrics.")}</p>`;
  return html`<div class="panels">${shown.map(name => html`<${Panel} key=${name} metric=${name} pinned=${settings.pins.includes(name)} onPin=${pin} draw=${draw} />`)}</div>`;
}
