// A folder that a camera writes into: verdicts as they come, newest first.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { get, post, remove } from "./api.js";
import { attempt, go, reload, store } from "./store.js";
import { Browse } from "./start.js";
import { Badge } from "./parts.js";
import { baseName, day, plural, sentence } from "./words.js";

export function LineScreen() {
  const [found, setFound] = useState(null);
  const [browsing, setBrowsing] = useState(false);
  useEffect(() => {
    let waiting = 0;
    const load = () => { waiting = 0; attempt(async () => setFound(await get("line"))); };
    const later = () => { waiting ||= setTimeout(load, 400); };
    load();
    addEventListener("line", later);
    return () => { removeEventListener("line", later); clearTimeout(waiting); };
  }, []);
  if (!store.state.model) return html`<section><h1>Line</h1><p class="lead">Nothing has been learned yet.</p><p><button type="button" class="primary" onClick=${() => go("learn")}>Learn first</button></p></section>`;
  const start = (path) => attempt(async () => { await post("line", { path }); await reload("state"); });
  const on = found?.on;
  return html`<section><div class="title-row"><div><h1>Line</h1>
      <p class="lead">${on ? html`Watching <span class="path">${found.folder}</span>` : "Watch a folder: every picture that a camera puts into it is checked at once."}</p></div>
      <p class="row">${on ? html`<button type="button" onClick=${() => attempt(async () => { await remove("line"); setFound(await get("line")); })}>Stop watching</button>` : html`<button type="button" class="primary" onClick=${() => setBrowsing(true)}>Choose the folder…</button>`}</p></div>
    ${found?.problem && html`<p class="finding warn">${found.problem}</p>`}
    ${found?.drift?.map((line) => html`<p class="finding warn">${sentence(line)}</p>`)}
    ${found && found.count > 0 && !found.drift.length && html`<p class="soft">${plural(found.count, "picture")} so far. Nothing says that the line has changed.</p>`}
    ${found?.hours.length > 0 && html`<${Hours} hours=${found.hours} />`}
    ${found && html`<div class="strangest">${found.rows.map((row) => html`<div key=${row.n} class="cell still"><span class="frame is-${row.verdict}"><img src=${`/api/line/${row.n}`} alt="" loading="lazy" onError=${(event) => { event.target.hidden = true; }} />
        ${row.width && html`<svg viewBox=${`0 0 ${row.width} ${row.height}`}>${row.boxes.map(([left, top, right, bottom], n) => html`<rect key=${n} x=${left} y=${top} width=${right - left} height=${bottom - top} />`)}</svg>`}</span>
      <span class="caption"><${Badge} verdict=${row.verdict} /> <span class="soft small">${day(row.judged)}</span></span><span class="name" title=${row.error || row.path}>${baseName(row.path)}</span></div>`)}</div>`}
    ${found && on && !found.count && html`<p class="soft">Waiting for the first picture.</p>`}
    ${browsing && html`<${Browse} title="Which folder does the camera write into?" verb="Watch this folder" onChoose=${start} onClose=${() => setBrowsing(false)} />`}
  </section>`;
}

function Hours({ hours }) {
  const names = [...new Set(hours.map((one) => one.hour))].slice(-24);
  const count = (hour, verdict) => hours.find((one) => one.hour === hour && one.verdict === verdict)?.count || 0;
  const local = (hour) => new Date(`${hour}:00:00Z`).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return html`<div class="scroll"><table class="compare"><caption class="soft">by hour</caption><thead><tr><th scope="col">hour</th><th scope="col">NG</th><th scope="col">REVIEW</th><th scope="col">OK</th></tr></thead>
    <tbody>${names.reverse().map((hour) => html`<tr key=${hour}><th scope="row">${local(hour)}</th><td>${count(hour, "NG")}</td><td>${count(hour, "REVIEW")}</td><td>${count(hour, "OK")}</td></tr>`)}</tbody></table></div>`;
}
