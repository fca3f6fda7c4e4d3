"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
let pictures = null;
const $ = (id) => document.getElementById(id);
const CHUNK = 60;
const state = { query: "", truth: "", category: "", sort: "margin", down: true, view: "gallery", model: 0, shown: 0, list: [], open: -1 };
const limits = data.models.map((model) => ({ threshold: model.threshold, review: model.review }));

// A new element: its class, its text (never markup), its children.
function make(tag, name, text, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined && text !== null) element.textContent = text;
  element.append(...children);
  return element;
}
function isolated(text) { return make("bdi", "", text); }
function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
}
function percent(value) { return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}\u00a0%`; }
function pictureOf(image) {
  if (image.picture < 0) return null;
  pictures ??= JSON.parse($("pictures").textContent);
  return pictures[image.picture];
}
function verdictOf(image) {
  const limit = limits[image.model];
  if (!(image.score <= limit.threshold)) return "NG";
  return limit.review !== null && image.score > limit.review ? "REVIEW" : "OK";
}
function truthOf(image) { return image.label === null ? "not labelled" : image.label ? "defective" : "good"; }
function wrong(image) {
  const verdict = verdictOf(image);
  return image.label === 0 ? verdict === "NG" : image.label === 1 && verdict === "OK";
}

// How strange, comparable between models: the score in units of its threshold's distance from the middle of the good.
function margin(image) {
  const model = data.models[image.model];
  return (image.score - model.middle) / (Math.abs(model.threshold - model.middle) || 1);
}
const KEYS = {
  margin, score: (i) => i.score, p: (i) => -i.p, name: (i) => i.name, regions: (i) => i.found,
  verdict: (i) => ["OK", "REVIEW", "NG"].indexOf(verdictOf(i)) * 1e6 + margin(i), truth: (i) => truthOf(i) + i.kind,
  category: (i) => i.category, part: (i) => i.part || "",
};
const TEXTS = new Set(["name", "truth", "category", "part"]);

function chosen() {
  const verdicts = new Set([...document.querySelectorAll("input[name=verdict]:checked")].map((box) => box.value));
  const query = state.query.toLowerCase();
  const key = KEYS[state.sort];
  const kept = data.images.filter((image) =>
    verdicts.has(verdictOf(image)) && (!state.category || image.category === state.category) &&
    (!state.truth || (state.truth === "wrong" ? wrong(image) : truthOf(image) === state.truth)) &&
    (!query || `${image.name} ${image.kind} ${image.category} ${image.part || ""}`.toLowerCase().includes(query)));
  kept.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return (state.down ? -order : order) || a.place - b.place;
  });
  return kept;
}

function stack(picture, layers, name, odd = false) {
  const holder = make("span", `stack ${name}`);
  holder.style.aspectRatio = `${picture.width} / ${picture.height}`;
  if (layers.includes("image")) holder.append(source(picture.image, "", ""));
  if (layers.includes("heat")) holder.append(source(picture.heat, "heat", ""));
  if (layers.includes("outline")) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", picture.outline || "M0 0");
    svg.append(path);
    if (odd && picture.spot) { // where no region passes: the strangest place, by a broken line
      const ring = path.cloneNode();
      ring.setAttribute("d", picture.spot);
      ring.setAttribute("class", "spot");
      svg.append(ring);
    }
    holder.append(svg);
  }
  return holder;
}
function source(address, name, text) {
  const image = make("img", name);
  image.src = address;
  image.alt = text;
  return image;
}

function card(image, place) {
  const picture = pictureOf(image), verdict = verdictOf(image);
  const button = make("button", "", null, picture ? stack(picture, ["image", "heat", "outline"], "over", verdict !== "OK") : make("span", "blank", "no picture on this page"));
  if (picture) button.firstChild.style.maxWidth = `${Math.round((260 * picture.width) / picture.height)}px`;
  button.type = "button";
  button.setAttribute("aria-label", `open ${image.name}, ${verdict}`);
  button.addEventListener("click", () => open(place));
  const line = make("span", "score", null, make("span", `badge ${verdict}`, verdict), ` ${number(image.score)}${image.label === null ? "" : `, ${image.kind || truthOf(image)}`}`);
  const name = make("span", "name", null, isolated(told(image.name)));
  name.title = image.name;
  const found = make("div", `card is-${verdict}`, null, button, line, name);
  if (data.mode === "suspects") found.append(tick(image));
  return found;
}
// What tells an image's name from the others: without the folders that all share, its end kept where it is long.
function told(name) {
  const rest = name.slice(shared);
  return rest.length <= 30 ? rest : `${rest.slice(0, 8)}…${rest.slice(-21)}`;
}
function sharedFolders() {
  let common = data.images.length ? data.images[0].name : "";
  for (const image of data.images) while (!image.name.startsWith(common)) common = common.slice(0, -1);
  return common.lastIndexOf("/") + 1;
}
const shared = sharedFolders();
function tick(image) {
  const box = make("input");
  box.type = "checkbox";
  box.checked = Boolean(image.drop);
  box.addEventListener("change", () => {
    image.drop = box.checked;
    $("drop").value = data.images.filter((each) => each.drop).map((each) => each.name).join("\n");
  });
  return make("label", "name", null, box, " leave out");
}

function columns() {
  const list = [["verdict", "verdict"], ["name", "image"]];
  if (data.several) list.push(["category", "category"]);
  if (data.parted) list.push(["part", "part"]);
  if (data.labelled) list.push(["truth", "truth"]);
  return [...list, ["score", "score"], ["p", "p-value"], ["regions", "regions"]];
}
function head() {
  const row = $("table").tHead.rows[0];
  row.replaceChildren(...columns().map(([key, title]) => {
    const cell = make("th", ["score", "p", "regions"].includes(key) ? "number" : "");
    const button = make("button", "", title + (state.sort === key ? (state.down ? " ↓" : " ↑") : ""));
    button.type = "button";
    button.addEventListener("click", () => sort(key, state.sort === key ? !state.down : !TEXTS.has(key)));
    cell.scope = "col";
    cell.setAttribute("aria-sort", state.sort === key ? (state.down ? "descending" : "ascending") : "none");
    cell.append(button);
    return cell;
  }), make("th", "", "why"));
}
function row(image, place) {
  const cells = columns().map(([key]) => {
    if (key === "verdict") return make("td", "", null, make("span", `badge ${verdictOf(image)}`, verdictOf(image)));
    if (key === "name") {
      const link = make("button", "link", null, isolated(image.name));
      link.type = "button";
      return make("td", "name", null, link);
    }
    if (key === "truth") return make("td", "", image.kind || truthOf(image));
    if (key === "score") return make("td", "number", number(image.score));
    if (key === "p") return make("td", "number", number(image.p, 3));
    if (key === "regions") return make("td", "number", image.found);
    return make("td", "name", image[key] || "");
  });
  const places = placesOf(image);
  const why = places.length ? short(places[0], image) : "";
  const line = make("tr", "", null, ...cells, make("td", "", why));
  line.addEventListener("click", () => open(place));
  return line;
}

function sort(key, down) {
  state.sort = key;
  state.down = down;
  if ([...$("sort").options].some((option) => option.value === key)) $("sort").value = key;
  render();
}
function render() {
  state.list = chosen();
  state.shown = 0;
  $("gallery").replaceChildren();
  $("table").tBodies[0].replaceChildren();
  $("gallery").hidden = state.view !== "gallery";
  $("scale").hidden = state.view !== "gallery";
  $("table-holder").hidden = state.view !== "table";
  $("count").textContent = `${state.list.length} of ${data.images.length} images`;
  head();
  more(CHUNK);
}
function more(count) {
  const next = state.list.slice(state.shown, state.shown + count);
  $("gallery").append(...(state.view === "gallery" ? next.map((image, i) => card(image, state.shown + i)) : []));
  $("table").tBodies[0].append(...next.map((image, i) => row(image, state.shown + i)));
  state.shown += next.length;
  $("more").hidden = state.shown >= state.list.length;
}

// The regions of an image's mask; of one that is not OK and has none, its strangest place.
function placesOf(image) {
  return image.regions.length || !image.spot || verdictOf(image) === "OK" ? image.regions : [image.spot];
}
// Where a box lies in its picture, and how it stands out, in words.
function where(region, image) {
  const [left, top, right, bottom] = region.box, [width, height] = image.size;
  if ((right - left) * (bottom - top) > 0.5 * width * height) return "most of the picture";
  const x = (left + right) / 2 / width, y = (top + bottom) / 2 / height;
  const down = y < 1 / 3 ? "upper" : y > 2 / 3 ? "lower" : "", across = x < 1 / 3 ? "left" : x > 2 / 3 ? "right" : "";
  if (!down && !across) return "middle";
  if (down && across) return `${down} ${across}`;
  const touching = { upper: top <= 0.02 * height, lower: bottom >= 0.98 * height, left: left <= 0.02 * width, right: right >= 0.98 * width };
  return `${down || across} ${touching[down || across] ? "edge" : "part"}`;
}
function why(region) {
  const reason = region.reasons[0];
  if (!reason) return "stranger than good parts are here";
  if (reason.side === "code") return "it is made of what good parts show, but stronger than on any of them";
  return reason.like ? "no good part looks like this here" : "no good part looks like this";
}
function short(region, image) { return `${where(region, image)}: ${why(region)}`; }
function words(reason) {
  const seen = `${reason.part} (${reason.taps.join(", ")}) saw ${percent(reason.share)} of it`;
  if (!reason.side) return `${seen}.`;
  const [code, residual] = [number(reason.code, 3), number(reason.residual, 3)];
  return reason.side === "residual"
    ? `${seen}: good examples cannot build it. What is left over lies ${residual} deviations above good images at this place, the code's size ${code}.`
    : `${seen}: it is built of known pieces, but unusually strong ones. The code's size lies ${code} deviations above good images at this place, what is left over ${residual}.`;
}

function open(place) {
  const image = state.list[place];
  if (!image) return;
  state.open = place;
  const picture = pictureOf(image), model = data.models[image.model], verdict = verdictOf(image);
  $("dialog-title").replaceChildren(make("span", `badge ${verdict}`, verdict), " ", isolated(image.name));
  $("panels").replaceChildren(...(picture ? [
    panel(picture.outline || verdict === "OK" ? "image and outline" : "image and strangest place", stack(picture, ["image", "outline"], "over", verdict !== "OK"), picture),
    panel("map over the image", stack(picture, ["image", "heat"], "over"), picture),
  ] : [make("p", "", "This page has no picture of it.")]));
  const facts = make("dl");
  const pairs = [
    ["score", number(image.score, 5)],
    ["known defects", image.known === null ? null : `${number(image.known, 5)}, ${image.known > image.anomaly ? "which decides" : "the anomaly score decides"}; anomaly ${number(image.anomaly, 5)}`],
    ["NG above", number(limits[image.model].threshold, 5)],
    ["REVIEW above", number(limits[image.model].review, 5)],
    ["p-value", `${number(image.p, 3)}: the share of good items that score so high`],
    ["truth", image.label === null ? null : image.kind && image.kind !== truthOf(image) ? `${truthOf(image)}: ${image.kind}` : truthOf(image)],
    ["category", data.several ? image.category : null], ["part", image.part],
    ["size", `${image.size[0]} × ${image.size[1]} pixels`], ["model", data.models.length > 1 ? model.title : null],
  ];
  for (const [key, value] of pairs) if (value !== null && value !== undefined && value !== "–") facts.append(make("dt", "", key), make("dd", "", null, isolated(value)));
  const regions = placesOf(image).map((region, n) => described(region, n, picture, image));
  if (image.found > regions.length) regions.push(make("p", "", `and ${image.found - regions.length} more, in images.jsonl.`));
  if (!regions.length) regions.push(make("p", "", "Nothing here is stranger than good parts are."));
  $("details").replaceChildren(make("div", "", null, facts), make("div", "", null, ...regions));
  if (!$("dialog").open) $("dialog").showModal();
  if (image !== state.image) { $("dialog").scrollTop = 0; zoomTo(1); } else zoomTo(zoom.by);
  state.image = image;
}
function panel(title, content, picture) {
  const window = make("div", "zoomed", null, content);
  window.style.maxWidth = `min(100%, ${((62 * picture.width) / picture.height).toFixed(1)}vh)`;
  return make("figure", "", null, make("figcaption", "", title), window);
}
function described(region, n, picture, image) {
  const [left, top, right, bottom] = region.box, place = where(region, image), pair = picture && picture.patches[n];
  const title = region.masked ? `Region ${n + 1}: ${place}` : `Strangest place: ${place}`;
  const said = make("div", "region", null, make("h3", "", `${title}, ${right - left} × ${bottom - top} pixels`));
  said.append(make("p", "", `${why(region)[0].toUpperCase()}${why(region).slice(1)}${pair ? "; the most similar good place is beside it." : "."}${region.masked ? "" : " No region passes the mask's threshold; this is where the map is highest."}`));
  if (pair) {
    const good = make("figcaption", "", "the most similar good place, in ", isolated(pair.name));
    said.append(make("div", "pair", null, make("figure", "", null, source(pair.here, "", "the strange patch"), make("figcaption", "", "here")), make("figure", "", null, source(pair.good, "", "the good patch most like it"), good)));
  }
  const numbers = make("details", "", null, make("summary", "", "the numbers"), make("p", "", `At (${left}, ${top}) to (${right}, ${bottom}), ${region.area} pixels; the map's highest value is ${number(region.peak)} at (${region.peak_at.join(", ")}).`));
  for (const reason of region.reasons) if (reason.share >= 0.05) numbers.append(make("p", "", words(reason)));
  said.append(numbers);
  return said;
}

// Zoom: all panels of an image show the same part of it.
const zoom = { by: 1, x: 0, y: 0, from: null };
function zoomTo(by, x = 0.5, y = 0.5) {
  const next = Math.min(12, Math.max(1, by));
  zoom.x = x - ((x - zoom.x) * next) / zoom.by; // what lies at (x, y) of the window stays there
  zoom.y = y - ((y - zoom.y) * next) / zoom.by;
  zoom.by = next;
  shown();
}
function shown() {
  for (const axis of ["x", "y"]) zoom[axis] = Math.min(0, Math.max(1 - zoom.by, zoom[axis]));
  for (const layer of document.querySelectorAll("#panels .zoomed > .stack")) layer.style.transform = `translate(${100 * zoom.x}%, ${100 * zoom.y}%) scale(${zoom.by})`;
}
function at(event, box) { return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; }
function zooming() {
  $("panels").addEventListener("wheel", (event) => {
    const window = event.target.closest(".zoomed");
    if (!window) return;
    event.preventDefault();
    zoomTo(zoom.by * Math.exp(-event.deltaY / 400), ...at(event, window.getBoundingClientRect()));
  }, { passive: false });
  $("panels").addEventListener("pointerdown", (event) => {
    const window = event.target.closest(".zoomed");
    if (!window || zoom.by === 1) return;
    zoom.from = [event.clientX, event.clientY, zoom.x, zoom.y, window.getBoundingClientRect()];
    window.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  $("panels").addEventListener("pointermove", (event) => {
    if (!zoom.from) return;
    const [x, y, left, top, box] = zoom.from;
    Object.assign(zoom, { x: left + (event.clientX - x) / box.width, y: top + (event.clientY - y) / box.height });
    shown();
  });
  for (const name of ["pointerup", "pointercancel"]) $("panels").addEventListener(name, () => { zoom.from = null; });
  $("panels").addEventListener("dblclick", (event) => {
    const window = event.target.closest(".zoomed");
    if (window) zoomTo(zoom.by > 1 ? 1 : 3, ...at(event, window.getBoundingClientRect()));
  });
  $("zoom-in").addEventListener("click", () => zoomTo(zoom.by * 1.5));
  $("zoom-out").addEventListener("click", () => zoomTo(zoom.by / 1.5));
  $("zoom-whole").addEventListener("click", () => zoomTo(1));
}

// Heat comes as grey; a table of colours is laid over it.
function colour(name) {
  const stops = data.colours[name];
  ["R", "G", "B"].forEach((letter, n) => document.querySelector(`#colouring feFunc${letter}`).setAttribute("tableValues", stops.map((stop) => (stop[n] / 255).toFixed(3)).join(" ")));
  $("ramp").style.background = `linear-gradient(to right, ${stops.map((stop) => `rgb(${stop})`).join(", ")})`;
}
function step(by) {
  const place = state.open + by;
  if (place >= state.shown) more(CHUNK);
  if (place >= 0 && place < state.list.length) open(place);
  if (!$("dialog").contains(document.activeElement)) $("dialog").focus();  // what had it is gone: keys go on
}

// Thresholds: the marks on the histogram, and what they would have done.
function promised(model, threshold) {
  let above = 0;
  for (let n = model.scores.length - 1; n >= 0 && model.scores[n] > threshold; n--) above += model.weights[n];
  return (1 + above) / (model.items + 1);
}
// The lowest score above which as large a share of good images is for REVIEW as the model has it, as `psdl calibrate` sets it.
function reviewAt(model, threshold) {
  const [falseReject, review] = model.rates;
  if (model.review === null) return null;
  const rate = Math.min(1, Math.max(review, promised(model, threshold) + review - falseReject));
  const found = model.scores.find((score) => promised(model, score) <= rate);
  return Math.min(threshold, found ?? threshold);
}
// The page's first sentence and its counts at the thresholds as they are now; page.py says the same.
function headline() {
  if (data.mode !== "report") return;
  const counts = { NG: 0, REVIEW: 0, OK: 0 }, good = [], bad = [];
  for (const image of data.images) {
    const verdict = verdictOf(image);
    counts[verdict]++;
    if (image.label !== null) (image.label ? bad : good).push(verdict);
  }
  for (const name of Object.keys(counts)) $(`tally-${name}`).textContent = counts[name];
  const look = counts.REVIEW ? ` ${counts.REVIEW} ${counts.REVIEW === 1 ? "is" : "are"} for a person to look at.` : "";
  const missed = bad.filter((verdict) => verdict === "OK").length, refused = good.filter((verdict) => verdict === "NG").length;
  const said = [];
  if (bad.length) said.push(`${missed} of ${bad.length} defective passed as OK`);
  if (good.length) said.push(`${refused} of ${good.length} good were rejected`);
  const labelled = said.length > 0;
  const tone = labelled ? (missed ? "bad" : refused ? "doubt" : "fine") : counts.NG ? "bad" : counts.REVIEW ? "doubt" : "fine";
  $("lead").textContent = (labelled ? `${said.join(", ")}.` : `${counts.NG} of ${data.images.length} images are NG: reject these parts.`) + look;
  $("lead").className = `lead ${tone}`;
}
function whatIf() {
  const model = data.models[state.model], limit = limits[state.model];
  const inside = data.images.filter((image) => image.model === state.model);
  const said = [];
  for (const truth of ["good", "defective", "not labelled"]) {
    const these = inside.filter((image) => truthOf(image) === truth);
    if (!these.length) continue;
    const counts = { OK: 0, REVIEW: 0, NG: 0 };
    these.forEach((image) => counts[verdictOf(image)]++);
    said.push(`${these.length} ${truth}: ${counts.OK} OK, ${counts.REVIEW} REVIEW, ${counts.NG} NG (${percent(counts.NG / these.length)})`);
  }
  const moved = limit.threshold !== model.threshold || limit.review !== model.review;
  const box = $("what-if");
  box.replaceChildren(`At ${number(limit.threshold)}: ${said.join("; ")}. By the calibration's ${model.items} good items at most ${percent(promised(model, limit.threshold))} of new good images would be NG. `);
  if (moved) box.append("To make it so: ", make("code", "", `psdl calibrate ${model.file} --threshold ${number(limit.threshold, 6)}`));
}
function form() { return matchMedia("(max-width: 640px)").matches ? "narrow" : "broad"; }
function place(mark, value, model) {
  const share = Math.min(1, Math.max(0, (value - model.low) / (model.high - model.low)));
  const [left, right] = data.axes[form()];
  mark.style.left = `${100 * (left + share * (right - left))}%`;
}
function marks() {
  if (!data.models.length || data.mode !== "report") return;
  const model = data.models[state.model], limit = limits[state.model];
  for (const figure of document.querySelectorAll(".histogram")) {
    figure.hidden = Number(figure.dataset.model) !== state.model;
    if (figure.hidden) continue;
    const [ng, review] = figure.querySelectorAll(".mark");
    const tall = figure.querySelector(`.${form()} svg`).clientHeight; // of which charts.py gives the bars this share
    for (const mark of [ng, review]) Object.assign(mark.style, { top: `${tall * 0.12}px`, height: `${tall * 0.66}px` });
    place(ng, limit.threshold, model);
    review.hidden = limit.review === null;
    if (limit.review !== null) place(review, limit.review, model);
    figure.querySelector(".slider").value = limit.threshold;
  }
  $("threshold-number").value = number(limit.threshold, 6);
  $("review-number").value = limit.review === null ? "" : number(limit.review, 6);
  $("review-number").disabled = limit.review === null;
  whatIf();
}
let waiting = 0;
function move(threshold, review) {
  if (!Number.isFinite(threshold)) return;
  const limit = limits[state.model];
  limit.threshold = threshold;
  if (limit.review !== null && Number.isFinite(review)) limit.review = Math.min(review, threshold);
  marks();
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    render();
    headline();
    if ($("dialog").open && state.image) open(state.list.includes(state.image) ? state.list.indexOf(state.image) : (state.list = [...state.list, state.image]).length - 1);
  });
}

function start() {
  data.images.forEach((image, n) => { image.place = n; });
  const on = (id, event, act) => { if ($(id)) $(id).addEventListener(event, act); };
  on("query", "input", () => { state.query = $("query").value; render(); });
  on("truth", "change", () => { state.truth = $("truth").value; render(); });
  on("category", "change", () => { state.category = $("category").value; render(); });
  on("sort", "change", () => sort($("sort").value, !TEXTS.has($("sort").value)));
  on("more", "click", () => more(CHUNK));
  on("heat", "change", () => document.body.classList.toggle("no-heat", !$("heat").checked));
  on("outline", "change", () => document.body.classList.toggle("no-outline", !$("outline").checked));
  document.querySelectorAll("input[name=verdict]").forEach((box) => box.addEventListener("change", render));
  document.querySelectorAll("input[name=view]").forEach((box) => box.addEventListener("change", () => { state.view = box.value; render(); }));
  if ($("category")) for (const name of new Set(data.images.map((image) => image.category))) $("category").append(new Option(name, name));
  on("model", "change", () => { state.model = Number($("model").value); marks(); });
  on("threshold-number", "change", () => {
    const value = Number($("threshold-number").value);
    move(value, reviewAt(data.models[state.model], value) ?? NaN);
  });
  on("review-number", "change", () => move(limits[state.model].threshold, Number($("review-number").value)));
  document.querySelectorAll(".slider").forEach((slider) => slider.addEventListener("input", () => {
    const model = data.models[state.model];
    move(Number(slider.value), reviewAt(model, Number(slider.value)) ?? NaN);
  }));
  on("reset", "click", () => move(data.models[state.model].threshold, data.models[state.model].review ?? NaN));
  document.querySelectorAll("[data-open]").forEach((button) => button.addEventListener("click", () => {
    const image = data.images[Number(button.dataset.open)];
    if (!state.list.includes(image)) state.list = [...state.list, image];
    open(state.list.indexOf(image));
  }));
  on("previous", "click", () => step(-1));
  on("next", "click", () => step(1));
  on("close", "click", () => $("dialog").close());
  on("copy", "click", () => { $("drop").select(); navigator.clipboard?.writeText($("drop").value).catch(() => {}); });
  $("dialog").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else if (event.key === "+" || event.key === "=") zoomTo(zoom.by * 1.5);
    else if (event.key === "-") zoomTo(zoom.by / 1.5);
    else if (event.key === "0") zoomTo(1);
    else if (event.key === "h") $("heat").click();
    else if (event.key === "o") $("outline").click();
    else return;
    event.preventDefault();
  });
  $("dialog").addEventListener("click", (event) => { if (event.target === $("dialog")) $("dialog").close(); });
  addEventListener("beforeprint", () => { state.view = "gallery"; render(); more(Infinity); });
  addEventListener("resize", marks);
  for (const table of document.querySelectorAll("section:not(#results) .wide table")) { // on a phone each cell says its column
    const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    for (const line of table.tBodies[0].rows) [...line.cells].forEach((cell, n) => { cell.dataset.title = titles[n]; });
  }
  on("colours", "change", () => colour($("colours").value));
  zooming();
  colour("plasma");
  render();
  marks();
}
start();
