/* route.js - the address is the state. Paths name rooms, query parameters their settings; every change is a history entry unless it says
 * `replace`, so that Back goes where the user was. Links are plain <a href>, caught by one listener: middle click and copying work. */
import { useEffect, useState } from "./html.js";
import { pathOf, prefix, url } from "./base.js";

const listeners = new Set();

function current() {
  return { path: pathOf(location.pathname), query: new URLSearchParams(location.search) };
}

let at = current();

function changed() {
  at = current();
  for (const f of [...listeners])
    f(at);
}

/* `to` is "/runs?q=x" without the prefix. */
export function go(to, { replace = false } = {}) {
  const target = url(to);
  if (target === location.pathname + location.search)
    return;
  const otherPage = pathOf(new URL(target, location.href).pathname) !== at.path;
  history[replace ? "replaceState" : "pushState"](null, "", target);
  if (otherPage)
    scrollTo(0, 0);
  changed();
}

/* Sets several parameters at once; null or "" leaves one out. */
export function setParams(params, { replace = false } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(params))
    if (value === null || value === undefined || value === "")
      query.delete(key);
    else
      query.set(key, value);
  const text = query.toString();
  go(at.path + (text ? "?" + text : ""), { replace });
}

export function useLocation() {
  const [state, set] = useState(at);
  useEffect(() => {
    listeners.add(set);
    if (state !== at)
      set(at);
    return () => listeners.delete(set);
  }, []);
  return state;
}

/* [text, set]: a query parameter as state. */
export function useParam(key, fallback = "") {
  const { query } = useLocation();
  return [query.get(key) ?? fallback, (value, options) => setParams({ [key]: value === fallback ? null : value }, options)];
}

/* "/models/{name}/{version}" against a path: the parts, decoded, or null. */
export function match(pattern, path) {
  const want = pattern.split("/"), have = path.split("/");
  if (want.length !== have.length)
    return null;
  const args = {};
  for (let i = 0; i < want.length; i++) {
    const name = /^\{(\w+)\}$/.exec(want[i])?.[1];
    if (!name && want[i] !== have[i])
      return null;
    if (name) {
      if (!have[i])
        return null;
      try {
        args[name] = decodeURIComponent(have[i]);
      } catch {
        return null;
      }
    }
  }
  return args;
}

/* The path of a page: path("/models/{name}", {name: "a/b"}) -> "/models/a%2Fb". */
export function path(pattern, args = {}) {
  return pattern.replace(/\{(\w+)\}/g, (_, key) => encodeURIComponent(args[key]));
}

/* For <a href>: with the prefix. */
export function href(pattern, args, query) {
  const text = query ? new URLSearchParams(Object.entries(query).filter(([, v]) => v !== null && v !== undefined && v !== "")).toString() : "";
  return url(path(pattern, args)) + (text ? "?" + text : "");
}

function caught(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  const to = new URL(link.href, location.href);
  if (to.origin !== location.origin || link.target || link.hasAttribute("download") || link.dataset.native !== undefined ||
      !to.pathname.startsWith(prefix + "/") || to.pathname.startsWith(prefix + "/api/") || (to.hash && to.pathname === location.pathname))
    return;
  event.preventDefault();
  go(pathOf(to.pathname) + to.search);
}

export function startRouting() {
  addEventListener("popstate", changed);
  document.addEventListener("click", caught);
}
