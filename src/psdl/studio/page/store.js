// What the server knows, as this window sees it: loaded again whenever the server says that something changed.
import { useEffect, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";

export const store = {
  state: null, images: [], results: [], model: null, notes: [], offline: false, locked: false,
  screen: location.hash.slice(1) || "", open: null,
};
const listeners = new Set();
export function changed() { for (const listener of listeners) listener({}); }
export function useStore() {
  const [, again] = useState(null);
  useEffect(() => { listeners.add(again); return () => listeners.delete(again); }, []);
  return store;
}

let number = 0;
export function note(text, kind = "info") {
  const one = { id: ++number, text, kind };
  store.notes = [...store.notes.slice(-2), one];
  changed();
  if (kind !== "error") setTimeout(() => forget(one.id), 7000);
}
export function forget(id) { store.notes = store.notes.filter((one) => one.id !== id); changed(); }

// Does what a button asks; a refusal becomes a note.
export async function attempt(work) {
  try { return await work(); } catch (error) {
    if (error.status === 401) { store.locked = true; changed(); } else note(error.message, "error");
    return undefined;
  }
}

export function go(screen) {
  store.screen = screen;
  history.replaceState(null, "", `#${screen}`);
  scrollTo(0, 0);
  changed();
}

const loaders = {
  state: async () => { store.state = await get("state"); },
  images: async () => {
    store.images = (await get("images")).map(([key, name, use, label, said, mask]) => ({ key, name, use, label, said, mask }));
  },
  results: async () => {
    const version = store.state?.model;
    if (!version) { store.results = []; store.model = null; return; }
    const [results, model] = await Promise.all([get(`results/${version}`), get(`models/${version}`)]);
    Object.assign(store, { results, model });
  },
};
const NEEDS = { project: ["state"], images: ["state", "images", "results"], models: ["state", "results"], line: ["state"], all: ["state", "images", "results"] };
const wanted = new Set();
let running = null;
async function load() {
  while (wanted.size) {
    const now = ["state", "images", "results"].filter((name) => wanted.delete(name));
    wanted.clear();
    for (const name of now) await attempt(loaders[name]);
    changed();
  }
  running = null;
}
// Loads what is named again; it is there when the promise is kept, also where another loading was under way.
export function reload(...names) {
  for (const name of names) wanted.add(name);
  return (running ||= load());
}

let judged = 0;
function told(news) {
  if (news.job) {
    const job = news.job, jobs = store.state?.jobs;
    if (jobs) {
      const place = jobs.findIndex((one) => one.id === job.id);
      if (place >= 0) jobs[place] = job; else jobs.push(job);
    }
    if (job.kind === "judge" && job.state === "running" && Date.now() - judged > 1500) { judged = Date.now(); reload("results"); }
    if (job.state === "failed" && job.kind !== "plan") note(job.error, "error");
    changed();
  }
  if (news.changed) {
    reload(...(NEEDS[news.changed] || NEEDS.all));
    if (news.changed === "line" || news.changed === "all") dispatchEvent(new Event("line"));
  }
}

export function listen() {
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => { store.offline = false; reload("state", "images", "results"); });
  source.addEventListener("error", () => {
    store.offline = true;
    changed();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  source.addEventListener("message", (event) => told(JSON.parse(event.data)));
}

export const jobOf = (...kinds) => store.state?.jobs.find((job) => kinds.includes(job.kind) && ["waiting", "running", "ready"].includes(job.state));
export const lastOf = (kind) => store.state?.jobs.filter((job) => job.kind === kind).at(-1);
