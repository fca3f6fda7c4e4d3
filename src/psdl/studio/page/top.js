// The head of every page: the name, what stands beside it, and where one can go.
import { html } from "./vendor/preact-htm.js";

// plain: there are no steps, but a link or two.
export function Top({ name, beside, label, plain, children }) {
  return html`<header class="top ${plain ? "plain" : ""}"><div class="bar-top"><span class="brand"><img src="/page/icon.svg" alt="" width="22" height="22" />${name}</span>${beside}</div>
    <nav aria-label=${label}>${children}</nav></header>`;
}
