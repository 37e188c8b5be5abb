/* safe.js - addresses that come from data. Only http and https lead anywhere; "javascript:", "data:" and what no browser can read are text. */
export function safeHref(text) {
  if (typeof text !== "string" || !/^https?:\/\//i.test(text))
    return null;
  try {
    const at = new URL(text);
    return at.protocol === "http:" || at.protocol === "https:" ? at.href : null;
  } catch {
    return null;
  }
}
