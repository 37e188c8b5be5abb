/* timeline_days.js - events in groups of one local day each, in the order given. */

/* [[name of the day, items]]. What has no time stands under "–". */
export function byDay(items, language, zone) {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: zone }), days = [];
  for (const item of items) {
    const known = typeof item.time_ms === "number" && Number.isFinite(item.time_ms), name = known ? format.format(new Date(item.time_ms)) : "–";
    if (days.at(-1)?.[0] !== name)
      days.push([name, []]);
    days.at(-1)[1].push(item);
  }
  return days;
}
