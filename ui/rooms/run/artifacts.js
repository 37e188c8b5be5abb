/* artifacts.js - the files of a run: the tree on the left, the chosen one (parameter `file`) on the right. */
import { html, useState } from "../../lib/html.js";
import { onEvent } from "../../lib/events.js";
import { url } from "../../lib/base.js";
import { useEffect } from "../../lib/html.js";
import { setParams, useParam } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { visible } from "../../lib/ansi.js";
import { nameOf } from "../../lib/filerows.js";
import { FileTree } from "../../parts/filetree.js";
import { Icon } from "../../parts/icons.js";
import { Preview } from "../../parts/preview.js";
import { Empty } from "../../parts/states.js";
import { Bytes } from "../../parts/values.js";
import { artifactAddress, frameAddress, listArtifacts, readArtifact, readRows } from "./data.js";

/* The size of a file that the address names: from its folder's list. */
function useSize(run, file) {
  const [size, set] = useState(undefined);
  useEffect(() => {
    let mine = true;
    set(undefined);
    if (file)
      listArtifacts(run.id, file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : "").then(files => mine && set(files.find(f => f.path === file)?.size ?? null), () => mine && set(null));
    return () => {
      mine = false;
    };
  }, [file]);
  return size;
}

function Viewer({ run, file }) {
  const size = useSize(run, file), address = url(artifactAddress(run.id, file));
  return html`<article class="card viewer" aria-label=${visible(file)}><header><h2><bdi>${visible(file)}</bdi></h2><div class="actions">${size !== undefined && html`<${Bytes} value=${size} />`}
    <a class="button small" href=${address} download=${nameOf(file)} data-native><${Icon} name="download" />${t("Download")}</a></div></header>
    ${size === null ? html`<${Empty} title=${t("There is no such file")} />` : size !== undefined && html`<${Preview} key=${file} name=${file} size=${size} address=${address} frame=${frameAddress(run.id, file)}
      read=${(from, to) => readArtifact(run.id, file, from, to)} rows=${(offset, limit) => readRows(run.id, file, offset, limit)} />`}</article>`;
}

export function Artifacts({ run }) {
  const [file] = useParam("file"), [version, again] = useState(0);
  useEffect(() => onEvent(event => event.kind === "reset" || (event.kind === "run" && event.id === run.id) ? again(n => n + 1) : undefined), []);
  const empty = html`<${Empty} title=${t("No files")} text=${t("Log one from the program that this run is of:")} command="mlflow.log_artifact('plot.png')" />`;
  const [none, setNone] = useState(false);
  const list = path => listArtifacts(run.id, path).then(files => {
    if (path === "")
      setNone(!files.length);
    return files;
  });
  if (none)
    return empty;
  return html`<div class="artifacts"><div class="card files"><${FileTree} label=${t("Files")} list=${list} chosen=${file} version=${version} onChoose=${f => setParams({ file: f.path })} /></div>
    ${file ? html`<${Viewer} key=${file} run=${run} file=${file} />` : html`<div class="card viewer"><${Empty} title=${t("Choose a file")} /></div>`}</div>`;
}
