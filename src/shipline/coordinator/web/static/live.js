// Keeps times true, and pages up to date by server-sent events.
"use strict";
(function () {
  const root = document.documentElement;
  const skew = Date.now() - Date.parse(root.dataset.now);
  const since = (moment) => (Date.now() - skew - Date.parse(moment)) / 1000;

  // The words of web/times.py.
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  function span(seconds) {
    if (seconds < 60) return Math.max(0, Math.floor(seconds)) + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min " + two(seconds % 60) + " s";
    return Math.floor(seconds / 3600) + " h " + two((seconds % 3600) / 60) + " min";
  }
  function distance(seconds) {
    const far = Math.abs(seconds);
    if (far < 5) return seconds >= 0 ? "just now" : "in a moment";
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => far >= size);
    const words = Math.floor(far / size) + " " + unit;
    return seconds >= 0 ? words + " ago" : "in " + words;
  }
  function show(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }
  setInterval(() => {
    for (const one of document.querySelectorAll("[data-since]")) show(one, span(since(one.dataset.since)));
    for (const one of document.querySelectorAll("time")) show(one, distance(since(one.dateTime)));
  }, 1000);

  // While a button is being pressed its page stays as it is: a click is lost when it ends on another element.
  let pressed = false;
  const kept = new Map();
  function released() {
    setTimeout(() => {
      pressed = false;
      for (const [part, html] of kept) replace(part, html);
      kept.clear();
    });
  }
  addEventListener("pointerdown", () => { pressed = true; }, true);
  addEventListener("pointerup", released, true);
  addEventListener("pointercancel", released, true);

  // A part of the page as it is now; who stands on a link or button in it stays there, and what is open stays open.
  function replace(part, html) {
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    const place = held && (held.getAttribute("href") || held.textContent);
    const opened = [...part.querySelectorAll("details[id][open]")].map((one) => one.id);
    part.innerHTML = html;
    for (const one of part.querySelectorAll("details[id]")) if (opened.includes(one.id)) one.open = true;
    if (!place) return;
    const same = [...part.querySelectorAll("a, button, summary")];
    const next = same.find((one) => (one.getAttribute("href") || one.textContent) === place);
    if (next) next.focus({ preventScroll: true });
  }

  const log = document.getElementById("log");
  let follows = false;

  // What the server sends is well-formed but for <details> that are still open: those take what comes next.
  function append(html) {
    const opened = log.querySelectorAll("details[data-open]");
    let at = opened.length ? opened[opened.length - 1] : log;
    for (const piece of html.split(/(<details[^>]*>|<\/details>)/)) {
      if (!piece) continue;
      if (piece.startsWith("<details")) {
        const section = document.createElement("details");
        section.className = "section";
        section.open = / open/.test(piece);
        section.dataset.open = "";
        at.append(section);
        at = section;
      } else if (piece === "</details>") {
        delete at.dataset.open;
        // In the summary it is seen when the section is folded too.
        const took = at.querySelector(":scope > .took");
        if (took) at.querySelector("summary").append(took);
        at = at.parentElement.closest("details[data-open]") || log;
      } else {
        at.insertAdjacentHTML("beforeend", piece);
      }
    }
  }
  function grow(html) {
    const end = () => log.getBoundingClientRect().bottom - window.innerHeight;
    // Who looks at the end of the log of a running job keeps seeing it.
    const follow = follows && end() < 60;
    append(html);
    if (follow && end() > -20) window.scrollBy(0, end() + 20);
  }

  const live = document.querySelector("[data-live]");
  if (!live) return;
  const source = new EventSource(live.dataset.live);
  const lost = document.getElementById("lost");
  const on = (name, handle) => source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  source.addEventListener("open", () => { lost.hidden = true; });
  source.addEventListener("error", () => {
    const gone = source.readyState === EventSource.CLOSED;
    lost.textContent = gone ? "No longer live: reload the page." : "The connection is lost; trying again …";
    lost.hidden = false;
  });
  on("page", (page) => {
    document.title = page.title;
    for (const [name, html] of Object.entries(page.parts)) {
      const part = document.querySelector(`[data-part="${name}"]`);
      // A page that is older than the server may lack one.
      if (!part) continue;
      if (pressed) kept.set(part, html); else replace(part, html);
    }
  });
  on("done", () => source.close());
  if (log) {
    follows = !("over" in log.dataset);
    on("reset", () => log.replaceChildren());
    on("log", (piece) => grow(piece.html));
  }
})();
