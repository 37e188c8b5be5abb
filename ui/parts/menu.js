/* menu.js - a button that opens a small box below itself (choices, column lists). Escape and a click elsewhere close it; the focus returns. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { Icon } from "./icons.js";

/* children(close): what stands in the box. right: the box ends where the button ends. */
export function Menu({ text, icon, label, children, right, className = "button" }) {
  const [open, set] = useState(false), box = useRef(null);
  const close = () => set(false);
  useEffect(() => {
    if (!open)
      return undefined;
    const away = event => box.current.contains(event.target) || close();
    const key = event => {
      if (event.key === "Escape") {
        event.stopPropagation();
        close();
        box.current.querySelector("button").focus();
      }
    };
    document.addEventListener("mousedown", away);
    box.current.addEventListener("keydown", key);
    const held = box.current;
    return () => {
      document.removeEventListener("mousedown", away);
      held.removeEventListener("keydown", key);
    };
  }, [open]);
  return html`<div class="menu" ref=${box}><button type="button" class=${className} aria-expanded=${open ? "true" : "false"} aria-haspopup="true" aria-label=${label} title=${label}
    onClick=${() => set(!open)}>${icon && html`<${Icon} name=${icon} />`}${text}</button>${open && html`<div class="menu-box ${right ? "right" : ""}">${children(close)}</div>`}</div>`;
}

export function MenuItem({ onClick, children, checked }) {
  return html`<button type="button" class="menu-item" role=${checked === undefined ? null : "menuitemradio"} aria-checked=${checked === undefined ? null : String(checked)} onClick=${onClick}>${children}</button>`;
}
