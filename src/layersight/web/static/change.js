/** Changing the photograph by hand, and what the network says then. */
import { html, useEffect, useLayoutEffect, useRef, useState, useStore } from "./html.js";
import { Scores, Segments, Slider, arrowStep, consume } from "./parts.js";
import { clamp } from "./format.js";

/** The paint over each photograph of a page, as large as the photograph and transparent elsewhere. */
const layersOfPaint = new WeakMap();

function paintOf(store, entry) {
  if (!layersOfPaint.has(store)) layersOfPaint.set(store, new Map());
  const layers = layersOfPaint.get(store);
  if (!layers.has(entry.id)) layers.set(entry.id, { canvas: newCanvas(entry.width, entry.height), marked: false });
  return layers.get(entry.id);
}

const newCanvas = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

/** A picture drawn in another size. @param {CanvasImageSource} picture */
function scaledTo(picture, width, height) {
  const canvas = newCanvas(width, height);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, width, height);
  return canvas;
}

const TOOLS = [["grey", "Grey out", "Cover with the mean colour"], ["blur", "Blur", "Take the detail away"], ["draw", "Draw", "Paint with a colour"], ["restore", "Restore", "Bring the photograph back"]];

export function Change() {
  const store = useStore();
  const image = store.image.value;
  const [tool, setTool] = useState("grey");
  const [size, setSize] = useState(12);
  const [colour, setColour] = useState("#1f6fd6");
  const base = image && (image.edited_from ? store.imageOf(image.edited_from) ?? image : image);
  const before = base && base.id !== image.id ? store.predictionsOf(base.id) : null;
  const now = store.predictions.value;
  if (!base?.input) return null;
  const paint = paintOf(store, base);
  const edited = image.id !== base.id;
  const startOver = () => {
    paint.canvas.getContext("2d").clearRect(0, 0, base.width, base.height);
    paint.marked = false;
    store.show(base.id);
    store.announced.value = "The photograph is as it was";
  };
  const comparing = edited && store.view.second.value === base.id && store.view.mode.value === "difference";
  const compare = () => store.set(comparing ? { second: "" } : { second: base.id, mode: "difference" });
  const was = before ? new Map(before.flatMap((each) => each.top).map((each) => [each.index, each.score])) : null;
  return html`<section aria-label="Change the photograph">
    <div class="title"><div><h2>Change the photograph</h2><p>Paint on it; the whole network looks again.</p></div></div>
    <${Easel} key=${base.id} base=${base} paint=${paint} tool=${tool} size=${size} colour=${colour} />
    <div class="tools">
      <${Segments} label="Brush" show=${false} value=${tool} onChange=${setTool} options=${TOOLS} />
      ${tool === "draw" && html`<label class="field"><span class="unseen">Colour</span><input type="color" value=${colour} onInput=${(event) => setColour(event.currentTarget.value)} /></label>`}
    </div>
    <${Slider} label="Size of the brush" class="field grow" min="2" max="50" value=${size} text=${`${size} per cent of the photograph`} onValue=${setSize} />
    <div class="ask"><button type="button" class="act" disabled=${!edited && !paint.marked} onClick=${startOver}>Start over</button>
      <button type="button" class="act" disabled=${!edited} aria-pressed=${comparing} onClick=${compare}>Show what changed in the maps</button></div>
    <h3>The network says ${was && html`<span>the mark is where it was</span>`}</h3>
    ${(now ?? []).map((each) => (each.top.length ? html`<${Scores} key=${each.output} entries=${each.top} before=${was} />` : html`<p class="note" key=${each.output}>${each.words}</p>`))}
    ${edited && html`<p class="note">In the list of layers the small mark is the share that was not zero before.</p>`}
  </section>`;
}

function Easel({ base, paint, tool, size, colour }) {
  const store = useStore();
  const canvas = useRef(null);
  const blurred = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const mean = useRef("rgb(128 128 128)");
  const stroke = useRef(/** @type {[number, number] | null} */ (null));
  const [spot, setSpot] = useState(/** @type {[number, number] | null} */ (null));
  const source = store.photographOf(base.id);
  const [top, left, bottom, right] = base.region;
  const radius = ((size / 100) * Math.max(bottom - top, right - left)) / 2;

  const refresh = () => {
    const pen = canvas.current?.getContext("2d");
    if (!pen) return;
    pen.clearRect(0, 0, base.width, base.height);
    pen.drawImage(paint.canvas, 0, 0);
  };
  useLayoutEffect(refresh, [base.id]);
  useEffect(() => {
    if (!source) return;
    const picture = new Image();
    picture.onload = () => {
      // Smaller and larger again is a blur that every browser can do.
      const small = scaledTo(picture, Math.max(2, Math.round(base.width / 24)), Math.max(2, Math.round(base.height / 24)));
      const dot = newCanvas(1, 1).getContext("2d");
      dot.drawImage(small, 0, 0, 1, 1);
      mean.current = `rgb(${dot.getImageData(0, 0, 1, 1).data.slice(0, 3).join(" ")})`;
      blurred.current = scaledTo(small, base.width, base.height);
    };
    picture.src = source;
  }, [source]);

  const pointOf = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return [left + ((event.clientX - box.left) / box.width) * (right - left), top + ((event.clientY - box.top) / box.height) * (bottom - top)];
  };
  const mark = (from, to) => {
    const pen = paint.canvas.getContext("2d");
    pen.save();
    pen.lineCap = "round";
    pen.lineWidth = radius * 2;
    pen.strokeStyle = tool === "draw" ? colour : mean.current;
    if (tool === "restore") pen.globalCompositeOperation = "destination-out";
    if (tool === "blur" && blurred.current) pen.strokeStyle = pen.createPattern(blurred.current, "no-repeat");
    pen.beginPath();
    pen.moveTo(from[0], from[1]);
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
    pen.restore();
    paint.marked = true;
    refresh();
  };
  const send = () => {
    stroke.current = null;
    paint.canvas.toBlob(async (blob) => {
      const entry = await store.edit(base.id, blob);
      if (entry) store.announced.value = "The network has looked again";
    }, "image/png");
  };
  const down = (event) => {
    if (event.button) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    stroke.current = pointOf(event);
    mark(stroke.current, stroke.current);
  };
  const move = (event) => {
    const now = pointOf(event);
    setSpot(now);
    if (!stroke.current) return;
    mark(stroke.current, now);
    stroke.current = now;
  };
  const up = () => { if (stroke.current) send(); };
  const keys = (event) => {
    const step = arrowStep(event, 4, 16);
    const now = spot ?? [(left + right) / 2, (top + bottom) / 2];
    if (step) setSpot([clamp(now[0] + step[1], left, right), clamp(now[1] + step[0], top, bottom)]);
    else if (event.key === " " || event.key === "Enter") {
      setSpot(now);
      mark(now, now);
      send();
    } else return;
    consume(event);
  };
  const across = (value, start, end) => `${((value - start) / (end - start)) * 100}%`;
  const placement = { left: across(0, left, right), top: across(0, top, bottom), width: `${(base.width / (right - left)) * 100}%`, height: `${(base.height / (bottom - top)) * 100}%` };
  return html`<div class=${`picture easel ${store.busy.value ? "looking" : ""}`} role="application" tabindex="0" aria-label="Photograph to paint on. Arrow keys move the brush, space paints."
    style=${{ aspectRatio: `${right - left} / ${bottom - top}` }} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up} onPointerLeave=${() => stroke.current || setSpot(null)} onKeyDown=${keys}>
    ${source && html`<img src=${source} alt="" draggable=${false} style=${placement} />`}
    <canvas ref=${canvas} width=${base.width} height=${base.height} style=${placement} aria-hidden="true"></canvas>
    ${spot && html`<i class="brush" style=${{ left: across(spot[0], left, right), top: across(spot[1], top, bottom), width: `${((2 * radius) / (right - left)) * 100}%`, height: `${((2 * radius) / (bottom - top)) * 100}%` }}></i>`}
  </div>`;
}
