/* zh.js - the Chinese of every text, gathered from the rooms' pieces. A key that stands in two pieces must have the same value (checked by tests/ui). */
import { shell } from "./zh/shell.js";

export const zh = { ...shell };
