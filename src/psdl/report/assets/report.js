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
function percent(value) { return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`; }
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

function stack(picture, layers, name) {
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
  const button = make("button", "", null, picture ? stack(picture, ["image", "heat", "outline"], "over") : make("span", "blank", "no picture on this page"));
  if (picture) button.firstChild.style.maxWidth = `${Math.round((260 * picture.width) / picture.height)}px`;
  button.type = "button";
  button.setAttribute("aria-label", `open ${image.name}, ${verdict}`);
  button.addEventListener("click", () => open(place));
  const line = make("span", "score", null, make("span", `badge ${verdict}`, verdict), ` ${number(image.score)}${image.label === null ? "" : `, ${image.kind || truthOf(image)}`}`);
  const name = make("span", "name", null, isolated(image.name));
  name.title = image.name;
  const found = make("div", `card is-${verdict}`, null, button, line, name);
  if (data.mode === "suspects") found.append(tick(image));
  return found;
}
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
  const why = image.regions.length ? short(image.regions[0]) : "";
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

// One region in few words, and in all.
function short(region) {
  const reason = region.reasons[0];
  if (!reason) return "";
  return reason.side ? `${reason.side} ${number(Math.max(reason.code, reason.residual), 3)} deviations above good` : `seen by ${reason.part}`;
}
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
    panel("image and outline", stack(picture, ["image", "outline"], "over"), picture),
    panel("map over the image", stack(picture, ["image", "heat"], "over"), picture),
    panel("mask", stack(picture, ["outline"], "mask"), picture),
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
  const regions = image.regions.map((region, n) => described(region, n, picture));
  if (image.found > regions.length) regions.push(make("p", "", `and ${image.found - regions.length} more, in images.jsonl.`));
  if (!regions.length) regions.push(make("p", "", "No region of the map passes its threshold."));
  $("details").replaceChildren(make("div", "", null, facts), make("div", "", null, ...regions));
  if (!$("dialog").open) $("dialog").showModal();
  $("dialog").scrollTop = 0;
}
function panel(title, content, picture) {
  content.style.maxWidth = `min(100%, ${((52 * picture.width) / picture.height).toFixed(1)}vh)`;
  return make("figure", "", null, make("figcaption", "", title), content);
}
function described(region, n, picture) {
  const [left, top, right, bottom] = region.box;
  const said = make("div", "region", null, make("h3", "", `Region ${n + 1}: ${right - left} × ${bottom - top} pixels at (${left}, ${top}), peak ${number(region.peak)}`));
  for (const reason of region.reasons) if (reason.share >= 0.05) said.append(make("p", "", words(reason)));
  const pair = picture && picture.patches[n];
  if (pair) {
    const good = make("figcaption", "", "most like it among good ones: ", isolated(pair.name));
    said.append(make("div", "pair", null, make("figure", "", null, source(pair.here, "", "the strange patch"), make("figcaption", "", "here")), make("figure", "", null, source(pair.good, "", "the good patch most like it"), good)));
  }
  return said;
}
function step(by) {
  const place = state.open + by;
  if (place >= state.shown) more(CHUNK);
  if (place >= 0 && place < state.list.length) open(place);
}

// Thresholds: the marks on the histogram, and what they would have done.
function promised(model, threshold) {
  let above = 0;
  for (let n = model.scores.length - 1; n >= 0 && model.scores[n] > threshold; n--) above += model.weights[n];
  return (1 + above) / (model.items + 1);
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
  waiting = requestAnimationFrame(render);
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
  on("threshold-number", "change", () => move(Number($("threshold-number").value), limits[state.model].review));
  on("review-number", "change", () => move(limits[state.model].threshold, Number($("review-number").value)));
  document.querySelectorAll(".slider").forEach((slider) => slider.addEventListener("input", () => {
    const model = data.models[state.model];
    move(Number(slider.value), Math.min(model.review ?? Infinity, Number(slider.value)));
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
    else if (event.key === "h") $("heat").click();
    else if (event.key === "o") $("outline").click();
    else return;
    event.preventDefault();
  });
  $("dialog").addEventListener("click", (event) => { if (event.target === $("dialog")) $("dialog").close(); });
  addEventListener("beforeprint", () => { state.view = "gallery"; render(); more(Infinity); });
  addEventListener("resize", marks);
  render();
  marks();
}
start();
