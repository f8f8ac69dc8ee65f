/** The head of the page: the network, the images, what it says of the chosen one. */
import { html, useEffect, useRef, useState, useStore } from "./html.js";
import { Icon } from "./parts.js";
import { targetOf } from "./decision.js";
import { basename, count, plural, score } from "./format.js";

export function Header() {
  const store = useStore();
  const model = store.model.value;
  return html`<header>
    <div class="brand"><strong>layersight</strong>
      ${model && html`<span class="file" title=${`${model.source}\n${model.framework}`}>${basename(model.source || model.name)}</span>
        <span class="facts">${plural(model.layers.length, "layer")}  ·  ${count(model.parameters)} parameters</span>`}
    </div>
    ${model && html`<${Says} /><${Images} />`}
    <${Theme} />
  </header>`;
}

/** The strongest classes of the chosen image. */
function Says() {
  const store = useStore();
  const image = store.image.value;
  const predictions = store.predictions.value;
  const base = image?.edited_from;
  const before = base ? store.predictionsOf(base) : null;
  const top = predictions?.[0]?.top ?? [];
  const { features } = store.model.value;
  const second = store.second.value;
  const other = second ? store.predictionsOf(second.id)?.[0]?.top ?? [] : [];
  const open = (entry, at) => store.set({ tab: "class", target: at === 0 ? "" : targetOf(entry) });
  if (!image) return html`<div class="says"></div>`;
  const name = (entry) => entry.label ?? `class ${entry.index}`;
  const inside = (entry, was) => html`<span class="name">${name(entry)}</span>
    <span class="bar"><i style=${{ width: `${Math.max(0, Math.min(1, entry.score)) * 100}%` }}></i>${was !== undefined && html`<u style=${{ left: `${was * 100}%` }}></u>`}</span>
    <span class="score">${score(entry.score)}</span>`;
  const one = (entry, at, was) => (features.heatmap && (at === 0 || store.host.kind !== "page")
    ? html`<button type="button" key=${entry.index} title=${`What decided for ${name(entry)}`} onClick=${() => open(entry, at)}>${inside(entry, was)}</button>`
    : html`<div key=${entry.index}>${inside(entry, was)}</div>`);
  const pair = other.length > 0 && second.id !== base;
  return html`<div class="says" aria-label="What the network says" role="group" aria-live="polite">
    ${top.slice(0, pair ? 1 : 2).map((entry, at) => one(entry, at, before?.[0]?.top.find((each) => each.index === entry.index)?.score))}
    ${pair && html`<div class="other" title=${second.name}>${inside(other[0])}</div>`}
    ${predictions && !top.length && html`<span class="note">no classes</span>`}
  </div>`;
}

function Images() {
  const store = useStore();
  const { features } = store.model.value;
  const images = store.images.value;
  const file = useRef(null);
  const [camera, setCamera] = useState(false);
  const comparing = Boolean(store.second.value);
  const several = images.length > 1;
  const shown = store.view.image.value;
  return html`<div class="images">
    <ul aria-label="Images" class="thumbs">${images.map((entry) => {
      const on = entry.id === shown;
      const second = entry.id === store.view.second.value;
      return html`<li key=${entry.id} class=${`${on ? "on" : ""} ${second ? "second" : ""}`}>
        <button type="button" class="thumb" aria-pressed=${on} aria-label=${`Show ${entry.name}${entry.edited_from ? ", changed" : ""}`} title=${entry.name} onClick=${() => store.show(entry.id)}><${Thumb} entry=${entry} /></button>
        ${several && !on && html`<button type="button" class="pairing" aria-pressed=${second} aria-label=${second ? `Stop comparing with ${entry.name}` : `Compare with ${entry.name}`} title=${second ? "Stop comparing" : "Compare with the chosen image"}
          onClick=${() => store.set({ second: second ? "" : entry.id })}><${Icon} name=${second ? "close" : "compare"} /></button>`}
      </li>`;
    })}</ul>
    ${comparing && html`<button type="button" class="plain" title="The second image becomes the first" onClick=${() => { const [a, b] = [store.view.image.peek(), store.view.second.peek()]; store.set({ image: b, second: a }); }}>swap</button>`}
    ${features.upload && html`
      <input ref=${file} type="file" accept="image/*,.dcm,.npy" class="unseen" tabindex="-1" aria-hidden="true" onChange=${(event) => { take(store, event.currentTarget.files); event.currentTarget.value = ""; }} />
      <button type="button" class="square tall" aria-label="Add an image" title="Add an image: choose, drop or paste one" onClick=${() => file.current.click()}><${Icon} name="plus" /></button>
      ${navigator.mediaDevices?.getUserMedia && html`<button type="button" class="square tall" aria-label="Use the camera" title="Use the camera" onClick=${() => setCamera(true)}><${Icon} name="camera" /></button>`}
      ${camera && html`<${Camera} close=${() => setCamera(false)} />`}`}
  </div>`;
}

function Thumb({ entry }) {
  const store = useStore();
  const node = useRef(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) setNear(true); }, { rootMargin: "0px 200px" });
    watch.observe(node.current);
    return () => watch.disconnect();
  }, []);
  const source = near ? store.photographOf(entry.id, 128).value.value : null;
  return html`<span ref=${node} class="wait">${source && html`<img src=${source} alt="" />`}</span>`;
}

/** @param {import("./store.js").Store} store @param {Iterable<File>} files */
export async function take(store, files) {
  for (const each of files) await store.upload(each, each.name || "pasted image.png");
}

function Camera({ close }) {
  const store = useStore();
  const video = useRef(null);
  const dialog = useRef(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let stream = null;
    let gone = false;
    dialog.current.showModal();
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).then((found) => {
      stream = found;
      if (gone) return found.getTracks().forEach((track) => track.stop());
      video.current.srcObject = found;
      return video.current.play();
    }).catch((error) => setProblem(`The camera cannot be used: ${error.message}`));
    return () => {
      gone = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  const shoot = () => {
    const canvas = document.createElement("canvas");
    const { videoWidth, videoHeight } = video.current;
    if (!videoWidth) return;
    const zoom = Math.min(1, 1024 / Math.max(videoWidth, videoHeight));
    canvas.width = Math.round(videoWidth * zoom);
    canvas.height = Math.round(videoHeight * zoom);
    canvas.getContext("2d").drawImage(video.current, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => store.upload(blob, "camera.png"), "image/png");
    close();
  };
  return html`<dialog ref=${dialog} class="camera" aria-label="Camera" onClose=${close}>
    ${problem ? html`<p>${problem}</p>` : html`<video ref=${video} playsinline muted></video>`}
    <div class="ask">${!problem && html`<button type="button" class="act" onClick=${shoot}>Take the picture</button>`}<button type="button" class="plain" onClick=${() => dialog.current.close()}>Cancel</button></div>
  </dialog>`;
}

function Theme() {
  const store = useStore();
  const turn = () => {
    const dark = store.theme.peek() === "dark" || (!store.theme.peek() && matchMedia("(prefers-color-scheme: dark)").matches);
    store.theme.value = dark ? "light" : "dark";
  };
  return html`<div class="window">
    <button type="button" class="square tall" aria-label="Keys" title="Keys  ?" onClick=${() => { store.helping.value = true; }}><${Icon} name="keys" /></button>
    <button type="button" class="square tall" aria-label="Light or dark" title="Light or dark" onClick=${turn}><${Icon} name="theme" /></button>
  </div>`;
}
