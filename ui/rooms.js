/* rooms.js - every page: its path, the module that draws it (loaded when first seen), and for the rail its name, picture and shortcut. The
 * order is the rail's. A room that is not here is not shown anywhere. */
export const rooms = [
  { path: "/", rail: "Home", icon: "home", key: "g h", load: () => import("./rooms/home.js") },
  { path: "/runs", rail: "Runs", icon: "runs", key: "g r", load: () => import("./rooms/runs.js") },
  { path: "/runs/{id}", load: () => import("./rooms/run.js") },
  { path: "/endpoints", rail: "Endpoints", icon: "endpoints", key: "g e", load: () => import("./rooms/endpoints.js") },
  { path: "/endpoints/{name}", load: () => import("./rooms/endpoint.js") },
  { path: "/audit", rail: "Audit", icon: "audit", key: "g a", load: () => import("./rooms/audit.js") },
  { path: "/settings", rail: "Settings", icon: "settings", key: "g s", load: () => import("./rooms/settings.js") },
];
