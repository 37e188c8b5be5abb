/* ramp.js - colours for numbers: from nothing to strong through yellow, orange, brown (told apart with every kind of colour blindness, as lightness only
 * falls), and a two-sided one from blue over grey to orange. Both have a dark form whose lightness rises. Pure. */
const RAMPS = {
  light: { up: ["#f4f5f8", "#fde6b0", "#f6b83c", "#d9720b", "#8f3b00"], both: ["#0b4a8f", "#7fb0dc", "#eef0f3", "#f3b25a", "#8f3b00"] },
  dark: { up: ["#1c2129", "#4a3515", "#9a6108", "#e2981c", "#ffe3a3"], both: ["#9cc8f5", "#2f6aa8", "#20252d", "#a8650b", "#ffd591"] },
};

function parts(hex) {
  return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
}

/* share: 0 to 1 ("up") or -1 to 1 ("both"), clamped. [r, g, b]. */
export function ramp(share, { dark = false, both = false } = {}) {
  const stops = RAMPS[dark ? "dark" : "light"][both ? "both" : "up"], at = Math.min(1, Math.max(0, both ? (share + 1) / 2 : share)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at)), a = parts(stops[i]), b = parts(stops[i + 1]);
  return a.map((v, k) => Math.round(v + (b[k] - v) * (at - i)));
}

export function css([r, g, b]) {
  return `rgb(${r} ${g} ${b})`;
}

/* Relative luminance (WCAG 2). */
export function luminance(rgb) {
  const [r, g, b] = rgb.map(v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/* Black or white, whichever reads better on it. */
export function inkOn(rgb) {
  return luminance(rgb) > 0.179 ? "#000000" : "#ffffff";
}
