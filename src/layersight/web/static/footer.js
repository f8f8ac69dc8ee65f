/** How the image came in, and the command, the Python and the address of this very view. */
import { html, useEffect, useRef, useState, useStore } from "./html.js";
import { Menu } from "./parts.js";
import { CONTRAST } from "./colour.js";
import { fillWords } from "./hosts/frames.js";

/** What the view is a picture of. @param {import("./store.js").Store} store */
function subject(store) {
  const { view } = store;
  const image = store.image.value;
  const normalise = view.normalise.value;
  // What is left out is as the command line has it by itself.
  const values = {
    image: image?.path_name ?? image?.name ?? "", layer: view.layer.value, channel: store.channel.value,
    method: view.method.value || "grad-cam", target: view.target.value || undefined,
    normalise: normalise === "standardise" ? undefined : normalise,
    contrast: normalise === "standardise" && view.contrast.value !== CONTRAST ? view.contrast.value : undefined,
    colormap: view.colormap.value === "viridis" ? undefined : view.colormap.value,
  };
  if (values.method === "activation" && !values.target?.includes(":")) values.target = `${values.layer}:${values.channel}`;
  if (view.tab.value === "class") return { kind: "heatmap", values };
  return { kind: view.tab.value === "channel" ? "channel" : "layer", values };
}

export function Footer() {
  const store = useStore();
  const model = store.model.value;
  const image = store.image.value;
  const [said, setSaid] = useState("");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (!model || !image) return html`<footer></footer>`;
  const { kind, values } = subject(store);
  const words = model.words?.[kind];
  const command = words ? fillWords(words.command, values, "shell") : "";
  const python = words ? fillWords(words.python, values, "python") : "";
  const tell = (text) => {
    setSaid(text);
    store.announced.value = text;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSaid(""), 1600);
  };
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
    tell(`${what} copied`);
  };
  const save = (format, view = kind) => async () => {
    await store.during("writing the file", async () => {
      const { image: _, channel, method, target, ...look } = values;
      const wanted = { ...look, format, view, image: image.id, ...(view === "channel" ? { channel } : {}), ...(view === "heatmap" ? { method, target } : {}) };
      const params = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
      const { json, buffers } = await store.ask("download", params);
      deliver(new Blob([buffers[0]], { type: json.mime }), json.name);
    });
  };
  const photograph = () => store.during("writing the file", async () => {
    const { json, buffers } = await store.ask("photograph", { image: image.id, seen: true });
    deliver(new Blob([buffers[0]], { type: json.mime }), "changed.png");
  });
  const canvas = () => store.root.querySelector(".board canvas").toBlob((blob) => deliver(blob, `${values.layer.replaceAll("/", "_")}.png`));
  const saves = model.features.download
    ? [[`Picture, PNG`, save("png")], [`Picture, SVG`, save("svg")], [kind === "heatmap" ? "Numbers, npz" : "Numbers of the layer, npz", save("npz", kind === "heatmap" ? "heatmap" : "layer")]]
    : [["What is on the screen, PNG", canvas]];
  if (image.edited_from) saves.push(["The changed photograph, PNG", photograph]);
  return html`<footer>
    <span class="source" title=${[image.scale, ...(image.steps ?? []), ...(image.notes ?? [])].join("\n")}>${image.scale}</span>
    <code title=${command}>${command}</code>
    <span class="links">
      ${said ? html`<span class="said" role="status">${said}</span>` : html`
        ${command && html`<button type="button" class="plain" onClick=${() => copy(command, "Command")}>copy command</button>`}
        ${python && html`<button type="button" class="plain" onClick=${() => copy(python, "Python")}>copy Python</button>`}
        ${store.host.kind !== "notebook" && html`<button type="button" class="plain" onClick=${() => copy(location.href, "Link")}>copy link</button>`}`}
      <${Menu} up label="save" title="Save" items=${saves} class="save" />
    </span>
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
