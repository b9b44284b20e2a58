// Keys, focus and the state of the connection. Without it every page works as plain forms.
(() => {
  "use strict";
  let unsent = null;

  const verdict = (name) => document.querySelector(`.verdicts [name=verdict][value=${name}]`);
  const checkboxes = () => [...document.querySelectorAll("#decide [name=label]")];

  // a text field keeps its letters
  const isTyping = (element) =>
    element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
    (element.tagName === "INPUT" && element.type !== "checkbox");

  const press = {
    accept: () => verdict("accept")?.click(),
    skip: () => verdict("skip")?.click(),
    unsure: () => verdict("unsure")?.click(),
    undo: () => document.getElementById("undo")?.click(),
    add: () => document.getElementById("add")?.focus(),
    next: () => document.getElementById("next")?.click(),
    previous: () => document.getElementById("previous")?.click(),
    help: () => { const keys = document.querySelector(".keys"); if (keys) keys.open = !keys.open; },
  };

  document.addEventListener("keydown", (event) => {
    // a held key must not decide ten products
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && isTyping(event.target)) { event.target.blur(); return; }
    if (isTyping(event.target) || !window.shelfwiseKeys.areOn() || !document.getElementById("decide")) return;
    // by place: some keyboards need Shift for digits
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    if (digit) {
      document.querySelector(`[data-key="${digit[1]}"]`)?.click();
      event.preventDefault();
      return;
    }
    if (event.key === "Enter") {
      // on a link or a button, Enter is theirs
      if (event.target.closest("a, button, summary")) return;
      event.preventDefault();
      document.getElementById("save")?.click();
      return;
    }
    const action = press[window.shelfwiseKeys.nameOf(event.key)];
    if (action) { event.preventDefault(); action(); }
  });

  // what lies below a category goes with it, what lies above comes with it
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.id === "add") { addLabel(box); return; }
    if (box.name !== "label") return;
    const path = (box.dataset.path || box.value).split("\n");
    for (const other of checkboxes()) {
      const others = (other.dataset.path || other.value).split("\n");
      if (box.checked && path.includes(other.value)) other.checked = true;
      if (!box.checked && others.slice(0, -1).includes(box.value)) other.checked = false;
    }
  });

  function addLabel(field) {
    const names = [...document.querySelectorAll("#known-labels option")].map((option) => option.value);
    const name = field.value.trim();
    // an unknown name stays in the field: the server says what was meant
    if (!names.includes(name)) return;
    let box = checkboxes().find((one) => one.value === name);
    if (!box) {
      const row = document.createElement("li");
      const label = document.createElement("label");
      label.className = "candidate";
      box = document.createElement("input");
      box.type = "checkbox"; box.name = "label"; box.value = name;
      const text = document.createElement("span");
      text.className = "name"; text.textContent = name;
      label.append(box, text); row.append(label);
      document.getElementById("candidates").append(row);
    }
    box.checked = true;
    box.dispatchEvent(new Event("change", { bubbles: true }));
    field.value = "";
    say(`Added ${name}`);
  }

  const say = (text) => { document.getElementById("status").textContent = text; };

  function arrive() {
    const said = document.querySelector("[data-said]");
    if (said) say(said.textContent);
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    // progress that shows itself anew: it takes no focus, and only its end is told
    if (event.target.id === "job") { if (event.target.dataset.state !== "working") finished(event.target); return; }
    arrive();
    // what stands against a decision comes before the product's name, wherever it is on the page
    const alert = document.querySelector("main [role=alert]");
    const target = alert?.querySelector("h2") || alert || document.querySelector("main h1");
    if (target) { target.tabIndex = -1; target.focus({ preventScroll: true }); }
    window.scrollTo(0, 0);
    document.title = (document.querySelector("main h1")?.textContent || "Review") + " · shelfwise";
  });
  document.addEventListener("DOMContentLoaded", arrive);

  function finished(job) {
    const heading = job.querySelector("h2");
    say(heading?.textContent || "");
    // the button that had the focus is gone
    if (document.activeElement === document.body && heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  }

  // one decision at a time: the next waits until this one is on the disk
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (unsent && event.detail.elt !== unsent) { event.preventDefault(); return; }
    if (event.detail.elt.id === "job") return;
    for (const button of document.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    for (const button of document.querySelectorAll("button")) button.removeAttribute("aria-busy");
    if (event.detail.successful) { unsent = null; banner(""); }
  });
  document.addEventListener("htmx:sendError", (event) => {
    const form = event.detail.elt;
    if (form.tagName !== "FORM" || form.method !== "post") { banner("Offline. Try again in a moment."); return; }
    unsent = form;
    banner("Not saved yet: the connection is gone, 1 decision waits. It is sent again by itself.");
    const again = event.detail.requestConfig;
    setTimeout(() => retry(form, again), 2000);
  });
  document.addEventListener("htmx:responseError", (event) => {
    const problem = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    banner("Not saved: " + (problem.querySelector("main p, p")?.textContent || "the server failed. Try again."));
  });

  // the same request key: a decision that did arrive is not kept twice
  function retry(form, config) {
    if (unsent !== form || !form.isConnected) return;
    unsent = null;
    const button = config.triggeringEvent?.submitter;
    if (button) form.requestSubmit(button); else form.requestSubmit();
  }

  function banner(text) {
    const place = document.getElementById("offline");
    place.textContent = text;
    place.hidden = !text;
  }
})();
