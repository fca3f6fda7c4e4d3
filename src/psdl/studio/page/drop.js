// Files and folders that people drop or choose -> the project.
import { post, put } from "./api.js";
import { attempt, changed, note, reload, store } from "./store.js";
import { plural } from "./words.js";

const IMAGE = /\.(png|jpe?g|bmp|tiff?|webp|gif|ppm|pgm)$/i;
const AT_ONCE = 4;

async function walk(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad)).catch(() => null);
    if (file) found.push([path + entry.name, file]);
  } else if (entry.isDirectory && !entry.name.startsWith(".")) {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((good, bad) => reader.readEntries(good, bad)).catch(() => []);
      if (!some.length) break;
      for (const one of some) await walk(one, `${path}${entry.name}/`, found);
    }
  }
}
export async function dropped(transfer) {
  const found = [], entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  for (const entry of entries) await walk(entry, "", found);
  return found.length ? found : [...transfer.files].map((file) => [file.name, file]);
}
export const chosen = (input) => [...input.files].map((file) => [file.webkitRelativePath || file.name, file]);

// Where all lie in one folder the folder is what was dropped.
function below(files) {
  const tops = new Set(files.map(([name]) => (name.includes("/") ? name.split("/")[0] : "")));
  const top = [...tops][0];
  return tops.size === 1 && top ? files.map(([name, file]) => [name.slice(top.length + 1), file]) : files;
}

// Sends files and adds them; use: learn or check, where their folders do not say.
export async function send(files, use) {
  const images = below(files.filter(([name]) => IMAGE.test(name) || /(^|\/)split\.csv$/.test(name)));
  if (!images.length) { note("There is no image among these files. PNG, JPEG, BMP, TIFF and WebP are read.", "error"); return null; }
  const drop = `${new Date().toISOString().slice(0, 19).replace(/[^0-9]/g, "")}-${Math.random().toString(36).slice(2, 6)}`;
  store.sending = { done: 0, total: images.length };
  changed();
  const failed = [];
  const queue = [...images];
  const one = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      try { await put(`drops/${drop}?name=${encodeURIComponent(next[0])}`, next[1]); } catch (error) {
        failed.push(`${next[0]}: ${error.message}`);
        if (error.status === 401 || error.status === 0) { queue.length = 0; }
      }
      store.sending = { done: store.sending.done + 1, total: images.length };
      changed();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  store.sending = null;
  changed();
  if (failed.length) note(`${plural(failed.length, "file")} could not be taken, the first: ${failed[0]}`, "error");
  if (failed.length === images.length) return null;
  return add((category) => post(`drops/${drop}`, { use, category }));
}

// Adds a folder, asking for one kind of part where it holds several. request(category) asks the server.
export async function add(request) {
  const found = await attempt(() => request(null));
  if (found?.choose) { store.choosing = { kinds: found.choose, request }; changed(); return found; }
  if (found) said(found);
  return found;
}
export function said(found) {
  const left = Object.entries(found.left || {});
  note(found.added ? `${plural(found.added, "image")} added.` : "These images are here already.");
  if (left.length) note(`Left out: ${left.map(([why, names]) => `${names.length === 1 ? names[0] : plural(names.length, "picture")} (${why})`).join("; ")}.`);
  reload("state", "images", "results");
}
