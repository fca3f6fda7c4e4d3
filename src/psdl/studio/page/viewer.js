// One checked part: verdict, heat, outline, the reason in words, the good place most like it.
import { html, useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { attempt, changed, store } from "./store.js";
import { Badge, Dialog } from "./parts.js";
import { correct, truth } from "./check.js";
import { Layers } from "./learn.js";
import { Painter } from "./paint.js";
import { baseName, number, summary, whereabouts, why } from "./words.js";

const layers = { heat: true, outline: true, marked: null }; // null: what the person marked, not what a data set says

export function Viewer() {
  const { key, list } = store.open;
  const place = list.indexOf(key), brief = store.results.find((row) => row.key === key);
  const [full, setFull] = useState(null);
  const [, again] = useState(0);
  const [painting, setPainting] = useState(false);
  const stamp = useMemo(() => Date.now(), [painting, key]); // a mask that was painted again is another picture
  const version = store.state.model;
  useEffect(() => {
    let current = true;
    attempt(async () => { const found = await get(`results/${version}/${key}`); if (current) setFull(found); });
    for (const next of [list[place + 1], list[place - 1]]) if (next) new Image().src = `/api/images/${next}/large`;
    return () => { current = false; };
  }, [key, version, brief?.at]);
  const close = () => { store.open = null; changed(); };
  const step = (by) => { const next = list[place + by]; if (next) { store.open = { key: next, list }; changed(); } };
  const toggle = (name) => { layers[name] = !layers[name]; again((n) => n + 1); };
  useEffect(() => {
    const press = (event) => {
      if (painting || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "ArrowRight") step(1);
      else if (event.key === "ArrowLeft") step(-1);
      else if (event.key === "h") toggle("heat");
      else if (event.key === "o") toggle("outline");
      else if (event.key === "m") setPainting(true);
      else if (event.key === "g") correct([key], "good");
      else if (event.key === "d") correct([key], "defective");
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  const row = full && full.key === key ? full : null;
  const marked = Boolean(brief?.mask) && (layers.marked ?? Boolean(brief.said));
  const base = row && `/api/pictures/${row.at}/pictures/${key}`;
  const verdict = brief?.verdict ?? row?.verdict;
  const saidGood = brief?.said && brief.label === "good", saidBad = brief?.said && brief.label && brief.label !== "good";
  const here = (marked) => marked && !saidBad && correct([key], "defective", true);
  if (painting) return html`<${Painter} image=${{ ...brief, key }} found=${row?.picture} onSaved=${here} onClose=${() => setPainting(false)} />`;
  return html`<${Dialog} wide=${true} title=${baseName(brief?.name || row?.path || key)} onClose=${close} actions=${html`
      <button type="button" onClick=${() => step(-1)} disabled=${place <= 0} aria-label="previous part">←</button><button type="button" onClick=${() => step(1)} disabled=${place >= list.length - 1} aria-label="next part">→</button>
      <span class="soft grow">${place + 1} of ${list.length}</span>
      <button type="button" class=${saidGood ? "on" : ""} aria-pressed=${Boolean(saidGood)} onClick=${() => correct([key], "good")}><span class="long">This part is </span>good <kbd>G</kbd></button>
      <button type="button" class=${saidBad ? "on" : ""} aria-pressed=${Boolean(saidBad)} onClick=${() => correct([key], "defective")}><span class="long">This part is </span>defective <kbd>D</kbd></button>
      <button type="button" class=${brief?.mask && saidBad ? "on" : ""} onClick=${() => setPainting(true)}>Defective, here… <kbd>M</kbd></button>`}>
    ${!row ? html`<p class="soft">Loading…</p>` : row.error ? html`<p class="finding warn">${row.error}</p>` : html`<div class="viewer">
      <div><div class="stage"><${Layers} base=${base} row=${row} large=${`/api/images/${key}/large`} heat=${layers.heat} outline=${layers.outline} marked=${marked && `/api/images/${key}/mask?${stamp}`} /></div>
        <p class="row toggles"><label><input type="checkbox" checked=${layers.heat} onChange=${() => toggle("heat")} /> heat: the brighter, the stranger <kbd>H</kbd></label><label><input type="checkbox" checked=${layers.outline} onChange=${() => toggle("outline")} /> outline <kbd>O</kbd></label>
          ${brief?.mask && html`<label><input type="checkbox" checked=${marked} onChange=${() => { layers.marked = !marked; again((n) => n + 1); }} /> ${brief.said ? "what you marked" : "the marked defect"}</label>`}</p></div>
      <div class="facts"><p class="verdict"><${Badge} verdict=${verdict} /> ${summary({ ...row, verdict }, store.model)}</p>
        ${truth(brief || {}) && html`<p class="soft">${brief.said ? "You say" : "Its label says"}: ${truth(brief)}.</p>`}
        ${row.regions.slice(0, 5).map((region, n) => html`<${Spot} key=${n} region=${region} n=${n} row=${row} base=${base} />`)}
        ${row.regions.length > 5 && html`<p class="soft">and ${row.regions.length - 5} smaller places.</p>`}
        ${!row.regions.length && verdict !== "OK" && html`<p>No single place stands out: the part as a whole is a little unlike the good ones.</p>`}
        <details><summary>Figures</summary><dl><dt>score</dt><dd>${number(row.score, 5)}</dd><dt>reject above</dt><dd>${number(store.model?.threshold, 5)}</dd>
          ${store.model?.review_threshold !== null && html`<dt>look above</dt><dd>${number(store.model?.review_threshold, 5)}</dd>`}<dt>p-value</dt><dd>${number(row.p_value, 3)}</dd><dt>file</dt><dd class="path">${row.where}</dd></dl></details>
      </div></div>`}
  <//>`;
}

function Spot({ region, n, row, base }) {
  const [left, top, right, bottom] = region.box;
  const pair = row.patches?.[n];
  return html`<div class="spot"><h3>${n === 0 ? "Strangest place" : `Place ${n + 1}`}: ${whereabouts(region, row.width, row.height)}</h3>
    <p>${why(region)}</p>
    ${pair && html`<div class="pair"><figure><img src=${`${base}.here${n}`} alt="the strange place" /><figcaption>here</figcaption></figure><figure><img src=${`${base}.good${n}`} alt="the most similar place of a good part" /><figcaption>most like it among the good parts</figcaption></figure></div>`}
    <p class="soft small">${right - left} × ${bottom - top} pixels${pair ? `, compared with ${baseName(pair)}` : ""}</p></div>`;
}
