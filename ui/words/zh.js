/* zh.js - the Chinese of every text, gathered from the rooms' pieces. A key that stands in two pieces must have the same value (checked by tests/ui). */
import { charts } from "./zh/charts.js";
import { endpoints } from "./zh/endpoints.js";
import { models } from "./zh/models.js";
import { monitors } from "./zh/monitors.js";
import { run } from "./zh/run.js";
import { runs } from "./zh/runs.js";
import { shell } from "./zh/shell.js";

export const zh = { ...shell, ...charts, ...endpoints, ...models, ...monitors, ...run, ...runs };
