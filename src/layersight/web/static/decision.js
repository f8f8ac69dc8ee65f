/** Which pixels decided for a class, by any method, and how far that can be believed. */
import { html, useEffect, useLayoutEffect, useRef, useState, useStore } from "./html.js";
import { Choice, Options, Progress, Scores } from "./parts.js";
import { Photograph } from "./photo.js";
import { gradient, palette } from "./colour.js";
import { clamp, number } from "./format.js";

export function Decision() {
  const store = useStore();
  const model = store.model.value;
  const image = store.image.value;
  const { view } = store;
  const predictions = store.predictions.value;
  const [strength, setStrength] = useState(70);
  const [asked, setAsked] = useState("");
  const [scored, setScored] = useState(() => new Set());
  if (!image) return null;
  const methods = model.methods ?? [];
  const { method, own, declared, options, target = "" } = store.wanted.value;
  const [more, setMore] = useState(false);
  const output = predictions?.[0];
  const whole = store.host.kind !== "page";
  const first = output?.top ?? [];
  const wider = whole && first.length > 1 && output.size > first.length;
  const entries = (more && wider && store.mostOf(image.id)?.[0]?.top) || first;
  const chosen = target === "" ? entries[0]?.index : entries.find((each) => targetOf(each) === target)?.index;
  if (!method) return html`<section aria-label="Decision"><p class="note">This network has no heatmaps.</p></section>`;
  const { layer, ...rest } = options;
  const key = `heatmap ${image.id}\n${method.name}\n${target}\n${JSON.stringify(options)}`;
  const waits = method.costly && asked !== key && !store.light.keys().includes(key);
  const make = (scores) => async (how) => {
    const params = { image: image.id, method: method.name, options: rest, ...(layer ? { layer } : {}), ...(target ? { target } : {}), ...(scores ? { scores } : {}) };
    const { json, buffers } = await store.ask("heatmap", params, how);
    return { ...json, values: new Float32Array(buffers[0]) };
  };
  const answer = waits ? {} : store.light.get(key, make(null)).value;
  const metrics = model.metrics ?? [];
  const measured = scored.has(key) ? store.light.get(`${key}\nscores`, make(metrics.map((each) => each.name))).value : {};
  const stop = (what) => {
    store.light.drop(what);
    setAsked("");
    setScored((old) => new Set([...old].filter((each) => each !== key)));
  };
  const heat = answer.value;
  return html`<section aria-label="Decision">
    <div class="title"><div><h2>What decided for ${heat ? heat.target_name : target || labelOfEntry(entries[0])}</h2><p>${heat ? `${heat.title}${heat.layers?.length ? ` at ${heat.layers.slice(0, 2).join(", ")}` : ""}${Number.isFinite(heat.score) ? `  ·  score ${number(heat.score)}` : ""}` : "\u00a0"}</p></div></div>
    <div class="pair wide"><div>
      <${Photograph} entry=${image} name=${heat ? `Heatmap over the photograph, ${heat.title}` : "Photograph"}>
        ${heat && html`<${Heat} heat=${heat} strength=${strength} colours=${view.colormap.value} />`}
      </${Photograph}>
      <div class="scale"><i style=${{ backgroundImage: gradient(heat?.signed ? "diverging" : view.colormap.value) }}></i><span>${heat?.signed ? "against" : "none"}</span><span>${heat?.signed ? "for" : "most"}</span></div>
    </div></div>
    <label class="field grow"><span class="label">Heatmap over photograph</span><input type="range" min="0" max="100" value=${strength} aria-valuetext=${`${strength} per cent`} onInput=${(event) => setStrength(event.currentTarget.valueAsNumber)} /></label>
    ${answer.loading && html`<${Progress} answer=${answer} words=${method.title} onCancel=${() => { stop(key); if (!method.costly) store.set({ tab: "channel" }); }} />`}
    ${answer.error && answer.error.name !== "AbortError" && html`<p class="note error" role="alert">${answer.error.message}</p>`}
    ${(heat?.notes ?? []).map((note) => html`<p class="note" key=${note}>${note}</p>`)}
    ${heat?.empty && html`<p class="note error">The heatmap is empty: nothing contributed.</p>`}
    ${heat?.warning && html`<p class="note error">${heat.warning}</p>`}
    <h3>Class</h3>
    <${Scores} entries=${entries} chosen=${chosen} onChoose=${whole && ((entry) => store.set({ target: entry.index === entries[0].index ? "" : targetOf(entry) }))} />
    ${wider && html`<button type="button" class="plain" onClick=${() => setMore(!more)}>${more ? `the first ${first.length}` : `the first ${Math.min(10, output.size)}`}</button>`}
    ${whole && html`<ul class="scores own"><li class=${target.includes(":") ? "on" : ""}><button type="button" aria-pressed=${target.includes(":")} onClick=${() => store.set({ target: target === own && method.name !== "activation" ? "" : own })}>
      <span class="name">${target.includes(":") ? target : own}</span><span class="note">the channel instead of a class</span></button></li></ul>`}
    ${whole && model.labels && model.labels.length > entries.length && html`<${Any} labels=${model.labels} />`}
    <h3>Method</h3>
    <${Choice} label="Method" show=${false} value=${method.name} onChange=${(name) => store.set({ method: name, "method.": {} })} options=${methods.map((each) => [each.name, `${each.title}${each.costly ? "  (slow)" : ""}`])} />
    <${Options} declared=${declared} given=${view["method."].value} onChange=${(given) => store.set({ "method.": given })} />
    ${waits && html`<div class="ask"><button type="button" class="act" onClick=${() => setAsked(key)}>Make the heatmap</button><span class="note">takes many passes</span></div>`}
    <p class="says">${method.says}</p>
    <details class="more"><summary>What it assumes, and when it misleads</summary><p>${method.assumes}</p><p>${method.misleads}</p><p class="note">${method.source}</p></details>
    ${metrics.length > 0 && heat && html`<h3>How far to believe it</h3>
      ${measured.value ? html`<${Measures} measures=${measured.value.measures} metrics=${metrics} />`
        : measured.loading ? html`<${Progress} answer=${measured} words="Measuring" onCancel=${() => stop(`${key}\nscores`)} />`
          : html`${measured.error && measured.error.name !== "AbortError" && html`<p class="note error" role="alert">${measured.error.message}</p>`}
            <div class="ask"><button type="button" class="act" onClick=${() => setScored((old) => new Set([...old, key]))}>Measure it</button><span class="note">against random heatmaps</span></div>`}`}
  </section>`;
}

/** How a class is named to a method. */
export const targetOf = (entry) => String(entry.label ?? entry.index);
const labelOfEntry = (entry) => (entry ? targetOf(entry) : "");

/** Any class by name. */
function Any({ labels }) {
  const store = useStore();
  const pick = (event) => {
    const at = labels.indexOf(event.currentTarget.value);
    if (at < 0) return;
    store.set({ target: labels[at] });
    event.currentTarget.value = "";
  };
  return html`<label class="field grow"><span class="unseen">Another class</span><input class="entry" list="classes" placeholder=${`Another of ${labels.length} classes`} onInput=${pick} /></label>
    <datalist id="classes">${labels.map((label) => html`<option key=${label} value=${label}></option>`)}</datalist>`;
}

function Heat({ heat, strength, colours }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    const [tall, wide] = heat.shape;
    const image = new ImageData(wide, tall);
    const pixels = new Uint32Array(image.data.buffer);
    const ground = Number.isFinite(heat.ground) ? heat.ground : 0;
    let [low, high] = [Infinity, -Infinity];
    for (const value of heat.values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const most = Math.max(high - ground, ground - low) || 1;
    const reach = high - low || 1;
    const table = palette(heat.signed ? "diverging" : colours);
    for (let at = 0; at < pixels.length; at += 1) {
      const value = heat.values[at];
      const share = heat.signed ? (value - ground) / most : (value - low) / reach;
      const colour = table[clamp(heat.signed ? Math.round(128 + 127 * share) : Math.round(255 * share), 0, 255)];
      // What matters little lets the photograph through.
      const cover = strength >= 100 ? 1 : (strength / 100) * Math.min(1, 0.12 + 1.2 * Math.abs(share));
      pixels[at] = (colour & 0xffffff) | (Math.round(255 * cover) << 24);
    }
    canvas.current.width = wide;
    canvas.current.height = tall;
    canvas.current.getContext("2d").putImageData(image, 0, 0);
  }, [heat, strength, colours]);
  return html`<canvas ref=${canvas} class="over" aria-hidden="true"></canvas>`;
}

/** What a measure is worth: better is only what beats a random map and the map of the centre. */
function verdict(measure) {
  const checked = typeof measure.bar === "number";
  const good = checked ? measure.passes : measure.better_than_random;
  if (typeof good !== "boolean") return "";
  if (!good) return html`<b class="bad">${checked ? "fails" : "no better"}</b>`;
  if (!checked && measure.better_than_centre === false) return "not than the centre";
  return html`<b class="good">${checked ? "passes" : "better"}</b>`;
}

function Measures({ measures, metrics }) {
  const about = new Map(metrics.map((each) => [each.name, each]));
  return html`<table class="measures"><thead><tr><th scope="col">Measure</th><th scope="col">this</th><th scope="col">random</th><th scope="col">centre</th><th scope="col"><span class="unseen">Better than random and the centre</span></th></tr></thead>
    <tbody>${measures.map((each) => html`<tr key=${each.metric}><th scope="row" title=${about.get(each.metric)?.says}>${each.title}<br /><small>${each.higher_is_better ? "high is good" : "low is good"}</small></th><td>${number(each.value)}</td><td>${number(each.random)}</td><td>${number(each.centre)}</td>
      <td>${verdict(each)}</td></tr>`)}</tbody></table>
    ${measures.filter((each) => each.words).slice(0, 3).map((each) => html`<p class="note" key=${each.metric}>${each.words}</p>`)}`;
}
