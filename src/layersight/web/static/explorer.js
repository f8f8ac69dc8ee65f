/**
 * The explorer: a page in which a person walks through a network.
 *
 * @typedef {object} Host answers what the page asks; see hosts/
 * @property {"server" | "notebook" | "page"} kind
 * @property {(kind: string, params: object, how?: object) => Promise<{json: any, buffers: ArrayBuffer[]}>} request
 */
import { StoreProvider, computed, effect, html, render, signal, useEffect, useState, useStore } from "./html.js";
import { Channel } from "./channel.js";
import { Change } from "./change.js";
import { Decision } from "./decision.js";
import { Footer } from "./footer.js";
import { Header, addFiles, useFileInput } from "./header.js";
import { Hints, Keys } from "./help.js";
import { Layer, resize } from "./layer.js";
import { Network } from "./network.js";
import { IconButton, chooseByArrows, stored } from "./parts.js";
import { shortName } from "./format.js";
import { createStore } from "./store.js";

/** Widths from which the panes have another arrangement. */
const WIDE = 1080;
const MEDIUM = 680;
const VAST = 2200;

/**
 * Shows the explorer in an element.
 * @param {HTMLElement} element
 * @param {Host} host
 * @param {{address: {get: () => string, set: (text: string, how: {replace: boolean}) => void, subscribe: (changed: () => void) => () => void}}} how
 * @returns {() => void} removes it again
 */
export function mount(element, host, { address }) {
  const store = createStore(host, address);
  Object.assign(store, { root: element, theme: signal(stored("layersight-theme") ?? (host.kind === "notebook" ? notebookTheme() : "")), helping: signal(false), form: signal(formOf(element.clientWidth)) });
  const night = matchMedia("(prefers-color-scheme: dark)");
  const system = signal(night.matches);
  const changed = () => { system.value = night.matches; };
  night.addEventListener("change", changed);
  store.signedColours = computed(() => ((store.theme.value ? store.theme.value === "dark" : system.value) ? "night" : "diverging"));
  element.classList.add("layersight-explorer");
  element.dataset.host = host.kind;
  // Canvases read the colours of the page: it has them before anything is drawn anew.
  const off = effect(() => {
    const theme = store.theme.value;
    element.dataset.form = store.form.value;
    if (!theme) return;
    element.dataset.theme = theme;
    stored("layersight-theme", theme);
  });
  // Keys that are pressed here are not for JupyterLab.
  if (host.kind === "notebook") element.dataset.lmSuppressShortcuts = "true";
  render(html`<${StoreProvider} value=${store}><${Page} /></${StoreProvider}>`, element);
  store.begin();
  return () => {
    render(null, element);
    off();
    night.removeEventListener("change", changed);
    store.close();
    element.classList.remove("layersight-explorer");
  };
}

/** Light or dark as the notebook is, where it says so. */
function notebookTheme() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  return classList.contains("vscode-dark") ? "dark" : classList.contains("vscode-light") ? "light" : "";
}

function Page() {
  const store = useStore();
  const form = store.form.value;
  const [dropping, setDropping] = useState(false);
  useEffect(() => {
    const observer = new ResizeObserver(() => { store.form.value = formOf(store.root.clientWidth); });
    observer.observe(store.root);
    return () => observer.disconnect();
  }, []);
  useEffect(() => listen(store, setDropping), []);
  const title = store.layer.value && `${shortName(store.layer.value.name)} : ${store.channel.value} · layersight`;
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
    ${store.failure.value && model && html`<div class="toast" role="alert"><span>${store.failure.value}</span><${IconButton} icon="close" label="Close" onClick=${() => { store.failure.value = ""; }} /></div>`}
    ${store.busy.value && html`<div class="busy" role="status">${store.busy.value}</div>`}
    ${dropping && html`<div class="drop" aria-hidden="true"><span>Drop the image</span></div>`}
    <div class="unseen" aria-live="polite">${store.announced.value}</div>`;
}

const formOf = (width) => (width >= VAST ? "vast" : width >= WIDE ? "wide" : width >= MEDIUM ? "medium" : "narrow");

/** The pane of the chosen channel, of the class, and of changing the photograph. */
function Side() {
  const store = useStore();
  const tabs = store.tabs.value;
  const tab = store.tab.value;
  const choose = (name) => store.set({ tab: name });
  return html`<aside class="side" aria-label="Details">
    ${tabs.length > 1 && html`<div class="tabs" role="tablist" aria-label="Details" onKeyDown=${(event) => chooseByArrows(event, tabs, tab, choose)}>
      ${tabs.map(([name, words]) => html`<button key=${name} type="button" role="tab" id=${`tab-${name}`} aria-controls="panel" aria-selected=${name === tab} tabindex=${name === tab ? 0 : -1} onClick=${() => choose(name)}>${words}</button>`)}
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
  const [fileInput, chooseFiles] = useFileInput();
  const { features } = store.model.value;
  return html`<main class="empty">
    <h1>Show it an image</h1>
    <p>${features.upload ? "Drop one here, paste one, or choose a file. It stays on this machine." : "The network is open. Look at what it makes of a photograph of a cat."}</p>
    <div class="ask">
      ${features.upload && html`${fileInput}
        <button type="button" class="act first" onClick=${chooseFiles}>Choose a file</button>`}
      <button type="button" class="act" onClick=${() => store.sample()}>Use the sample photograph</button>
    </div>
  </main>`;
}

/** Keys, drops and pastes anywhere on the page, in a notebook on the explorer. @param {any} store @param {(dropping: boolean) => void} setDropping */
function listen(store, setDropping) {
  const target = store.host.kind === "notebook" ? store.root : document;
  const accepts = () => Boolean(store.model.peek()?.features.upload);
  const imagesIn = (data) => [...(data?.files ?? [])].filter((each) => each.type.startsWith("image/") || /\.(dcm|npy|heic|tiff?)$/i.test(each.name));
  let depth = 0;
  const handlers = {
    dragenter: (event) => { if (accepts() && event.dataTransfer?.types.includes("Files")) { depth += 1; setDropping(true); event.preventDefault(); } },
    dragleave: () => { depth = Math.max(0, depth - 1); if (!depth) setDropping(false); },
    dragover: (event) => { if (accepts()) event.preventDefault(); },
    drop: (event) => {
      depth = 0;
      setDropping(false);
      if (!accepts()) return;
      event.preventDefault();
      const files = imagesIn(event.dataTransfer);
      if (files.length) addFiles(store, files);
      else store.failure.value = "What was dropped is no image.";
    },
    paste: (event) => {
      const files = imagesIn(event.clipboardData);
      if (!accepts() || !files.length) return;
      event.preventDefault();
      addFiles(store, files);
    },
    keydown: (event) => keys(store, event),
  };
  for (const [name, handle] of Object.entries(handlers)) target.addEventListener(name, handle);
  return () => { for (const [name, handle] of Object.entries(handlers)) target.removeEventListener(name, handle); };
}

/** @param {any} store @param {KeyboardEvent} event */
function keys(store, event) {
  const focused = event.composedPath()[0];
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !store.ready.peek() || !store.image.peek()) return;
  if (focused instanceof HTMLElement && (focused.isContentEditable || focused.matches("textarea, select, input:not([type=checkbox]), dialog, dialog *"))) return;
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
