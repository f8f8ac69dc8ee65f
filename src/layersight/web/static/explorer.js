/**
 * The explorer: a page in which a person walks through a network.
 *
 * @typedef {object} Host answers what the page asks; see hosts/
 * @property {"server" | "notebook" | "page"} kind
 * @property {(kind: string, params: object, how?: object) => Promise<{json: any, buffers: ArrayBuffer[]}>} request
 */
import { StoreProvider, computed, html, render, signal, useEffect, useRef, useState, useStore } from "./html.js";
import { Channel } from "./channel.js";
import { Change } from "./change.js";
import { Decision } from "./decision.js";
import { Footer } from "./footer.js";
import { Header, take } from "./header.js";
import { Hints, Keys } from "./help.js";
import { Layer, resize } from "./layer.js";
import { Network } from "./network.js";
import { Icon } from "./parts.js";
import { createStore } from "./store.js";

/** Below these widths the panes stand otherwise. */
const WIDE = 1080;
const MEDIUM = 680;
const VAST = 2200;

/**
 * Shows the explorer in an element.
 * @param {HTMLElement} element
 * @param {Host} host
 * @param {{address: {get: () => string, set: (text: string, how: {replace: boolean}) => void, subscribe: (changed: () => void) => () => void}}} how
 * @returns {() => void} takes it away again
 */
export function mount(element, host, { address }) {
  const store = createStore(host, address);
  Object.assign(store, { root: element, theme: signal(stored("layersight-theme") ?? (host.kind === "notebook" ? surrounding() : "")), helping: signal(false), form: signal(formOf(element.clientWidth)) });
  const night = matchMedia("(prefers-color-scheme: dark)");
  const system = signal(night.matches);
  const turned = () => { system.value = night.matches; };
  night.addEventListener("change", turned);
  store.signedColours = computed(() => ((store.theme.value ? store.theme.value === "dark" : system.value) ? "night" : "diverging"));
  element.classList.add("layersight-explorer");
  element.dataset.host = host.kind;
  // Keys that are pressed here are not for JupyterLab.
  if (host.kind === "notebook") element.dataset.lmSuppressShortcuts = "true";
  render(html`<${StoreProvider} value=${store}><${Page} /></${StoreProvider}>`, element);
  store.begin();
  return () => {
    render(null, element);
    night.removeEventListener("change", turned);
    store.close();
    element.classList.remove("layersight-explorer");
  };
}

/** Light or dark as the notebook around is, where it says so. */
function surrounding() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  return classList.contains("vscode-dark") ? "dark" : classList.contains("vscode-light") ? "light" : "";
}

function stored(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function Page() {
  const store = useStore();
  const form = store.form.value;
  const [over, setOver] = useState(false);
  const theme = store.theme.value;
  useEffect(() => {
    const watch = new ResizeObserver(() => { store.form.value = formOf(store.root.clientWidth); });
    watch.observe(store.root);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    store.root.dataset.form = form;
    if (theme) store.root.dataset.theme = theme;
    if (theme) stored("layersight-theme", theme);
  }, [form, theme]);
  useEffect(() => listen(store, setOver), []);
  const title = store.layer.value && `${store.layer.value.name.split("/").pop()} : ${store.channel.value} · layersight`;
  useEffect(() => { if (title && store.host.kind !== "notebook") document.title = title; }, [title]);

  const model = store.model.value;
  const image = store.image.value;
  return html`
    <${Header} />
    ${!store.ready.value ? html`<${Opening} />` : image ? html`
      <${Network} strip=${form !== "wide" && form !== "vast"} />
      <${Layer} />
      <${Side} />
      <${Footer} />` : html`<${Empty} />`}
    ${image && html`<${Hints} />`}
    <${Keys} />
    ${store.failure.value && model && html`<div class="toast" role="alert"><span>${store.failure.value}</span><button type="button" class="square" aria-label="Close" onClick=${() => { store.failure.value = ""; }}><${Icon} name="close" /></button></div>`}
    ${store.busy.value && html`<div class="busy" role="status">${store.busy.value}</div>`}
    ${over && html`<div class="drop" aria-hidden="true"><span>Drop the image</span></div>`}
    <div class="unseen" aria-live="polite">${store.announced.value}</div>`;
}

const formOf = (width) => (width >= VAST ? "vast" : width >= WIDE ? "wide" : width >= MEDIUM ? "medium" : "narrow");

/** The pane of the chosen channel, of the class, and of changing the photograph. */
function Side() {
  const store = useStore();
  const tabs = store.tabs.value;
  const tab = store.tab.value;
  const bar = useRef(null);
  const walk = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = (tabs.findIndex(([name]) => name === tab) + by + tabs.length) % tabs.length;
    store.set({ tab: tabs[at][0] });
    bar.current.children[at].focus();
  };
  return html`<aside class="side" aria-label="Details">
    ${tabs.length > 1 && html`<div class="tabs" role="tablist" aria-label="Details" ref=${bar} onKeyDown=${walk}>
      ${tabs.map(([name, words]) => html`<button key=${name} type="button" role="tab" id=${`tab-${name}`} aria-controls="panel" aria-selected=${name === tab} tabindex=${name === tab ? 0 : -1} onClick=${() => store.set({ tab: name })}>${words}</button>`)}
    </div>`}
    <div id="panel" key=${tab} class="panel" role="tabpanel" aria-labelledby=${tabs.length > 1 ? `tab-${tab}` : undefined} aria-label=${tabs.length > 1 ? undefined : "Channel"} tabindex="-1">
      ${!store.image.value.input ? null : tab === "channel" ? html`<${Channel} />` : tab === "class" ? html`<${Decision} />` : html`<${Change} />`}
    </div>
  </aside>`;
}

function Opening() {
  const store = useStore();
  return html`<main class="opening">${store.failure.value
    ? html`<p role="alert">${store.failure.value}</p>`
    : html`<p role="status">Opening the network</p>`}</main>`;
}

/** Before there is an image. */
function Empty() {
  const store = useStore();
  const file = useRef(null);
  const { features } = store.model.value;
  return html`<main class="empty">
    <h1>Show it an image</h1>
    <p>${features.upload ? "Drop one here, paste one, or choose a file. It stays on this machine." : "The network is open. Look at what it makes of a photograph of a cat."}</p>
    <div class="ask">
      ${features.upload && html`<input ref=${file} type="file" accept="image/*,.dcm,.npy" class="unseen" tabindex="-1" aria-hidden="true" onChange=${(event) => take(store, event.currentTarget.files)} />
        <button type="button" class="act first" onClick=${() => file.current.click()}>Choose a file</button>`}
      <button type="button" class="act" onClick=${() => store.sample()}>Use the sample photograph</button>
    </div>
  </main>`;
}

/** Keys, drops and pastes that count wherever the pointer is. @param {any} store @param {(over: boolean) => void} setOver */
function listen(store, setOver) {
  const { root } = store;
  const whole = store.host.kind !== "notebook";
  const place = whole ? document : root;
  const accepts = () => Boolean(store.model.peek()?.features.upload);
  const files = (data) => [...(data?.files ?? [])].filter((each) => each.type.startsWith("image/") || /\.(dcm|npy|heic|tiff?)$/i.test(each.name));
  let depth = 0;
  const on = {
    dragenter: (event) => { if (accepts() && event.dataTransfer?.types.includes("Files")) { depth += 1; setOver(true); event.preventDefault(); } },
    dragleave: () => { depth = Math.max(0, depth - 1); if (!depth) setOver(false); },
    dragover: (event) => { if (accepts()) event.preventDefault(); },
    drop: (event) => {
      depth = 0;
      setOver(false);
      if (!accepts()) return;
      event.preventDefault();
      const found = files(event.dataTransfer);
      if (found.length) take(store, found);
      else store.failure.value = "What was dropped is no image.";
    },
    paste: (event) => {
      const found = files(event.clipboardData);
      if (!accepts() || !found.length) return;
      event.preventDefault();
      take(store, found);
    },
    keydown: (event) => keys(store, event),
  };
  for (const [name, act] of Object.entries(on)) place.addEventListener(name, act);
  return () => { for (const [name, act] of Object.entries(on)) place.removeEventListener(name, act); };
}

/** @param {any} store @param {KeyboardEvent} event */
function keys(store, event) {
  const at = event.composedPath()[0];
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !store.ready.peek() || !store.image.peek()) return;
  if (at instanceof HTMLElement && (at.isContentEditable || /^(TEXTAREA|SELECT)$/.test(at.tagName) || (at.tagName === "INPUT" && at.type !== "checkbox") || at.closest("dialog"))) return;
  const tab = (name) => () => store.set({ tab: name });
  const act = {
    ArrowRight: () => store.walkChannels(1), ArrowLeft: () => store.walkChannels(-1),
    ArrowDown: () => store.walkRows?.(1), ArrowUp: () => store.walkRows?.(-1),
    PageDown: () => store.walkLayers(1), PageUp: () => store.walkLayers(-1),
    1: tab("channel"), 2: tab("class"), 3: tab("change"),
    "+": () => resize(store, 1.4), "=": () => resize(store, 1.4), "-": () => resize(store, 1 / 1.4),
    d: () => store.second.peek() && store.set({ mode: store.view.mode.peek() === "side" ? "difference" : "side" }),
    "/": () => store.root.querySelector(".filter input, .network [role=tree], .strip [role=listbox]")?.focus(),
    "?": () => { store.helping.value = true; },
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
