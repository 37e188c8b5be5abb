/* scroll.js - a box whose content may be larger than itself. Where it is, the box can be reached by Tab and moved by the arrow keys. */
import { html, useLayoutEffect, useRef } from "../lib/html.js";

export function Scroll({ as = "div", class: name = as === "div" ? "scroll-x" : null, children, ...props }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const e = box.current, watch = new ResizeObserver(() => {
      if (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight)
        e.tabIndex = 0;
      else
        e.removeAttribute("tabindex");
    });
    for (const part of [e, ...e.children])
      watch.observe(part);
    return () => watch.disconnect();
  }, []);
  return html`<${as} class=${name} ref=${box} ...${props}>${children}</${as}>`;
}
