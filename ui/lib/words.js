/* words.js - every text that people read goes through t(). Keys are the English text, the Chinese stands in words/zh/.
 * {name} in a text is replaced by args.name; a text that is different for one and many is written
 * t("{n} run|{n} runs", {n: 3}): the first form for what Intl.PluralRules calls "one" (Chinese has one form only). */
import { zh } from "../words/zh.js";
import { load, save } from "./store.js";

export const languages = [["en", "English"], ["zh", "中文"]];
const TABLES = { en: null, zh };

function preferred() {
  const stored = load("language", null);
  if (stored in TABLES)
    return stored;
  return (navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

let language = preferred();
let plural = new Intl.PluralRules(language);

export function currentLanguage() {
  return language;
}

/* For Intl: dates and numbers follow the browser where its language is the page's. */
export function locale() {
  const own = navigator.language ?? "";
  return own.toLowerCase().startsWith(language) ? own : language;
}

export function setLanguage(name) {
  language = name in TABLES ? name : "en";
  plural = new Intl.PluralRules(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  if (load("language", null) !== language)
    save("language", language);
}

/* Also for tests: which form, and what stands in it. */
export function fill(text, args, rules) {
  let form = text;
  if (args && "n" in args && text.includes("|")) {
    const forms = text.split("|");
    form = forms.length === 1 || rules.select(Math.abs(args.n)) === "one" ? forms[0] : forms[1];
  }
  return args ? form.replace(/\{(\w+)\}/g, (whole, key) => (key in args ? String(args[key]) : whole)) : form;
}

export function t(text, args) {
  const table = TABLES[language];
  return fill(table?.[text] ?? text, args, plural);
}
