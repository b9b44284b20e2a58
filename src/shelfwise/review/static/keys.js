// Which key does what: letters may be changed, left out, or switched off altogether (WCAG 2.1.4).
(() => {
  "use strict";
  const OFF = "shelfwise-keys-off";
  const OWN = "shelfwise-keys";
  const FIRST = { accept: "a", skip: "s", unsure: "u", undo: "z", add: "/", next: "j", previous: "k", help: "?" };

  function own() {
    // somebody else may have written there
    try { return JSON.parse(localStorage.getItem(OWN)) || {}; } catch { return {}; }
  }
  const keys = () => ({ ...FIRST, ...own() });
  const nameOf = (key) => Object.keys(FIRST).find((name) => keys()[name] === key.toLowerCase());

  function show() {
    const now = keys();
    for (const hint of document.querySelectorAll("kbd[data-action]")) {
      hint.textContent = now[hint.dataset.action].toUpperCase();
      hint.hidden = !now[hint.dataset.action];
    }
    for (const field of document.querySelectorAll("input[data-action]")) field.value = now[field.dataset.action];
    const box = document.getElementById("keys-on");
    if (box) box.checked = localStorage.getItem(OFF) !== "yes";
  }

  function change(field) {
    const key = field.value.trim().toLowerCase();
    const other = key ? nameOf(key) : undefined;
    let problem = "";
    // digits tick categories
    if (/\d/.test(key)) problem = "Digits tick categories: take another key.";
    else if (other && other !== field.dataset.action) problem = `This key is taken by "${other}": take another.`;
    field.setCustomValidity(problem);
    field.reportValidity();
    if (problem) return;
    localStorage.setItem(OWN, JSON.stringify({ ...own(), [field.dataset.action]: key }));
    show();
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "keys-on") localStorage.setItem(OFF, event.target.checked ? "no" : "yes");
    if (event.target.matches("input[data-action]")) change(event.target);
  });
  document.addEventListener("click", (event) => {
    if (event.target.id !== "keys-first") return;
    localStorage.removeItem(OWN);
    show();
  });
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("htmx:afterSettle", show);

  window.shelfwiseKeys = { areOn: () => localStorage.getItem(OFF) !== "yes", nameOf };
})();
