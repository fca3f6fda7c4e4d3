// The ways in: drop images, choose a folder, try the demo.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get, post } from "./api.js";
import { add, chosen, send } from "./drop.js";
import { attempt, changed, jobOf, store } from "./store.js";
import { Dialog } from "./parts.js";
import { plural } from "./words.js";

export function Pick({ use, label = "Choose pictures", folder = false, primary = false }) {
  const ref = useRef(null);
  useEffect(() => { if (folder) ref.current.webkitdirectory = true; }, []);
  return html`<span><input type="file" ref=${ref} hidden multiple accept=${folder ? undefined : "image/*,.tif,.tiff,.bmp,.ppm,.pgm"}
      onChange=${() => { const files = chosen(ref.current); ref.current.value = ""; if (files.length) send(files, use); }} />
    <button type="button" class=${primary ? "primary" : ""} onClick=${() => ref.current.click()}>${label}</button></span>`;
}

export function Start() {
  const [browsing, setBrowsing] = useState(false);
  const demo = jobOf("demo");
  const start = () => attempt(async () => { await post("jobs/demo"); store.afterDemo = true; changed(); });
  return html`<section class="start">
    <h1>Find what is wrong with a part, from pictures of good ones</h1>
    <p class="lead">Show the studio 20 or more pictures of good parts. It learns what they have in common, and then marks what is unlike them in new pictures. Nothing leaves this computer.</p>
    <div class="ways">
      <div class="way big-drop">
        <h2>Drop pictures of good parts here</h2>
        <p class="soft">or a folder of them. Folders named <b>good</b> and <b>bad</b>, or <b>train</b> and <b>test</b>, are understood.</p>
        <p class="row"><${Pick} use="learn" primary=${true} /><${Pick} use="learn" folder=${true} label="Choose a folder to copy" /></p>
      </div>
      <div class="way">
        <h2>Use a folder on this computer</h2>
        <p class="soft">The pictures stay where they are; nothing is copied.</p>
        <p class="row"><button type="button" onClick=${() => setBrowsing(true)}>Open a folder…</button></p>
      </div>
      <div class="way">
        <h2>Try the demo</h2>
        <p class="soft">Pictures of metal plates, some with planted defects. From here to the first defect found in about a minute.</p>
        <p class="row"><button type="button" disabled=${Boolean(demo)} onClick=${start}>${demo ? "Making the images…" : "Try the demo"}</button></p>
      </div>
    </div>
    ${browsing && html`<${Browse} use="learn" onClose=${() => setBrowsing(false)} />`}
  </section>`;
}

// Folders of this machine. onChoose(path): what to do with the chosen one; else its images are added for `use`.
export function Browse({ use, onClose, onChoose, title = "Open a folder of pictures", verb = "Use this folder" }) {
  const [here, setHere] = useState(null);
  const [typed, setTyped] = useState("");
  const asked = useRef(0);  // an answer counts only if nothing else was asked for or typed since
  const enter = (path) => attempt(async () => {
    const mine = (asked.current += 1);
    const found = await get(`browse?path=${encodeURIComponent(path)}`);
    if (mine === asked.current) { setHere(found); setTyped(found.path); }
  });
  const type = (path) => { asked.current += 1; setTyped(path); };
  useEffect(() => { enter(store.lastFolder || ""); }, []);
  const choose = async () => {
    store.lastFolder = here.path;
    if (onChoose) { onChoose(here.path); onClose(); return; }
    if (await add((category) => post("folders", { path: here.path, use, category }))) onClose();
  };
  return html`<${Dialog} title=${title} onClose=${onClose} actions=${html`
      <span class="soft grow">${here ? (here.images ? `${plural(here.images, "picture")} here` : here.folders.length ? `${plural(here.folders.length, "folder")} here` : "nothing here") : ""}</span>
      <button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="primary" disabled=${!here || typed !== here.path} onClick=${choose}>${verb}</button>`}>
    <form class="row" onSubmit=${(event) => { event.preventDefault(); enter(typed); }}>
      <label class="grow">Folder <input type="text" class="path" value=${typed} onInput=${(event) => type(event.target.value)} spellcheck="false" /></label>
      <button type="submit">Go</button>
    </form>
    ${here && html`<ul class="folders" aria-label="folders">
      ${here.up !== null && html`<li><button type="button" class="folder" onClick=${() => enter(here.up)}>↑ one up</button></li>`}
      ${here.folders.map((name) => html`<li key=${name}><button type="button" class="folder" onClick=${() => enter(`${here.path.replace(/\/$/, "")}/${name}`)}>▸ ${name}</button></li>`)}
    </ul>`}
    <p class="soft">Folders inside it are looked through as well. Where they are named <b>good</b> and <b>bad</b>, or <b>train</b> and <b>test</b>, the names are understood.</p>
  <//>`;
}

// Several kinds of parts in one folder: a model is of one.
export function Choosing() {
  const { kinds, request } = store.choosing;
  const close = () => { store.choosing = null; changed(); };
  const take = async (kind) => {
    const found = await attempt(() => request(kind));
    close();
    if (found) { const { said } = await import("./drop.js"); said(found); }
  };
  return html`<${Dialog} title="Which part is it about?" onClose=${close}>
    <p>This folder holds pictures of ${plural(kinds.length, "kind")} of parts. A project is about one of them.</p>
    <ul class="folders">${kinds.map((kind) => html`<li key=${kind}><button type="button" class="folder" onClick=${() => take(kind)}>${kind}</button></li>`)}</ul>
  <//>`;
}

export function AddMore({ use, onClose }) {
  const [browsing, setBrowsing] = useState(false);
  const [what, setWhat] = useState(use);
  if (browsing) return html`<${Browse} use=${what} onClose=${() => { setBrowsing(false); onClose(); }} />`;
  return html`<${Dialog} title="Add pictures" onClose=${onClose}>
    <fieldset class="choice"><legend>They show</legend>
      <label><input type="radio" name="use" checked=${what === "learn"} onChange=${() => setWhat("learn")} /> good parts, to learn from</label>
      <label><input type="radio" name="use" checked=${what === "check"} onChange=${() => setWhat("check")} /> new parts, to be checked</label>
    </fieldset>
    <p class="row"><${Pick} use=${what} primary=${true} /><${Pick} use=${what} folder=${true} label="Choose a folder to copy" />
      <button type="button" onClick=${() => setBrowsing(true)}>Open a folder in place…</button></p>
    <p class="soft">Or drop them anywhere on this page.</p>
  <//>`;
}
