/* spans.js - durations of runs of pipelines. Microseconds come in, milliseconds go out. Pure. */

/* How long it took, or takes until `now`; null: it has not begun. */
export function runMs({ started_us, ended_us, state }, now = Date.now()) {
  if (!started_us)
    return null;
  if (ended_us)
    return (ended_us - started_us) / 1000;
  return state === "running" || state === "retrying" ? Math.max(0, now - started_us / 1000) : null;
}

/* The median of the runs that went well. */
export function usualMs(runs) {
  const all = runs.filter(r => r.state === "succeeded" && r.started_us && r.ended_us).map(r => (r.ended_us - r.started_us) / 1000).sort((a, b) => a - b);
  return all.length ? all[Math.floor(all.length / 2)] : null;
}

/* Everything that follows from a stage, itself first, in the order of the stages. */
export function followers(stages, name) {
  const chosen = new Set([name]);
  for (let grew = true; grew;) {
    grew = false;
    for (const s of stages)
      if (!chosen.has(s.name) && (s.needs ?? []).some(n => chosen.has(n))) {
        chosen.add(s.name);
        grew = true;
      }
  }
  return stages.filter(s => chosen.has(s.name)).map(s => s.name);
}
