// A grid that draws only what is in sight, so that thousands of pictures scroll as smoothly as ten.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";

const GAP = 10;

// items: with a key each; cell(item): what a cell shows; onOpen(place): Enter, or a click where nothing is selected by it;
// selected: a Set of keys, with onSelect(keys) where several can be; keys: {letter: act(keys)}.
export function Grid({ items, cell, label, onOpen, selected, onSelect, keys = {}, least = 150, below = 44 }) {
  const ref = useRef(null);
  const [view, setView] = useState({ top: 0, height: 900, width: 1000 });
  const [at, setAt] = useState(0);
  const anchor = useRef(0);
  useLayoutEffect(() => {
    let waiting = 0;
    const look = () => {
      waiting = 0;
      const box = ref.current?.getBoundingClientRect();
      if (box) setView((old) => {
        const now = { top: Math.max(0, -box.top), height: innerHeight, width: box.width };
        return old.top === now.top && old.height === now.height && old.width === now.width ? old : now;
      });
    };
    const later = () => { waiting ||= requestAnimationFrame(look); };
    look();
    addEventListener("scroll", later, { passive: true });
    const watcher = new ResizeObserver(later);
    watcher.observe(ref.current);
    addEventListener("resize", later);
    return () => { removeEventListener("scroll", later); removeEventListener("resize", later); watcher.disconnect(); cancelAnimationFrame(waiting); };
  }, []);
  const columns = Math.max(view.width < 420 ? 2 : 1, Math.floor((view.width + GAP) / (least + GAP)));
  const width = (view.width - GAP * (columns - 1)) / columns;
  const height = Math.round(width * 0.8) + below;
  const rows = Math.ceil(items.length / columns);
  const first = Math.max(0, Math.floor(view.top / (height + GAP)) - 2);
  const last = Math.min(rows, Math.ceil((view.top + view.height) / (height + GAP)) + 2);
  const shown = items.slice(first * columns, last * columns);
  const active = Math.min(at, Math.max(0, items.length - 1));

  useEffect(() => { if (at >= items.length) setAt(0); }, [items.length]);

  const select = (place, event) => {
    if (!onSelect) return;
    const key = items[place].key;
    if (event.shiftKey) {
      const [low, high] = [Math.min(anchor.current, place), Math.max(anchor.current, place)];
      onSelect(new Set([...selected, ...items.slice(low, high + 1).map((one) => one.key)]));
      return;
    }
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    anchor.current = place;
    onSelect(next);
  };
  const press = (event) => {
    if (event.target !== ref.current) return;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: columns * 4, PageUp: -columns * 4 }[event.key];
    if (step || event.key === "Home" || event.key === "End") {
      const next = event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : Math.min(items.length - 1, Math.max(0, active + step));
      setAt(next);
      if (event.shiftKey && onSelect) onSelect(new Set([...selected, items[active].key, items[next].key]));
      reveal(ref.current, Math.floor(next / columns) * (height + GAP), height);
    } else if (event.key === "Enter") onOpen?.(active);
    else if (event.key === " ") (onSelect ? select(active, event) : onOpen?.(active));
    else if (event.key === "a" && (event.ctrlKey || event.metaKey) && onSelect) onSelect(new Set(items.map((one) => one.key)));
    else if (event.key === "Escape" && onSelect) onSelect(new Set());
    else if (keys[event.key] && !event.ctrlKey && !event.metaKey) keys[event.key](selected?.size ? [...selected] : items[active] ? [items[active].key] : []);
    else return;
    event.preventDefault();
  };
  return html`<div class="grid" ref=${ref} tabindex="0" role="listbox" aria-label=${label} aria-multiselectable=${Boolean(onSelect)}
    aria-activedescendant=${items[active] ? `cell-${items[active].key}` : undefined} onKeyDown=${press}
    style=${{ height: `${Math.max(0, rows * (height + GAP) - GAP)}px` }}>
    ${shown.map((item, n) => {
      const place = first * columns + n, row = Math.floor(place / columns), column = place % columns;
      return html`<div key=${item.key} id=${`cell-${item.key}`} role="option" aria-selected=${Boolean(selected?.has(item.key))} aria-setsize=${items.length} aria-posinset=${place + 1}
        class="cell ${selected?.has(item.key) ? "selected" : ""} ${place === active ? "active" : ""}"
        style=${{ transform: `translate(${column * (width + GAP)}px, ${row * (height + GAP)}px)`, width: `${width}px`, height: `${height}px` }}
        onClick=${(event) => { setAt(place); ref.current.focus({ preventScroll: true }); if (onSelect) select(place, event); else onOpen?.(place); }}
        onDblClick=${() => onSelect && onOpen?.(place)}>${cell(item)}</div>`;
    })}
  </div>`;
}

function reveal(grid, top, height) {
  const box = grid.getBoundingClientRect(), here = box.top + top;
  const head = document.querySelector(".top")?.offsetHeight || 0;
  if (here < head + 8) scrollBy(0, here - head - 8);
  else if (here + height > innerHeight - 70) scrollBy(0, here + height - innerHeight + 70);
}
