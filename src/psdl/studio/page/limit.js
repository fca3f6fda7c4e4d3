// The limit above which parts are rejected: drag it, see what it would do, apply it.
import { html, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { attempt, jobOf, note } from "./store.js";
import { number, percent, plural, promised, verdictAt } from "./words.js";

const BINS = 44;
const COLOURS = [["learned", "good parts learned from"], ["good", "good"], ["bad", "defective"], ["other", "not labelled"]];

export function Limit({ rows, model, tried, onTry }) {
  const [why, setWhy] = useState("");
  const scored = rows.filter((row) => !row.error);
  const value = tried ?? model.threshold;
  const both = [...model.scores, ...scored.map((row) => row.score)].sort((a, b) => a - b);
  const top = Math.max(model.threshold, both[Math.floor((both.length - 1) * 0.97)]), low = Math.min(both[0], model.threshold);
  const room = Math.max(0.08 * (top - low), 1e-6), from = low - room, to = top + room;
  const kind = (row) => (row.label === "good" ? "good" : row.label ? "bad" : "other");
  const groups = { learned: model.scores, good: [], bad: [], other: [] };
  for (const row of scored) groups[kind(row)].push(row.score);
  const labelled = groups.good.length + groups.bad.length > 0;
  const count = (list, verdict = "NG") => list.filter((score) => verdictAt(score, value, model.review_threshold) === verdict).length;
  const more = (list) => (count(list, "REVIEW") ? ` (and leaves ${count(list, "REVIEW")} for a person to look at)` : "");
  const said = labelled
    ? [groups.bad.length && `finds ${count(groups.bad)} of ${plural(groups.bad.length, "defective part")}${more(groups.bad)}`, groups.good.length && `rejects ${count(groups.good)} of ${plural(groups.good.length, "good one")}${more(groups.good)}`].filter(Boolean).join(" and ")
    : `rejects ${count(groups.other)} of ${plural(groups.other.length, "part")}${more(groups.other)}`;
  const apply = () => attempt(async () => {
    await post("edit", { threshold: value, why });
    onTry(null);
    setWhy("");
    note("The limit is being set. The model before stays under Models.");
  });
  const moved = tried !== null && tried !== model.threshold;
  const busy = jobOf("edit");
  return html`<details class="panel limit"><summary>The limit: where reject begins</summary>
    <${Histogram} groups=${groups} from=${from} to=${to} value=${value} review=${model.review_threshold === null ? null : Math.min(model.review_threshold, value)} />
    <input type="range" class="slider" min=${from} max=${to} step=${(to - from) / 500} value=${value} aria-label="limit" aria-valuetext=${`${number(value)}: ${said}`} onInput=${(event) => onTry(Number(event.target.value))} />
    <p class="what-if" aria-live="polite">At <b>${number(value)}</b> it ${said}. Of new good parts at most <b>${percent(promised(model, value))}</b> would be rejected (known from ${plural(model.items, "good part")}).</p>
    ${moved && html`<p class="row"><label class="grow">Why (kept in the model's history) <input type="text" value=${why} maxlength="300" onInput=${(event) => setWhy(event.target.value)} /></label>
      <button type="button" class="primary" disabled=${Boolean(busy)} onClick=${apply}>Apply this limit</button><button type="button" onClick=${() => onTry(null)}>Back to ${number(model.threshold)}</button></p>`}
  </details>`;
}

function Histogram({ groups, from, to, value, review }) {
  const place = (score) => Math.min(BINS - 1, Math.max(0, Math.floor(((score - from) / (to - from)) * BINS)));
  const bins = Array.from({ length: BINS }, () => ({}));
  for (const [name] of COLOURS) for (const score of groups[name]) bins[place(score)][name] = (bins[place(score)][name] || 0) + 1;
  const most = Math.max(1, ...bins.map((bin) => Object.values(bin).reduce((a, b) => a + b, 0)));
  const x = (score) => Math.min(100, Math.max(0, (100 * (score - from)) / (to - from)));
  return html`<div class="histogram"><svg viewBox="0 0 440 120" preserveAspectRatio="none" aria-hidden="true">
      ${bins.map((bin, n) => { let base = 118; return COLOURS.map(([name]) => { if (!bin[name]) return null; const tall = (110 * bin[name]) / most; base -= tall; return html`<rect key=${`${n}${name}`} class=${`bar-${name}`} x=${n * 10 + 0.5} y=${base} width="9" height=${tall} />`; }); })}
      <line x1="0" x2="440" y1="118.500" y2="118.500" class="axis" /></svg>
    <i class="mark" style=${{ left: `${x(value)}%` }}></i>${review !== null && html`<i class="mark review" style=${{ left: `${x(review)}%` }}></i>`}</div>
    <p class="legend soft"><span>← like the good parts</span>${COLOURS.filter(([name]) => groups[name].length).map(([name, title]) => html`<span key=${name}><i class=${`dot bar-${name}`}></i>${title} (${groups[name].length})</span>`)}<span>stranger →</span></p>`;
}
