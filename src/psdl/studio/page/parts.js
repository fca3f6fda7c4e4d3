// Small pieces that several screens share.
import { html, useEffect, useRef } from "./vendor/preact-htm.js";
import { attempt, forget, jobOf, note, store } from "./store.js";
import { remove } from "./api.js";
import { KINDS, MEANING, STAGES } from "./words.js";

export function Badge({ verdict }) {
  return html`<span class="badge ${verdict}" title=${MEANING[verdict] || ""}>${verdict}</span>`;
}

export function Dialog({ title, onClose, children, wide, actions }) {
  const ref = useRef(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog.open) dialog.showModal();
    dialog.focus(); // not its first button: the keys are the page's
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${ref} tabindex="-1" class=${wide ? "wide-dialog" : ""} aria-label=${title} onCancel=${(event) => { event.preventDefault(); onClose(); }}
    onClick=${(event) => { if (event.target === ref.current) onClose(); }}>
    <div class="dialog-head"><h2>${title}</h2><button type="button" class="quiet" onClick=${onClose} aria-label="close">✕</button></div>
    <div class="dialog-body">${children}</div>
    ${actions && html`<div class="dialog-foot">${actions}</div>`}
  </dialog>`;
}

export function Notes({ notes }) {
  return html`<div class="notes" role="status" aria-live="polite">${notes.map((one) => html`<div key=${one.id} class="note ${one.kind}">
    <span>${one.text}</span><button type="button" class="quiet" aria-label="dismiss" onClick=${() => forget(one.id)}>✕</button></div>`)}</div>`;
}

const begun = new Map();
function left(job) {
  const now = job.progress;
  if (!now || !now.total) return "";
  const mark = `${job.id}/${now.stage}`;
  if (!begun.has(mark)) begun.set(mark, [Date.now(), now.done]);
  const [since, first] = begun.get(mark);
  const passed = (Date.now() - since) / 1000, made = now.done - first;
  if (passed < 3 || made <= 0 || now.done >= now.total) return "";
  const seconds = ((now.total - now.done) / made) * passed;
  return seconds > 90 ? `about ${Math.round(seconds / 60)} min left in this step` : `about ${Math.max(1, Math.round(seconds))} s left in this step`;
}

export function Progress({ job, big }) {
  const now = job.progress, share = now && now.total ? Math.min(1, now.done / now.total) : null;
  const what = job.state === "waiting" ? "Waiting" : (now && STAGES[now.stage]) || KINDS[job.kind] || job.kind;
  return html`<div class="progress ${big ? "big" : ""}">
    <div class="progress-line"><span>${job.kind === "learn" || !now ? what : KINDS[job.kind] || what}${share !== null ? ` · ${Math.round(100 * share)} %` : "…"}</span><span class="soft">${left(job)}</span></div>
    ${share === null ? html`<div class="bar busy" role="progressbar" aria-label=${what}><i></i></div>` : html`<progress max="1" value=${share} aria-label=${what}></progress>`}
    ${job.kind !== "plan" && html`<button type="button" onClick=${() => cancel(job)}>Cancel</button>`}
  </div>`;
}
export async function cancel(job) {
  await attempt(async () => {
    await remove(`jobs/${job.id}`);
    if (["learn", "judge", "look"].includes(job.kind)) note("Stopped. What was done is kept: starting it again goes on from there.");
  });
}

export function JobStrip() {
  const running = store.state?.jobs.find((one) => one.state === "running" && one.kind !== "plan") || jobOf("learn", "judge", "report", "export");
  if (!running || (running.kind === "learn" && store.screen === "learn")) return null;
  return html`<div class="strip"><${Progress} job=${running} /></div>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2>${children}</div>`;
}
