/** The chosen layer: its maps as a mosaic on one canvas, and what they are to look like. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState, useStore } from "./html.js";
import { Choice, Icon, Segments } from "./parts.js";
import { CONTRAST, palette, pixelOf } from "./colour.js";
import { clamp, count, number, percent, plural, sizes } from "./format.js";
import { drawTile, fitTiles } from "./mosaic.js";
import { valueAt } from "./maps.js";

const GAP = 6;
const CAPTION = 15;
/** The side of a tile, and of the largest where there are few. */
const USUAL = 92;
const LARGE = 300;
/** How long the maps of before stay while new ones come. */
const PATIENCE = 140;

export function Layer() {
  return html`<main class="maps" aria-label="Feature maps">
    <${Heading} />
    <${Mosaic} />
  </main>`;
}

/** @param {any} layer @param {import("./maps.js").Maps | undefined} maps */
function words(layer, maps, told) {
  if (!layer) return "";
  if (layer.blocked) return layer.blocked;
  const shape = maps ? [maps.height, maps.width] : (layer.shape ?? []).slice(0, -1);
  const channels = maps?.channels ?? layer.channels ?? 0;
  const parts = [];
  if (layer.kind === "units") parts.push(plural(channels, "unit"));
  else if (layer.kind === "signal") parts.push(`${plural(channels, "signal")} of ${count(shape[1] ?? shape[0] ?? 0)}`);
  else parts.push(`${plural(channels, "map")} of ${sizes(shape)}`);
  if (told) {
    parts.push(`${percent(told.sparsity)} zeros`);
    if (layer.kind !== "units") parts.push(told.dead ? `${count(told.dead)} dead for this image` : "none dead");
  }
  if (layer.field) parts.push(`sees ${sizes(layer.field.size.map(Math.round))} pixels`);
  else if (layer.kind === "maps") parts.push("sees the whole image");
  return parts.join("  ·  ");
}

function Heading() {
  const store = useStore();
  const { view } = store;
  const layer = store.layer.value;
  const maps = store.current.value.value;
  const told = useMemo(() => maps && { sparsity: maps.sparsity.reduce((sum, each) => sum + each, 0) / maps.channels, dead: maps.dead.reduce((sum, each) => sum + each, 0) }, [maps]);
  const single = maps?.single;
  const minus = store.shown.value[0]?.signed;
  const colours = store.model.value?.colormaps ?? ["viridis"];
  const put = (name) => (value) => store.set({ [name]: value });
  const scales = [["minmax", "each map", "Each map from its own least to its own greatest value"], ["layer", "layer", "One scale for the whole layer"]];
  if (!minus) scales.push(["standardise", "standard", "Each map by its own mean and deviation"]);
  return html`<div class="heading">
    <div><h1 title=${layer?.name}>${layer?.name ?? "\u00a0"}${layer && html` <span>${layer.type}${layer.activation && layer.activation !== "linear" && layer.role !== "activation" ? `, ${layer.activation}` : ""}</span>`}</h1>
      <span class="field">${store.second.value && html`<${Segments} label="Two images" show=${false} value=${view.mode.value} onChange=${put("mode")} options=${[["side", "side by side"], ["difference", "difference"]]} />`}
      <span class="field sizes" role="group" aria-label="Size of tiles">
        <button type="button" class="square" aria-label="Smaller tiles" title="Smaller tiles  −" onClick=${() => resize(store, 1 / 1.4)}><${Icon} name="minus" /></button>
        <button type="button" class="square" aria-label="Larger tiles" title="Larger tiles  +" onClick=${() => resize(store, 1.4)}><${Icon} name="plus" /></button>
      </span></span></div>
    <p>${words(layer, maps, told) || "\u00a0"}</p>
    <div class="tools" role="group" aria-label="How maps are shown">
      <${Choice} label="Sort" value=${view.sort.value} onChange=${put("sort")} options=${[["number", "number"], ["strength", "strength"], ["sparsity", "sparsity"]]} />
      ${!single && html`<${Segments} label="Scale" value=${minus && view.normalise.value === "standardise" ? "minmax" : view.normalise.value} onChange=${put("normalise")} options=${scales} />
      <label class="field" title="Steps of colour for one standard deviation; moving it standardises each map">
        <span class="label">Contrast</span>
        <input type="range" min="0" max="100" step="1" disabled=${minus} value=${Math.round(50 + (25 * Math.log2(view.contrast.value / CONTRAST)))}
          aria-valuetext=${`${number(view.contrast.value)} steps for one deviation`}
          onInput=${(event) => store.set({ contrast: Number((CONTRAST * 2 ** ((event.currentTarget.valueAsNumber - 50) / 25)).toPrecision(3)), normalise: "standardise" })} />
      </label>`}
      <${Choice} label="Colours" show=${false} value=${view.colormap.value} onChange=${put("colormap")} options=${colours.map((name) => [name, name])} />
      ${maps?.slices > 1 && html`<label class="field"><span class="label">Slice</span>
        <input type="range" min="0" max=${maps.slices - 1} value=${maps.slice} aria-valuetext=${`${maps.slice + 1} of ${maps.slices}`} onInput=${(event) => store.set({ slice: event.currentTarget.valueAsNumber })} />
        <span>${maps.slice + 1} / ${maps.slices}</span></label>`}
      ${!single && html`<label class="field check"><input type="checkbox" checked=${view.dead.value} onChange=${(event) => store.set({ dead: event.currentTarget.checked })} /> show dead</label>`}
    </div>
  </div>`;
}

export const resize = (store, by) => store.set({ size: Math.round(clamp((store.view.size.peek() || store.tileSize || USUAL) * by, 24, 512)) });

/** The side of tiles with which few maps fill the room, and many have the usual one. */
function roomy(shape, count, wide, high, twice, scale) {
  const aspect = shape.height / shape.width;
  for (let columns = 1; columns < 64; columns += 1) {
    const side = ((wide + GAP) / columns - GAP) / twice;
    if (side <= USUAL * scale) break;
    if (side <= LARGE * scale && Math.ceil(count / columns) * (side * aspect + CAPTION + GAP) <= high) return Math.floor(side * Math.max(1, aspect));
  }
  return USUAL * (scale > 1 ? 1.35 : 1);
}

/** What the canvas needs of the colours of the page. */
function inks(node) {
  const read = (name) => getComputedStyle(node.querySelector(`.ink-${name}`)).color;
  return Object.fromEntries(["page", "flat", "broken", "ink", "soft", "accent", "mark"].map((name) => [name, read(name)]));
}

function Mosaic() {
  const store = useStore();
  const scroll = useRef(null);
  const canvas = useRef(null);
  const state = useRef({ buffer: null, pixels: null, layout: null, frame: 0, late: 0, drawn: null, inks: null, wanted: /** @type {number | null} */ (null) });
  const [tip, setTip] = useState(null);
  const space = useRef(null);
  const answer = store.current.value;
  const chosen = store.channel.value;
  const ordered = store.ordered.value;
  const shown = store.shown.value;

  const draw = () => {
    const now = state.current;
    now.frame = 0;
    const box = scroll.current;
    if (!box) return;
    const { view } = store;
    let sets = store.shown.peek();
    const layer = store.layer.peek();
    let numbers = store.ordered.peek();
    if (!sets.length) {
      // Nothing yet: first the maps of before stay, then empty tiles of the size to come.
      if (now.waitingFor !== view.layer.peek()) {
        now.waitingFor = view.layer.peek();
        clearTimeout(now.late);
        now.late = setTimeout(() => { now.late = 0; plan(); }, now.drawn ? PATIENCE : 0);
      }
      if (now.late) return;
      numbers = Array.from({ length: layer?.channels ?? 0 }, (_, at) => at);
    } else {
      clearTimeout(now.late);
      now.late = 0;
      now.waitingFor = null;
    }
    const ratio = devicePixelRatio || 1;
    const wide = Math.round(space.current.clientWidth * ratio);
    const high = Math.round(box.clientHeight * ratio);
    if (!wide || !high) return;
    const surface = canvas.current;
    if (surface.width !== wide || surface.height !== high || !now.pixels) {
      surface.width = wide;
      surface.height = high;
      surface.style.height = `${box.clientHeight}px`;
      now.buffer = new ImageData(wide, high);
      now.pixels = new Uint32Array(now.buffer.data.buffer);
    }
    now.inks ??= inks(box);
    const shape = sets[0] ?? skeleton(layer);
    const twice = sets.length === 2 ? 2 : 1;
    const single = shape.height * shape.width === 1;
    const size = view.size.peek();
    const wanted = single ? (numbers.length <= 96 ? 48 : 22) * ((size || USUAL) / USUAL)
      : size || roomy(shape, numbers.length, space.current.clientWidth - 6, box.clientHeight, twice, store.form.peek() === "vast" ? 2 : 1);
    if (!single) store.tileSize = wanted;
    const gap = Math.round((single && wanted < 30 ? 3 : GAP) * ratio);
    const tile = fitTiles(shape, wide - 6 * ratio, wanted * ratio, gap, twice, single || Boolean(size) || wanted <= 1.5 * USUAL);
    const caption = tile.whole >= 34 * ratio ? Math.round(CAPTION * ratio) : 0;
    const row = tile.height + caption + gap;
    const lines = Math.ceil(numbers.length / tile.columns);
    const layout = { ...tile, gap, row, caption, ratio, numbers, twice, inset: Math.round(3 * ratio), lines };
    now.layout = layout;
    const total = Math.ceil((lines * row + gap) / ratio);
    space.current.style.height = `${total}px`;
    if (sets.length && now.wanted !== null) {
      // A channel of the address, or one that was chosen while its layer came.
      bring(numbers.indexOf(now.wanted));
      now.wanted = null;
    }
    const top = Math.round(box.scrollTop * ratio);
    const { pixels } = now;
    pixels.fill(pixelOf(now.inks.page));
    const plain = { flat: pixelOf(now.inks.flat), broken: pixelOf(now.inks.broken) };
    const colours = palette(sets[0]?.signed ? store.signedColours.peek() : view.colormap.peek());
    const look = store.look.peek();
    const first = Math.max(0, Math.floor(top / row));
    const last = Math.min(lines, Math.ceil((top + high) / row));
    const places = [];
    for (let line = first; line < last; line += 1) {
      for (let column = 0; column < tile.columns; column += 1) {
        const at = line * tile.columns + column;
        if (at >= numbers.length) break;
        const x = layout.inset + column * tile.pitch;
        const y = layout.inset + line * row - top + Math.round(ratio);
        places.push([numbers[at], x, y]);
        for (let each = 0; each < twice; each += 1) {
          const left = x + each * (tile.width + 2);
          if (sets[each]) drawTile(pixels, wide, high, left, y, tile.width, tile.height, sets[each], numbers[at], look, colours, plain);
          else for (let r = Math.max(0, y); r < Math.min(high, y + tile.height); r += 1) pixels.fill(plain.flat, r * wide + left, Math.min((r + 1) * wide, r * wide + left + tile.width));
        }
      }
    }
    const pen = surface.getContext("2d", { alpha: false });
    pen.putImageData(now.buffer, 0, 0);
    write(pen, places, layout, sets, store, now.inks);
    now.drawn = sets[0] ?? null;
    if (sets.length) surface.dataset.drawn = `${view.image.peek()} ${sets[0].layer}`;
  };
  const plan = () => {
    const now = state.current;
    if (!now.frame) now.frame = requestAnimationFrame(draw);
  };

  // Anything that changes the picture draws it again, within one frame.
  const { view } = store;
  const cause = [shown, ordered, chosen, view.normalise.value, view.contrast.value, view.colormap.value, view.size.value, store.theme.value, store.pointer.value, store.pinned.value];
  useLayoutEffect(() => { state.current.inks = null; }, [store.theme.value]);
  useLayoutEffect(plan, cause);
  useEffect(() => {
    const watch = new ResizeObserver(plan);
    watch.observe(scroll.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const turned = () => { state.current.inks = null; plan(); };
    dark.addEventListener("change", turned);
    return () => {
      watch.disconnect();
      dark.removeEventListener("change", turned);
      cancelAnimationFrame(state.current.frame);
      clearTimeout(state.current.late);
    };
  }, []);
  useLayoutEffect(() => { if (scroll.current) scroll.current.scrollTop = 0; }, [view.layer.value]);

  const bring = (place) => {
    const { layout } = state.current;
    const box = scroll.current;
    if (!layout || place < 0) return;
    const top = (Math.floor(place / layout.columns) * layout.row) / layout.ratio;
    const bottom = top + layout.row / layout.ratio;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight + 2;
  };
  useLayoutEffect(() => {
    if (view.channel.peek() >= 0) state.current.wanted = chosen;
    plan();
  }, [chosen, ordered]);
  store.walkRows = (by) => store.walkChannels(by * (state.current.layout?.columns ?? 1));

  /** Which map, and where on it, lies under the pointer. */
  const under = (event) => {
    const { layout } = state.current;
    const sets = store.shown.peek();
    if (!layout || !sets.length) return null;
    const box = canvas.current.getBoundingClientRect();
    const x = (event.clientX - box.left) * layout.ratio - layout.inset;
    const y = (event.clientY - box.top) * layout.ratio + Math.round(scroll.current.scrollTop * layout.ratio) - layout.inset - Math.round(layout.ratio);
    const column = Math.floor(x / layout.pitch);
    const line = Math.floor(y / layout.row);
    if (column < 0 || column >= layout.columns || y < 0) return null;
    const channel = layout.numbers[line * layout.columns + column];
    if (channel === undefined) return null;
    const inside = x - column * layout.pitch;
    const which = layout.twice === 2 && inside >= layout.width + 2 ? 1 : 0;
    const across = (inside - which * (layout.width + 2)) / layout.width;
    const down = (y - line * layout.row) / layout.height;
    const maps = sets[which];
    const on = across >= 0 && across < 1 && down >= 0 && down < 1;
    return { channel, maps, on, row: Math.floor(down * maps.height), column: Math.floor(across * maps.width) };
  };
  const leave = () => {
    setTip(null);
    if (store.pointer.peek()?.from === "mosaic") store.pointer.value = null;
  };
  const move = (event) => {
    if (event.pointerType === "touch") return;
    const found = under(event);
    if (!found || !found.on) return leave();
    const { maps, row, column, channel } = found;
    const box = scroll.current.getBoundingClientRect();
    const value = valueAt(maps, channel, row, column);
    const label = maps.single && labelOf(store, channel);
    setTip({
      x: clamp(event.clientX - box.left, 70, box.width - 70), y: event.clientY - box.top,
      words: maps.single ? `${label || channel}  ·  ${number(value)}` : `${channel}  ·  row ${row}, column ${column}  ·  ${maps.dead[channel] ? `dead, ${number(value)}` : number(value)}`,
    });
    if (!maps.single) store.pointer.value = { ...store.pointOf(row, column, maps), from: "mosaic" };
  };
  const click = (event) => {
    const found = under(event);
    if (found) store.choose(found.channel);
  };
  const keys = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const columns = state.current.layout?.columns ?? 1;
    const page = Math.max(1, Math.floor(scroll.current.clientHeight / ((state.current.layout?.row ?? 100) / (state.current.layout?.ratio ?? 1))));
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -1e9, End: 1e9, " ": columns * page }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    store.walkChannels(by);
  };
  const maps = shown[0];
  const place = ordered.indexOf(chosen);
  return html`<div class="board">
    <div class="scroll" ref=${scroll} tabindex="0" role="listbox" aria-label=${`Channels of ${store.layer.value?.name ?? "the layer"}`}
      aria-activedescendant=${maps && place >= 0 ? "channel" : undefined} aria-busy=${Boolean(answer.loading)}
      onScroll=${plan} onKeyDown=${keys} onPointerMove=${move} onPointerLeave=${leave} onClick=${click}>
      <div class="space" ref=${space} role="none"><canvas ref=${canvas} aria-hidden="true"></canvas></div>
      ${maps && place >= 0 && html`<div id="channel" class="unseen" role="option" aria-selected="true" aria-posinset=${place + 1} aria-setsize=${ordered.length}>${channelWords(maps, chosen)}</div>`}
      ${["page", "flat", "broken", "ink", "soft", "accent", "mark"].map((name) => html`<i key=${name} class=${`ink-${name}`} hidden></i>`)}
    </div>
    ${tip && html`<div class="tip" style=${{ transform: `translate(${tip.x}px, ${tip.y}px)` }} aria-hidden="true"><span>${tip.words}</span></div>`}
    ${maps && store.form.value === "narrow" && html`<button type="button" class="below" onClick=${() => store.root.querySelector(".side").scrollIntoView({ behavior: "smooth" })}>${maps.single ? "unit" : "channel"} ${chosen} <${Icon} name="down" /></button>`}
    ${answer.error && html`<p class="notice" role="alert">${answer.error.message}</p>`}
    ${maps && !ordered.length && html`<p class="notice">Every channel is dead for this image.</p>`}
    ${answer.loading && html`<div class="line-busy" role="progressbar" aria-label="Computing the layer"></div>`}
  </div>`;
}

const channelWords = (maps, channel) => (maps.single
  ? `unit ${channel}, ${number(maps.max[channel])}`
  : maps.dead[channel] ? `channel ${channel}, dead for this image, ${number(maps.max[channel])} everywhere`
    : `channel ${channel}, from ${number(maps.min[channel])} to ${number(maps.max[channel])}, ${percent(maps.sparsity[channel])} zeros`);

/** The class that a unit of the last layer stands for. */
export function labelOf(store, unit) {
  const model = store.model.peek();
  const layer = store.layer.peek();
  if (!model?.labels || !layer || !model.outputs?.includes(layer.name)) return "";
  return model.labels.length === layer.channels ? model.labels[unit] : "";
}

const skeleton = (layer) => {
  const shape = layer?.shape ?? [];
  const [height, width] = shape.length > 3 ? shape.slice(-3, -1) : shape.length === 3 ? shape : shape.length === 2 ? [1, shape[0]] : [1, 1];
  return { height: height || 1, width: width || 1 };
};

/** Numbers, rings and marks over the maps. */
function write(pen, places, layout, sets, store, colours) {
  const { ratio, caption, height, width, whole, twice } = layout;
  const chosen = store.channel.peek();
  const maps = sets[0];
  const point = store.pointer.peek() ?? store.pinned.peek();
  const cell = maps && !maps.single && point && width >= 40 * ratio ? store.cellOf(point, maps) : null;
  const sort = store.view.sort.peek();
  pen.textBaseline = "top";
  const face = getComputedStyle(store.root);
  if (caption) pen.font = `${0.81 * parseFloat(face.fontSize) * ratio}px ${face.fontFamily}`;
  for (const [channel, x, y] of places) {
    if (caption && y + height + caption > 0) {
      const on = channel === chosen;
      const below = y + height + 3 * ratio;
      pen.textAlign = "left";
      pen.fillStyle = on ? colours.accent : colours.soft;
      pen.fillText(String(channel), x, below);
      if (maps) {
        const dead = sets.every((each) => each.dead[channel]) && !maps.single;
        const told = dead ? (maps.signed ? "same" : "dead") : !maps.finite[channel] ? "not finite" : sort === "sparsity" ? percent(maps.sparsity[channel]) : sort === "strength" || maps.single ? number(maps.max[channel]) : "";
        if (told && whole > 52 * ratio || (told && maps.single && whole > 44 * ratio)) {
          pen.textAlign = "right";
          pen.fillStyle = colours.soft;
          pen.fillText(told, x + whole, below);
        }
      }
    }
    if (cell && !maps.dead[channel]) {
      pen.fillStyle = colours.mark;
      for (let each = 0; each < twice; each += 1) {
        const size = Math.max(3 * ratio, width / maps.width);
        pen.fillRect(x + each * (width + 2) + ((cell[1] + 0.5) / maps.width) * width - size / 2, y + ((cell[0] + 0.5) / maps.height) * height - size / 2, size, size);
      }
    }
    if (channel === chosen) {
      pen.strokeStyle = colours.accent;
      pen.lineWidth = 2 * ratio;
      const off = 1.5 * ratio;
      pen.strokeRect(x - off, y - off, whole + 2 * off, height + 2 * off);
    }
  }
}
