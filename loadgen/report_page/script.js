// SPDX-License-Identifier: Apache-2.0
// Comforts only, the page says everything without: legend entries hide and emphasise their series, points tell
// their numbers.
"use strict";
const parts = document.querySelectorAll("[data-series]:not(button)");
const tip = document.getElementById("tip");

for (const button of document.querySelectorAll("button[data-series]")) {
  const each = (change) => parts.forEach((part) => change(part, part.dataset.series === button.dataset.series));
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    each((part, mine) => mine && part.classList.toggle("off", !shown));
  });
  const emphasise = () => each((part, mine) => part.tagName === "g" && part.classList.toggle("faint", !mine));
  const release = () => each((part) => part.classList.remove("faint"));
  button.addEventListener("pointerenter", emphasise);
  button.addEventListener("focus", emphasise);
  button.addEventListener("pointerleave", release);
  button.addEventListener("blur", release);
}

document.addEventListener("pointermove", (event) => {
  const text = event.target.dataset?.tip;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const above = event.clientY - tip.offsetHeight - 10;
  tip.style.left = `${Math.max(left, 4)}px`;
  tip.style.top = `${above < 4 ? event.clientY + 16 : above}px`;
});
