/* runs.js - the Chinese of the table (parts/table.js) and of the room of runs. */
export const runs = {
  "Select all": "全选",
  "Select none": "取消全选",
  "Select {name}": "选择 {name}",
};
