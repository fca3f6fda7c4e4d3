// Versions of the model: what each promises, roll back, compare, export, report.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { get, post, remove } from "./api.js";
import { attempt, changed, go, jobOf, lastOf, note, reload, store } from "./store.js";
import { Badge } from "./parts.js";
import { truth, wrong } from "./check.js";
import { baseName, day, number, outcome, plural, RECIPES, sentence } from "./words.js";

export function Models() {
  const { models, model } = store.state;
  const [opened, setOpened] = useState(null);
  const [other, setOther] = useState("");
  if (!models.length) return html`<section><h1>Models</h1><p class="lead">Nothing has been learned yet.</p><p><button type="button" class="primary" onClick=${() => go("learn")}>Learn first</button></p></section>`;
  const list = [...models].reverse();
  return html`<section><h1>Models</h1><p class="lead">Every learning and every change is kept. One of them is in use.</p>
    <div class="versions">${list.map((one) => html`<article key=${one.version} class="panel version ${one.version === model ? "current" : ""}">
      <h2>${Number(one.version)} · ${sentence(one.what)} ${one.version === model && html`<span class="badge OK">in use</span>`}</h2>
      <p class="soft">${day(one.on)}${one.by ? ` by ${one.by}` : ""}${one.why ? `: ${one.why}` : ""} · ${plural(one.learned, "good part")} · ${RECIPES[one.recipe] || one.recipe}</p>
      <p>${sentence(one.promise[0])}.</p>
      ${(one.said || []).map((line) => html`<p class="soft small">${outcome(line)}</p>`)}
      <p class="row">${one.version !== model && html`<button type="button" class="primary" onClick=${() => attempt(async () => { await post(`models/${one.version}/use`); note(`Model ${Number(one.version)} is in use.`); })}>Use this one</button>`}
        <a class="button" href=${`/api/files/${one.version}/model`} download>Model file</a>
        <${Made} version=${one.version} kind="export" verb="Export ONNX" link="onnx" title="ONNX file" />
        <${Made} version=${one.version} kind="report" verb="Make a report" link="report" title="Open the report" />
        <${Made} version=${one.version} kind="selftest" verb="Self-test" />
        <button type="button" onClick=${() => setOpened(opened === one.version ? null : one.version)} aria-expanded=${opened === one.version}>Details</button>
        ${one.version !== model && html`<button type="button" class="quiet" onClick=${() => attempt(async () => { await remove(`models/${one.version}`); await reload("state"); })}>Remove</button>`}</p>
      ${opened === one.version && html`<${Details} version=${one.version} />`}</article>`)}</div>
    ${models.length > 1 && html`<div class="panel"><h2>Compare</h2><p class="row"><label>Model ${Number(model)}, in use, with <select value=${other} onChange=${(event) => setOther(event.target.value)}><option value="">choose…</option>
      ${list.filter((one) => one.version !== model).map((one) => html`<option key=${one.version} value=${one.version}>${Number(one.version)} · ${one.what}</option>`)}</select></label></p>
      ${other && models.some((one) => one.version === other) && html`<${Compare} left=${model} right=${other} />`}</div>`}
  </section>`;
}

// A button that makes something of a version, and the link to it once it is there.
function Made({ version, kind, verb, link, title }) {
  const mine = store.state.jobs.filter((job) => job.kind === kind && job.what.version === version).at(-1);
  if (mine && ["waiting", "running", "ready"].includes(mine.state)) return html`<button type="button" disabled>${verb}…</button>`;
  if (mine?.state === "done" && link) return html`<a class="button" href=${`/api/files/${version}/${link}`} target=${link === "report" ? "_blank" : undefined} rel="noopener" download=${link === "report" ? undefined : ""}>${title}</a>`;
  return html`<button type="button" onClick=${() => attempt(() => post(`models/${version}/${kind}`))}>${verb}</button>${mine?.state === "done" && html`<span class=${mine.result.passed ? "soft" : "finding warn"}>${mine.result.passed ? "It judges here as where it was made." : "It judges unlike where it was made: learn again on this computer."}</span>`}`;
}

function Details({ version }) {
  const [model, setModel] = useState(null);
  useEffect(() => { attempt(async () => setModel(await get(`models/${version}`))); }, [version]);
  return model && html`<dl class="card-list">${Object.entries(model.card).map(([key, value]) => html`<dt>${key}</dt><dd>${value}</dd>`)}</dl>`;
}

function Compare({ left, right }) {
  const [rows, setRows] = useState(null);
  const done = lastOf("judge")?.state, job = jobOf("judge");
  useEffect(() => { attempt(async () => { await post(`models/${right}/judge`); }); }, [right]);
  useEffect(() => { attempt(async () => setRows({ left: await get(`results/${left}`), right: await get(`results/${right}`) })); }, [left, right, done]);
  if (!rows) return null;
  const other = new Map(rows.right.map((row) => [row.key, row]));
  const both = rows.left.filter((row) => !row.error && other.has(row.key) && !other.get(row.key).error).map((row) => ({ a: row, b: other.get(row.key) }));
  const names = ["NG", "REVIEW", "OK"];
  const cell = (a, b) => both.filter((pair) => pair.a.verdict === a && pair.b.verdict === b).length;
  const differ = both.filter((pair) => pair.a.verdict !== pair.b.verdict);
  const bad = both.filter((pair) => pair.a.label && pair.a.label !== "good"), good = both.filter((pair) => pair.a.label === "good");
  const of = (list, side, verdict) => list.filter((pair) => pair[side].verdict === verdict).length;
  return html`${job && html`<p class="soft">Checking the same parts with model ${Number(right)}…</p>`}
    <div class="scroll"><table class="compare"><caption class="soft">${plural(both.length, "part")} judged by both</caption>
      <thead><tr><th scope="col"></th><th scope="col">model ${Number(left)}</th><th scope="col">model ${Number(right)}</th></tr></thead><tbody>
      ${bad.length > 0 && html`<tr><th scope="row">defective parts rejected</th><td>${of(bad, "a", "NG")} of ${bad.length}</td><td>${of(bad, "b", "NG")} of ${bad.length}</td></tr>
        <tr><th scope="row">defective parts that pass as OK</th><td>${of(bad, "a", "OK")}</td><td>${of(bad, "b", "OK")}</td></tr>`}
      ${good.length > 0 && html`<tr><th scope="row">good parts rejected</th><td>${of(good, "a", "NG")} of ${good.length}</td><td>${of(good, "b", "NG")} of ${good.length}</td></tr>`}
      ${names.map((name) => html`<tr key=${name}><th scope="row">${name}</th><td>${of(both, "a", name)}</td><td>${of(both, "b", name)}</td></tr>`)}
      <tr><th scope="row">only this one rejects</th><td>${cell("NG", "REVIEW") + cell("NG", "OK")}</td><td>${cell("REVIEW", "NG") + cell("OK", "NG")}</td></tr></tbody></table></div>
    ${differ.length ? html`<p>They differ on ${plural(differ.length, "part")} (model ${Number(left)} → model ${Number(right)}):</p><div class="strangest">${differ.slice(0, 24).map(({ a, b }) => html`<button type="button" key=${a.key} class="cell still" onClick=${() => { store.open = { key: a.key, list: differ.map((pair) => pair.a.key) }; go("check"); changed(); }}>
      <img src=${`/api/pictures/${a.at}/pictures/${a.key}.image`} alt="" /><span class="caption"><${Badge} verdict=${a.verdict} /> → <${Badge} verdict=${b.verdict} /></span>${truth(a) && html`<span class="soft small">${truth(a)}${wrong(a) ? ", unlike its label" : ""}</span>`}<span class="name" title=${a.name}>${baseName(a.name)}</span></button>`)}</div>` : both.length > 0 && html`<p>Both say the same of every part.</p>`}
    ${both.length > 0 && html`<p class="soft small">Limits: ${number(store.state.models.find((one) => one.version === left)?.threshold)} and ${number(store.state.models.find((one) => one.version === right)?.threshold)}.</p>`}`;
}
