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

/** A button that is an icon. @param {{icon: keyof PATHS, label: string, title?: string, class?: string}} props */
export const IconButton = ({ icon, label, title = label, class: name = "square", ...rest }) => html`<button type="button" class=${name} aria-label=${label} title=${title} ...${rest}><${Icon} name=${icon} /></button>`;

/** Ends the way of an event: nothing else reacts to it. @param {Event} event */
export function consume(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** The step of an arrow key, down and across; longer with Shift. @param {KeyboardEvent} event @returns {[number, number] | undefined} */
export function arrowStep(event, usual = 1, long = 8) {
  const step = event.shiftKey ? long : usual;
  return { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] }[event.key];
}

/** Arrow keys in a group of buttons of which one is chosen. @param {KeyboardEvent} event @param {[string, ...any][]} options @param {string} value @param {(value: string) => void} onChange */
export function chooseByArrows(event, options, value, onChange, steps = { ArrowRight: 1, ArrowLeft: -1 }) {
  const step = steps[event.key];
  if (!step) return;
  consume(event);
  const index = (options.findIndex(([key]) => key === value) + step + options.length) % options.length;
  onChange(options[index][0]);
  event.currentTarget.children[index].focus();
}

/** A value that the browser keeps, after it was set if one is given; `null` without one, `undefined` where it keeps nothing. @param {string} name @param {string} [value] */
export function stored(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return undefined;
  }
}

/** A choice of a few, beside each other. @param {{label: string, value: string, options: [string, string, string?][], onChange: (value: string) => void, show?: boolean}} props */
export function Segments({ label, value, options, onChange, show = true }) {
  const keys = (event) => chooseByArrows(event, options, value, onChange, { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 });
  return html`<div class="field">
    ${show && html`<span class="label" aria-hidden="true">${label}</span>`}
    <div class="segments" role="radiogroup" aria-label=${label} onKeyDown=${keys}>
      ${options.map(([key, words, title]) => html`<button key=${key} type="button" role="radio" aria-checked=${key === value} title=${title}
        tabindex=${key === value ? 0 : -1} onClick=${() => onChange(key)}>${words}</button>`)}
    </div>
  </div>`;
}

/** A choice from a list. @param {{label: string, value: string, options: [string, string][], onChange: (value: string) => void, show?: boolean}} props */
export const Choice = ({ label, value, options, onChange, show = true }) => html`<label class="field">
  <span class=${show ? "label" : "unseen"}>${label}</span>
  <select value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
    ${options.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}
  </select>
</label>`;

/** @param {{label: string, text: string, onValue: (value: number) => void, class?: string, title?: string, children?: any}} props */
export const Slider = ({ label, text, onValue, class: name = "field", title, children, ...rest }) => html`<label class=${name} title=${title}>
  <span class="label">${label}</span>
  <input type="range" ...${rest} aria-valuetext=${text} onInput=${(event) => onValue(event.currentTarget.valueAsNumber)} />${children}
</label>`;

/** A button that opens a list of others, or some words. @param {{label: any, title?: string, items?: [string, () => void][], class?: string, up?: boolean, children?: any}} props */
export function Menu({ label, title, items = [], up, class: name = "", children }) {
  const box = useRef(null);
  const shut = () => { if (box.current) box.current.open = false; };
  useEffect(() => {
    const outside = (event) => { if (!event.composedPath().includes(box.current)) shut(); };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const keys = (event) => {
    if (!box.current.open) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      shut();
      box.current.firstElementChild.focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    consume(event);
    const buttons = [...box.current.querySelectorAll("button")];
    buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length]?.focus();
  };
  return html`<details ref=${box} class=${`menu ${name} ${up ? "up" : ""}`} onKeyDown=${keys}>
    <summary title=${title} aria-label=${title}>${label}</summary>
    <div class="list">${items.map(([words, act]) => html`<button key=${words} type="button" onClick=${() => { shut(); act(); }}>${words}</button>`)}${children}</div>
  </details>`;
}

/** The options of a method that were chosen, as a host takes them. @param {any[]} declared @param {Record<string, string>} texts */
export function optionsOf(declared, texts) {
  const options = {};
  for (const { name, kind, several } of declared) {
    const text = texts[name];
    if (text === undefined) continue;
    const parse = (part) => (kind === "bool" ? part === "true" : kind === "str" ? part : Number(part));
    options[name] = several ? text.split(/[x, ]+/).map(parse) : parse(text);
  }
  return options;
}

/** A form for the options of a method, made from their declarations. @param {{declared: any[], texts: Record<string, string>, onChange: (texts: Record<string, string>) => void}} props */
export function Options({ declared, texts, onChange }) {
  const changed = declared.filter(({ name }) => name in texts).length;
  const put = (name, usual) => ({ currentTarget: field }) => {
    if (!field.reportValidity()) return;
    const { [name]: _, ...rest } = texts;
    onChange(field.value === "" || field.value === usual ? rest : { ...rest, [name]: field.value });
  };
  if (!declared.length) return null;
  return html`<details class="more"><summary>Options${changed > 0 && html` <span class="note">${changed} of ${declared.length} changed</span>`}</summary>
    <div class="options">${declared.map(({ name, flag, help, kind, low, high, choices, unit, several, default: standard }) => {
      const usual = several && standard ? standard.join("x") : String(standard ?? "");
      const isNumber = !several && (kind === "int" || kind === "float");
      const words = `${(flag?.replace(/^--/, "") || name).replaceAll(/[-_]/g, " ")}${unit ? `, ${unit}` : ""}`;
      const named = { "aria-label": words, "aria-describedby": `option-${name}` };
      return html`<label key=${name}><span class=${name in texts ? "set" : ""}>${words}</span>
        ${choices.length ? html`<select ...${named} onChange=${put(name, usual)}>${choices.map((each) => html`<option key=${each} value=${each} selected=${each === (texts[name] ?? usual)}>${each || "by itself"}</option>`)}</select>`
          : html`<input ...${named} class="entry" type=${isNumber ? "number" : "text"} value=${texts[name] ?? usual} min=${low} max=${high} step=${kind === "int" ? 1 : "any"} pattern=${several ? "[0-9]+([x, ]+[0-9]+)*" : undefined} onChange=${put(name, usual)} />`}
        <small id=${`option-${name}`}>${help}</small></label>`;
    })}
    ${changed > 0 && html`<button type="button" class="plain" onClick=${() => onChange({})}>as usual</button>`}</div>
  </details>`;
}

/** The progress of something that takes time, and a way to end it. @param {{answer: import("./store.js").Answer, words: string, onCancel: () => void}} props */
export function Progress({ answer, words, onCancel }) {
  const share = answer.total ? answer.done / answer.total : 0;
  return html`<div class="progress" role="group" aria-label=${words}>
    <span>${words}${answer.total ? html` <b>${Math.round(share * 100)} %</b>` : ""}</span>
    <progress value=${answer.total ? share : undefined} aria-label=${words}></progress>
    <button type="button" class="plain" onClick=${onCancel}>Cancel</button>
  </div>`;
}

/** Why a request failed, unless it was cancelled. @param {{error?: Error}} props */
export const Failure = ({ error }) => error && error.name !== "AbortError" && html`<p class="note error" role="alert">${error.message}</p>`;

const share = (value, low, high) => `${Math.max(0, Math.min(1, (value - low) / (high - low || 1))) * 100}%`;

/** A value between two others, and where it was before. @param {{value: number, before?: number, low?: number, high?: number}} props */
export const Bar = ({ value, before, low = 0, high = 1 }) => html`<span class="bar"><i style=${{ width: share(value, low, high) }}></i>${before !== undefined && html`<u style=${{ left: share(before, low, high) }}></u>`}</span>`;

/** Classes and their scores. @param {{entries: {index: number, name: string, score: number}[], before?: Map<number, number> | null, chosen?: number | null, onChoose?: (entry: any) => void, low?: number, high?: number}} props */
export function Scores({ entries, before = null, chosen = null, onChoose, low = 0, high = 1 }) {
  const text = (value) => (low === 0 && high === 1 ? score(value) : number(value));
  return html`<ul class="scores">${entries.map((entry) => {
    const was = before?.get(entry.index);
    const line = html`<span class="name" title=${entry.name}>${entry.name}</span>
      <${Bar} value=${entry.score} before=${was} low=${low} high=${high} />
      <span class="score">${was !== undefined && text(was) !== text(entry.score) ? html`<s>${text(was)}</s> ` : ""}${text(entry.score)}</span>`;
    return html`<li key=${entry.index} class=${chosen === entry.index ? "on" : ""}>${onChoose
      ? html`<button type="button" aria-pressed=${chosen === entry.index} onClick=${() => onChoose(entry)}>${line}</button>`
      : html`<div>${line}</div>`}</li>`;
  })}</ul>`;
}
