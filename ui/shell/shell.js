/* shell.js - what stands around every room: the rail (a bar at the foot of a phone), the top bar with search, language, theme, who is signed in, and
 * the line that says when the server is lost. */
import { cls, html, useEffect, useRef, useState } from "../lib/html.js";
import { onSignedOut, useData } from "../lib/api.js";
import { onConnection } from "../lib/events.js";
import { useKey } from "../lib/keys.js";
import { go, href } from "../lib/route.js";
import { useStored } from "../lib/store.js";
import { languages, setLanguage, t } from "../lib/words.js";
import { rooms } from "../rooms.js";
import { Icon } from "../parts/icons.js";
import { Menu, MenuItem } from "../parts/menu.js";
import { Toasts } from "../parts/toast.js";
import { Help } from "./help.js";
import { Search } from "./search.js";
import { SignIn, signOut } from "./signin.js";
import { applyTheme, isDark } from "./theme.js";

function isIn(room, path) {
  return room.path === "/" ? path === "/" : path === room.path || path.startsWith(room.path + "/");
}

function RailLink({ room, path }) {
  useKey(room.key, t(room.rail), () => go(room.path));
  return html`<a href=${href(room.path)} class=${cls("rail-link", isIn(room, path) && "here")} aria-current=${isIn(room, path) ? "page" : null} title=${t(room.rail)}><${Icon} name=${room.icon} /><span>${t(room.rail)}</span></a>`;
}

function Rail({ path }) {
  const bar = useRef(null);
  useEffect(() => { /* on a phone the bar is wider than the page: the room one is in stands in its middle */
    const here = bar.current.querySelector(".here");
    if (here)
      bar.current.scrollLeft = here.offsetLeft - (bar.current.clientWidth - here.offsetWidth) / 2;
  }, [path]);
  return html`<nav ref=${bar} class="rail" aria-label=${t("Rooms")}><a class="brand" href=${href("/")} aria-label="Ingot"><svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M5 5h10l3.500 10h-17z" fill="currentColor" /></svg><b>Ingot</b></a>
    ${rooms.filter(room => room.rail).map(room => html`<${RailLink} key=${room.path} room=${room} path=${path} />`)}</nav>`;
}

function ThemeButton() {
  const [theme, set] = useStored("theme", "system");
  useEffect(() => applyTheme(theme), [theme]);
  const next = isDark() ? "light" : "dark", text = next === "dark" ? t("Dark theme") : t("Light theme");
  return html`<button type="button" class="icon-button" title=${text} aria-label=${text} onClick=${() => { applyTheme(next); set(next); }}><${Icon} name=${isDark() ? "sun" : "moon"} /></button>`;
}

function LanguageMenu() {
  const [language] = useStored("language", "en");
  return html`<${Menu} text=${language === "zh" ? "中" : "EN"} label=${`${t("Language")}: ${language === "zh" ? "中" : "EN"}`} right className="icon-button wide">${close => languages.map(([name, text]) => html`
    <${MenuItem} key=${name} checked=${name === language} onClick=${() => { close(); setLanguage(name); }}>${text}</${MenuItem}>`)}</${Menu}>`;
}

function Who() {
  const me = useData("/api/ingot/v1/session").data;
  if (!me?.user)
    return null;
  return html`<${Menu} icon="user" label=${t("Signed in as {name}", { name: me.user })} right className="icon-button">${() => html`<div class="menu-text"><b>${me.user}</b></div>
    ${me.cookie && html`<${MenuItem} onClick=${signOut}>${t("Sign out")}</${MenuItem}>`}`}</${Menu}>`;
}

function Lost() {
  const [live, set] = useState("connecting"), [shown, show] = useState(false);
  useEffect(() => onConnection(set), []);
  useEffect(() => {
    if (live !== "lost")
      return show(false);
    const timer = setTimeout(() => show(true), 1500);
    return () => clearTimeout(timer);
  }, [live]);
  return shown && html`<div class="lost" role="status"><${Icon} name="warn" /> ${t("The connection to the server is lost. Trying again.")}</div>`;
}

export function Shell({ path, children }) {
  const [help, setHelp] = useState(false), [out, setOut] = useState(false);
  useEffect(() => onSignedOut(() => setOut(true)), []);
  useKey("?", t("Keyboard shortcuts"), () => setHelp(true));
  return html`<a class="skip" href="#main">${t("Skip to content")}</a><${Rail} path=${path} />
    <div class="top"><${Search} /><div class="top-right"><button type="button" class="icon-button desk" title=${t("Keyboard shortcuts")} aria-label=${t("Keyboard shortcuts")} onClick=${() => setHelp(true)}><${Icon} name="keyboard" /></button>
      <${LanguageMenu} /><${ThemeButton} /><${Who} /></div></div>
    <main id="main" tabindex="-1"><${Lost} />${out ? html`<${SignIn} done=${() => location.reload()} />` : children}</main>
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}<${Toasts} />`;
}
