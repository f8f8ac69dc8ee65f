/** The head of the page: the network, the images, and the predictions for the chosen one. */
import { html, useEffect, useRef, useState, useStore } from "./html.js";
import { Bar, IconButton } from "./parts.js";
import { basename, count, plural, score, targetOf } from "./format.js";

export function Header() {
  const store = useStore();
  const model = store.model.value;
  return html`<header>
    <div class="brand"><strong>layersight</strong>
      ${model && html`<span class="file" title=${`${model.source}\n${model.framework}`}>${basename(model.source || model.name)}</span>
        <span class="facts">${plural(model.layers.length, "layer")}  ·  ${count(model.parameters)} parameters</span>`}
    </div>
    ${model && html`<${Predictions} /><${Images} />`}
    <${Theme} />
  </header>`;
}

/** The strongest classes of the chosen image. */
function Predictions() {
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
  const line = (entry, was) => html`<span class="name">${entry.name}</span>
    <${Bar} value=${entry.score} before=${was} />
    <span class="score">${score(entry.score)}</span>`;
  const item = (entry, at, was) => (features.heatmap && (at === 0 || store.host.kind !== "page")
    ? html`<button type="button" key=${entry.index} title=${`What decided for ${entry.name}`} onClick=${() => open(entry, at)}>${line(entry, was)}</button>`
    : html`<div key=${entry.index}>${line(entry, was)}</div>`);
  const pair = other.length > 0 && second.id !== base;
  return html`<div class="says" aria-label="What the network says" role="group" aria-live="polite">
    ${top.slice(0, pair ? 1 : 2).map((entry, at) => item(entry, at, before?.[0]?.top.find((each) => each.index === entry.index)?.score))}
    ${pair && html`<div class="other" title=${second.name}>${line(other[0])}</div>`}
    ${predictions && !top.length && html`<span class="note" title=${predictions[0]?.words}>no classes</span>`}
  </div>`;
}

function Images() {
  const store = useStore();
  const { features } = store.model.value;
  const images = store.images.value;
  const [fileInput, chooseFiles] = useFileInput();
  const [camera, setCamera] = useState(false);
  const shown = store.view.image.value;
  return html`<div class="images">
    <ul aria-label="Images" class="thumbs">${images.map((entry) => {
      const on = entry.id === shown;
      const second = entry.id === store.view.second.value;
      return html`<li key=${entry.id} class=${`${on ? "on" : ""} ${second ? "second" : ""}`}>
        <button type="button" class="thumb" aria-pressed=${on} aria-label=${`Show ${entry.name}${entry.edited_from ? ", changed" : ""}`} title=${entry.name} onClick=${() => store.show(entry.id)}><${Thumb} entry=${entry} /></button>
        ${images.length > 1 && !on && html`<${IconButton} class="pairing" icon=${second ? "close" : "compare"} aria-pressed=${second} label=${`${second ? "Stop comparing" : "Compare"} with ${entry.name}`} title=${second ? "Stop comparing" : "Compare with the chosen image"}
          onClick=${() => store.set({ second: second ? "" : entry.id })} />`}
      </li>`;
    })}</ul>
    ${store.second.value && html`<button type="button" class="plain" title="The second image becomes the first" onClick=${() => store.set({ image: store.view.second.peek(), second: store.view.image.peek() })}>swap</button>`}
    ${features.upload && html`
      ${fileInput}
      <${IconButton} class="square tall" icon="plus" label="Add an image" title="Add an image: choose, drop or paste one" onClick=${chooseFiles} />
      ${navigator.mediaDevices?.getUserMedia && html`<${IconButton} class="square tall" icon="camera" label="Use the camera" onClick=${() => setCamera(true)} />`}
      ${camera && html`<${Camera} close=${() => setCamera(false)} />`}`}
  </div>`;
}

function Thumb({ entry }) {
  const store = useStore();
  const node = useRef(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => { if (entries.some((each) => each.isIntersecting)) setNear(true); }, { rootMargin: "0px 200px" });
    observer.observe(node.current);
    return () => observer.disconnect();
  }, []);
  const source = near ? store.photographOf(entry.id, 128) : null;
  return html`<span ref=${node} class="wait">${source && html`<img src=${source} alt="" />`}</span>`;
}

/** Adds images one after the other. @param {import("./store.js").Store} store @param {File[]} files */
export async function addFiles(store, files) {
  for (const file of files) await store.upload(file, file.name || "pasted image.png");
}

/** A hidden field for image files, and a function that opens it. */
export function useFileInput() {
  const store = useStore();
  const field = useRef(null);
  const change = ({ currentTarget }) => {
    addFiles(store, [...currentTarget.files]);
    currentTarget.value = "";
  };
  return [html`<input ref=${field} type="file" multiple accept="image/*,.dcm,.npy" class="unseen" tabindex="-1" aria-hidden="true" onChange=${change} />`, () => field.current.click()];
}

function Camera({ close }) {
  const store = useStore();
  const video = useRef(null);
  const dialog = useRef(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let closed = false;
    dialog.current.showModal();
    const stream = navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    stream.then((camera) => {
      if (closed) return null;
      video.current.srcObject = camera;
      return video.current.play();
    }).catch((error) => setProblem(`The camera cannot be used: ${error.message}`));
    return () => {
      closed = true;
      stream.then((camera) => camera.getTracks().forEach((track) => track.stop()), () => {});
    };
  }, []);
  const takePicture = () => {
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
    <div class="ask">${!problem && html`<button type="button" class="act" onClick=${takePicture}>Take the picture</button>`}<button type="button" class="plain" onClick=${() => dialog.current.close()}>Cancel</button></div>
  </dialog>`;
}

function Theme() {
  const store = useStore();
  const toggle = () => {
    const dark = store.theme.peek() === "dark" || (!store.theme.peek() && matchMedia("(prefers-color-scheme: dark)").matches);
    store.theme.value = dark ? "light" : "dark";
  };
  return html`<div class="window">
    <${IconButton} class="square tall" icon="keys" label="Keys" title="Keys  ?" onClick=${() => { store.helping.value = true; }} />
    <${IconButton} class="square tall" icon="theme" label="Light or dark" onClick=${toggle} />
  </div>`;
}
