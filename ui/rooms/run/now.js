/* now.js - the time, each second while something runs: for durations that grow. */
import { useEffect, useState } from "../../lib/html.js";

export function useNow(running) {
  const [now, set] = useState(() => Date.now());
  useEffect(() => {
    if (!running)
      return undefined;
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}
