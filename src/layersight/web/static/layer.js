/** The chosen layer: its maps as a mosaic on one canvas, and the controls of how they look. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState, useStore } from "./html.js";
import { Choice, Icon, IconButton, Segments, Slider, consume } from "./parts.js";
import { CONTRAST, palette, pixelOf } from "./colour.js";
import { clamp, count, number, percent, plural, sizes } from "./format.js";
import { drawTile, fitTiles } from "./mosaic.js";
import { valueAt } from "./maps.js";

const GAP = 6;
const CAPTION = 15;
/** The side of a tile, and of the largest where there are few. */
const USUAL = 92;
const LARGE = 300;
/** Milliseconds for which the old maps stay while new ones are loading. */
const PATIENCE = 140;
/** Colours of the page that the canvas needs. */
const INKS = ["page", "flat", "broken", "soft", "accent", "mark"];

export function Layer() {
  return html`<main class="maps" aria-label="Feature maps">
    <${Heading} />
    <${Mosaic} />
  </main>`;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** @param {any} layer @param {import("./maps.js").Maps | undefined} maps */
function facts(layer, maps) {
  if (!layer) return "";
  if (layer.blocked) return layer.blocked;
  const shape = maps ? [maps.height, maps.width] : (layer.shape ?? []).slice(0, -1);
  const channels = maps?.channels ?? layer.channels ?? 0;
  const parts = [];
  if (layer.kind === "units") parts.push(plural(channels, "unit"));
  else if (layer.kind === "signal") parts.push(`${plural(channels, "signal")} of ${count(shape[1] ?? shape[0] ?? 0)}`);
  else parts.push(`${plural(channels, "map")} of ${sizes(shape)}`);
  if (maps) {
    const dead = sum(maps.dead);
    parts.push(`${percent(sum(maps.sparsity) / maps.channels)} zeros`);
    if (layer.kind !== "units") parts.push(dead ? `${count(dead)} dead for this image` : "none dead");
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
  const words = useMemo(() => facts(layer, maps), [layer, maps]);
  const isDifference = store.shown.value[0]?.signed;
  const colours = store.model.value?.colormaps ?? ["viridis"];
  const put = (name) => (value) => store.set({ [name]: value });
  const scales = [["minmax", "each map", "Each map from its own least to its own greatest value"], ["layer", "layer", "One scale for the whole layer"]];
  if (!isDifference) scales.push(["standardise", "standard", "Each map by its own mean and deviation"]);
  const normalise = isDifference && view.normalise.value === "standardise" ? "minmax" : view.normalise.value;
  const setContrast = (position) => store.set({ contrast: Number((CONTRAST * 2 ** ((position - 50) / 25)).toPrecision(3)), normalise: "standardise" });
  return html`<div class="heading">
    <div><h1 title=${layer?.name}>${layer?.name ?? "\u00a0"}${layer && html` <span>${layer.type}${layer.activation && layer.activation !== "linear" && layer.role !== "activation" ? `, ${layer.activation}` : ""}</span>`}</h1>
      <span class="field">${store.second.value && html`<${Segments} label="Two images" show=${false} value=${view.mode.value} onChange=${put("mode")} options=${[["side", "side by side"], ["difference", "difference"]]} />`}
      <span class="field sizes" role="group" aria-label="Size of tiles">
        <${IconButton} icon="minus" label="Smaller tiles" title="Smaller tiles  −" onClick=${() => resize(store, 1 / 1.4)} />
        <${IconButton} icon="plus" label="Larger tiles" title="Larger tiles  +" onClick=${() => resize(store, 1.4)} />
      </span></span></div>
    <p>${words || "\u00a0"}</p>
    <div class="tools" role="group" aria-label="How maps are shown">
      <${Choice} label="Sort" value=${view.sort.value} onChange=${put("sort")} options=${["number", "strength", "sparsity"].map((name) => [name, name])} />
      ${!maps?.single && html`<${Segments} label="Scale" value=${normalise} onChange=${put("normalise")} options=${scales} />
      <${Slider} label="Contrast" title="Steps of colour for one standard deviation; moving it standardises each map" min="0" max="100" step="1" disabled=${isDifference}
        value=${Math.round(50 + (25 * Math.log2(view.contrast.value / CONTRAST)))} text=${`${number(view.contrast.value)} steps for one deviation`} onValue=${setContrast} />`}
      <${Choice} label="Colours" show=${false} value=${view.colormap.value} onChange=${put("colormap")} options=${colours.map((name) => [name, name])} />
      ${maps?.slices > 1 && store.host.kind === "page" && html`<span class="note">slice ${maps.slice + 1} of ${maps.slices}; the others are not kept in this page</span>`}
      ${maps?.slices > 1 && store.host.kind !== "page" && html`<${Slider} label="Slice" min="0" max=${maps.slices - 1} value=${maps.slice} text=${`${maps.slice + 1} of ${maps.slices}`} onValue=${put("slice")}><span>${maps.slice + 1} / ${maps.slices}</span></${Slider}>`}
      ${!maps?.single && html`<label class="field check"><input type="checkbox" checked=${view.dead.value} onChange=${(event) => store.set({ dead: event.currentTarget.checked })} /> show dead</label>`}
    </div>
  </div>`;
}

export const resize = (store, factor) => store.set({ size: Math.round(clamp((store.view.size.peek() || store.tileSize || USUAL) * factor, 24, 512)) });

/** The side of tiles with which few maps fill the room, and many have the usual one. */
function sideOf(shape, count, wide, high, twice, scale) {
  const aspect = shape.height / shape.width;
  for (let columns = 1; columns < 64; columns += 1) {
    const side = ((wide + GAP) / columns - GAP) / twice;
    if (side <= USUAL * scale) break;
    if (side <= LARGE * scale && Math.ceil(count / columns) * (side * aspect + CAPTION + GAP) <= high) return Math.floor(side * Math.max(1, aspect));
  }
  return USUAL * (scale > 1 ? 1.35 : 1);
}

/** The layout of the mosaic, in pixels of the screen. @param {{width: number, height: number}} box in pixels of the page */
function layoutOf(store, box, sets, channels, ratio) {
  const shape = sets[0] ?? skeleton(store.layer.peek());
  const twice = sets.length === 2 ? 2 : 1;
  const single = shape.height * shape.width === 1;
  const size = store.view.size.peek();
  const side = single ? (channels.length <= 96 ? 48 : 22) * ((size || USUAL) / USUAL)
    : size || sideOf(shape, channels.length, box.width - 6, box.height, twice, store.form.peek() === "vast" ? 2 : 1);
  if (!single) store.tileSize = side;
  const gap = Math.round((single && side < 30 ? 3 : GAP) * ratio);
  const fit = fitTiles(shape, Math.round(box.width * ratio) - 6 * ratio, side * ratio, gap, twice, single || Boolean(size) || side <= 1.5 * USUAL);
  const caption = fit.tile >= 34 * ratio ? Math.round(CAPTION * ratio) : 0;
  const lines = Math.ceil(channels.length / fit.columns);
  const row = fit.height + caption + gap;
  return { ...fit, row, caption, ratio, channels, twice, inset: Math.round(3 * ratio), lines, total: Math.ceil((lines * row + gap) / ratio) };
}

function Mosaic() {
  const store = useStore();
  const { view } = store;
  const scroll = useRef(null);
  const canvas = useRef(null);
  const space = useRef(null);
  const state = useRef({ buffer: null, pixels: null, layout: null, frame: 0, patience: 0, waitingFor: null, hasDrawn: false, inks: null, bringing: /** @type {number | null} */ (null) });
  const [tip, setTip] = useState(null);
  const answer = store.current.value;
  const chosen = store.channel.value;
  const ordered = store.ordered.value;
  const shown = store.shown.value;

  /** Whether old maps still stay while those of another layer are loading. */
  const isPatient = () => {
    const now = state.current;
    if (now.waitingFor !== view.layer.peek()) {
      now.waitingFor = view.layer.peek();
      clearTimeout(now.patience);
      now.patience = setTimeout(() => { now.patience = 0; plan(); }, now.hasDrawn ? PATIENCE : 0);
    }
    return now.patience !== 0;
  };
  const draw = () => {
    const now = state.current;
    now.frame = 0;
    const box = scroll.current;
    if (!box) return;
    const sets = store.shown.peek();
    if (!sets.length && isPatient()) return;
    if (sets.length) {
      clearTimeout(now.patience);
      now.patience = 0;
      now.waitingFor = null;
    }
    // Until the maps have come there are empty tiles of their size.
    const channels = sets.length ? store.ordered.peek() : [...Array(store.layer.peek()?.channels ?? 0).keys()];
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
    now.inks ??= Object.fromEntries([...box.querySelectorAll(".ink")].map((node, index) => [INKS[index], getComputedStyle(node).color]));
    const layout = layoutOf(store, { width: space.current.clientWidth, height: box.clientHeight }, sets, channels, ratio);
    now.layout = layout;
    space.current.style.height = `${layout.total}px`;
    if (sets.length && now.bringing !== null) {
      // A channel of the address, or one that was chosen while its layer was loading.
      bring(channels.indexOf(now.bringing));
      now.bringing = null;
    }
    const top = Math.round(box.scrollTop * ratio);
    const { pixels } = now;
    pixels.fill(pixelOf(now.inks.page));
    const plain = { flat: pixelOf(now.inks.flat), broken: pixelOf(now.inks.broken) };
    const colours = palette(sets[0]?.signed ? store.signedColours.peek() : view.colormap.peek());
    const scaling = store.scaling.peek();
    const first = Math.max(0, Math.floor(top / layout.row)) * layout.columns;
    const last = Math.min(layout.lines, Math.ceil((top + high) / layout.row)) * layout.columns;
    const { width, height } = layout;
    const tiles = channels.slice(first, last).map((channel, index) => {
      const [line, column] = [Math.floor((first + index) / layout.columns), index % layout.columns];
      const x = layout.inset + column * layout.pitch;
      const y = layout.inset + line * layout.row - top + Math.round(ratio);
      for (let each = 0; each < layout.twice; each += 1) {
        const left = x + each * (width + 2);
        if (sets[each]) drawTile(pixels, wide, high, left, y, width, height, sets[each], channel, scaling, colours, plain);
        else for (let r = Math.max(0, y); r < Math.min(high, y + height); r += 1) pixels.fill(plain.flat, r * wide + left, Math.min((r + 1) * wide, r * wide + left + width));
      }
      return [channel, x, y];
    });
    const pen = surface.getContext("2d", { alpha: false });
    pen.putImageData(now.buffer, 0, 0);
    annotate(pen, tiles, layout, sets, store, now.inks);
    now.hasDrawn = sets.length > 0;
    if (sets.length) surface.dataset.drawn = `${view.image.peek()} ${sets[0].layer}`;
  };
  const plan = () => {
    const now = state.current;
    if (!now.frame) now.frame = requestAnimationFrame(draw);
  };

  // Anything that changes the picture draws it again, within one frame.
  useLayoutEffect(() => { state.current.inks = null; }, [store.theme.value]);
  useLayoutEffect(plan, [shown, ordered, chosen, view.normalise.value, view.contrast.value, view.colormap.value, view.size.value, store.theme.value, store.pointer.value, store.pinned.value]);
  useEffect(() => {
    const observer = new ResizeObserver(plan);
    observer.observe(scroll.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolour = () => { state.current.inks = null; plan(); };
    dark.addEventListener("change", recolour);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", recolour);
      cancelAnimationFrame(state.current.frame);
      clearTimeout(state.current.patience);
    };
  }, []);
  useLayoutEffect(() => { if (scroll.current) scroll.current.scrollTop = 0; }, [view.layer.value]);

  /** Scrolls to a tile. */
  const bring = (index) => {
    const { layout } = state.current;
    const box = scroll.current;
    if (!layout || index < 0) return;
    const top = (Math.floor(index / layout.columns) * layout.row) / layout.ratio;
    const bottom = top + layout.row / layout.ratio;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight + 2;
  };
  useLayoutEffect(() => {
    if (view.channel.peek() >= 0) state.current.bringing = chosen;
    plan();
  }, [chosen, ordered]);
  store.walkRows = (by) => store.walkChannels(by * (state.current.layout?.columns ?? 1));

  /** The tile under the pointer, and the position on its map. */
  const under = (event) => {
    const { layout } = state.current;
    const sets = store.shown.peek();
    if (!layout || !sets.length) return null;
    const { ratio, inset, pitch, columns, row, width, height } = layout;
    const box = canvas.current.getBoundingClientRect();
    const x = (event.clientX - box.left) * ratio - inset;
    const y = (event.clientY - box.top) * ratio + Math.round(scroll.current.scrollTop * ratio) - inset - Math.round(ratio);
    const [column, line] = [Math.floor(x / pitch), Math.floor(y / row)];
    if (column < 0 || column >= columns || y < 0) return null;
    const channel = layout.channels[line * columns + column];
    if (channel === undefined) return null;
    const inside = x - column * pitch;
    const which = layout.twice === 2 && inside >= width + 2 ? 1 : 0;
    const maps = sets[which];
    const [down, across] = [(y - line * row) / height, (inside - which * (width + 2)) / width];
    const onMap = across >= 0 && across < 1 && down >= 0 && down < 1;
    return { channel, maps, onMap, row: Math.floor(down * maps.height), column: Math.floor(across * maps.width) };
  };
  const leave = () => {
    setTip(null);
    if (store.pointer.peek()?.from === "mosaic") store.pointer.value = null;
  };
  const move = (event) => {
    if (event.pointerType === "touch") return;
    const tile = under(event);
    if (!tile?.onMap) return leave();
    const { maps, row, column, channel } = tile;
    const box = scroll.current.getBoundingClientRect();
    const value = number(valueAt(maps, channel, row, column));
    setTip({
      x: clamp(event.clientX - box.left, 70, box.width - 70), y: event.clientY - box.top,
      words: maps.single ? `${labelOf(store, channel) || channel}  ·  ${value}` : `${channel}  ·  row ${row}, column ${column}  ·  ${maps.dead[channel] ? `dead, ${value}` : value}`,
    });
    if (!maps.single) store.pointer.value = { ...store.pointOf(row, column, maps), from: "mosaic" };
  };
  const click = (event) => {
    const tile = under(event);
    if (tile) store.set({ channel: tile.channel });
  };
  const keys = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { columns = 1, row = 100, ratio = 1 } = state.current.layout ?? {};
    const page = columns * Math.max(1, Math.floor((scroll.current.clientHeight * ratio) / row));
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -1e9, End: 1e9, " ": page }[event.key];
    if (by === undefined) return;
    consume(event);
    store.walkChannels(by);
  };
  const maps = shown[0];
  const index = ordered.indexOf(chosen);
  return html`<div class="board">
    <div class="scroll" ref=${scroll} tabindex="0" role="listbox" aria-label=${`Channels of ${store.layer.value?.name ?? "the layer"}`}
      aria-activedescendant=${maps && index >= 0 ? "channel" : undefined} aria-busy=${Boolean(answer.loading)}
      onScroll=${plan} onKeyDown=${keys} onPointerMove=${move} onPointerLeave=${leave} onClick=${click}>
      <div class="space" ref=${space} role="none"><canvas ref=${canvas} aria-hidden="true"></canvas></div>
      ${maps && index >= 0 && html`<div id="channel" class="unseen" role="option" aria-selected="true" aria-posinset=${index + 1} aria-setsize=${ordered.length}>${channelWords(maps, chosen)}</div>`}
      ${INKS.map((name) => html`<i key=${name} class="ink" style=${{ color: `var(--${name})` }} hidden></i>`)}
    </div>
    ${tip && html`<div class="tip" style=${{ transform: `translate(${tip.x}px, ${tip.y}px)` }} aria-hidden="true"><span>${tip.words}</span></div>`}
    ${maps && store.form.value === "narrow" && html`<button type="button" class="below" onClick=${() => store.root.querySelector(".side").scrollIntoView({ behavior: "smooth" })}>${maps.single ? "unit" : "channel"} ${chosen} <${Icon} name="down" /></button>`}
    ${answer.error && html`<p class="notice" role="alert">${answer.error.message}</p>`}
    ${maps && !ordered.length && html`<p class="notice">Every channel is dead for this image.</p>`}
    ${answer.loading && html`<div class="line-busy" role="progressbar" aria-label="Computing the layer"></div>`}
  </div>`;
}

function channelWords(maps, channel) {
  const max = number(maps.max[channel]);
  if (maps.single) return `unit ${channel}, ${max}`;
  if (maps.dead[channel]) return `channel ${channel}, dead for this image, ${max} everywhere`;
  return `channel ${channel}, from ${number(maps.min[channel])} to ${max}, ${percent(maps.sparsity[channel])} zeros`;
}

/** The class that a unit of the last layer stands for. */
export function labelOf(store, unit) {
  const model = store.model.peek();
  const layer = store.layer.peek();
  const isOutput = layer && model?.outputs?.includes(layer.name) && model.labels?.length === layer.channels;
  return isOutput ? model.labels[unit] : "";
}

/** The size of maps that have not come yet. */
function skeleton(layer) {
  const shape = layer?.shape ?? [];
  const [height, width] = shape.length > 3 ? shape.slice(-3, -1) : shape.length === 3 ? shape : shape.length === 2 ? [1, shape[0]] : [1, 1];
  return { height: height || 1, width: width || 1 };
}

/** What the caption of a tile says besides its number. @param {import("./maps.js").Maps[]} sets */
function captionOf(sets, channel, sort) {
  const maps = sets[0];
  if (!maps.single && sets.every((each) => each.dead[channel])) return maps.signed ? "same" : "dead";
  if (!maps.finite[channel]) return "not finite";
  if (sort === "sparsity") return percent(maps.sparsity[channel]);
  return sort === "strength" || maps.single ? number(maps.max[channel]) : "";
}

/** Draws numbers, rings and marks over the maps. */
function annotate(pen, tiles, layout, sets, store, inks) {
  const { ratio, caption, height, width, tile, twice } = layout;
  const chosen = store.channel.peek();
  const maps = sets[0];
  const point = store.pointer.peek() ?? store.pinned.peek();
  const cell = maps && !maps.single && point && width >= 40 * ratio ? store.cellOf(point, maps) : null;
  const sort = store.view.sort.peek();
  const { fontSize, fontFamily } = getComputedStyle(store.root);
  pen.textBaseline = "top";
  if (caption) pen.font = `${0.81 * parseFloat(fontSize) * ratio}px ${fontFamily}`;
  for (const [channel, x, y] of tiles) {
    if (caption && y + height + caption > 0) {
      const below = y + height + 3 * ratio;
      pen.textAlign = "left";
      pen.fillStyle = channel === chosen ? inks.accent : inks.soft;
      pen.fillText(String(channel), x, below);
      const words = maps ? captionOf(sets, channel, sort) : "";
      if (words && tile > (maps.single ? 44 : 52) * ratio) {
        pen.textAlign = "right";
        pen.fillStyle = inks.soft;
        pen.fillText(words, x + tile, below);
      }
    }
    if (cell && !maps.dead[channel]) {
      pen.fillStyle = inks.mark;
      const size = Math.max(3 * ratio, width / maps.width);
      for (let each = 0; each < twice; each += 1) {
        pen.fillRect(x + each * (width + 2) + ((cell[1] + 0.5) / maps.width) * width - size / 2, y + ((cell[0] + 0.5) / maps.height) * height - size / 2, size, size);
      }
    }
    if (channel === chosen) {
      pen.strokeStyle = inks.accent;
      pen.lineWidth = 2 * ratio;
      const off = 1.5 * ratio;
      pen.strokeRect(x - off, y - off, tile + 2 * off, height + 2 * off);
    }
  }
}
