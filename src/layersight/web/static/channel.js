/** The chosen channel: its map, what a position sees, its values, its weights, what it looks for. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState, useStore } from "./html.js";
import { Links } from "./footer.js";
import { Choice, Icon, Options, Progress, Scores, optionsOf } from "./parts.js";
import { MapFigure, Photograph } from "./photo.js";
import { palette } from "./colour.js";
import { clamp, number, percent, plural } from "./format.js";
import { histogram, valueAt } from "./maps.js";
import { labelOf } from "./layer.js";

const BINS = 40;

export function Channel() {
  const store = useStore();
  const layer = store.layer.value;
  const maps = store.current.value.value;
  const channel = store.channel.value;
  const image = store.image.value;
  if (!layer || !image) return null;
  const there = maps && channel < maps.channels;
  const label = labelOf(store, channel);
  const facts = () => {
    if (!there) return "\u00a0";
    if (maps.single) return `${number(maps.max[channel])}  ·  ${rankOf(maps, channel)} of ${maps.channels} by value`;
    if (maps.dead[channel]) return `dead for this image: ${number(maps.max[channel])} everywhere`;
    return `max ${number(maps.max[channel])}  ·  mean ${number(maps.mean[channel])}  ·  ${percent(maps.sparsity[channel])} zeros`;
  };
  return html`<section aria-label="Channel">
    <div class="title">
      <div><h2 title=${`${layer.name} : ${channel}`}><span>${layer.name.split("/").pop()}</span> : ${channel}${label && html` <em>${label}</em>`}</h2><p>${facts()}</p></div>
      <div class="steps"><button type="button" class="square" aria-label="Previous channel" title="Previous channel  ←" onClick=${() => store.walkChannels(-1)}><${Icon} name="left" /></button>
        <button type="button" class="square" aria-label="Next channel" title="Next channel  →" onClick=${() => store.walkChannels(1)}><${Icon} name="right" /></button></div>
    </div>
    ${maps?.single || layer.kind === "units" ? html`<${Units} maps=${maps} channel=${channel} image=${image} />` : html`<${Pictures} maps=${there ? maps : null} channel=${channel} image=${image} />`}
    ${there && maps.slices > 1 && store.host.kind !== "page" && html`<${Slices} maps=${maps} channel=${channel} image=${image} />`}
    ${there && !maps.single && !maps.dead[channel] && html`<${Histogram} maps=${maps} channel=${channel} />`}
    <${Looks} layer=${layer} channel=${channel} />
  </section>`;
}

const rankOf = (maps, channel) => 1 + maps.max.reduce((sum, value) => sum + Number(value > maps.max[channel]), 0);

function Pictures({ maps, channel, image }) {
  const store = useStore();
  const second = store.second.value;
  const other = store.other.value.value;
  const shown = store.shown.value;
  const cell = store.cell.value;
  const minus = shown[0]?.signed ? shown[0] : null;
  const pair = second && other && !minus && shown.length === 2 ? shown : [maps, other];
  const box = maps && cell && store.boxOf(cell[0], cell[1], maps);
  const told = maps && cell ? `row ${cell[0]}, column ${cell[1]}  ·  ${number(valueAt(maps, channel, ...cell))}` : "\u00a0";
  const tall = Math.round(image.input[0]);
  const everything = box && box[2] - box[0] >= image.input[0] && box[3] - box[1] >= image.input[1] && box[0] <= 0 && box[1] <= 0;
  const seen = maps?.slices ? (image.frames ? `frame ${store.frameOf(image, maps).frame + 1} of ${image.frames}` : "\u00a0") : store.layer.value?.kind !== "maps" ? "\u00a0" : everything ? "sees the whole image" : box ? `sees ${Math.round(Math.min(box[2], tall) - Math.max(box[0], 0))} × ${Math.round(Math.min(box[3], image.input[1]) - Math.max(box[1], 0))} of ${image.input[0]} × ${image.input[1]}` : "\u00a0";
  const shape = store.layer.value?.shape ?? [1, 1];
  return html`<div class="pair">
    <div>${maps ? html`<${MapFigure} maps=${maps} scaled=${pair[0] ?? maps} channel=${channel} told=${told} name="Map" />` : html`<figure class="map"><div class="picture wait" style=${{ aspectRatio: `${shape[1]} / ${shape[0]}` }}></div><p class="note">${told}</p><div class="scale"></div></figure>`}</div>
    <div><${Photograph} entry=${store.frameOf(image, maps)} maps=${maps} name="Photograph" /><p class="note">${seen}</p></div>
    ${second && other && channel < other.channels && html`
      <div><${MapFigure} maps=${other} scaled=${pair[1] ?? other} channel=${channel} told=${cell && cell[0] < other.height && cell[1] < other.width ? `there  ·  ${number(valueAt(other, channel, ...cell))}` : ""} name="Map of the second image" /></div>
      <div>${second.input && html`<${Photograph} entry=${store.frameOf(second, other)} maps=${other} name="Second photograph" />`}<p class="note">${second.name}</p></div>`}
    ${minus && channel < minus.channels && html`
      <div><${MapFigure} maps=${minus} channel=${channel} told=${cell ? number(valueAt(minus, channel, ...cell)) : ""} name="Difference" /></div>
      <div class="beside"><p>First minus second, channel by channel.</p><p>Red is stronger in the first, blue in the second.</p></div>`}
    ${second && store.view.mode.value === "difference" && !minus && other && html`<p class="note whole">The maps of the two images differ in size, so there is no difference to show.</p>`}
  </div>`;
}

/** The map of a channel in every slice of a volume, on one scale. */
function Slices({ maps, channel, image }) {
  const store = useStore();
  const key = useCalm(`${image.id}\n${maps.layer}\n${channel}`, 120);
  const [id, layer, number_] = (key ?? "").split("\n");
  const answer = key ? store.light.get(`slices ${key}`, async (how) => {
    const { json, buffers } = await store.ask("exact", { image: id, layer, channel: Number(number_), whole: true }, how);
    return { shape: json.shape, values: new Float32Array(buffers[0]) };
  }).value : {};
  const found = answer.value;
  if (answer.error) return html`<p class="note">${answer.error.message}</p>`;
  return html`<h3>Slices <span>on one scale</span></h3>
    <div class="slices">${Array.from({ length: maps.slices }, (_, at) => html`<button key=${at} type="button" aria-pressed=${at === maps.slice} aria-label=${`Slice ${at + 1}`} onClick=${() => store.set({ slice: at })}>
      <${Slice} found=${found} at=${at} colours=${store.view.colormap.value} /><span>${at + 1}</span></button>`)}</div>`;
}

function Slice({ found, at, colours }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    if (!found) return;
    const [, tall, wide] = found.shape;
    const image = new ImageData(wide, tall);
    const pixels = new Uint32Array(image.data.buffer);
    const [low, high] = (found.ends ??= found.values.reduce(([a, b], value) => (Number.isFinite(value) ? [Math.min(a, value), Math.max(b, value)] : [a, b]), [Infinity, -Infinity]));
    const table = palette(colours);
    for (let cell = 0; cell < pixels.length; cell += 1) pixels[cell] = table[clamp(Math.round((255 * (found.values[at * tall * wide + cell] - low)) / (high - low || 1)) || 0, 0, 255)];
    canvas.current.width = wide;
    canvas.current.height = tall;
    canvas.current.getContext("2d").putImageData(image, 0, 0);
  }, [found, at, colours]);
  return html`<canvas ref=${canvas} class="wait" aria-hidden="true"></canvas>`;
}

function Units({ maps, channel, image }) {
  const store = useStore();
  const most = useMemo(() => {
    if (!maps) return [];
    return Array.from(maps.max, (score, index) => ({ index, score, label: labelOf(store, index) || `unit ${index}` })).sort((a, b) => b.score - a.score).slice(0, 8);
  }, [maps]);
  const entries = most.some((each) => each.index === channel) || !maps ? most : [...most.slice(0, 7), { index: channel, score: maps.max[channel], label: labelOf(store, channel) || `unit ${channel}` }];
  const low = Math.min(0, ...entries.map((each) => each.score));
  const high = Math.max(...entries.map((each) => each.score), low + 1e-9);
  const share = low === 0 && high <= 1 && store.layer.value?.activation === "softmax";
  return html`<div class="pair wide"><div><${Photograph} entry=${image} name="Photograph" /></div></div>
    <h3>Strongest units</h3>
    <${Scores} entries=${entries} chosen=${channel} low=${low} high=${share ? 1 : high} onChoose=${(entry) => store.choose(entry.index)} />`;
}

function Histogram({ maps, channel }) {
  const store = useStore();
  const counts = useMemo(() => histogram(maps, channel, BINS), [maps, channel]);
  const most = Math.log1p(Math.max(...counts)) || 1;
  const cell = store.cell.value;
  const [low, high] = [maps.min[channel], maps.max[channel]];
  const value = cell ? valueAt(maps, channel, ...cell) : NaN;
  const at = clamp(((value - low) / (high - low || 1)) * BINS, 0, BINS);
  const words = `Values from ${number(low)} to ${number(high)}; ${percent(maps.sparsity[channel])} are zero`;
  return html`<h3 id="values">Values in this image <span>logarithmic</span></h3>
    <div class="histogram"><svg viewBox=${`0 0 ${BINS} 20`} preserveAspectRatio="none" role="img" aria-label=${words}>
      <path d=${Array.from(counts, (each, bin) => (each ? `M${bin + 0.06} 20V${20 - (Math.log1p(each) / most) * 19}h.88V20z` : "")).join("")} />
    </svg>${Number.isFinite(value) && html`<i style=${{ left: `${(at / BINS) * 100}%` }}></i>`}
    <div class="ends"><span>${number(low)}</span><span>${number(high)}</span></div></div>`;
}

function Looks({ layer, channel }) {
  const store = useStore();
  const { features } = store.model.value;
  return html`${layer.kernels && features.kernel && html`<${Kernel} layer=${layer.name} channel=${channel} key="kernel" />`}
    ${features.pattern && html`<${Pattern} layer=${layer.name} channel=${channel} key="pattern" />`}
    ${features.survey && html`<${Strongest} layer=${layer.name} channel=${channel} key="strongest" />`}`;
}

/** A value that is taken over once it has stayed for a while. */
function useCalm(value, wait) {
  const [calm, setCalm] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setCalm(value), wait);
    return () => clearTimeout(timer);
  }, [value]);
  return calm === value ? value : null;
}

function Kernel({ layer, channel }) {
  const store = useStore();
  const key = useCalm(`${layer}\n${channel}`, 120);
  const answer = key ? store.light.get(`kernel ${key}`, (how) => store.ask("kernel", { layer, channel }, how)).value : {};
  const canvas = useRef(null);
  const [shape, setShape] = useState(/** @type {number[] | null} */ (null));
  useLayoutEffect(() => {
    if (!answer.value) return;
    const { json, buffers } = answer.value;
    const [inputs, tall, wide] = json.shape;
    const values = new Float32Array(buffers[0]);
    const colours = palette(store.signedColours.value);
    // The inputs with the largest weights, as many as can be told apart.
    const chosen = Array.from({ length: inputs }, (_, at) => at);
    const norm = json.norm;
    if (norm) chosen.sort((a, b) => norm[b] - norm[a] || a - b);
    const most = tall * wide === 1 ? 96 : 24;
    const kept = chosen.slice(0, most);
    const columns = Math.min(kept.length, tall * wide === 1 ? 24 : 12);
    const lines = Math.ceil(kept.length / columns);
    const image = new ImageData(columns * (wide + 1) - 1, lines * (tall + 1) - 1);
    const pixels = new Uint32Array(image.data.buffer);
    kept.forEach((input, at) => {
      const left = (at % columns) * (wide + 1);
      const top = Math.floor(at / columns) * (tall + 1);
      for (let y = 0; y < tall; y += 1) {
        for (let x = 0; x < wide; x += 1) {
          const value = values[(input * tall + y) * wide + x] / (json.limit || 1);
          pixels[(top + y) * image.width + left + x] = colours[Math.round(128 + 127 * clamp(value, -1, 1))];
        }
      }
    });
    canvas.current.width = image.width;
    canvas.current.height = image.height;
    canvas.current.getContext("2d").putImageData(image, 0, 0);
    setShape([inputs, tall, wide, kept.length, columns, image.width, image.height, json.limit]);
  }, [answer.value, store.signedColours.value]);
  return html`<h3>Kernel ${shape && html`<span>${shape[3] < shape[0] ? `the largest ${shape[3]} of ${shape[0]} inputs` : plural(shape[0], "input")}, ${shape[1]} × ${shape[2]}</span>`}</h3>
    <div class="kernel">${answer.error ? html`<p class="note">${answer.error.message}</p>` : html`<canvas ref=${canvas} role="img" aria-label=${shape ? `Weights of ${shape[0]} inputs, between ${number(-shape[7])} and ${number(shape[7])}; red adds, blue takes away` : "Weights"}
      style=${shape ? { aspectRatio: `${shape[5]} / ${shape[6]}`, maxWidth: `${Math.max(72, shape[5] * 9)}px` } : {}}></canvas>`}</div>`;
}

function Pattern({ layer, channel }) {
  const store = useStore();
  const { view } = store;
  const { methods } = store.model.value.patterns;
  const method = methods.find((each) => each.name === view.pattern.value) ?? methods[0];
  const options = optionsOf(method.options, view["pattern."].value);
  const key = `pattern ${layer}\n${channel}\n${method.name}\n${JSON.stringify(options)}`;
  const [asked, setAsked] = useState(() => new Set());
  const answer = asked.has(key) ? store.light.get(key, async (how) => {
    const { json, buffers } = await store.ask("pattern", { layer, channel, method: method.name, options }, how);
    return { ...json, url: URL.createObjectURL(new Blob([buffers[0]], { type: json.mime })) };
  }).value : {};
  const want = (on) => {
    if (!on) store.light.drop(key);
    setAsked((old) => new Set(on ? [...old, key] : [...old].filter((each) => each !== key)));
  };
  const found = answer.value;
  return html`<h3>Pattern <span>the image that this channel responds to most</span></h3>
    ${found && html`<figure class="pattern"><img src=${found.url} width=${found.width} height=${found.height} alt=${`Pattern of channel ${channel} of ${layer}`} />
      <figcaption>${found.dead ? html`<p>The channel stays silent: nothing was found that it responds to.</p>` : html`<p>Responds with <b>${number(found.activation)}</b>, at the start with ${number(found.start_activation)}.</p>`}
        <p class="note">${found.method}, ${found.ended}</p>${(found.notes ?? []).map((note) => html`<p class="note" key=${note}>${note}</p>`)}</figcaption></figure>
      <${Links} kind="pattern" values=${{ layer, channel, method: method.name, options }} />`}
    ${answer.loading && html`<${Progress} answer=${answer} words="Drawing the pattern" onCancel=${() => want(false)} />`}
    ${answer.error && answer.error.name !== "AbortError" && html`<p class="note error" role="alert">${answer.error.message}</p>`}
    <div class="ask">${!found && !answer.loading && html`<button type="button" class="act" onClick=${() => want(true)}>Draw the pattern</button>`}
      <${Choice} label="Method of the pattern" show=${false} value=${method.name} onChange=${(name) => store.set({ pattern: name === methods[0].name ? "" : name, "pattern.": {} })} options=${methods.map((each) => [each.name, each.name])} /></div>
    <p class="note">${method.says}</p>
    <${Options} declared=${method.options} given=${view["pattern."].value} onChange=${(given) => store.set({ "pattern.": given })} />`;
}

function Strongest({ layer, channel }) {
  const store = useStore();
  const key = useCalm(`${layer}\n${channel}`, 150);
  const answer = key ? store.light.get(`strongest ${key}`, async (how) => {
    const { json, buffers } = await store.ask("strongest", { layer, channel }, how);
    return { ...json, images: json.images.map((each, at) => ({ ...each, url: URL.createObjectURL(new Blob([buffers[at]], { type: each.mime })) })) };
  }).value : {};
  const found = answer.value;
  if (answer.error) return html`<h3>Strongest images</h3><p class="note">${answer.error.message}</p>`;
  return html`<h3>Strongest <span>${found ? `parts of the ${plural(found.count, "image")} of the survey` : "of the survey"}</span></h3>
    <ul class="strongest">${(found?.images ?? Array.from({ length: 8 }, () => null)).slice(0, 8).map((each, at) => html`<li key=${at}>${each
      ? html`<div class="picture"><img src=${each.url} alt=${`${each.name}, ${number(each.activation)}`} title=${`${each.name}, rows ${each.box[0]} to ${each.box[2]}, columns ${each.box[1]} to ${each.box[3]}`} /></div>
          <span>${number(each.activation)}${each.class ? html` <em>${each.class}</em>` : ""}</span>`
      : html`<div class="picture wait"></div><span>\u00a0</span>`}</li>`)}</ul>`;
}
