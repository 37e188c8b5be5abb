/* models.js - the Chinese of graphs, timelines, and of the rooms models, approvals, features, data. */
export const models = {
  "Connections": "连接",
  "Fit": "适应",
  "Larger": "放大",
  "Show all of it": "显示全部",
  "Smaller": "缩小",
  "closes a cycle": "构成环",
  "from {names}": "来自 {names}",
  "leads to {names}": "通向 {names}",
  "{name}: arrow keys move the picture, + and - change its size, Tab goes to its nodes": "{name}：方向键移动图形，+ 和 - 缩放，Tab 进入节点",
  "{n} node is not shown|{n} nodes are not shown": "有 {n} 个节点未显示",
};
