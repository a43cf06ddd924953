"use strict";
// Pressing a head sorts the rows of the first body by that column: numbers from the largest,
// words from A, then the other way round, then as given. What lies beneath them stays.

const keyOf = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
};

function compare(column, numeric, sign) {
  return (a, b) => {
    if (!numeric) {
      const [x, y] = [a, b].map((row) => row.cells[column].textContent);
      return sign * x.localeCompare(y, undefined, { numeric: true });
    }
    const [x, y] = [keyOf(a, column), keyOf(b, column)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  };
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.querySelector("tbody:not(.beneath)");
  if (!body) continue;
  const heads = [...table.tHead.rows[0].cells];
  const given = [...body.rows];
  heads.forEach((head, column) => {
    const numeric = given.some((row) => keyOf(row, column) !== null);
    const turns = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
    head.querySelector("button").addEventListener("click", () => {
      const turn = turns[turns.indexOf(head.getAttribute("aria-sort")) + 1];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (turn) head.setAttribute("aria-sort", turn);
      const sign = turn === "ascending" ? 1 : -1;
      const rows = [...given];
      body.append(...(turn ? rows.sort(compare(column, numeric, sign)) : rows));
    });
  });
}
