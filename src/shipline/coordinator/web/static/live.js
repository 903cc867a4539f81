// Keeps a page up to date by server-sent events.
"use strict";
(function () {
  const log = document.getElementById("log");
  if (log) {
    const source = new EventSource(log.dataset.live);
    const append = (html) => {
      const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 80;
      // Whole lines arrive; a section that is open takes them in.
      const open = log.querySelectorAll("details[data-open]");
      const target = open.length ? open[open.length - 1] : log;
      insert(target, html);
      if (atEnd) window.scrollTo(0, document.body.scrollHeight);
    };
    // The server sends well-formed text with unclosed <details>; keep track of what is open.
    const insert = (target, html) => {
      let at = target;
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
          at = at.parentElement.closest("details[data-open]") || log;
        } else {
          at.insertAdjacentHTML("beforeend", piece);
        }
      }
    };
    const html = (event) => JSON.parse(event.data).html;
    source.addEventListener("reset", (event) => { log.replaceChildren(); append(html(event)); });
    source.addEventListener("log", (event) => append(html(event)));
    source.addEventListener("status", (event) => {
      const facts = JSON.parse(event.data);
      const badge = document.getElementById("status");
      badge.textContent = facts.status;
      badge.className = "badge big " + facts.status;
      document.getElementById("why").textContent = facts.why;
      document.getElementById("took").textContent = facts.took || "–";
    });
    source.addEventListener("done", (event) => { append(html(event)); source.close(); });
  }
  const pipeline = document.getElementById("pipeline");
  if (pipeline && pipeline.dataset.live) {
    const source = new EventSource(pipeline.dataset.live);
    source.addEventListener("change", async (event) => {
      const answer = await fetch(pipeline.dataset.body);
      if (answer.ok) pipeline.innerHTML = await answer.text();
      if (["success", "failed", "canceled", "skipped"].includes(JSON.parse(event.data).status)) source.close();
    });
  }
})();
