/* charts.js - the Chinese of charts and of the room that compares runs. */
export const charts = {
  "and {n} more": "另有 {n} 条",
  "Chart menu": "图表菜单",
  "From": "起",
  "Highest": "最大值",
  "Last": "最后值",
  "Lowest": "最小值",
  "No data": "无数据",
  "no data": "无数据",
  "Points": "点数",
  "Save as CSV": "另存为 CSV",
  "Save as PNG": "另存为 PNG",
  "Series": "序列",
  "To": "止",
  "Zoom out": "还原缩放",
  "{n} value at or below 0 is not on a logarithmic axis.|{n} values at or below 0 are not on a logarithmic axis.": "{n} 个小于或等于 0 的值无法显示在对数坐标轴上。",
  "{name}: arrow keys move the cursor, plus and minus zoom": "{name}：方向键移动光标，加号和减号缩放",
};
