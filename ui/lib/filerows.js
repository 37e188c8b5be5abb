/* filerows.js - files and folders as the rows of a tree of which some folders are open. Without recursion. Pure. */

export function nameOf(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

/* The rows that are seen, folders first as file managers have them. folders: Map path -> {files, error} of what was asked for; open: Set. */
export function treeRows(folders, open, path = "", depth = 0) {
  const out = [], files = folders.get(path)?.files ?? [];
  const sorted = [...files].sort((a, b) => b.is_dir - a.is_dir || (a.path < b.path ? -1 : 1));
  const todo = sorted.map(file => ({ file, depth })).reverse();
  while (todo.length) {
    const row = todo.pop();
    out.push(row);
    if (!row.file.is_dir || !open.has(row.file.path))
      continue;
    const below = folders.get(row.file.path);
    if (!below || below.error)
      out.push({ file: row.file, depth: row.depth + 1, note: below ? below.error : "" });
    else
      todo.push(...[...below.files].sort((a, b) => b.is_dir - a.is_dir || (a.path < b.path ? -1 : 1)).map(file => ({ file, depth: row.depth + 1 })).reverse());
  }
  return out;
}

/* Folders above a path: "a/b/c" -> ["a", "a/b"]. */
export function above(path) {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join("/"));
}
