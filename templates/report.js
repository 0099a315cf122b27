"use strict";
// Everything can be read without this: it adds what a pointer, a key and a filter do.
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const facts = document.getElementById("facts");
  const hot = new Set();

  function cool() {
    hot.forEach((element) => element.classList.remove("hot", "busy"));
    hot.clear();
  }
  function heat(element, name = "hot") {
    element.classList.add(name);
    hot.add(element);
  }
  function show(element) {
    cool();
    const section = element.closest("section");
    const key = element.dataset.k;
    if (key) {
      all(`[data-k="${key}"]`, section).forEach((other) => heat(other));
      all(".map", section).filter((map) => map.querySelector(`.band[data-k="${key}"]`)).forEach((map) => heat(map, "busy"));
    } else {
      heat(element);
    }
    const source = key ? section.querySelector(`rect[data-k="${key}"][data-facts]`) : element;
    const text = (source || element).dataset.facts || "";
    facts.replaceChildren(...text.split(" · ").map((line) => {
      const row = document.createElement("div");
      row.textContent = line;
      return row;
    }));
    facts.hidden = !text;
  }
  function hide() {
    cool();
    facts.hidden = true;
  }
  function leave() {
    const focused = document.activeElement;
    if (focused && focused.matches(".map [tabindex]")) show(focused);
    else hide();
  }

  const boxes = all(".map rect").filter((rect) => rect.querySelector("title"));
  boxes.forEach((rect) => {
    const title = rect.querySelector("title");
    rect.dataset.facts = title.textContent;
    rect.setAttribute("aria-label", title.textContent);
    title.remove();
  });
  const others = all(".map .band, .map text[data-k], .mappings tr[data-k]");
  [...boxes, ...others].forEach((element) => {
    element.addEventListener("pointerenter", () => show(element));
    element.addEventListener("pointerleave", leave);
    // Only boxes: a listener for it would make any part of a drawing focusable.
    if (!element.hasAttribute("tabindex")) return;
    element.addEventListener("focus", () => show(element));
    element.addEventListener("blur", leave);
  });

  // Buttons that hide the rows or findings of their kind, and the words of the filter.
  function pressed(buttons, name) {
    return new Set(buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset[name]));
  }
  function flip(button) {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  }
  all(".counts").forEach((group) => {
    const buttons = all("button", group);
    group.addEventListener("click", (event) => {
      if (!buttons.includes(event.target)) return;
      flip(event.target);
      const shown = pressed(buttons, "severity");
      all(".finding", group.closest("section")).forEach((f) => { f.hidden = !shown.has(f.dataset.severity); });
    });
  });
  all(".filter").forEach((form) => {
    form.hidden = false;
    const section = form.closest("section");
    const rows = all(".resources tbody tr:not(.group)", section).map((row) => [row, row.textContent.toLowerCase()]);
    const buttons = all("button", form);
    const input = form.querySelector("input");
    const rest = section.querySelector("details");
    function update() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const kinds = pressed(buttons, "kind");
      let count = 0;
      rows.forEach(([row, text]) => {
        row.hidden = !(kinds.has(row.parentElement.dataset.kind) && words.every((word) => text.includes(word)));
        count += !row.hidden;
      });
      all(".resources tbody", section).forEach((group) => {
        group.hidden = !all("tr:not(.group)", group).some((row) => !row.hidden);
      });
      if (words.length && rest) rest.open = true;
      form.querySelector("output").textContent = `${count} of ${rows.length}`;
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("input", update);
    buttons.forEach((button) => button.addEventListener("click", () => { flip(button); update(); }));
  });

  all(".copy").forEach((button) => {
    button.hidden = false;
    const lines = all(".line", button.parentElement);
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      const text = lines.length ? lines.map((line) => line.textContent).join("") : code.textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("pre") || code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const field = document.querySelector(".filter input");
    if (event.key === "/" && field && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      field.focus();
    }
  });
  // A link to a line or a file opens it.
  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const holder = target && target.closest("details");
    if (holder) {
      holder.open = true;
      target.scrollIntoView();
    }
  }
  addEventListener("hashchange", open);
  open();
})();
