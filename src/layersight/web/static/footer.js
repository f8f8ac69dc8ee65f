/** How the image was prepared, and the command, the Python code and the address of what is shown. */
import { html, useEffect, useRef, useState, useStore } from "./html.js";
import { Menu } from "./parts.js";
import { CONTRAST } from "./colour.js";
import { fillTemplate } from "./hosts/frames.js";

/** What the view is a picture of. @param {import("./store.js").Store} store */
function subject(store) {
  const { view } = store;
  if (store.tab.value === "class") {
    const { method, target, options } = store.explained.value;
    return { kind: "heatmap", values: { method: method?.name, target, options } };
  }
  const [normalise, contrast, colormap] = [view.normalise.value, view.contrast.value, view.colormap.value];
  // Defaults of the command line are left out.
  const scaling = normalise === "standardise" ? { contrast: contrast === CONTRAST ? undefined : contrast } : { normalise };
  const values = { layer: view.layer.value, ...scaling, colormap: colormap === "viridis" ? undefined : colormap };
  return store.tab.value === "channel" ? { kind: "channel", values: { ...values, channel: store.channel.value } } : { kind: "layer", values };
}

/** Buttons that copy what makes the same elsewhere, and save it. @param {{kind: string, values: Record<string, any>, more?: any[], up?: boolean}} props */
export function Links({ kind, values, more = [], up }) {
  const store = useStore();
  const { words: templates, features } = store.model.value;
  const image = store.image.value;
  const [message, setMessage] = useState("");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (text, what) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const words = `${what[0].toUpperCase()}${what.slice(1)} copied`;
    setMessage(words);
    store.announced.value = words;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setMessage(""), 1600);
  };
  const saved = (request, params, name) => () => store.during("writing the file", async () => {
    const { json, buffers } = await store.ask(request, params);
    deliver(new Blob([buffers[0]], { type: json.mime }), json.name ?? name);
  });
  const save = (format, view = kind) => {
    const { channel, ...rest } = values;
    const params = { ...rest, ...(view === "layer" ? {} : { channel }), ...(kind === "pattern" ? {} : { image: image.id }), format, view };
    // The layer of a method is one of its options on the command line.
    const { layer, ...options } = kind === "heatmap" ? values.options ?? {} : {};
    if (kind === "heatmap") Object.assign(params, { layer, options });
    return saved("download", Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)));
  };
  const saveCanvas = () => store.root.querySelector(".board canvas").toBlob((blob) => deliver(blob, `${store.view.layer.peek().replaceAll("/", "_")}.png`));
  const ofMaps = kind === "channel" || kind === "layer";
  const saves = !features.download ? [["What is on the screen, PNG", saveCanvas]]
    : [["Picture, PNG", save("png")], ["Picture, SVG", save("svg")], ofMaps ? ["Numbers of the layer, npz", save("npz", "layer")] : ["Numbers, npz", save("npz")]];
  if (ofMaps && image.edited_from) saves.push(["The changed photograph, PNG", saved("photograph", { image: image.id, seen: true }, "changed.png")]);
  const copies = [[snippet(store, kind, values, "command"), "command"], [snippet(store, kind, values, "python"), "Python"], ...more].filter(([text]) => text);
  return html`<span class="links">
    ${message ? html`<span class="said" role="status">${message}</span>` : copies.map(([text, what]) => html`<button key=${what} type="button" class="plain" onClick=${() => copy(typeof text === "function" ? text() : text, what)}>copy ${what}</button>`)}
    ${templates && html`<${Menu} up=${up} label="save" title="Save" items=${saves} class="save" />`}
  </span>`;
}

/** @param {import("./store.js").Store} store @param {string} kind @param {Record<string, any>} values @param {"command" | "python"} language */
function snippet(store, kind, values, language) {
  const image = store.image.value;
  const template = store.model.value.words?.[kind]?.[language];
  const flags = Object.fromEntries(store.explained.value.declared.filter((each) => each.flag).map((each) => [each.name, each.flag]));
  return template ? fillTemplate(template, { image: image.path_name ?? image.name, ...values, flags }, language === "command" ? "shell" : "python") : "";
}

export function Footer() {
  const store = useStore();
  const image = store.image.value;
  if (!store.model.value || !image) return html`<footer></footer>`;
  const { kind, values } = subject(store);
  const command = snippet(store, kind, values, "command");
  return html`<footer>
    <${Menu} up class="source" label=${image.scale}>${[image.name, image.scale, ...(image.steps ?? []), ...(image.notes ?? [])].map((line) => html`<p key=${line}>${line}</p>`)}</${Menu}>
    <code title=${command}>${command}</code>
    <${Links} up kind=${kind} values=${values} more=${store.host.kind === "notebook" ? [] : [[() => location.href, "link"]]} />
  </footer>`;
}

/** @param {Blob} blob @param {string} name */
function deliver(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
