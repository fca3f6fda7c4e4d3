// The region of interest, drawn on the first good picture: polygons in its pixels.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get, post } from "./api.js";
import { Dialog } from "./parts.js";
import { attempt, note, reload, store } from "./store.js";

export function Region({ onClose }) {
  const image = store.images.find((one) => one.use === "learn");
  const [size, setSize] = useState(null);
  const [shapes, setShapes] = useState(store.state.roi || []);
  const [open, setOpen] = useState([]); // corners of the shape that is being drawn
  const [tool, setTool] = useState("rectangle");
  const [drag, setDrag] = useState(null);
  const ref = useRef(null);
  useEffect(() => { attempt(async () => setSize(await get(`images/${image.key}/size`))); }, []);
  const at = (event) => {
    const box = ref.current.getBoundingClientRect();
    const clip = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
    return [clip(((event.clientX - box.left) / box.width) * size.width, size.width), clip(((event.clientY - box.top) / box.height) * size.height, size.height)];
  };
  const close = () => { if (open.length >= 3) setShapes([...shapes, open]); setOpen([]); };
  const corner = (a, b) => [[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]];
  const down = (event) => {
    if (event.button) return;
    const point = at(event);
    if (tool === "rectangle") { event.currentTarget.setPointerCapture(event.pointerId); setDrag([point, point]); return; }
    const first = open[0], near = size.width / 40;
    if (open.length >= 3 && Math.hypot(first[0] - point[0], first[1] - point[1]) < near) close();
    else setOpen([...open, point]);
  };
  const up = () => {
    if (!drag) return;
    const [a, b] = drag;
    if (Math.abs(a[0] - b[0]) > 3 && Math.abs(a[1] - b[1]) > 3) setShapes([...shapes, corner(a, b)]);
    setDrag(null);
  };
  const undo = () => { if (open.length) setOpen(open.slice(0, -1)); else setShapes(shapes.slice(0, -1)); };
  const save = async () => {
    const all = open.length >= 3 ? [...shapes, open] : shapes;
    if (await attempt(() => post("roi", { polygons: all }))) {
      await reload("state");
      note(all.length ? "From the next learning on only the marked region counts." : "From the next learning on all of the picture counts.");
      onClose();
    }
  };
  const nudge = (event) => {
    const last = shapes.length - 1, step = event.shiftKey ? 1 : 10;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!move || last < 0) return;
    event.preventDefault();
    setShapes([...shapes.slice(0, last), shapes[last].map(([x, y]) => [Math.min(size.width, Math.max(0, x + move[0])), Math.min(size.height, Math.max(0, y + move[1]))])]);
  };
  const whole = () => setShapes([...shapes, corner([Math.round(size.width * 0.1), Math.round(size.height * 0.1)], [Math.round(size.width * 0.9), Math.round(size.height * 0.9)])]);
  const text = (points) => points.map((one) => one.join(",")).join(" ");
  const stroke = size ? size.width / 250 : 1;
  return html`<${Dialog} wide=${true} title="Where to look" onClose=${onClose} actions=${html`
      <button type="button" onClick=${undo} disabled=${!open.length && !shapes.length}>Undo</button>
      <button type="button" onClick=${() => { setShapes([]); setOpen([]); }} disabled=${!open.length && !shapes.length}>Erase all</button>
      <span class="grow"></span><button type="button" onClick=${onClose}>Cancel</button><button type="button" class="primary" onClick=${save}>Save</button>`}>
    <p>Mark the part of the picture that matters. What lies outside is neither learned nor judged. With nothing marked, everything counts.</p>
    <p class="row"><fieldset class="choice"><legend>Draw</legend>
      <label><input type="radio" name="tool" checked=${tool === "rectangle"} onChange=${() => { close(); setTool("rectangle"); }} /> a rectangle: drag</label>
      <label><input type="radio" name="tool" checked=${tool === "polygon"} onChange=${() => setTool("polygon")} /> a polygon: click its corners, the first again to end</label></fieldset>
      <button type="button" onClick=${whole} disabled=${!size}>Add a rectangle</button></p>
    ${size && html`<div class="stage draw" tabindex="0" aria-label="picture to draw on; arrow keys move the last shape" onKeyDown=${nudge}><div class="fit" style=${{ aspectRatio: `${size.width} / ${size.height}` }}>
      <img src=${`/api/images/${image.key}/large`} alt=${image.name} draggable=${false} />
      <svg ref=${ref} viewBox=${`0 0 ${size.width} ${size.height}`} onPointerDown=${down} onPointerMove=${(event) => drag && setDrag([drag[0], at(event)])} onPointerUp=${up}>
        ${(shapes.length > 0 || drag) && html`<path class="outside" fill-rule="evenodd" d=${`M0 0H${size.width}V${size.height}H0Z ${[...shapes, ...(drag ? [corner(...drag)] : [])].map((one) => `M${one.map((p) => p.join(" ")).join("L")}Z`).join("")}`} />`}
        ${shapes.map((one, n) => html`<polygon key=${n} points=${text(one)} class="shape" stroke-width=${stroke} />`)}
        ${open.length > 0 && html`<polyline points=${text(open)} class="shape" stroke-width=${stroke} />`}
        ${open.map(([x, y], n) => html`<circle key=${n} cx=${x} cy=${y} r=${stroke * 2.2} class="corner" />`)}
      </svg></div></div>`}
  <//>`;
}
