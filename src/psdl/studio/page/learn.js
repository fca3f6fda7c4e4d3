// One button that learns; what was learned; the good parts that look least like the rest.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { Progress } from "./parts.js";
import { attempt, go, jobOf, lastOf, reload, store } from "./store.js";
import { baseName, day, number, plural, RECIPES, sentence } from "./words.js";

export function Learn() {
  const { counts, model, settings } = store.state;
  const job = jobOf("learn"), last = lastOf("learn");
  const [ticked, setTicked] = useState(new Set());
  useEffect(() => { if (counts.learn >= 2 && !job) attempt(() => post("jobs/plan")); }, [counts.learn, settings.recipe, settings.size]);
  const plan = lastOf("plan");
  const stopped = !job && last && ["cancelled", "failed"].includes(last.state);
  const learn = () => attempt(async () => { await post("jobs/learn"); await reload("state"); });
  const drop = () => attempt(async () => {
    await post("marks", { keys: [...ticked], use: "out" });
    setTicked(new Set());
    await post("jobs/learn");
    await reload("images", "state");
  });
  const shown = store.model;
  const strange = (shown?.strangest || []).filter((one) => store.images.some((image) => image.key === one.key && image.use === "learn")).slice(0, 12);
  return html`<section>
    <h1>Learn</h1>
    ${counts.learn < 2 ? html`<p class="lead">There are no good parts to learn from yet.</p><p><button type="button" class="primary" onClick=${() => go("pictures")}>Add pictures of good parts</button></p>` : html`
    ${job ? html`<div class="panel"><${Progress} job=${job} big=${true} /><${Steps} job=${job} /></div>` : html`<div class="panel">
      <p class="lead">${model ? `Learned from ${plural(shown?.learned ?? 0, "good part")}.` : `Ready to learn from ${plural(counts.learn, "picture")} of good parts.`}
        ${model && shown && shown.learned !== counts.learn ? ` There are ${counts.learn} now.` : ""}</p>
      <p class="row"><button type="button" class=${model ? "" : "primary large"} onClick=${learn}>${stopped ? "Go on learning" : model ? "Learn again" : "Learn"}</button>
        ${model && counts.check > 0 && html`<button type="button" class="primary" onClick=${() => go("check")}>Next: see the ${counts.check} checked parts</button>`}
        ${model && !counts.check && html`<button type="button" class="primary" onClick=${() => go("check")}>Next: check new parts</button>`}
        <span class="soft">${!model && plan?.result ? `${sentence(plan.result.words)}; a minute or two for a few hundred pictures.` : ""}</span></p>
      ${last?.state === "failed" && html`<p class="finding warn">${last.error}</p>`}
      <${More} />
    </div>`}
    ${shown && !job && html`<div class="panel"><h2>What this model promises</h2>${shown.promise.map((line) => html`<p class="promise">${sentence(line)}.</p>`)}
      <p class="soft">${sentence(shown.what)} ${day(shown.on)}, ${RECIPES[shown.recipe] || shown.recipe}.</p>
      ${(lastOf("learn")?.said || []).filter((line) => line.startsWith("skipped")).map((line) => html`<p class="finding warn">${sentence(line)}</p>`)}</div>`}
    ${strange.length > 0 && !job && html`<div><h2>Are these really good?</h2>
      ${strange.length > 1 && strange[0].score > 1.4 * strange[1].score && html`<p class="finding warn">${baseName(strange[0].name)} is far stranger than all the others. Is it a good part?</p>`}
      <p>Of the pictures learned from, these look least like the rest. A bad part among the good ones hides its like: tick those that are not good.</p>
      <div class="strangest">${strange.map((one) => html`<label key=${one.key} class="cell still ${ticked.has(one.key) ? "selected" : ""}">
        <${Layers} base=${`/api/pictures/${shown.base}/strangest/${one.key}`} row=${one} />
        <span class="name"><input type="checkbox" checked=${ticked.has(one.key)} onChange=${() => { const next = new Set(ticked); if (!next.delete(one.key)) next.add(one.key); setTicked(next); }} /> ${baseName(one.name)}</span>
        <span class="soft small">strangeness ${number(one.score, 3)}${one.score > shown.threshold ? ", above the limit" : ""}</span></label>`)}</div>
      ${ticked.size > 0 && html`<div class="actions"><b>${ticked.size} not good</b><button type="button" class="primary" onClick=${drop}>Leave them out and learn again</button></div>`}</div>`}`}
  </section>`;
}

// A picture with its heat over it and the outline of what was found.
export function Layers({ base, row, heat = true, outline = true, large, marked }) {
  const { width, height, outline: path, spot } = row.picture || row;
  return html`<span class="layers" style=${{ aspectRatio: `${width} / ${height}` }}><img src=${`${base}.image`} alt="" />
    ${large && html`<img src=${large} alt="" decoding="async" />`}
    ${heat && html`<img src=${`${base}.heat`} alt="" />`}
    ${marked && html`<img class="marked" src=${marked} alt="the marked defect" />`}
    ${outline && path && html`<svg viewBox=${`0 0 ${width} ${height}`}><path d=${path} /></svg>`}
    ${outline && !path && spot && html`<svg viewBox=${`0 0 ${width} ${height}`}><path class="spot" d=${spot} /></svg>`}</span>`;
}

function Steps({ job }) {
  const names = ["files", "pairs", "network", "dictionaries"], at = names.indexOf(job.progress?.stage);
  const titles = ["look at the files", "find pictures of the same part", "look at every part", "learn what they share"];
  return html`<ol class="steps">${titles.map((title, n) => html`<li key=${title} class=${n < at ? "done" : n === at ? "now" : ""}>${title}</li>`)}</ol>
    ${job.said.map((line) => html`<p class="soft small">${sentence(line)}</p>`)}`;
}

function More() {
  const { settings } = store.state;
  const set = (what) => attempt(async () => { await post("settings", { ...settings, ...what }); await reload("state"); });
  return html`<details><summary>More settings</summary><div class="settings">
    <label>Method <select value=${settings.recipe} onChange=${(event) => set({ recipe: event.target.value })}>${Object.entries(RECIPES).map(([name, title]) => html`<option key=${name} value=${name}>${title}</option>`)}</select>
      <span class="soft">Thorough sees finer defects; Quick learns and checks in less than half the time.</span></label>
    <label>Good parts that may be rejected <select value=${String(settings.false_reject ?? "")} onChange=${(event) => set({ false_reject: event.target.value ? Number(event.target.value) : null })}>
      <option value="">as few as their number allows</option>
      ${[...new Set([0.001, 0.005, 0.01, 0.02, 0.05, 0.1, settings.false_reject])].filter(Boolean).sort((a, b) => a - b).map((share) => html`<option key=${share} value=${String(share)}>1 in ${Math.round(1 / share)}</option>`)}</select>
      <span class="soft">Fewer rejected good parts means more defects that pass.</span></label>
    <label>Size at which parts are looked at <select value=${String(settings.size ?? "")} onChange=${(event) => set({ size: event.target.value ? Number(event.target.value) : null })}>
      <option value="">as usual (256 pixels)</option>${[128, 192, 320, 384, 512].map((side) => html`<option key=${side} value=${String(side)}>${side} pixels</option>`)}</select>
      <span class="soft">Larger shows smaller defects, and takes longer.</span></label>
  </div></details>`;
}
