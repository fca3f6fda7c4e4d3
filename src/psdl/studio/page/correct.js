// What people say of verdicts, gathered, and what it would change, before it is applied.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { get, post, remove } from "./api.js";
import { attempt, go, jobOf, lastOf, note, reload, store } from "./store.js";
import { baseName, outcome, percent, plural, promised } from "./words.js";

export function Corrections() {
  const said = store.results.filter((row) => row.said);
  const job = jobOf("correct"), last = lastOf("correct");
  const draft = last?.state === "done" && store.state.models.some((one) => one.version === last.result.version && one.from === store.state.model) ? last.result : null;
  if (!said.length && !draft) return null;
  const good = said.filter((row) => row.label === "good").length, bad = said.length - good;
  const learn = () => attempt(async () => {
    await post("marks", { keys: said.filter((row) => row.label === "good").map((row) => row.key), use: "learn", label: "good" });
    await post("jobs/learn");
    await reload("images", "state");
    go("learn");
  });
  if (draft) return html`<${Draft} draft=${draft} />`;
  if (store.state.models.find((one) => one.version === store.state.model)?.corrections === said.length) {
    return html`<p class="soft">Your ${plural(said.length, "correction")} ${said.length === 1 ? "is" : "are"} part of the model in use.</p>`;
  }
  return html`<div class="panel corrections"><p><b>You corrected ${plural(said.length, "part")}</b>: ${[good && `${good} good`, bad && `${bad} defective`].filter(Boolean).join(", ")}.</p>
    <p class="row"><button type="button" class="primary" disabled=${Boolean(job)} onClick=${() => attempt(() => post("jobs/correct"))}>${job ? "Working it out…" : "See what they would change"}</button>
      <button type="button" disabled=${!good} onClick=${learn}>Learn again, the good ones too</button></p></div>`;
}

function Draft({ draft }) {
  const [flips, setFlips] = useState(null), [model, setModel] = useState(null);
  const now = store.state.model;
  useEffect(() => { attempt(async () => { setFlips(await get(`flips/${now}/${draft.version}`)); setModel(await get(`models/${draft.version}`)); }); }, [draft.version]);
  const name = (key) => baseName(store.images.find((one) => one.key === key)?.name || key);
  const use = () => attempt(async () => { await post(`models/${draft.version}/use`); note("The corrected model is in use. The one before stays under Models."); });
  const away = () => attempt(async () => { await remove(`models/${draft.version}`); await reload("state"); });
  return html`<div class="panel corrections"><h2>What your corrections would change</h2>
    ${flips && (flips.length ? html`<p>${plural(flips.length, "verdict")} would be another:</p><ul>${flips.slice(0, 12).map((one) => html`<li key=${one.key}>${name(one.key)}: <span class="badge ${one.before}">${one.before}</span> → <span class="badge ${one.after}">${one.after}</span></li>`)}${flips.length > 12 && html`<li>and ${flips.length - 12} more</li>`}</ul>` : html`<p>No verdict would change.</p>`)}
    ${model && store.model && html`<p>Of new good parts at most <b>${percent(promised(model, model.threshold))}</b> would be rejected; it is ${percent(promised(store.model, store.model.threshold))} now.</p>`}
    ${draft.said.map((line) => html`<p class="soft small">${outcome(line)}</p>`)}
    <p class="row"><button type="button" class="primary" onClick=${use}>Use the corrected model</button><button type="button" onClick=${away}>Discard it</button></p></div>`;
}
