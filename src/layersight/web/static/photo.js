/** A map and the photograph, and what one position means on the other. */
import { html, useLayoutEffect, useRef, useStore } from "./html.js";
import { gradient, limits, palette, pixelOf } from "./colour.js";
import { clamp, number } from "./format.js";
import { imageOf } from "./mosaic.js";
import { valueAt } from "./maps.js";

const share = (value) => `${value * 100}%`;

/** Where a pointer is on a node, as shares of its height and width. */
function shares(event) {
  const box = event.currentTarget.getBoundingClientRect();
  return [clamp((event.clientY - box.top) / box.height, 0, 0.9999), clamp((event.clientX - box.left) / box.width, 0, 0.9999)];
}

/** Moving a position by keys. */
function walked(event, cell, maps) {
  const step = event.shiftKey ? 8 : 1;
  const by = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] }[event.key];
  if (!by || !cell || event.altKey) return null;
  event.preventDefault();
  event.stopPropagation();
  return [clamp(cell[0] + by[0], 0, maps.height - 1), clamp(cell[1] + by[1], 0, maps.width - 1)];
}

/** One map as large as there is room. @param {{maps: import("./maps.js").Maps, channel: number, scaled?: import("./maps.js").Maps, name: string, told?: string}} props */
export function MapFigure({ maps, channel, scaled = maps, name, told = "" }) {
  const store = useStore();
  const canvas = useRef(null);
  const look = store.look.value;
  const colours = maps.signed ? store.signedColours.value : store.view.colormap.value;
  const theme = store.theme.value;
  useLayoutEffect(() => {
    const style = getComputedStyle(canvas.current);
    const plain = { flat: pixelOf(style.color), broken: pixelOf(style.outlineColor) };
    canvas.current.width = maps.width;
    canvas.current.height = maps.height;
    canvas.current.getContext("2d").putImageData(imageOf(scaled, channel, look, palette(colours), plain), 0, 0);
  }, [maps, scaled, channel, look, colours, theme]);
  const cell = store.cell.value;
  const put = (target, y, x) => { target.value = { ...store.pointOf(y, x, maps), from: "map" }; };
  const move = (event) => {
    const [down, across] = shares(event);
    put(store.pointer, Math.floor(down * maps.height), Math.floor(across * maps.width));
  };
  const keys = (event) => {
    const next = walked(event, cell, maps);
    if (!next) return;
    put(store.pinned, ...next);
    store.announced.value = `row ${next[0]}, column ${next[1]}, ${number(valueAt(maps, channel, ...next))}`;
  };
  const dead = maps.dead[channel] && !maps.single;
  const [low, high] = limits(scaled, channel, look);
  return html`<figure class="map">
    <div class="picture" role="application" tabindex="0" aria-label=${`${name}, channel ${channel}${cell ? `, row ${cell[0]}, column ${cell[1]}, value ${number(valueAt(maps, channel, ...cell))}` : ""}. Arrow keys move the position.`}
      style=${{ aspectRatio: `${maps.width} / ${maps.height === 1 ? Math.max(1, maps.width / 4) : maps.height}` }}
      onPointerMove=${move} onPointerDown=${move} onPointerLeave=${() => { store.pointer.value = null; }} onClick=${() => { store.pinned.value = store.pointer.peek(); }} onKeyDown=${keys}>
      <canvas ref=${canvas} class="ink-flat" aria-hidden="true"></canvas>
      ${dead && html`<span class="dead">${maps.signed ? "same" : "dead"}</span>`}
      ${cell && !dead && html`<i class="cross" style=${{ left: share((cell[1] + 0.5) / maps.width), top: share((cell[0] + 0.5) / maps.height), width: share(1 / maps.width), height: share(1 / maps.height) }}></i>`}
    </div>
    <p class="note">${told || "\u00a0"}</p>
    <div class="scale"><i style=${{ backgroundImage: gradient(colours) }}></i><span>${number(low)}</span><span>${number(high)}</span></div>
  </figure>`;
}

/** The photograph as far as the network sees it, with what a position sees. @param {{entry: any, maps?: import("./maps.js").Maps, name: string, children?: any}} props */
export function Photograph({ entry, maps, name, children }) {
  const store = useStore();
  const source = store.photographOf(entry.id, 1024, entry.frame).value.value;
  const [top, left, bottom, right] = entry.region;
  const [tall, wide] = entry.input;
  const cell = store.cell.value;
  const box = maps && cell && !maps.single && !maps.slices ? store.boxOf(cell[0], cell[1], maps) : null;
  const toPoint = ([down, across]) => ({ y: down * tall, x: across * wide });
  const move = (event) => { store.pointer.value = { ...toPoint(shares(event)), from: "photograph" }; };
  const keys = (event) => {
    const next = maps && walked(event, cell, maps);
    if (next) store.pinned.value = store.pointOf(next[0], next[1], maps);
  };
  const cut = (value) => clamp(value, 0, 1);
  const edges = box && [cut(box[0] / tall), cut(box[1] / wide), cut(box[2] / tall), cut(box[3] / wide)];
  const live = maps && !maps.single;
  return html`<div class="picture photograph" role=${live ? "application" : "group"} tabindex=${live ? 0 : undefined}
    aria-label=${live ? `${name}${box ? `, the position sees rows ${Math.round(edges[0] * tall)} to ${Math.round(edges[2] * tall)} and columns ${Math.round(edges[1] * wide)} to ${Math.round(edges[3] * wide)}` : ""}. Arrow keys move the position.` : name}
    style=${{ aspectRatio: `${right - left} / ${Math.max(bottom - top, (right - left) / 4)}` }}
    onPointerMove=${live && move} onPointerDown=${live && move} onPointerLeave=${live && (() => { store.pointer.value = null; })} onClick=${live && (() => { store.pinned.value = store.pointer.peek(); })} onKeyDown=${live && keys}>
    ${source && html`<img src=${source} alt="" draggable=${false} style=${{
      left: share(-left / (right - left)), top: share(-top / (bottom - top)), width: share(entry.width / (right - left)), height: share(entry.height / (bottom - top)),
    }} />`}
    ${children}
    ${edges && html`<i class="box" style=${{ top: share(edges[0]), left: share(edges[1]), height: share(edges[2] - edges[0]), width: share(edges[3] - edges[1]) }}></i>`}
  </div>`;
}
