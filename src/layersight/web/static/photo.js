/** A map and the photograph, and what one position means on the other. */
import { html, useLayoutEffect, useRef, useStore } from "./html.js";
import { gradient, limits, palette, pixelOf } from "./colour.js";
import { clamp, number } from "./format.js";
import { drawTile, paint } from "./mosaic.js";
import { valueAt } from "./maps.js";
import { arrowStep, consume } from "./parts.js";

const share = (value) => `${value * 100}%`;

/** The position of a pointer on a node, as shares of its height and width. */
function shares(event) {
  const box = event.currentTarget.getBoundingClientRect();
  return [clamp((event.clientY - box.top) / box.height, 0, 0.9999), clamp((event.clientX - box.left) / box.width, 0, 0.9999)];
}

/** The position that an arrow key leads to. */
function movedByKey(event, cell, maps) {
  const step = arrowStep(event);
  if (!step || !cell || event.altKey) return null;
  consume(event);
  return [clamp(cell[0] + step[0], 0, maps.height - 1), clamp(cell[1] + step[1], 0, maps.width - 1)];
}

/** What a pointer does on a picture: it points, and a click keeps the point. @param {import("./store.js").Store} store @param {(event: PointerEvent) => object} pointOf */
function pointing(store, pointOf) {
  const move = (event) => { store.pointer.value = pointOf(event); };
  return {
    onPointerMove: move,
    onPointerDown: move,
    onPointerLeave: () => { store.pointer.value = null; },
    onClick: () => { store.pinned.value = store.pointer.peek(); },
  };
}

/** One map, as large as the pane allows. @param {{maps: import("./maps.js").Maps, channel: number, scaled?: import("./maps.js").Maps, name: string, words?: string}} props */
export function MapFigure({ maps, channel, scaled = maps, name, words = "" }) {
  const store = useStore();
  const canvas = useRef(null);
  const scaling = store.scaling.value;
  const colours = maps.signed ? store.signedColours.value : store.view.colormap.value;
  const theme = store.theme.value;
  useLayoutEffect(() => {
    const style = getComputedStyle(canvas.current);
    const plain = { flat: pixelOf(style.color), broken: pixelOf(style.outlineColor) };
    const { width, height } = maps;
    paint(canvas.current, width, height, (pixels) => drawTile(pixels, width, height, 0, 0, width, height, scaled, channel, scaling, palette(colours), plain));
  }, [maps, scaled, channel, scaling, colours, theme]);
  const cell = store.cell.value;
  const pointOf = (y, x) => ({ ...store.pointOf(y, x, maps), from: "map" });
  const underPointer = (event) => {
    const [down, across] = shares(event);
    return pointOf(Math.floor(down * maps.height), Math.floor(across * maps.width));
  };
  const keys = (event) => {
    const next = movedByKey(event, cell, maps);
    if (!next) return;
    store.pinned.value = pointOf(...next);
    store.announced.value = `row ${next[0]}, column ${next[1]}, ${number(valueAt(maps, channel, ...next))}`;
  };
  const dead = maps.dead[channel] && !maps.single;
  const [low, high] = limits(scaled, channel, scaling);
  return html`<figure class="map">
    <div class="picture" role="application" tabindex="0" aria-label=${`${name}, channel ${channel}${cell ? `, row ${cell[0]}, column ${cell[1]}, value ${number(valueAt(maps, channel, ...cell))}` : ""}. Arrow keys move the position.`}
      style=${{ aspectRatio: `${maps.width} / ${maps.height === 1 ? Math.max(1, maps.width / 4) : maps.height}` }}
      ...${pointing(store, underPointer)} onKeyDown=${keys}>
      <canvas ref=${canvas} style="color: var(--flat); outline-color: var(--broken)" aria-hidden="true"></canvas>
      ${dead && html`<span class="dead">${maps.signed ? "same" : "dead"}</span>`}
      ${cell && !dead && html`<i class="cross" style=${{ left: share((cell[1] + 0.5) / maps.width), top: share((cell[0] + 0.5) / maps.height), width: share(1 / maps.width), height: share(1 / maps.height) }}></i>`}
    </div>
    <p class="note">${words || "\u00a0"}</p>
    <div class="scale"><i style=${{ backgroundImage: gradient(colours) }}></i><span>${number(low)}</span><span>${number(high)}</span></div>
  </figure>`;
}

/** The part of the photograph that the network sees, with the box that a position sees. @param {{entry: any, maps?: import("./maps.js").Maps, name: string, children?: any}} props */
export function Photograph({ entry, maps, name, children }) {
  const store = useStore();
  const source = store.photographOf(entry.id, 1024, entry.frame);
  const [top, left, bottom, right] = entry.region;
  const [height, width] = entry.input;
  const cell = store.cell.value;
  const box = maps && cell && !maps.single && !maps.slices ? store.boxOf(cell[0], cell[1], maps) : null;
  const underPointer = (event) => {
    const [down, across] = shares(event);
    return { y: down * height, x: across * width, from: "photograph" };
  };
  const keys = (event) => {
    const next = movedByKey(event, cell, maps);
    if (next) store.pinned.value = store.pointOf(next[0], next[1], maps);
  };
  const edges = box?.map((edge, side) => clamp(edge / (side % 2 ? width : height), 0, 1));
  const live = maps && !maps.single;
  const sees = box && store.layer.value?.kind === "maps" ? `, the position sees rows ${Math.round(edges[0] * height)} to ${Math.round(edges[2] * height)} and columns ${Math.round(edges[1] * width)} to ${Math.round(edges[3] * width)}` : "";
  return html`<div class="picture photograph" role=${live ? "application" : "group"} tabindex=${live ? 0 : undefined}
    aria-label=${live ? `${name}${sees}. Arrow keys move the position.` : name}
    style=${{ aspectRatio: `${right - left} / ${Math.max(bottom - top, (right - left) / 4)}` }} ...${live ? { ...pointing(store, underPointer), onKeyDown: keys } : {}}>
    ${source && html`<img src=${source} alt="" draggable=${false} style=${{
      left: share(-left / (right - left)), top: share(-top / (bottom - top)), width: share(entry.width / (right - left)), height: share(entry.height / (bottom - top)),
    }} />`}
    ${children}
    ${edges && html`<i class="box" style=${{ top: share(edges[0]), left: share(edges[1]), height: share(edges[2] - edges[0]), width: share(edges[3] - edges[1]) }}></i>`}
  </div>`;
}
