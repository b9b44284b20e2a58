// Labels as one types: the form is sent in the background, and its answer takes the place of the last one.
"use strict";
const form = document.querySelector("form");
const answer = document.querySelector("#answer");
const LONGEST = 1024; // pixels of a picture's longer side; the service looks at fewer
let timer = 0;
let running = null; // the one request in flight
let picture = null; // the picture, shrunk; drawn anew it has no place or camera written in it

async function send() {
  if (running) running.abort();
  const mine = new AbortController();
  running = mine;
  const data = new FormData(form);
  data.delete("picture");
  if (picture) data.append("picture", picture, "picture.jpg");
  answer.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body: data, signal: mine.signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const found = page.querySelector("#answer");
    if (found) answer.replaceChildren(...found.childNodes);
    // labels of an earlier text must not stand beside a newer one
    else answer.textContent = response.status === 401
      ? "You are signed out: reload the page, and sign in again."
      : "The service refused this; try again in a moment.";
  } catch (error) {
    if (error.name === "AbortError") return;
    answer.textContent = "The service does not answer; try again in a moment.";
  }
  answer.removeAttribute("aria-busy");
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(send, 150);
}

async function shrink(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
}

form.addEventListener("input", (event) => {
  if (event.target.type !== "file") later();
});
// a model may read no image
form.querySelector("#picture")?.addEventListener("change", async (event) => {
  const [file] = event.target.files;
  // what the browser cannot read is sent as it is, so that the service can say why
  picture = file ? await shrink(file).catch(() => file) : null;
  later();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
answer.addEventListener("click", async (event) => {
  if (!event.target.matches("button[data-copy]")) return;
  await navigator.clipboard.writeText(document.querySelector(event.target.dataset.copy).textContent);
  event.target.textContent = "Copied";
});
if (form.querySelector("#title").value || form.querySelector("#description").value) send();
