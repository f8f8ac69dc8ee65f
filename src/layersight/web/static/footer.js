/** How the image came in, and the command, the Python and the address of what is shown. */
import { html, useEffect, useRef, useState, useStore } from "./html.js";
import { Menu } from "./parts.js";
import { CONTRAST } from "./colour.js";
import { fillWords } from "./hosts/frames.js";

/** What the view is a picture of. @param {import("./store.js").Store} store */
function subject(store) {
  const { view } = store;
  const [layer, channel] = [view.layer.value, store.channel.value];
  if (store.tab.value === "class") {
    const { method, target, options } = store.wanted.value;
    return { kind: "heatmap", values: { method: method?.name, target, options } };
  }
  const [normalise, contrast, colormap] = [view.normalise.value, view.contrast.value, view.colormap.value];
  // What is left out is as the command line has it by itself.
  const look = normalise === "standardise" ? { contrast: contrast === CONTRAST ? undefined : contrast } : { normalise };
  const values = { layer, ...look, colormap: colormap === "viridis" ? undefined : colormap };
  return store.tab.value === "channel" ? { kind: "channel", values: { ...values, channel } } : { kind: "layer", values };
}

/** What makes the same elsewhere, and saves it. @param {{kind: string, values: Record<string, any>, more?: any[], up?: boolean}} props */
export function Links({ kind, values, more = [], up }) {
  const store = useStore();
  const { words: templates, features } = store.model.value;
  const image = store.image.value;
  const [said, setSaid] = useState("");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (text, what) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    setSaid(`${what} copied`);
    store.announced.value = `${what} copied`;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSaid(""), 1600);
  };
  const saved = (request, params, name) => () => store.during("writing the file", async () => {
    const { json, buffers } = await store.ask(request, params);
    deliver(new Blob([buffers[0]], { type: json.mime }), json.name ?? name);
  });
  const save = (format, view = kind) => {
    const { channel, ...rest } = values;
    const wanted = { ...rest, ...(view === "layer" ? {} : { channel }), ...(kind === "pattern" ? {} : { image: image.id }), format, view };
    // The layer of a method is one of its options on the command line.
    const { layer, ...options } = kind === "heatmap" ? values.options ?? {} : {};
    if (kind === "heatmap") Object.assign(wanted, { layer, options });
    return saved("download", Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)));
  };
  const canvas = () => store.root.querySelector(".board canvas").toBlob((blob) => deliver(blob, `${store.view.layer.peek().replaceAll("/", "_")}.png`));
  const layer = kind === "channel" || kind === "layer";
  const saves = !features.download ? [["What is on the screen, PNG", canvas]]
    : [["Picture, PNG", save("png")], ["Picture, SVG", save("svg")], layer ? ["Numbers of the layer, npz", save("npz", "layer")] : ["Numbers, npz", save("npz")]];
  if (layer && image.edited_from) saves.push(["The changed photograph, PNG", saved("photograph", { image: image.id, seen: true }, "changed.png")]);
  const [command, python] = ["command", "python"].map((language) => wordsOf(store, kind, values, language));
  const copies = [[command, "command"], [python, "Python"], ...more].filter(([text]) => text);
  return html`<span class="links">
    ${said ? html`<span class="said" role="status">${said}</span>` : copies.map(([text, what]) => html`<button key=${what} type="button" class="plain" onClick=${() => copy(typeof text === "function" ? text() : text, what[0].toUpperCase() + what.slice(1))}>copy ${what}</button>`)}
    ${templates && html`<${Menu} up=${up} label="save" title="Save" items=${saves} class="save" />`}
  </span>`;
}

/** @param {import("./store.js").Store} store @param {"command" | "python"} language */
function wordsOf(store, kind, values, language) {
  const image = store.image.value;
  const template = store.model.value.words?.[kind]?.[language];
  return template ? fillWords(template, { image: image.path_name ?? image.name, ...values }, language === "command" ? "shell" : "python") : "";
}

export function Footer() {
  const store = useStore();
  const image = store.image.value;
  if (!store.model.value || !image) return html`<footer></footer>`;
  const { kind, values } = subject(store);
  const command = wordsOf(store, kind, values, "command");
  return html`<footer>
    <${Menu} up class="source" label=${image.scale}>${[image.name, image.scale, ...(image.steps ?? []), ...(image.notes ?? [])].map((line) => html`<p key=${line}>${line}</p>`)}</${Menu}>
    <code title=${command}>${command}</code>
    <${Links} up kind=${kind} values=${values} more=${store.host.kind === "notebook" ? [] : [[() => location.href, "link"]]} />
  </footer>`;
}

/** @param {Blob} blob @param {string} name */
function deliver(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
