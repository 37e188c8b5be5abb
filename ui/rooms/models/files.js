/* files.js - the files of a version: sizes, hashes, downloads. */
import { html, useMemo } from "../../lib/html.js";
import { useData } from "../../lib/api.js";
import { visible } from "../../lib/ansi.js";
import { url } from "../../lib/base.js";
import { path } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Icon } from "../../parts/icons.js";
import { Card } from "../../parts/page.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Bytes } from "../../parts/values.js";
import { modelPath } from "./acts.js";

function address(root, file) {
  return url("/api/2.0/mlflow-artifacts/artifacts/" + `${root}/${file}`.split("/").map(encodeURIComponent).join("/"));
}

function columns(root) {
  return [
    { key: "path", title: t("File"), value: f => f.path, width: 260, grow: true, cell: f => html`<bdi>${visible(f.path)}</bdi>` },
    { key: "size", title: t("Size"), value: f => f.size_bytes, width: 110, align: "right", cell: f => html`<${Bytes} value=${f.size_bytes} />` },
    { key: "sha256", title: "SHA-256", value: f => f.sha256, sort: false, width: 190, cell: f => html`<data class="value code" value=${f.sha256} title=${f.sha256}>${f.sha256.slice(0, 16)}…</data>` },
    { key: "get", title: t("Download"), value: () => null, sort: false, width: 110, cell: f => html`<a href=${address(root, f.path)} data-native download=${f.path.split("/").at(-1)} aria-label=${t("Download {name}", { name: f.path })}><${Icon} name="download" /></a>` },
  ];
}

export function Files({ model, version }) {
  const got = useData(modelPath(model, path("/versions/{version}/files", { version }))), root = got.data?.root, shown = useMemo(() => columns(root), [root]);
  return html`<${Card} flush title=${t("Files")}><${Loaded} of=${got} lines=${4}>${d => (d.root === null ? html`<${Empty} title=${t("The files lie in another store")} text=${d.source} />` : d.files.length === 0 ?
    html`<${Empty} title=${t("No files")} text=${t("Nothing was logged below {source}.", { source: d.source })} />` : html`<${Table} id="version-files" label=${t("Files")} columns=${shown} rows=${d.files} rowKey=${f => f.path} rowName=${f => f.path} />
    ${d.truncated && html`<p class="soft pager">${t("There is more than can be shown.")}</p>`}`)}</${Loaded}></${Card}>`;
}
