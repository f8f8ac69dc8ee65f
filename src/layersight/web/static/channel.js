/** The chosen channel: its map, what a position sees, its values, its weights, its pattern. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState, useStore } from "./html.js";
import { Links } from "./footer.js";
import { Choice, Failure, IconButton, Options, Progress, Scores, optionsOf } from "./parts.js";
import { MapFigure, Photograph } from "./photo.js";
import { palette } from "./colour.js";
import { clamp, number, percent, plural, shortName } from "./format.js";
import { histogram, valueAt } from "./maps.js";
import { labelOf } from "./layer.js";
import { paint } from "./mosaic.js";
import { urlOf } from "./store.js";

const BINS = 40;
const MAX_UNITS = 8;

export function Channel() {
  const store = useStore();
  const layer = store.layer.value;
  const maps = store.current.value.value;
  const channel = store.channel.value;
  const image = store.image.value;
  if (!layer || !image) return null;
  const exists = maps && channel < maps.channels;
  const label = labelOf(store, channel);
  const features = store.model.value.features;
  return html`<section aria-label="Channel">
    <div class="title">
      <div><h2 title=${`${layer.name} : ${channel}`}><span>${shortName(layer.name)}</span> : ${channel}${label && html` <em>${label}</em>`}</h2><p>${exists ? facts(maps, channel) : "\u00a0"}</p></div>
      <div class="steps"><${IconButton} icon="left" label="Previous channel" title="Previous channel  ←" onClick=${() => store.walkChannels(-1)} />
        <${IconButton} icon="right" label="Next channel" title="Next channel  →" onClick=${() => store.walkChannels(1)} /></div>
    </div>
    ${maps?.single || layer.kind === "units" ? html`<${Units} maps=${maps} channel=${channel} image=${image} />` : html`<${Pictures} maps=${exists ? maps : null} channel=${channel} image=${image} />`}
    ${exists && maps.slices > 1 && store.host.kind !== "page" && html`<${Slices} maps=${maps} channel=${channel} image=${image} />`}
    ${exists && !maps.single && !maps.dead[channel] && html`<${Histogram} maps=${maps} channel=${channel} />`}
    ${layer.kernels && features.kernel && html`<${Kernel} layer=${layer.name} channel=${channel} key="kernel" />`}
    ${features.pattern && html`<${Pattern} layer=${layer.name} channel=${channel} key="pattern" />`}
    ${features.survey && html`<${Strongest} layer=${layer.name} channel=${channel} key="strongest" />`}
  </section>`;
}

function facts(maps, channel) {
  const max = number(maps.max[channel]);
  if (maps.single) return `${max}  ·  ${1 + maps.max.reduce((sum, value) => sum + Number(value > maps.max[channel]), 0)} of ${maps.channels} by value`;
  if (maps.dead[channel]) return `dead for this image: ${max} everywhere`;
  return `max ${max}  ·  mean ${number(maps.mean[channel])}  ·  ${percent(maps.sparsity[channel])} zeros`;
}

function Pictures({ maps, channel, image }) {
  const store = useStore();
  const second = store.second.value;
  const other = store.other.value.value;
  const shown = store.shown.value;
  const cell = store.cell.value;
  const minus = shown[0]?.signed ? shown[0] : null;
  const [scaled, otherScaled] = second && other && !minus && shown.length === 2 ? shown : [maps, other];
  const box = maps && cell ? store.boxOf(cell[0], cell[1], maps) : null;
  const words = maps && cell ? `row ${cell[0]}, column ${cell[1]}  ·  ${number(valueAt(maps, channel, ...cell))}` : "\u00a0";
  const shape = store.layer.value?.shape ?? [1, 1];
  const isIn = (other_) => cell && cell[0] < other_.height && cell[1] < other_.width;
  return html`<div class="pair">
    <div>${maps ? html`<${MapFigure} maps=${maps} scaled=${scaled ?? maps} channel=${channel} words=${words} name="Map" />` : html`<figure class="map"><div class="picture wait" style=${{ aspectRatio: `${shape[1]} / ${shape[0]}` }}></div><p class="note">${words}</p><div class="scale"></div></figure>`}</div>
    <div><${Photograph} entry=${store.frameOf(image, maps)} maps=${maps} name="Photograph" /><p class="note">${sees(store, image, maps, box) || "\u00a0"}</p></div>
    ${second && other && channel < other.channels && html`
      <div><${MapFigure} maps=${other} scaled=${otherScaled ?? other} channel=${channel} words=${isIn(other) ? `there  ·  ${number(valueAt(other, channel, ...cell))}` : ""} name="Map of the second image" /></div>
      <div>${second.input && html`<${Photograph} entry=${store.frameOf(second, other)} maps=${other} name="Second photograph" />`}<p class="note">${second.name}</p></div>`}
    ${minus && channel < minus.channels && html`
      <div><${MapFigure} maps=${minus} channel=${channel} words=${cell ? number(valueAt(minus, channel, ...cell)) : ""} name="Difference" /></div>
      <div class="beside"><p>First minus second, channel by channel.</p><p>Red is stronger in the first, blue in the second.</p></div>`}
    ${second && store.view.mode.value === "difference" && !minus && other && html`<p class="note across">The maps of the two images differ in size, so there is no difference to show.</p>`}
  </div>`;
}

/** What a position sees of the image, in words; of a volume the frame. */
function sees(store, image, maps, box) {
  if (maps?.slices) return image.frames ? `frame ${store.frameOf(image, maps).frame + 1} of ${image.frames}` : "";
  if (!box || store.layer.value?.kind !== "maps") return "";
  const [height, width] = image.input;
  if (box[0] <= 0 && box[1] <= 0 && box[2] >= height && box[3] >= width) return "sees the whole image";
  const [tall, wide] = [Math.min(box[2], height) - Math.max(box[0], 0), Math.min(box[3], width) - Math.max(box[1], 0)];
  return `sees ${Math.round(tall)} × ${Math.round(wide)} of ${height} × ${width}`;
}

/** The map of a channel in every slice of a volume, on one scale. */
function Slices({ maps, channel, image }) {
  const store = useStore();
  const answer = useSettled(`slices ${image.id}\n${maps.layer}\n${channel}`, async (how) => {
    const { json, buffers } = await store.ask("exact", { image: image.id, layer: maps.layer, channel, whole: true }, how);
    const values = new Float32Array(buffers[0]);
    const finite = values.filter(Number.isFinite);
    const [low, high] = finite.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
    return { shape: json.shape, values, low, high };
  });
  if (answer.error) return html`<p class="note">${answer.error.message}</p>`;
  return html`<h3>Slices <span>on one scale</span></h3>
    <div class="slices">${Array.from({ length: maps.slices }, (_, index) => html`<button key=${index} type="button" aria-pressed=${index === maps.slice} aria-label=${`Slice ${index + 1}`} onClick=${() => store.set({ slice: index })}>
      <${Slice} volume=${answer.value} index=${index} colours=${store.view.colormap.value} /><span>${index + 1}</span></button>`)}</div>`;
}

function Slice({ volume, index, colours }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    if (!volume) return;
    const { shape: [, height, width], values, low, high } = volume;
    const table = palette(colours);
    const start = index * height * width;
    paint(canvas.current, width, height, (pixels) => {
      for (let at = 0; at < pixels.length; at += 1) pixels[at] = table[clamp(Math.round((255 * (values[start + at] - low)) / (high - low || 1)) || 0, 0, 255)];
    });
  }, [volume, index, colours]);
  return html`<canvas ref=${canvas} class="wait" aria-hidden="true"></canvas>`;
}

function Units({ maps, channel, image }) {
  const store = useStore();
  const entryOf = (index) => ({ index, score: maps.max[index], name: labelOf(store, index) || `unit ${index}` });
  const strongest = useMemo(() => (maps ? [...maps.max.keys()].sort((a, b) => maps.max[b] - maps.max[a]).slice(0, MAX_UNITS).map(entryOf) : []), [maps]);
  const entries = strongest.some((each) => each.index === channel) || !maps ? strongest : [...strongest.slice(0, MAX_UNITS - 1), entryOf(channel)];
  const low = Math.min(0, ...entries.map((each) => each.score));
  const high = Math.max(...entries.map((each) => each.score), low + 1e-9);
  const isShare = low === 0 && high <= 1 && store.layer.value?.activation === "softmax";
  return html`<div class="pair wide"><div><${Photograph} entry=${image} name="Photograph" /></div></div>
    <h3>Strongest units</h3>
    <${Scores} entries=${entries} chosen=${channel} low=${low} high=${isShare ? 1 : high} onChoose=${(entry) => store.set({ channel: entry.index })} />`;
}

function Histogram({ maps, channel }) {
  const store = useStore();
  const counts = useMemo(() => histogram(maps, channel, BINS), [maps, channel]);
  const most = Math.log1p(Math.max(...counts)) || 1;
  const cell = store.cell.value;
  const [low, high] = [maps.min[channel], maps.max[channel]];
  const value = cell ? valueAt(maps, channel, ...cell) : NaN;
  const words = `Values from ${number(low)} to ${number(high)}; ${percent(maps.sparsity[channel])} are zero`;
  return html`<h3 id="values">Values in this image <span>logarithmic</span></h3>
    <div class="histogram"><svg viewBox=${`0 0 ${BINS} 20`} preserveAspectRatio="none" role="img" aria-label=${words}>
      <path d=${Array.from(counts, (each, bin) => (each ? `M${bin + 0.06} 20V${20 - (Math.log1p(each) / most) * 19}h.88V20z` : "")).join("")} />
    </svg>${Number.isFinite(value) && html`<i style=${{ left: `${clamp((value - low) / (high - low || 1), 0, 1) * 100}%` }}></i>`}
    <div class="ends"><span>${number(low)}</span><span>${number(high)}</span></div></div>`;
}

/** An answer that is requested once its key has not changed for a moment, as it does while one walks on. */
function useSettled(key, load) {
  const store = useStore();
  const [settled, setSettled] = useState(key);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(key), 120);
    return () => clearTimeout(timer);
  }, [key]);
  return settled === key ? store.answers.get(key, load).value : {};
}

function Kernel({ layer, channel }) {
  const store = useStore();
  const answer = useSettled(`kernel ${layer}\n${channel}`, (how) => store.ask("kernel", { layer, channel }, how));
  const canvas = useRef(null);
  const [drawn, setDrawn] = useState(/** @type {any} */ (null));
  useLayoutEffect(() => {
    if (!answer.value) return;
    const { json: { shape: [inputs, height, width], limit, norm }, buffers } = answer.value;
    const values = new Float32Array(buffers[0]);
    const colours = palette(store.signedColours.value);
    const single = height * width === 1;
    // The inputs with the largest weights, as many as can be told apart.
    const chosen = [...Array(inputs).keys()].sort((a, b) => norm[b] - norm[a] || a - b).slice(0, single ? 96 : 24);
    const columns = Math.min(chosen.length, single ? 24 : 12);
    const size = [columns * (width + 1) - 1, Math.ceil(chosen.length / columns) * (height + 1) - 1];
    paint(canvas.current, size[0], size[1], (pixels) => chosen.forEach((input, index) => {
      const left = (index % columns) * (width + 1);
      const top = Math.floor(index / columns) * (height + 1);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          const value = values[(input * height + y) * width + x] / (limit || 1);
          pixels[(top + y) * size[0] + left + x] = colours[Math.round(128 + 127 * clamp(value, -1, 1))];
        }
      }
    }));
    setDrawn({ inputs, height, width, count: chosen.length, size, limit });
  }, [answer.value, store.signedColours.value]);
  const words = drawn && `${drawn.count < drawn.inputs ? `the largest ${drawn.count} of ${drawn.inputs} inputs` : plural(drawn.inputs, "input")}, ${drawn.height} × ${drawn.width}`;
  const label = drawn ? `Weights of ${drawn.inputs} inputs, between ${number(-drawn.limit)} and ${number(drawn.limit)}; red adds, blue takes away` : "Weights";
  return html`<h3>Kernel ${words && html`<span>${words}</span>`}</h3>
    <div class="kernel">${answer.error ? html`<p class="note">${answer.error.message}</p>` : html`<canvas ref=${canvas} role="img" aria-label=${label}
      style=${drawn ? { aspectRatio: drawn.size.join(" / "), maxWidth: `${Math.max(72, drawn.size[0] * 9)}px` } : {}}></canvas>`}</div>`;
}

function Pattern({ layer, channel }) {
  const store = useStore();
  const { view } = store;
  const { methods } = store.model.value.patterns;
  const method = methods.find((each) => each.name === view.pattern.value) ?? methods[0];
  const texts = view["pattern."].value;
  const options = optionsOf(method.options, texts);
  const key = `pattern ${layer}\n${channel}\n${method.name}\n${JSON.stringify(options)}`;
  const [requested, setRequested] = useState(() => new Set());
  const answer = requested.has(key) ? store.answers.get(key, async (how) => {
    const { json, buffers } = await store.ask("pattern", { layer, channel, method: method.name, options }, how);
    return { ...json, url: urlOf(buffers[0], json.mime) };
  }).value : {};
  const draw = () => setRequested((old) => new Set([...old, key]));
  const cancel = () => {
    store.answers.drop(key);
    setRequested((old) => new Set([...old].filter((each) => each !== key)));
  };
  const pattern = answer.value;
  return html`<h3>Pattern <span>the image that this channel responds to most</span></h3>
    ${pattern && html`<figure class="pattern"><img src=${pattern.url} width=${pattern.width} height=${pattern.height} alt=${`Pattern of channel ${channel} of ${layer}`} />
      <figcaption>${pattern.dead ? html`<p>The channel stays silent: nothing was found that it responds to.</p>` : html`<p>Responds with <b>${number(pattern.activation)}</b>, at the start with ${number(pattern.start_activation)}.</p>`}
        <p class="note">${pattern.method}, ${pattern.ended}</p>${(pattern.notes ?? []).map((note) => html`<p class="note" key=${note}>${note}</p>`)}</figcaption></figure>
      <${Links} kind="pattern" values=${{ layer, channel, method: method.name, options }} />`}
    ${answer.loading && html`<${Progress} answer=${answer} words="Drawing the pattern" onCancel=${cancel} />`}
    <${Failure} error=${answer.error} />
    <div class="ask">${!pattern && !answer.loading && html`<button type="button" class="act" onClick=${draw}>Draw the pattern</button>`}
      <${Choice} label="Method of the pattern" show=${false} value=${method.name} onChange=${(name) => store.set({ pattern: name === methods[0].name ? "" : name, "pattern.": {} })} options=${methods.map((each) => [each.name, each.name])} /></div>
    <p class="note">${method.says}</p>
    <${Options} declared=${method.options} texts=${texts} onChange=${(changed) => store.set({ "pattern.": changed })} />`;
}

function Strongest({ layer, channel }) {
  const store = useStore();
  const answer = useSettled(`strongest ${layer}\n${channel}`, async (how) => {
    const { json, buffers } = await store.ask("strongest", { layer, channel }, how);
    return { ...json, images: json.images.map((each, index) => ({ ...each, url: urlOf(buffers[index], each.mime) })) };
  });
  const survey = answer.value;
  if (answer.error) return html`<h3>Strongest images</h3><p class="note">${answer.error.message}</p>`;
  return html`<h3>Strongest <span>${survey ? `parts of the ${plural(survey.count, "image")} of the survey` : "of the survey"}</span></h3>
    <ul class="strongest">${(survey?.images ?? Array(8).fill(null)).slice(0, 8).map((each, index) => html`<li key=${index}>${each
      ? html`<div class="picture"><img src=${each.url} alt=${`${each.name}, ${number(each.activation)}`} title=${`${each.name}, rows ${each.box[0]} to ${each.box[2]}, columns ${each.box[1]} to ${each.box[3]}`} /></div>
          <span>${number(each.activation)}${each.class ? html` <em>${each.class}</em>` : ""}</span>`
      : html`<div class="picture wait"></div><span>\u00a0</span>`}</li>`)}</ul>`;
}
