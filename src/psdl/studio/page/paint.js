// Marks by the mouse which pixels of a picture are defective: brush, erase, clear.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get, put } from "./api.js";
import { Dialog } from "./parts.js";
import { attempt, note, reload } from "./store.js";

const SIDE = 2048; // pixels of the longer side that is painted at
const COLOUR = "rgb(37,150,255)";

function draw(canvas, base, strokes) {
  const pen = canvas.getContext("2d");
  pen.globalCompositeOperation = "source-over";
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (base) pen.drawImage(base, 0, 0, canvas.width, canvas.height);
  for (const one of strokes) add(pen, one);
}
function add(pen, { tool, points, width, path, scale }) {
  pen.globalCompositeOperation = tool === "erase" ? "destination-out" : "source-over";
  pen.fillStyle = pen.strokeStyle = COLOUR;
  if (tool === "clear") { pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height); return; }
  if (tool === "found") { pen.save(); pen.scale(...scale); pen.fill(new Path2D(path), "evenodd"); pen.restore(); return; }
  Object.assign(pen, { lineWidth: width, lineCap: "round", lineJoin: "round" });
  pen.beginPath();
  if (points.length === 1) { pen.arc(...points[0], width / 2, 0, 2 * Math.PI); pen.fill(); return; } // a line of no length is not drawn
  pen.moveTo(...points[0]);
  for (const point of points.slice(1)) pen.lineTo(...point);
  pen.stroke();
}
async function loaded(key) {
  const picture = new Image();
  picture.src = `/api/images/${key}/mask?${Date.now()}`;
  await picture.decode();
  return picture;
}

// image: key, name, mask; found: a picture with the outline of what the model found, if it did. onSaved(marked) after
// it was kept.
export function Painter({ image, found, onClose, onSaved }) {
  const canvas = useRef(null), ring = useRef(null), base = useRef(null);
  const [size, setSize] = useState(null);
  const [strokes, setStrokes] = useState([]);
  const [tool, setTool] = useState("brush");
  const [share, setShare] = useState(4); // the brush, in percent of the longer side
  const [zoom, setZoom] = useState(1);
  const stroke = useRef(null), place = useRef(null);
  useEffect(() => { attempt(async () => {
    const { width, height } = await get(`images/${image.key}/size`), scale = Math.min(1, SIDE / Math.max(width, height));
    if (image.mask) base.current = await loaded(image.key).catch(() => null);
    setSize({ width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  }); }, []);
  useEffect(() => { if (size) draw(canvas.current, base.current, strokes); }, [size, strokes]);
  const width = size ? Math.max(1, (share / 100) * Math.max(size.width, size.height)) : 1;
  const show = ([x, y]) => {
    place.current = [x, y];
    Object.assign(ring.current.style, { display: "block", left: `${(100 * x) / size.width}%`, top: `${(100 * y) / size.height}%` });
  };
  const at = (event) => {
    const box = canvas.current.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * size.width, ((event.clientY - box.top) / box.height) * size.height];
  };
  const begin = (point) => { stroke.current = { tool, width, points: [point] }; add(canvas.current.getContext("2d"), stroke.current); };
  const end = () => { if (stroke.current) { setStrokes([...strokes, stroke.current]); stroke.current = null; } };
  const down = (event) => {
    if (event.button) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    begin(at(event));
  };
  const move = (event) => {
    show(at(event));
    if (!stroke.current) return;
    const points = (event.getCoalescedEvents?.() || []).map(at), last = stroke.current.points.at(-1);
    if (!points.length) points.push(at(event));
    stroke.current.points.push(...points);
    add(canvas.current.getContext("2d"), { tool, width, points: [last, ...points] });
  };
  const press = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [x, y] = place.current || [size.width / 2, size.height / 2], by = event.shiftKey ? width * 2 : width / 2;
    if (step) show([Math.min(size.width, Math.max(0, x + step[0] * by)), Math.min(size.height, Math.max(0, y + step[1] * by))]);
    else if (event.key === " ") { begin([x, y]); end(); }
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) setStrokes(strokes.slice(0, -1));
    else if (event.key === "b" || event.key === "e") setTool(event.key === "b" ? "brush" : "erase");
    else return;
    event.preventDefault();
  };
  const take = () => setStrokes([...strokes, { tool: "found", path: found.outline, scale: [size.width / found.width, size.height / found.height] }]);
  const save = () => attempt(async () => {
    const content = await new Promise((good) => canvas.current.toBlob(good, "image/png"));
    const { marked } = await put(`images/${image.key}/mask`, content);
    await reload("images", "state", "results");
    note(marked ? "The marked place is kept with the picture." : "Nothing is marked in this picture any more.");
    onSaved?.(marked);
    onClose();
  });
  return html`<${Dialog} wide=${true} title="Where is the defect?" onClose=${onClose} actions=${html`
      <button type="button" onClick=${() => setStrokes(strokes.slice(0, -1))} disabled=${!strokes.length}>Undo</button>
      <button type="button" onClick=${() => setStrokes([...strokes, { tool: "clear" }])} disabled=${!size || (!strokes.length && !image.mask)}>Clear</button>
      ${found?.outline && html`<button type="button" onClick=${take} disabled=${!size}>Take what was found</button>`}
      <span class="grow"></span><button type="button" onClick=${onClose}>Cancel</button><button type="button" class="primary" onClick=${save} disabled=${!size || !strokes.length}>Save</button>`}>
    <div class="row paint-tools"><fieldset class="choice"><legend>Click or drag over the defect.</legend>
      <label><input type="radio" name="paint" checked=${tool === "brush"} onChange=${() => setTool("brush")} /> brush <kbd>B</kbd></label>
      <label><input type="radio" name="paint" checked=${tool === "erase"} onChange=${() => setTool("erase")} /> eraser <kbd>E</kbd></label></fieldset>
      <label class="row">size <input type="range" min="0.5" max="20" step="0.5" value=${share} onInput=${(event) => setShare(Number(event.target.value))} /></label>
      <label class="row">zoom <input type="range" min="1" max="8" step="0.5" value=${zoom} onInput=${(event) => setZoom(Number(event.target.value))} /></label></div>
    ${size ? html`<div class="stage draw zoomed" tabindex="0" aria-label="picture to paint on; arrow keys move the brush, space marks" onKeyDown=${press}>
      <div class="fit" style=${{ aspectRatio: `${size.width} / ${size.height}`, "--zoom": zoom, "--ratio": size.width / size.height }}>
        <img src=${`/api/images/${image.key}/large`} alt=${image.name} draggable=${false} />
        <canvas ref=${canvas} width=${size.width} height=${size.height} onPointerDown=${down} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end}></canvas>
        <i class="brush" ref=${ring} style=${{ width: `${(100 * width) / size.width}%` }}></i></div></div>` : html`<p class="soft">Loading…</p>`}
  <//>`;
}
