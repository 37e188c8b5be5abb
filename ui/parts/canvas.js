/* canvas.js - what the pictures on a canvas share: the tokens' colours, how wide their box is, that the theme changed, a canvas with the screen's pixels. */
import { useEffect, useLayoutEffect, useState } from "../lib/html.js";
import { onTheme } from "../shell/theme.js";

const SIDE_MAX = 16384; /* pixels; on a longer canvas browsers draw nothing */

export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/* [the width of the box, 0 before it is known; a number that changes with the theme]. */
export function useBox(box) {
  const [width, setWidth] = useState(0), [theme, again] = useState(0);
  useEffect(() => onTheme(() => again(n => n + 1)), []);
  useLayoutEffect(() => {
    const measure = () => box.current && setWidth(box.current.clientWidth), watch = new ResizeObserver(measure);
    watch.observe(box.current);
    measure();
    return () => watch.disconnect();
  }, []);
  return [width, theme];
}

/* An empty canvas of this size in CSS pixels, to be drawn on in these. */
export function fresh(canvas, width, height) {
  const ratio = Math.min(devicePixelRatio || 1, SIDE_MAX / width, SIDE_MAX / height), ctx = canvas.getContext("2d");
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  ctx.scale(ratio, ratio);
  return ctx;
}
