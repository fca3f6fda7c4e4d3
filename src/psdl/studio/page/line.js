// The line: verdicts as they come, newest first, of a folder, a camera or a server.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { get, post, remove } from "./api.js";
import { attempt, go, reload, store } from "./store.js";
import { Browse } from "./start.js";
import { Badge, Dialog } from "./parts.js";
import { baseName, clock, number, plural, sentence, summary } from "./words.js";

const KINDS = { folder: "Watching the folder", camera: "Taking pictures from the camera", server: "Showing what is judged by" };

export function LineScreen() {
  const [found, setFound] = useState(null);
  const [large, setLarge] = useState(null);
  const load = () => attempt(async () => setFound(await get("line")));
  useEffect(() => {
    let waiting = 0;
    const later = () => { waiting ||= setTimeout(() => { waiting = 0; load(); }, 400); };
    load();
    addEventListener("line", later);
    return () => { removeEventListener("line", later); clearTimeout(waiting); };
  }, []);
  if (!store.state.model) return html`<section><h1>Line</h1><p class="lead">Nothing has been learned yet.</p><p><button type="button" class="primary" onClick=${() => go("learn")}>Learn first</button></p></section>`;
  if (!found) return html`<section><h1>Line</h1></section>`;
  const start = (asked) => attempt(async () => { await post("line", asked); await reload("state"); await load(); });
  const stop = () => attempt(async () => { await remove("line"); await load(); });
  return html`<section><div class="title-row"><div><h1>Line</h1>
      <p class="lead">${found.on ? html`${KINDS[found.kind]} <span class="path">${found.where}</span>` : "Check every picture of the line as it comes."}</p></div>
      ${found.on && html`<p class="row"><button type="button" onClick=${stop}>Stop</button></p>`}</div>
    ${found.problem && html`<p class="finding warn" role="alert">${sentence(found.problem)}</p>`}
    ${!found.on && html`<${Ways} onStart=${start} />`}
    ${found.drift.map((line) => html`<p class="finding warn">${sentence(line)}</p>`)}
    ${found.on && html`<${Counts} found=${found} />`}
    ${found.on && html`<div class="strangest newest">${found.rows.map((row) => html`<${Seen} key=${row.n} row=${row} onOpen=${() => setLarge(row)} />`)}</div>`}
    ${large && html`<${Large} row=${large} onClose=${() => setLarge(null)} />`}
    ${found.count > found.rows.length && html`<p class="soft">The newest ${found.rows.length} are shown.</p>`}
  </section>`;
}

function Counts({ found }) {
  const of = (verdict) => found.hours.filter((one) => one.verdict === verdict).reduce((sum, one) => sum + one.count, 0);
  if (!found.count) return html`<p class="soft">Waiting for the first picture.</p>`;
  return html`<p>${plural(found.count, "picture")} so far: ${["NG", "REVIEW", "OK", "ERROR"].filter(of).map((name) => html`<${Badge} verdict=${name} /> ${of(name)} `)}
      ${!found.drift.length && html` <span class="soft">· Nothing says that the line has changed.</span>`}</p>
    <${Hours} hours=${found.hours} />`;
}

const boxes = (row) => row.width && html`<svg viewBox=${`0 0 ${row.width} ${row.height}`}>${row.boxes.map(([left, top, right, bottom], n) => html`<rect key=${n} x=${left} y=${top} width=${right - left} height=${bottom - top} />`)}</svg>`;
const address = (row, size) => `/api/line/${row.n}/${size}?${encodeURIComponent(row.judged)}`;

// One picture large, with what was found in it.
function Large({ row, onClose }) {
  return html`<${Dialog} wide=${true} title=${baseName(row.path)} onClose=${onClose}>
    <p class="verdict"><${Badge} verdict=${row.verdict} /> ${row.error || `${summary(row)} ${clock(row.judged)}, score ${number(row.score)}.`}</p>
    <div class="stage"><span class="layers" style=${{ aspectRatio: row.width ? `${row.width} / ${row.height}` : "4 / 3" }}><img src=${address(row, "large")} alt=${row.path} />${boxes(row)}</span></div><//>`;
}

function Seen({ row, onOpen }) {
  return html`<button type="button" class="cell still" onClick=${onOpen}><span class="frame is-${row.verdict}"><img src=${address(row, "small")} alt="" loading="lazy" onError=${(event) => { event.target.hidden = true; }} />
      ${boxes(row)}</span>
    <span class="caption"><${Badge} verdict=${row.verdict} /> <span class="soft">${clock(row.judged)}</span></span><span class="name" title=${row.error || row.path}>${row.error || baseName(row.path)}</span></button>`;
}

// Three ways in.
function Ways({ onStart }) {
  const [browsing, setBrowsing] = useState(false);
  const [camera, setCamera] = useState(""), [every, setEvery] = useState("1");
  const [server, setServer] = useState(""), [token, setToken] = useState("");
  const begin = (event, asked) => { event.preventDefault(); onStart(asked); };
  return html`<div class="ways three">
      <div class="way"><h2>A folder</h2><p class="soft">that a camera or another program writes pictures into. Each is checked once.</p>
        <p class="row"><button type="button" class="primary" onClick=${() => setBrowsing(true)}>Choose the folder…</button></p></div>
      <form class="way" onSubmit=${(event) => begin(event, { kind: "camera", where: camera, every: Number(every) })}><h2>A camera</h2><p class="soft">on the network, by its address, or at this computer, by its number (0 is the first). The last 500 pictures are kept.</p>
        <label>Address or number <input type="text" value=${camera} required placeholder="http://127.0.0.1:8080/video" spellcheck="false" onInput=${(event) => setCamera(event.target.value)} /></label>
        <p class="row"><label>A picture every <select value=${every} onChange=${(event) => setEvery(event.target.value)}>${[["0.2", "0.2 s"], ["0.5", "0.5 s"], ["1", "second"], ["2", "2 s"], ["5", "5 s"], ["60", "minute"]].map(([value, title]) => html`<option key=${value} value=${value}>${title}</option>`)}</select></label><button type="submit">Use this camera</button></p></form>
      <form class="way" onSubmit=${(event) => begin(event, { kind: "server", where: server, token })}><h2>A server that judges already</h2><p class="soft">See the last images that a <code>psdl serve --last 200</code> judged.</p>
        <label>Address <input type="text" value=${server} required placeholder="http://127.0.0.1:8100/" spellcheck="false" onInput=${(event) => setServer(event.target.value)} /></label>
        <label>Token, if it wants one <input type="password" value=${token} autocomplete="off" onInput=${(event) => setToken(event.target.value)} /></label>
        <p class="row"><button type="submit">Show its images</button></p></form></div>
    ${browsing && html`<${Browse} title="Which folder does the camera write into?" verb="Watch this folder" onChoose=${(path) => onStart({ kind: "folder", where: path })} onClose=${() => setBrowsing(false)} />`}`;
}

function Hours({ hours }) {
  const names = [...new Set(hours.map((one) => one.hour))].slice(-24);
  const count = (hour, verdict) => hours.find((one) => one.hour === hour && one.verdict === verdict)?.count || 0;
  const local = (hour) => new Date(`${hour}:00:00Z`).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });
  return html`<details open=${names.length > 1}><summary>By hour</summary><div class="scroll"><table class="compare"><thead><tr><th scope="col">from</th><th scope="col">NG</th><th scope="col">REVIEW</th><th scope="col">OK</th><th scope="col">share NG</th></tr></thead>
    <tbody>${names.reverse().map((hour) => { const [bad, look, good] = ["NG", "REVIEW", "OK"].map((one) => count(hour, one)); return html`<tr key=${hour}><th scope="row">${local(hour)}</th><td>${bad}</td><td>${look}</td><td>${good}</td><td>${((100 * bad) / Math.max(1, bad + look + good)).toFixed(1)} %</td></tr>`; })}</tbody></table></div></details>`;
}
