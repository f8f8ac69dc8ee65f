/** Which pixels decided for a class, by any method, and how far that can be believed. */
import { html, useLayoutEffect, useRef, useState, useStore } from "./html.js";
import { Choice, Failure, Options, Progress, Scores, Slider } from "./parts.js";
import { Photograph } from "./photo.js";
import { gradient, palette } from "./colour.js";
import { clamp, number, targetOf } from "./format.js";
import { paint } from "./mosaic.js";

export function Decision() {
  const store = useStore();
  const { view } = store;
  const model = store.model.value;
  const image = store.image.value;
  const [strength, setStrength] = useState(70);
  const [requested, setRequested] = useState("");
  const [measured, setMeasured] = useState(() => new Set());
  const [more, setMore] = useState(false);
  const { method, channelTarget, declared, options, target = "" } = store.explained.value;
  if (!image) return null;
  if (!method) return html`<section aria-label="Decision"><p class="note">This network has no heatmaps.</p></section>`;
  const output = store.predictions.value?.[0];
  const live = store.host.kind !== "page";
  const five = output?.top ?? [];
  const hasMore = live && five.length > 1 && output.size > five.length;
  const entries = (more && hasMore && store.predictionsOf(image.id, { top: 10 })?.[0]?.top) || five;
  const ofChannel = target.includes(":");
  const chosen = target === "" ? entries[0]?.index : entries.find((each) => targetOf(each) === target)?.index;
  const { layer, ...rest } = options;
  const key = `heatmap ${image.id}\n${method.name}\n${target}\n${JSON.stringify(options)}`;
  const scoresKey = `${key}\nscores`;
  const waits = method.costly && requested !== key && !store.answers.has(key);
  const load = (more) => async (how) => {
    const params = { image: image.id, method: method.name, options: rest, ...(layer ? { layer } : {}), ...(target ? { target } : {}), ...more };
    const { json, buffers } = await store.ask("heatmap", params, how);
    return { ...json, values: new Float32Array(buffers[0]) };
  };
  const metrics = model.metrics ?? [];
  const answer = waits ? {} : store.answers.get(key, load({})).value;
  const measures = measured.has(key) ? store.answers.get(scoresKey, load({ scores: metrics.map((each) => each.name) })).value : {};
  const stop = (key_) => {
    store.answers.drop(key_);
    setRequested("");
    setMeasured((old) => new Set([...old].filter((each) => each !== key)));
  };
  const heat = answer.value;
  const facts = heat && `${heat.title}${heat.layers?.length ? ` at ${heat.layers.slice(0, 2).join(", ")}` : ""}${Number.isFinite(heat.score) ? `  ·  score ${number(heat.score)}` : ""}`;
  return html`<section aria-label="Decision">
    <div class="title"><div><h2>${titleOf(heat?.target_name ?? (target || entries[0]?.name || ""))}</h2><p>${facts ?? "\u00a0"}</p></div></div>
    <div class="pair wide"><div>
      <${Photograph} entry=${image} name=${heat ? `Heatmap over the photograph, ${heat.title}` : "Photograph"}>
        ${heat && html`<${Heat} heat=${heat} strength=${strength} colours=${view.colormap.value} />`}
      </${Photograph}>
      <div class="scale"><i style=${{ backgroundImage: gradient(heat?.signed ? "diverging" : view.colormap.value) }}></i><span>${heat?.signed ? "against" : "none"}</span><span>${heat?.signed ? "for" : "most"}</span></div>
    </div></div>
    <${Slider} label="Heatmap over photograph" class="field grow" min="0" max="100" value=${strength} text=${`${strength} per cent`} onValue=${setStrength} />
    ${answer.loading && html`<${Progress} answer=${answer} words=${method.title} onCancel=${() => { stop(key); if (!method.costly) store.set({ tab: "channel" }); }} />`}
    <${Failure} error=${answer.error} />
    ${(heat?.notes ?? []).map((note) => html`<p class="note" key=${note}>${note}</p>`)}
    ${heat?.empty && html`<p class="note error">The heatmap is empty: nothing contributed.</p>`}
    ${heat?.warning && html`<p class="note error">${heat.warning}</p>`}
    <h3>Class</h3>
    <${Scores} entries=${entries} chosen=${chosen} onChoose=${live && ((entry) => store.set({ target: entry.index === entries[0].index ? "" : targetOf(entry) }))} />
    ${hasMore && html`<button type="button" class="plain" onClick=${() => setMore(!more)}>the first ${more ? five.length : Math.min(10, output.size)}</button>`}
    ${live && html`<ul class="scores own"><li class=${ofChannel ? "on" : ""}><button type="button" aria-pressed=${ofChannel} onClick=${() => store.set({ target: target === channelTarget && method.name !== "activation" ? "" : channelTarget })}>
      <span class="name">${ofChannel ? target : channelTarget}</span><span class="note">the channel instead of a class</span></button></li></ul>`}
    ${live && model.labels && model.labels.length > entries.length && html`<${OtherClass} labels=${model.labels} />`}
    <h3>Method</h3>
    <${Choice} label="Method" show=${false} value=${method.name} onChange=${(name) => store.set({ method: name, "method.": {} })} options=${methodsOf(model)} />
    <${Options} declared=${declared} texts=${view["method."].value} onChange=${(texts) => store.set({ "method.": texts })} />
    ${waits && html`<div class="ask"><button type="button" class="act" onClick=${() => setRequested(key)}>Make the heatmap</button><span class="note">takes many passes</span></div>`}
    <p class="says">${method.says}</p>
    <details class="more"><summary>What it assumes, and when it misleads</summary><p>${method.assumes}</p><p>${method.misleads}</p><p class="note">${method.source}</p></details>
    ${metrics.length > 0 && heat && html`<h3>How far to believe it</h3>
      ${measures.value ? html`<${Measures} measures=${measures.value.measures} metrics=${metrics} />`
        : measures.loading ? html`<${Progress} answer=${measures} words="Measuring" onCancel=${() => stop(scoresKey)} />`
          : html`<${Failure} error=${measures.error} />
            <div class="ask"><button type="button" class="act" onClick=${() => setMeasured((old) => new Set([...old, key]))}>Measure it</button><span class="note">against random heatmaps</span></div>`}`}
  </section>`;
}

/** A class is decided for; a value is raised or lowered. @param {string} target */
const titleOf = (target) => (/^(raises|lowers) /.test(target) ? `What ${target}` : `What decided for ${target}`);

const methodsOf = (model) => model.methods.map((each) => [each.name, `${each.title}${each.costly ? "  (slow)" : ""}`]);

/** Any class by name. */
function OtherClass({ labels }) {
  const store = useStore();
  const pick = (event) => {
    const label = event.currentTarget.value;
    if (!labels.includes(label)) return;
    store.set({ target: label });
    event.currentTarget.value = "";
  };
  return html`<label class="field grow"><span class="unseen">Another class</span><input class="entry" list="classes" placeholder=${`Another of ${labels.length} classes`} onInput=${pick} /></label>
    <datalist id="classes">${labels.map((label) => html`<option key=${label} value=${label}></option>`)}</datalist>`;
}

function Heat({ heat, strength, colours }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    const { values, signed, ground } = heat;
    const neutral = Number.isFinite(ground) ? ground : 0;
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const most = Math.max(high - neutral, neutral - low) || 1;
    const range = high - low || 1;
    const table = palette(signed ? "diverging" : colours);
    paint(canvas.current, heat.shape[1], heat.shape[0], (pixels) => {
      for (let at = 0; at < pixels.length; at += 1) {
        const share = signed ? (values[at] - neutral) / most : (values[at] - low) / range;
        const colour = table[clamp(signed ? Math.round(128 + 127 * share) : Math.round(255 * share), 0, 255)];
        // What matters little lets the photograph through.
        const cover = strength >= 100 ? 1 : (strength / 100) * Math.min(1, 0.12 + 1.2 * Math.abs(share));
        pixels[at] = (colour & 0xffffff) | (Math.round(255 * cover) << 24);
      }
    });
  }, [heat, strength, colours]);
  return html`<canvas ref=${canvas} class="over" aria-hidden="true"></canvas>`;
}

/** The verdict on a measure: better means better than a random map and than a map of the centre. */
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
