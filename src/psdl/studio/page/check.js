// New parts: their verdicts, strangest first; filters, the limit, corrections.
import { html, useMemo, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { Grid } from "./grid.js";
import { attempt, changed, go, jobOf, reload, store } from "./store.js";
import { AddMore, Pick } from "./start.js";
import { Badge } from "./parts.js";
import { Limit } from "./limit.js";
import { Corrections } from "./correct.js";
import { Viewer } from "./viewer.js";
import { baseName, plural, verdictAt } from "./words.js";

const ORDER = { NG: 0, REVIEW: 1, OK: 2, ERROR: 3 };
export function truth(row) { return row.label === "good" ? "good" : row.label ? row.label : ""; }
export function wrong(row) { return row.label === "good" ? row.verdict === "NG" : Boolean(row.label) && row.verdict === "OK"; }

export function Check() {
  const { counts, model } = store.state;
  const [chosen, setFilter] = useState("");
  const [adding, setAdding] = useState(false);
  const [limit, setLimit] = useState(null); // a threshold that is being tried
  const tried = store.results.map((row) => (row.error ? { ...row, verdict: "ERROR" } : limit === null ? row : { ...row, verdict: verdictAt(row.score, limit, store.model.review_threshold) }));
  const filter = chosen === "wrong" && !tried.some(wrong) ? "" : chosen; // once all agree there is nothing to filter by
  const rows = useMemo(() => tried.filter((row) => !filter || (filter === "wrong" ? wrong(row) : row.verdict === filter))
    .sort((a, b) => ORDER[a.verdict] - ORDER[b.verdict] || (b.score ?? 0) - (a.score ?? 0)), [store.results, filter, limit]);
  const count = (verdict) => tried.filter((row) => row.verdict === verdict).length;
  const mistakes = tried.filter(wrong).length, broken = count("ERROR");
  if (!model) return html`<section><h1>Check</h1><p class="lead">Nothing has been learned yet.</p><p><button type="button" class="primary" onClick=${() => go(counts.learn >= 2 ? "learn" : "pictures")}>${counts.learn >= 2 ? "Learn first" : "Add pictures of good parts"}</button></p></section>`;
  if (!counts.check) return html`<section><h1>Check</h1><div class="way big-drop"><h2>Drop pictures of new parts here</h2><p class="soft">Each gets a verdict, and a mark where it is unlike the good parts.</p>
    <p class="row"><${Pick} use="check" primary=${true} /><${Pick} use="check" folder=${true} label="Choose a folder to copy" /><button type="button" onClick=${() => setAdding(true)}>More ways…</button></p></div>
    ${adding && html`<${AddMore} use="check" onClose=${() => setAdding(false)} />`}</section>`;
  const open = (key) => { store.open = { key, list: rows.map((row) => row.key) }; changed(); };
  const job = jobOf("judge");
  return html`<section>
    <div class="title-row"><div><h1>Check</h1>
      <p class="lead">${store.results.length ? html`${plural(count("NG"), "part")} of ${tried.length} to reject${count("REVIEW") ? `, ${count("REVIEW")} for a person to look at` : ""}.` : job ? "Checking…" : ""}</p></div>
      <p class="row"><button type="button" onClick=${() => setAdding(true)}>Add new parts…</button>
        <button type="button" onClick=${() => attempt(() => post(`models/${model}/report`))}>Make a report</button>
        ${store.state.jobs.some((one) => one.kind === "report" && one.state === "done" && one.what.version === model) && html`<a class="button" href=${`/api/files/${model}/report`} target="_blank" rel="noopener">Open the report</a>`}</p></div>
    <div class="chips" role="group" aria-label="show">
      <button type="button" class="chip ${filter === "" ? "on" : ""}" aria-pressed=${filter === ""} onClick=${() => setFilter("")}>all <b>${tried.length}</b></button>
      ${["NG", "REVIEW", "OK"].map((name) => html`<button type="button" key=${name} class="chip ${name} ${filter === name ? "on" : ""}" aria-pressed=${filter === name} onClick=${() => setFilter(name)}>${name} <b>${count(name)}</b></button>`)}
      ${mistakes > 0 && html`<button type="button" class="chip ${filter === "wrong" ? "on" : ""}" aria-pressed=${filter === "wrong"} onClick=${() => setFilter("wrong")}>unlike their label <b>${mistakes}</b></button>`}
      ${broken > 0 && html`<button type="button" class="chip ${filter === "ERROR" ? "on" : ""}" aria-pressed=${filter === "ERROR"} onClick=${() => setFilter("ERROR")}>cannot be read <b>${broken}</b></button>`}
    </div>
    <${Corrections} />
    ${store.model && store.results.length > 0 && html`<${Limit} rows=${store.results} model=${store.model} tried=${limit} onTry=${setLimit} />`}
    <${Grid} items=${rows} label="checked parts, strangest first" least=${170} below=${50} onOpen=${(place) => open(rows[place].key)}
      keys=${{ g: (keys) => correct(keys, "good"), d: (keys) => correct(keys, "defective") }}
      cell=${(row) => row.error ? html`<img src=${`/api/images/${row.key}/small`} alt="" /><span class="caption"><span class="badge">?</span> cannot be read</span><span class="name" title=${row.name}>${baseName(row.name)}</span>` : html`
        <span class="frame is-${row.verdict}"><img src=${`/api/pictures/${row.at}/pictures/${row.key}.image`} alt="" decoding="async" /><img src=${`/api/pictures/${row.at}/pictures/${row.key}.heat`} alt="" decoding="async" /></span>
        <span class="caption"><${Badge} verdict=${row.verdict} /> ${truth(row) && html`<span class="truth ${wrong(row) ? "wrong" : ""}">${row.said ? "you: " : ""}${truth(row)}</span>`}</span><span class="name" title=${row.name}>${baseName(row.name)}</span>`} />
    ${!rows.length && !job && html`<p class="soft">None.</p>`}
    <p class="soft keys">Click a part to see what is wrong with it. Keys: arrows, Enter opens, G good, D defective.</p>
    ${adding && html`<${AddMore} use="check" onClose=${() => setAdding(false)} />`}
    ${store.open && html`<${Viewer} />`}
  </section>`;
}

// What a person says of a checked part; said again it is taken back, unless it is to stay.
export async function correct(keys, label, stay = false) {
  const now = store.results.find((row) => row.key === keys[0]);
  const back = !stay && now?.said && (label === "good" ? now.label === "good" : now.label && now.label !== "good");
  await attempt(async () => { await post("marks", { keys, label: back ? "" : label }); await reload("images", "state", "results"); });
}
