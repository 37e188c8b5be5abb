/* ansi.js - one line of a program's output as pieces of text with a look. Escape sequences (ECMA-48) give colours and weight and nothing else: what moves
 * the cursor, erases, hides (SGR 8) or writes the window's title is dropped and the text it wanted to hide stays. Control and direction characters
 * are shown by their names, as they could make a line read as another one. Looks begin anew on each line. Pure. */

/* In order: CSI, CSI cut off, OSC and its kin with their end (without one only the opening goes, the text stays), others of two or more characters. */
const ESCAPES = /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\[[0-?]*[ -/]*$|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~]|$)|\x9b([0-?]*)[ -/]*([@-~])/g;
/* C0 and C1 without tab, zero-width and direction marks, and the line separators of Unicode. */
const ODD = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const NAMED = 0x2400;

/* A character that cannot be seen, as one that can. */
function shown(c) {
  const code = c.charCodeAt(0);
  if (code < 0x20)
    return String.fromCharCode(NAMED + code);
  if (code === 0x7f)
    return "\u2421";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/* The joiner within one picture (a family is its people and what joins them) is no trick. */
function joins(text, at) {
  return /(\p{Extended_Pictographic}\ufe0f?|[\u{1f3fb}-\u{1f3ff}])$/u.test(text.slice(Math.max(0, at - 3), at)) && /^\p{Extended_Pictographic}/u.test(text.slice(at + 1, at + 3));
}

export function visible(text) {
  return text.replace(ODD, (c, at) => (c === "\u200d" && joins(text, at) ? c : shown(c)));
}

/* The nearest of the eight colours to a red, green and blue of 0..255: hue only, as light and dark are the theme's. */
function nearest(r, g, b) {
  const top = Math.max(r, g, b), low = Math.min(r, g, b);
  if (top - low < 40)
    return top < 80 ? 0 : 7;
  const half = low + (top - low) / 2;
  return (r > half ? 1 : 0) | (g > half ? 2 : 0) | (b > half ? 4 : 0);
}

function of256(n) {
  if (n < 16)
    return n % 8;
  if (n >= 232)
    return nearest(8 + 10 * (n - 232), 8 + 10 * (n - 232), 8 + 10 * (n - 232));
  const i = n - 16, level = x => (x === 0 ? 0 : 55 + 40 * x);
  return nearest(level(Math.floor(i / 36)), level(Math.floor(i / 6) % 6), level(i % 6));
}

/* 38;5;N and 38;2;R;G;B: the colour and how many numbers it took. */
function extended(codes, i) {
  if (codes[i + 1] === 5)
    return [of256(codes[i + 2] ?? 0), 2];
  if (codes[i + 1] === 2)
    return [nearest(codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0), 4];
  return [null, 0];
}

/* What "ESC [ 1;31 m" makes of a look {fg, bg, bold, dim, italic, underline}. */
function styled(look, params) {
  const codes = params.split(/[;:]/).map(x => (x === "" ? 0 : Number(x)));
  let next = { ...look };
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i];
    if (c === 0)
      next = {};
    else if (c === 1)
      next.bold = true;
    else if (c === 2)
      next.dim = true;
    else if (c === 3)
      next.italic = true;
    else if (c === 4)
      next.underline = true;
    else if (c === 22)
      next.bold = next.dim = false;
    else if (c === 23)
      next.italic = false;
    else if (c === 24)
      next.underline = false;
    else if ((c >= 30 && c <= 37) || (c >= 90 && c <= 97))
      next.fg = c % 10;
    else if ((c >= 40 && c <= 47) || (c >= 100 && c <= 107))
      next.bg = c % 10;
    else if (c === 39)
      next.fg = undefined;
    else if (c === 49)
      next.bg = undefined;
    else if (c === 38 || c === 48) {
      const [colour, taken] = extended(codes, i);
      if (colour !== null)
        next[c === 38 ? "fg" : "bg"] = colour;
      i += taken;
    }
  }
  return next;
}

/* "a1 a-bold": the classes of a look. A letter in the colour of its ground keeps the theme's colour. */
function classes(look) {
  return [look.fg !== undefined && look.fg !== look.bg && `a${look.fg}`, look.bg !== undefined && `ab${look.bg}`, look.bold && "a-bold", look.dim && "a-dim",
    look.italic && "a-italic", look.underline && "a-underline"].filter(Boolean).join(" ");
}

/* What a terminal shows of a line that was written over: behind the last carriage return, if something is there. */
export function lastWriting(line) {
  const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
  const at = whole.lastIndexOf("\r");
  return at < 0 ? whole : whole.slice(at + 1);
}

/* [[text, classes]]. */
export function pieces(line) {
  const out = [];
  let look = {}, from = 0;
  const add = text => {
    if (text)
      out.push([visible(text), classes(look)]);
  };
  for (const found of line.matchAll(ESCAPES)) {
    add(line.slice(from, found.index));
    from = found.index + found[0].length;
    if ((found[2] ?? found[4]) === "m" && !/[<-?]/.test(found[1] ?? found[3]))
      look = styled(look, found[1] ?? found[3]);
  }
  add(line.slice(from));
  return out;
}

/* The text alone, as it is searched. */
export function plain(line) {
  return visible(line.includes("\x1b") || line.includes("\x9b") ? line.replace(ESCAPES, "") : line);
}
