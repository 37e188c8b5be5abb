/* base.js - where this interface lies. The server may be mounted below a prefix (--static-prefix /ml); modules lie at
 * PREFIX/ui/BUILD/lib/base.js (16 hex digits; without them under --ui-src), so the prefix is what stands before. Under --ui-dir the home page is /home, which the shell page says. */
const here = new URL(import.meta.url).pathname;
export const prefix = here.replace(/\/ui\/(?:[0-9a-f]{16}\/)?lib\/base\.js$/, "");

/* The address of a page or an API path, which begins with a slash. */
export function url(path) {
  return prefix + path;
}

/* A location's path without the prefix; "/home" is the home page under another name. */
export function pathOf(pathname) {
  let path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : pathname;
  if (path.length > 1 && path.endsWith("/"))
    path = path.slice(0, -1);
  return path === "" || path === "/home" ? "/" : path;
}
