/* tail.js - where the first whole line of a piece of bytes begins that was cut out of a longer text: behind the first newline; in a line longer than the
 * piece, at the first byte that begins a character of UTF-8. Pure. */
export function tailStart(bytes) {
  const newline = bytes.indexOf(10);
  if (newline >= 0 && newline + 1 < bytes.length)
    return newline + 1;
  let at = 0;
  while (at < 3 && at < bytes.length && (bytes[at] & 0xc0) === 0x80)
    at++;
  return at;
}
