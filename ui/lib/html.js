/* html.js - the one door to Preact and htm. Every other module takes them from here, so that a change of the
 * vendor's file or address is a change of this line. */
export {
  html, render, Component, useState, useReducer, useEffect, useLayoutEffect, useRef, useMemo,
  useCallback, useErrorBoundary,
} from "../vendor/preact.js";

/* Joins class names; what is false, null or "" is left out. */
export function cls(...names) {
  return names.filter(Boolean).join(" ");
}
