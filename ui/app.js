/* app.js - begins: shell around the room that the address names. */
import { html, render, useEffect, useErrorBoundary, useState } from "./lib/html.js";
import { startEvents } from "./lib/events.js";
import { startKeys } from "./lib/keys.js";
import { match, startRouting, useLocation } from "./lib/route.js";
import { load, useStored } from "./lib/store.js";
import { currentLanguage, setLanguage, t } from "./lib/words.js";
import { rooms } from "./rooms.js";
import { Failed, Skeleton } from "./parts/states.js";
import { Page } from "./parts/page.js";
import { startCopying } from "./parts/values.js";
import { Shell } from "./shell/shell.js";
import { applyTheme } from "./shell/theme.js";

function found(path) {
  for (const room of rooms) {
    const args = match(room.path, path);
    if (args)
      return { room, args };
  }
  return null;
}

function Missing({ path }) {
  return html`<${Page} title=${t("No such page")}><${Failed} error=${{ status: 404, message: t("There is nothing at {path}.", { path }) }} /></${Page}>`;
}

/* The module of a room is loaded once; a room that throws takes down itself, not the shell. */
function Room({ room, args }) {
  const [state, set] = useState({ view: room.view ?? null, error: null });
  const [broken] = useErrorBoundary(error => console.error(error));
  useEffect(() => {
    if (!room.view)
      room.load().then(module => {
        room.view = module.default;
        set({ view: room.view, error: null });
      }, error => set({ view: null, error }));
  }, []);
  if (broken || state.error)
    return html`<${Page} title=${t("This page broke")}><${Failed} error=${{ message: String((broken ?? state.error).message) }} retry=${() => location.reload()} /></${Page}>`;
  return state.view ? html`<${state.view} ...${args} />` : html`<${Skeleton} lines=${6} />`;
}

function App() {
  const { path } = useLocation();
  const [language] = useStored("language", currentLanguage());
  const at = found(path);
  return html`<${Shell} key=${language} path=${path}>${at ? html`<${Room} key=${at.room.path + JSON.stringify(at.args)} room=${at.room} args=${at.args} />` : html`<${Missing} path=${path} />`}</${Shell}>`;
}

setLanguage(currentLanguage());
applyTheme(load("theme", "system"));
startRouting();
startKeys();
startCopying();
startEvents();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
