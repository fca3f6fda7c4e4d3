// The page of psdl serve: drop an image and see what the server says of it.
import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { Top } from "./top.js";
import { baseName, number, plural, summary, whereabouts, why } from "./words.js";

const state = { token: sessionStorage.getItem("token") || "" };
const headers = () => (state.token ? { Authorization: `Bearer ${state.token}` } : {});

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers() });
  } catch {
    throw Object.assign(new Error("The server does not answer."), { status: 0 });
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok && !found.results) throw Object.assign(new Error(found.error || `The server refused (${answer.status}).`), { status: answer.status });
  return found;
}

function Page() {
  const [models, setModels] = useState(null);
  const [model, setModel] = useState("");
  const [judged, setJudged] = useState([]);
  const [busy, setBusy] = useState(0);
  const [problem, setProblem] = useState("");
  const [locked, setLocked] = useState(false);
  const [heat, setHeat] = useState(true);
  const failed = (error) => { if (error.status === 401) setLocked(true); else setProblem(error.message); };
  const load = () => ask("/v1/models").then((found) => { setModels(found); setModel(found[0]?.name || ""); setLocked(false); }).catch(failed);
  useEffect(() => { load(); }, []);
  const judge = async (files) => {
    setProblem("");
    for (const file of files) {
      setBusy((n) => n + 1);
      const form = new FormData();
      form.append("images", file, file.name);
      try {
        const found = await ask(`/v1/score?map=overlay&model=${encodeURIComponent(model)}`, { method: "POST", body: form });
        setJudged((old) => [{ id: Date.now() + Math.random(), url: URL.createObjectURL(file), ...found.results[0] }, ...old].slice(0, 50));
      } catch (error) { failed(error); }
      setBusy((n) => n - 1);
    }
  };
  useEffect(() => {
    const hold = (event) => event.preventDefault();
    const drop = (event) => { event.preventDefault(); judge([...event.dataTransfer.files]); };
    addEventListener("dragover", hold);
    addEventListener("drop", drop);
    return () => { removeEventListener("dragover", hold); removeEventListener("drop", drop); };
  });
  if (locked) return html`<main class="login"><h1>psdl</h1><form onSubmit=${(event) => { event.preventDefault(); state.token = event.target.token.value; sessionStorage.setItem("token", state.token); load(); }}>
    <label>Token <input type="password" name="token" autocomplete="current-password" /></label> <button type="submit" class="primary">Enter</button></form><p class="soft">One of those in the server's token file.</p></main>`;
  return html`<${Top} name="psdl" label="pages" plain=${true}><a class="button" href="/docs">What can be asked</a><//>
    <main><h1>Judge an image</h1>
      <div class="way big-drop"><h2>Drop pictures of parts here</h2>
        <p class="row"><label class="button primary-label">Choose pictures<input type="file" class="unseen" multiple accept="image/*,.tif,.tiff,.bmp" onChange=${(event) => { judge([...event.target.files]); event.target.value = ""; }} /></label>
          ${models?.length > 1 && html`<label>Model <select value=${model} onChange=${(event) => setModel(event.target.value)}>${models.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}</select></label>`}
          ${models?.length === 1 && html`<span class="soft">by the model ${models[0].name}, learned from ${plural(models[0].learned_images, "good part")}</span>`}</p></div>
      <p role="status" class="soft">${busy ? "Judging…" : ""}</p>
      ${problem && html`<p class="finding warn" role="alert">${problem}</p>`}
      ${judged.length > 0 && html`<p class="row toggles"><label><input type="checkbox" checked=${heat} onChange=${() => setHeat(!heat)} /> heat: the brighter, the stranger</label></p>`}
      ${judged.map((one) => html`<${Result} key=${one.id} one=${one} heat=${heat} />`)}
    </main>`;
}

function Result({ one, heat }) {
  if (one.error) return html`<article class="panel"><h2>${baseName(one.name)}</h2><p class="finding warn">${one.error}</p></article>`;
  return html`<article class="panel viewer"><div class="stage"><span class="layers" style=${{ aspectRatio: `${one.width} / ${one.height}` }}><img src=${one.url} alt=${one.name} />
      ${heat && one.map && html`<img src=${`data:image/png;base64,${one.map}`} alt="" />`}
      <svg viewBox=${`0 0 ${one.width} ${one.height}`}>${one.regions.map((region, n) => html`<rect key=${n} x=${region.box[0]} y=${region.box[1]} width=${region.box[2] - region.box[0]} height=${region.box[3] - region.box[1]} />`)}</svg></span></div>
    <div class="facts"><h2>${baseName(one.name)}</h2><p class="verdict"><span class="badge ${one.verdict}">${one.verdict}</span> ${summary(one)}</p>
      ${one.regions.slice(0, 4).map((region, n) => html`<div key=${n} class="spot"><h3>${n ? `Place ${n + 1}` : "Strangest place"}: ${whereabouts(region, one.width, one.height)}</h3><p>${why(region)}</p></div>`)}
      <p class="soft small">score ${number(one.score)}, reject above ${number(one.threshold)}</p>
      ${one.drift.map((line) => html`<p class="finding warn">${line}</p>`)}</div></article>`;
}

render(html`<${Page} />`, document.getElementById("app"));
