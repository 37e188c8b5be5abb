/* icons.js - the interface's pictures, drawn on a grid of 16 with lines of 1.5 in the text's colour. They always stand beside a word or
 * carry a label; alone they say nothing to a screen reader. */
import { html } from "../lib/html.js";

const PATHS = {
  home: "M2 7.5 8 2.5l6 5M3.5 6.5v7h9v-7",
  runs: "M2 13.5h12M2.5 10.5l3.5-4 3 2.5 4.5-6",
  models: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6",
  endpoints: "M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM4.2 11.8a5.4 5.4 0 0 1 0-7.6M11.8 4.2a5.4 5.4 0 0 1 0 7.6M2.3 13.7a8 8 0 0 1 0-11.4M13.7 2.3a8 8 0 0 1 0 11.4",
  pipelines: "M2 3h4v4H2zM10 9h4v4h-4zM6 5h3a2 2 0 0 1 2 2v2",
  monitors: "M1.5 8.5h3l2-5 3 9 2-5.5 1 1.5h2",
  features: "M2 3.5h12M2 8h12M2 12.5h12M5.5 3.5v9M10.5 3.5v9",
  data: "M8 6c3.3 0 6-.9 6-2s-2.700-2-6-2-6 .9-6 2 2.700 2 6 2zM2 4v8c0 1.100 2.700 2 6 2s6-.9 6-2V4M2 8c0 1.100 2.700 2 6 2s6-.9 6-2",
  audit: "M4 1.800h8v12.400H4zM6 5h4M6 8h4M6 11h2.500",
  settings: "M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 1.500v2M8 12.500v2M1.500 8h2M12.500 8h2M3.400 3.400l1.400 1.400M11.200 11.200l1.400 1.400M3.400 12.600l1.400-1.400M11.200 4.800l1.400-1.400",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.300 10.300 14 14",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  check: "M3 8.500l3.500 3.500L13 4.500",
  warn: "M8 2 14.500 13.500h-13zM8 6.500v3.500M8 11.800v.2",
  bad: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM5.700 5.700l4.600 4.600M10.300 5.700l-4.600 4.600",
  info: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM8 7.300v4M8 4.800v.2",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  moon: "M13.500 9.700A6 6 0 0 1 6.300 2.500a6 6 0 1 0 7.200 7.200z",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  right: "M6 4l4 4-4 4",
  left: "M10 4 6 8l4 4",
  download: "M8 2v8M4.500 7 8 10.500 11.500 7M2.500 13.500h11",
  copy: "M5.500 5.500h8v8h-8zM3 10.500h-.500v-8h8V3",
  eye: "M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  eyeOff: "M2.500 2.500l11 11M6 3.900A6 6 0 0 1 8 3.500c4 0 6.500 4.500 6.500 4.500a11 11 0 0 1-2 2.500M4 5.300A11 11 0 0 0 1.500 8S4 12.500 8 12.500a6 6 0 0 0 2.500-.5",
  columns: "M2 3h12v10H2zM6 3v10M10 3v10",
  filter: "M2 3h12L9.500 8.500v4l-3 1.500v-5.500z",
  play: "M4.500 2.500v11l9-5.500z",
  pause: "M5 3v10M11 3v10",
  refresh: "M13.500 8A5.500 5.500 0 1 1 11.700 3.900M13.500 2v3h-3",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  pin: "M5 2h6l-1 5 2 2H4l2-2zM8 9v5",
  external: "M9.500 2.500h4v4M13.500 2.500 8 8M11.500 9v4.500h-9v-9H7",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.500 14c.5-3 2.700-4.500 5.500-4.500s5 1.500 5.500 4.500",
  keyboard: "M1.500 4h13v8h-13zM4 6.500h.01M6.500 6.500h.01M9 6.500h.01M11.500 6.500h.01M5 9.500h6",
};

export function Icon({ name, label }) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden=${label ? null : "true"} role=${label ? "img" : null}
    aria-label=${label}><path d=${PATHS[name] ?? PATHS.info} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" /></svg>`;
}
