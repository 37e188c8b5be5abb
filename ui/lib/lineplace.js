/* lineplace.js - which lines stand in a box that scrolls over very many. Browsers draw no box higher than some 30 million pixels: above MAX_PX the scroll
 * bar stands for shares of the text in place of pixels. Pure. */
export const ROW_PX = 18;
const MAX_PX = 8000000;

export function heightOf(count) {
  return Math.min(count * ROW_PX, MAX_PX);
}

/* {from, to, top}: lines [from, to) and the pixel at which the first of them stands. */
export function visibleLines(scroll, view, count) {
  const fit = Math.ceil(view / ROW_PX), height = heightOf(count);
  if (count * ROW_PX <= MAX_PX) {
    const from = Math.max(0, Math.min(Math.floor(scroll / ROW_PX) - 8, count - 1));
    return { from, to: Math.min(count, from + fit + 17), top: from * ROW_PX };
  }
  const share = Math.min(1, Math.max(0, scroll / (height - view)));
  const from = Math.round(share * (count - Math.floor(view / ROW_PX)));
  return { from, to: Math.min(count, from + fit + 1), top: share === 1 ? height - (count - from) * ROW_PX : scroll };
}

/* The scroll place that brings a line into view, where `scroll` already does: that. */
export function scrollTo(line, scroll, view, count) {
  if (count * ROW_PX > MAX_PX)
    return Math.round((heightOf(count) - view) * Math.min(1, line / Math.max(1, count - Math.floor(view / ROW_PX))));
  const y = line * ROW_PX;
  return y >= scroll && y + ROW_PX <= scroll + view ? scroll : Math.max(0, y - Math.floor(view / 3));
}
