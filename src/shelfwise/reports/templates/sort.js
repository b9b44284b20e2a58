document.querySelectorAll("table.sortable th").forEach(th => {
  const sort = () => {
    const body = th.closest("table").tBodies[0], column = th.cellIndex;
    const down = th.getAttribute("aria-sort") !== "descending";
    const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
    const order = (a, b) => isNaN(key(a)) || isNaN(key(b)) ? key(a).localeCompare(key(b)) : key(a) - key(b);
    [...body.rows].sort((a, b) => down ? order(b, a) : order(a, b)).forEach(row => body.append(row));
    th.parentNode.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  th.tabIndex = 0;
  th.addEventListener("click", sort);
  th.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); } });
});
