/* shellword.js - names in commands that people copy into a shell. Pure. */

/* Quoted for a POSIX shell: nothing in it is read as anything but text. */
export function shellQuote(text) {
  return "'" + text.replaceAll("'", "'\\''") + "'";
}

/* As it is where that is safe, which most names are. */
export function shellWord(text) {
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(text) ? text : shellQuote(text);
}
