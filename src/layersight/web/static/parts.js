/** Small parts that several panes are made of. */
import { html, useEffect, useRef } from "./html.js";
import { number, score } from "./format.js";

const PATHS = {
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  left: "M10 3.5L5.5 8l4.5 4.5",
  right: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  minus: "M3 8h10",
  camera: "M2.5 5h2.6l1.2-1.8h3.4L10.9 5h2.6v7.5h-11zM8 10.6a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z",
  theme: "M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6",
  keys: "M2 4h12v8H2zM4.4 6.6h.1M7 6.6h.1M9.6 6.6h.1M11.9 6.6h.1M5 9.6h6",
  compare: "M2.5 3.5h4.6v9H2.5zM8.9 3.5h4.6v9H8.9z",
  search: "M7 11.4a4.4 4.4 0 1 0 0-8.8 4.4 4.4 0 0 0 0 8.8zM10.3 10.3l3.4 3.4",
};

/** @param {{name: keyof PATHS}} props */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

/** One of a few, beside each other. @param {{label: string, value: string, options: [string, string, string?][], onChange: (value: string) => void, show?: boolean}} props */
export function Segments({ label, value, options, onChange, show = true }) {
  const walk = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = (options.findIndex(([key]) => key === value) + by + options.length) % options.length;
    onChange(options[at][0]);
    event.currentTarget.children[at].focus();
  };
  return html`<div class="field">
    ${show && html`<span class="label" aria-hidden="true">${label}</span>`}
    <div class="segments" role="radiogroup" aria-label=${label} onKeyDown=${walk}>
      ${options.map(([key, words, title]) => html`<button key=${key} type="button" role="radio" aria-checked=${key === value} title=${title}
        tabindex=${key === value ? 0 : -1} onClick=${() => onChange(key)}>${words}</button>`)}
    </div>
  </div>`;
}

/** A choice from a list. @param {{label: string, value: string, options: [string, string][], onChange: (value: string) => void, show?: boolean, id?: string}} props */
export const Choice = ({ label, value, options, onChange, show = true }) => html`<label class="field">
  <span class=${show ? "label" : "unseen"}>${label}</span>
  <select value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
    ${options.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}
  </select>
</label>`;

/** A button that opens a list of others, or some words. @param {{label: any, title?: string, items?: ([string, () => void] | null)[], class?: string, up?: boolean, children?: any}} props */
export function Menu({ label, title, items = [], up, class: name = "", children }) {
  const box = useRef(null);
  const shut = () => { if (box.current) box.current.open = false; };
  useEffect(() => {
    const outside = (event) => { if (!event.composedPath().includes(box.current)) shut(); };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const keys = (event) => {
    if (event.key === "Escape" && box.current.open) {
      event.stopPropagation();
      shut();
      box.current.firstElementChild.focus();
    }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !box.current.open) return;
    event.preventDefault();
    event.stopPropagation();
    const all = [...box.current.querySelectorAll("button")];
    all[(all.indexOf(document.activeElement) + by + all.length) % all.length]?.focus();
  };
  return html`<details ref=${box} class=${`menu ${name} ${up ? "up" : ""}`} onKeyDown=${keys}>
    <summary title=${title} aria-label=${title}>${label}</summary>
    <div class="list">${items.filter(Boolean).map(([words, act]) => html`<button key=${words} type="button" onClick=${() => { shut(); act(); }}>${words}</button>`)}${children}</div>
  </details>`;
}

/** What was chosen of the options that a method has, as a host takes it. @param {any[]} declared @param {Record<string, string>} given */
export function optionsOf(declared, given) {
  const found = {};
  for (const { name, kind, several } of declared) {
    const text = given[name];
    if (text === undefined) continue;
    const one = (each) => (kind === "bool" ? each === "true" : kind === "str" ? each : Number(each));
    found[name] = several ? text.split(/[x, ]+/).map(one) : one(text);
  }
  return found;
}

/** The options of a method, made of how they are declared. @param {{declared: any[], given: Record<string, string>, onChange: (given: Record<string, string>) => void}} props */
export function Options({ declared, given, onChange }) {
  const known = declared.filter(({ name }) => name in given);
  const put = (name, usual) => ({ currentTarget: field }) => {
    if (!field.reportValidity()) return;
    const { [name]: _, ...rest } = given;
    onChange(field.value === "" || field.value === usual ? rest : { ...rest, [name]: field.value });
  };
  if (!declared.length) return null;
  return html`<details class="more"><summary>Options${known.length > 0 && html` <span class="note">${known.length} of ${declared.length} changed</span>`}</summary>
    <div class="options">${declared.map(({ name, help, kind, low, high, choices, unit, several, default: standard }) => {
      const usual = several && standard ? standard.join("x") : String(standard ?? "");
      const number = !several && (kind === "int" || kind === "float");
      const words = `${name.replaceAll("_", " ")}${unit ? `, ${unit}` : ""}`;
      const named = { "aria-label": words, "aria-describedby": `option-${name}` };
      return html`<label key=${name}><span class=${name in given ? "set" : ""}>${words}</span>
        ${choices.length ? html`<select ...${named} onChange=${put(name, usual)}>${choices.map((each) => html`<option key=${each} value=${each} selected=${each === (given[name] ?? usual)}>${each || "by itself"}</option>`)}</select>`
          : html`<input ...${named} class="entry" type=${number ? "number" : "text"} value=${given[name] ?? usual} min=${low} max=${high} step=${kind === "int" ? 1 : "any"} pattern=${several ? "[0-9]+([x, ]+[0-9]+)*" : undefined} onChange=${put(name, usual)} />`}
        <small id=${`option-${name}`}>${help}</small></label>`;
    })}
    ${known.length > 0 && html`<button type="button" class="plain" onClick=${() => onChange({})}>as usual</button>`}</div>
  </details>`;
}

/** How far something is that takes time, and a way to end it. @param {{answer: import("./store.js").Answer, words: string, onCancel: () => void}} props */
export function Progress({ answer, words, onCancel }) {
  const share = answer.total ? answer.done / answer.total : 0;
  return html`<div class="progress" role="group" aria-label=${words}>
    <span>${words}${answer.total ? html` <b>${Math.round(share * 100)} %</b>` : ""}</span>
    <progress value=${answer.total ? share : undefined} aria-label=${words}></progress>
    <button type="button" class="plain" onClick=${onCancel}>Cancel</button>
  </div>`;
}

/** Classes and their scores. @param {{entries: {index: number, label: string, score: number}[], before?: Map<number, number> | null, chosen?: number | null, onChoose?: (entry: any) => void, low?: number, high?: number}} props */
export function Scores({ entries, before = null, chosen = null, onChoose, low = 0, high = 1 }) {
  const share = (score) => `${Math.max(0, Math.min(1, (score - low) / (high - low || 1))) * 100}%`;
  const text = (value) => (low === 0 && high === 1 ? score(value) : number(value));
  return html`<ul class="scores">${entries.map((entry) => {
    const was = before?.get(entry.index);
    const inside = html`<span class="name" title=${entry.label ?? entry.index}>${entry.label ?? `class ${entry.index}`}</span>
      <span class="bar"><i style=${{ width: share(entry.score) }}></i>${was !== undefined && html`<u style=${{ left: share(was) }}></u>`}</span>
      <span class="score">${was !== undefined && text(was) !== text(entry.score) ? html`<s>${text(was)}</s> ` : ""}${text(entry.score)}</span>`;
    return html`<li key=${entry.index} class=${chosen === entry.index ? "on" : ""}>${onChoose
      ? html`<button type="button" aria-pressed=${chosen === entry.index} onClick=${() => onChoose(entry)}>${inside}</button>`
      : html`<div>${inside}</div>`}</li>`;
  })}</ul>`;
}

/** The size of a node, told whenever it changes. @param {(box: DOMRectReadOnly) => void} tell */
export function useSize(tell) {
  const node = useRef(null);
  useEffect(() => {
    const watch = new ResizeObserver(() => tell(node.current.getBoundingClientRect()));
    watch.observe(node.current);
    return () => watch.disconnect();
  }, []);
  return node;
}
