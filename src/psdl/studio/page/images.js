// The images of a project: what was recognised, and what people say of them.
import { html, useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { Grid } from "./grid.js";
import { attempt, go, jobOf, reload, store } from "./store.js";
import { AddMore } from "./start.js";
import { Dialog } from "./parts.js";
import { Painter } from "./paint.js";
import { Region } from "./roi.js";
import { baseName, plural } from "./words.js";

const RANK = { learn: 0, check: 1, out: 2 };
const FILTERS = {
  learn: ["good, to learn from", (one) => one.use === "learn"],
  check: ["to be checked", (one) => one.use === "check"],
  defective: ["known to be defective", (one) => one.use === "check" && one.label && one.label !== "good"],
  out: ["left out", (one) => one.use === "out"],
};
export function tag(image) {
  if (image.use === "learn") return ["good", "learn"];
  if (image.use === "out") return ["left out", "out"];
  if (image.label === "good") return ["check: good", "known-good"];
  if (image.label) return [`check: ${image.label}`, "known-bad"];
  return ["to check", "check"];
}
const mark = (keys, what) => keys.length && attempt(async () => { await post("marks", { keys, ...what }); await reload("images", "state"); });
const MARKS = [
  ["g", "Good: learn from", { use: "learn", label: "good" }], ["d", "Defective", { use: "check", label: "defective" }],
  ["x", "Leave out", { use: "out" }], ["c", "To be checked", { use: "check", label: "" }],
];

export function Images() {
  const [filter, setFilter] = useState("all");
  const [only, setOnly] = useState(null);
  const [selected, setSelected] = useState(new Set());
  const [dialog, setDialog] = useState(null);
  const [looking, setLooking] = useState(null);
  const { counts } = store.state;
  const items = useMemo(() => store.images.filter((one) => (only ? only.has(one.key) : filter === "all" || FILTERS[filter][1](one)))
    .map((one, n) => [one, n]).sort(([a, m], [b, n]) => RANK[a.use] - RANK[b.use] || m - n).map(([one]) => one), [store.images, filter, only]);
  const act = (what) => (keys) => { mark(keys, what); setSelected(new Set()); };
  const keys = Object.fromEntries(MARKS.map(([key, , what]) => [key, act(what)]));
  const show = (list) => { setOnly(new Set(list)); setSelected(new Set()); };
  const tabs = [["all", "all", store.images.length], ...Object.entries(FILTERS).map(([name, [title, test]]) => [name, title, store.images.filter(test).length])];
  return html`<section>
    <div class="title-row"><div><h1>Pictures</h1>
      <p class="lead">${counts.learn ? `${plural(counts.learn, "picture")} of good parts to learn from` : "No pictures of good parts yet"}${counts.check ? `, ${counts.check} to be checked` : ""}.</p></div>
      <p class="row"><button type="button" onClick=${() => setDialog("add")}>Add pictures…</button>
        <button type="button" disabled=${!counts.learn} onClick=${() => setDialog("roi")}>${store.state.roi ? "Change where to look…" : "Where to look…"}</button>
        <button type="button" class="primary" disabled=${counts.learn < 2} onClick=${() => go("learn")}>Next: learn</button></p></div>
    <${Findings} show=${show} />
    <div class="chips" role="group" aria-label="show">${only ? html`<button type="button" class="chip on" onClick=${() => setOnly(null)}>${plural(only.size, "picture")} of a finding ✕</button>` : tabs.filter(([name, , count]) => count || name === "all").map(([name, title, count]) => html`
      <button type="button" key=${name} class="chip ${filter === name ? "on" : ""}" aria-pressed=${filter === name} onClick=${() => { setFilter(name); setSelected(new Set()); }}>${title} <b>${count}</b></button>`)}</div>
    <${Grid} items=${items} label="pictures" selected=${selected} onSelect=${setSelected} keys=${keys} onOpen=${(place) => setLooking(items[place])}
      cell=${(image) => html`<img src=${`/api/images/${image.key}/small`} alt="" decoding="async" /><span class="tag ${tag(image)[1]}">${tag(image)[0]}</span><span class="name" title=${image.name}>${baseName(image.name)}</span>`} />
    ${!items.length && html`<p class="soft">None.</p>`}
    <p class="soft keys">Click to select, Shift+click for a range, double click to look closely. Keys: arrows, Space selects, Enter looks, G good, D defective, X leave out.</p>
    ${selected.size > 0 && html`<div class="actions" role="toolbar" aria-label="selected pictures"><b>${selected.size} selected</b>
      ${MARKS.map(([key, title, what]) => html`<button type="button" key=${key} onClick=${() => act(what)([...selected])}>${title}</button>`)}
      <button type="button" onClick=${() => setLooking(store.images.find((one) => selected.has(one.key)))}>Look closely</button>
      <button type="button" onClick=${() => attempt(async () => { await post("forget", { keys: [...selected] }); setSelected(new Set()); })}>Remove</button>
      <button type="button" class="quiet" onClick=${() => setSelected(new Set())} aria-label="select none">✕</button></div>`}
    ${dialog === "add" && html`<${AddMore} use=${counts.learn ? "check" : "learn"} onClose=${() => setDialog(null)} />`}
    ${dialog === "roi" && html`<${Region} onClose=${() => setDialog(null)} />`}
    ${looking && html`<${Close} items=${items} image=${looking} onMove=${setLooking} onClose=${() => setLooking(null)} />`}
  </section>`;
}

// One picture large, as it is.
function Close({ items, image, onMove, onClose }) {
  const place = items.findIndex((one) => one.key === image.key);
  const now = items[place] || store.images.find((one) => one.key === image.key) || image;
  const step = (by) => items[place + by] && onMove(items[place + by]);
  const [painting, setPainting] = useState(false);
  const stamp = useMemo(() => Date.now(), [painting]); // a mask that was painted again is another picture
  useEffect(() => {
    const press = (event) => {
      if (painting) return;
      if (event.key === "ArrowRight") step(1);
      else if (event.key === "ArrowLeft") step(-1);
      else { const found = MARKS.find(([key]) => key === event.key); if (!found || event.ctrlKey) return; mark([image.key], found[2]); }
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  if (painting) return html`<${Painter} image=${now} onClose=${() => setPainting(false)} />`;
  return html`<${Dialog} wide=${true} title=${baseName(image.name)} onClose=${onClose} actions=${html`
      <button type="button" onClick=${() => step(-1)} disabled=${place <= 0} aria-label="previous">←</button><button type="button" onClick=${() => step(1)} disabled=${place >= items.length - 1} aria-label="next">→</button>
      <span class="grow"><span class="tag inline ${tag(now)[1]}">${tag(now)[0]}</span></span>
      <button type="button" onClick=${() => setPainting(true)}>${now.mask ? "Change the marked defect…" : "Mark the defect…"}</button>
      ${MARKS.slice(0, 3).map(([key, title, what]) => html`<button type="button" key=${key} onClick=${() => mark([image.key], what)}>${title} <kbd>${key.toUpperCase()}</kbd></button>`)}`}>
    <div class="stage whole"><img src=${`/api/images/${image.key}/large`} alt=${image.name} />${now.mask && html`<img class="marked" src=${`/api/images/${image.key}/mask?${stamp}`} alt="the marked defect" />`}</div>
  <//>`;
}

// What the last look at the images found, in words, each with the pictures it is about.
function Findings({ show }) {
  const found = store.state.survey, job = jobOf("look");
  if (!found) return job ? null : html`<p><button type="button" onClick=${() => attempt(() => post("jobs/look"))}>Look for damaged files and doubles</button></p>`;
  const known = new Set(store.images.map((one) => one.key));
  const use = new Map(store.images.map((one) => [one.key, one.use]));
  const there = (keys) => keys.filter((key) => known.has(key));
  const lines = [];
  const broken = there(Object.keys(found.unreadable));
  if (broken.length) lines.push(["warn", `${plural(broken.length, "file")} cannot be read and will be left out: ${found.unreadable[broken[0]]}`, broken]);
  const same = found.identical.map(there).filter((group) => group.length > 1);
  if (same.length) lines.push(["warn", `${plural(same.length, "picture")} ${same.length === 1 ? "is" : "are"} here more than once, byte for byte.`, same.flat()]);
  const across = found.pairs.filter(([a, b]) => known.has(a) && known.has(b) && use.get(a) !== use.get(b) && [use.get(a), use.get(b)].every((one) => one !== "out"));
  if (found.leaks && across.length) lines.push([found.leaking ? "warn" : "info", `${plural(found.leaks, "picture")} to be checked ${found.leaks === 1 ? "shows a part" : "show parts"} that ${found.leaks === 1 ? "is" : "are"} also learned from, so checking ${found.leaks === 1 ? "it" : "them"} proves little.`, [...new Set(across.flatMap(([a, b]) => [a, b]))]]);
  const twins = found.pairs.filter(([a, b]) => use.get(a) === "learn" && use.get(b) === "learn");
  if (twins.length) lines.push(["info", `The ${found.learned} pictures of good parts seem to show ${plural(found.items, "different part")}: pictures of one part are kept together when the limit is set.`, [...new Set(twins.flatMap(([a, b]) => [a, b]))]]);
  const sizes = Object.keys(found.sizes);
  const facts = [sizes.length === 1 ? `all ${sizes[0].replace("x", "×")} pixels` : `${sizes.length} sizes`, !lines.length && "no damaged files, no doubles"].filter(Boolean);
  if (found.learned < 20 && found.learned > 0) lines.push(["info", `${plural(found.learned, "picture")} of good parts ${found.learned === 1 ? "is" : "are"} few: 20 or more make the limit trustworthy.`, []]);
  return html`<div class="findings"><p class="soft">${plural(found.images, "picture")} looked at: ${facts.join(", ")}.${job ? " Looking again…" : ""}</p>
    ${lines.map(([kind, text, keys]) => html`<p class="finding ${kind}">${text} ${keys.length > 0 && html`<button type="button" class="link" onClick=${() => show(keys)}>show</button>`}</p>`)}</div>`;
}
