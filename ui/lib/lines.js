/* lines.js - text of many megabytes as numbered lines, without a string per line: it comes in blocks, before or behind what is there, and each block knows
 * where its lines begin. A line that crosses two blocks is put together when it is asked for. A million lines cost four bytes each beside the text. Pure. */

const GROW = 1024;

/* Places behind each "\n" of `text`. */
function breaksOf(text) {
  let out = new Uint32Array(GROW), n = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (n === out.length) {
      const more = new Uint32Array(2 * n);
      more.set(out);
      out = more;
    }
    out[n++] = at + 1;
  }
  return out.slice(0, n);
}

export class Lines {
  constructor() {
    this.blocks = []; /* {text, breaks, first: the number of newlines before the block} */
    this.breaks = 0;  /* newlines in all */
    this.length = 0;  /* characters */
  }

  append(text) {
    if (!text)
      return;
    const breaks = breaksOf(text);
    this.blocks.push({ text, breaks, first: this.breaks });
    this.breaks += breaks.length;
    this.length += text.length;
    this.join();
  }

  /* Returns by how many lines everything moved down. */
  prepend(text) {
    if (!text)
      return 0;
    const breaks = breaksOf(text);
    for (const block of this.blocks)
      block.first += breaks.length;
    this.blocks.unshift({ text, breaks, first: 0 });
    this.breaks += breaks.length;
    this.length += text.length;
    return breaks.length;
  }

  /* Many small pieces at the end become one, so that finding a line stays cheap: blocks double in size. */
  join() {
    for (let n = this.blocks.length; n > 1; n = this.blocks.length) {
      const a = this.blocks[n - 2], b = this.blocks[n - 1];
      if (a.text.length > 1.5 * b.text.length || a.text.length + b.text.length > 4e6)
        return;
      const breaks = new Uint32Array(a.breaks.length + b.breaks.length);
      breaks.set(a.breaks);
      for (let i = 0; i < b.breaks.length; i++)
        breaks[a.breaks.length + i] = b.breaks[i] + a.text.length;
      this.blocks.splice(n - 2, 2, { text: a.text + b.text, breaks, first: a.first });
    }
  }

  /* Lines as people count them: one that is not ended counts, nothing behind the last newline does not. */
  get count() {
    const last = this.blocks[this.blocks.length - 1];
    return this.breaks + (last && !last.text.endsWith("\n") ? 1 : 0);
  }

  /* [block, place] behind the i-th newline (i = 0: the beginning). */
  place(i) {
    if (i === 0)
      return [0, 0];
    let low = 0, high = this.blocks.length - 1;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.blocks[mid].first + this.blocks[mid].breaks.length >= i)
        high = mid;
      else
        low = mid + 1;
    }
    return [low, this.blocks[low].breaks[i - this.blocks[low].first - 1]];
  }

  /* Line i from 0, without its end, of at most `max` characters and one more that tells that it goes on. */
  line(i, max = Infinity) {
    if (i < 0 || i >= this.count)
      return "";
    let [b, from] = this.place(i), out = "";
    for (; b < this.blocks.length && out.length <= max; b++, from = 0) {
      const { text } = this.blocks[b], end = text.indexOf("\n", from);
      out += text.slice(from, Math.min(end < 0 ? text.length : end, from + max + 1 - out.length));
      if (end >= 0)
        break;
    }
    return out;
  }
}

/* A search that can pause: step(ms) looks for that long. Matches are line numbers, at most `max`. `of(line)`: the text that is searched. */
export class Search {
  constructor(lines, word, { max = 10000, of = x => x, line_max = 65536 } = {}) {
    this.lines = lines;
    this.word = word.toLowerCase();
    this.max = max;
    this.of = of;
    this.line_max = line_max;
    this.at = 0;
    this.found = [];
  }

  /* Lines were put before the others. */
  moved(n) {
    this.found = this.found.map(i => i + n);
    this.at += n;
  }

  get done() {
    return this.at >= this.lines.count || this.found.length >= this.max;
  }

  step(ms, now = () => performance.now()) {
    const until = now() + ms;
    for (let n = 0; !this.done; n++) {
      if (n % 256 === 255 && now() > until)
        return;
      if (this.of(this.lines.line(this.at, this.line_max)).toLowerCase().includes(this.word))
        this.found.push(this.at);
      this.at++;
    }
  }
}
