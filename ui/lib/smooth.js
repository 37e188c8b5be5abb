/* smooth.js - smoothing as TensorBoard does it: an exponential mean, freed of its bias towards 0 at the start (the divisor of Kingma and Ba's
 * Adam, 2015, section 3). NaN passes through and does not disturb the mean; a constant stays what it is. The server smooths charts itself
 * (num/smooth.h, the same formula); this is for values that are on the page anyway. */
import { toNumbers } from "./scale.js";

/* weight: 0 (nothing is done) to below 1. */
export function ema(values, weight) {
  const v = toNumbers(values), out = new Float64Array(v.length);
  let sum = 0, n = 0;
  for (let i = 0; i < v.length; i++) {
    if (!Number.isFinite(v[i])) {
      out[i] = v[i];
      continue;
    }
    sum = sum * weight + (1 - weight) * v[i];
    n++;
    out[i] = sum / (1 - weight ** n);
  }
  return out;
}
