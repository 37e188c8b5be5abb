/* timeline_days.js - events in groups of one local day each, in the order given. */
import { isTime } from "../lib/format.js";

/* [[name of the day, items]]. What has no time stands under "–". */
export function byDay(items, language, zone) {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: zone }), days = [];
  for (const item of items) {
    const name = isTime(item.time_ms) ? format.format(new Date(item.time_ms)) : "–";
    if (days.at(-1)?.[0] !== name)
      days.push([name, []]);
    days.at(-1)[1].push(item);
  }
  return days;
}
