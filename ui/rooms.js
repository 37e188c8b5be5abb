/* rooms.js - every page: its path, the module that draws it (loaded when first seen), and for the rail its name, picture and shortcut. The
 * order is the rail's. A room that is not here is not shown anywhere. */
export const rooms = [
  { path: "/", rail: "Home", icon: "home", key: "g h", load: () => import("./rooms/home.js") },
  { path: "/runs", rail: "Runs", icon: "runs", key: "g r", load: () => import("./rooms/runs.js") },
  { path: "/compare", load: () => import("./rooms/compare.js") },
  { path: "/runs/{id}", load: () => import("./rooms/run.js") },
  { path: "/models", rail: "Models", icon: "models", key: "g m", load: () => import("./rooms/models.js") },
  { path: "/models/{name}", load: () => import("./rooms/model.js") },
  { path: "/models/{name}/{version}", load: () => import("./rooms/model_version.js") },
  { path: "/endpoints", rail: "Endpoints", icon: "endpoints", key: "g e", load: () => import("./rooms/endpoints.js") },
  { path: "/endpoints/{name}", load: () => import("./rooms/endpoint.js") },
  { path: "/pipelines", rail: "Pipelines", icon: "pipelines", key: "g p", load: () => import("./rooms/pipelines.js") },
  { path: "/pipelines/{name}", load: () => import("./rooms/pipeline.js") },
  { path: "/pipelines/{name}/{run}", load: () => import("./rooms/pipeline.js") },
  { path: "/features", rail: "Features", icon: "features", key: "g f", load: () => import("./rooms/features.js") },
  { path: "/features/{view}", load: () => import("./rooms/features.js") },
  { path: "/data", rail: "Data", icon: "data", key: "g d", load: () => import("./rooms/data.js") },
  { path: "/monitors", rail: "Monitors", icon: "monitors", key: "g o", load: () => import("./rooms/monitors.js") },
  { path: "/monitors/{name}", load: () => import("./rooms/monitor.js") },
  { path: "/audit", rail: "Audit", icon: "audit", key: "g a", load: () => import("./rooms/audit.js") },
  { path: "/settings", rail: "Settings", icon: "settings", key: "g s", load: () => import("./rooms/settings.js") },
];
