/** Three hints at the first visit, and the keys. */
import { html, useEffect, useRef, useState, useStore } from "./html.js";
import { IconButton, stored } from "./parts.js";

const SEEN = "layersight-hints-seen";

export function Hints() {
  const store = useStore();
  const [open, setOpen] = useState(() => stored(SEEN) === null);
  const shut = () => {
    setOpen(false);
    stored(SEEN, "1");
  };
  if (!open || !store.image.value) return null;
  const { features } = store.model.value;
  return html`<aside class="hints" aria-label="Hints" onKeyDown=${(event) => event.key === "Escape" && shut()}>
    <ol>
      <li><b>Click a map</b>, then walk the channels with the arrow keys, the layers with Page Up and Page Down.</li>
      <li><b>Point</b> at the large map or at the photograph: the box is what that position sees.</li>
      <li>${features.edit ? html`<b>Drop</b> another image anywhere, or choose <b>Change</b> and paint on this one.` : html`<b>Every view has an address</b>: copy it, or the command that makes the same picture.`}</li>
    </ol>
    <button type="button" class="act" onClick=${shut}>Got it</button>
  </aside>`;
}

const KEYS = [
  ["← →", "previous, next channel"],
  ["↑ ↓", "channel in the row above, below"],
  ["Page Up, Page Down", "previous, next layer"],
  ["1  2  3", "channel, decision, change"],
  ["+  −", "larger, smaller tiles"],
  ["d", "difference of two images"],
  ["/", "find a layer"],
  ["?", "these keys"],
];
const INSIDE = [
  ["In the list of layers", "↑ ↓ walk, ← → fold and unfold"],
  ["On the map or photograph", "arrows move the position, with Shift by eight"],
  ["While painting", "arrows move the brush, Space paints"],
];

export function Keys() {
  const store = useStore();
  const dialog = useRef(null);
  const open = store.helping.value;
  useEffect(() => { if (open) dialog.current.showModal(); }, [open]);
  if (!open) return null;
  return html`<dialog ref=${dialog} class="keys" aria-labelledby="keys-title" onClose=${() => { store.helping.value = false; }} onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
    <div><h2 id="keys-title">Keys</h2><${IconButton} icon="close" label="Close" onClick=${() => dialog.current.close()} /></div>
    <dl>${KEYS.map(([keys, words]) => html`<div key=${keys}><dt>${keys}</dt><dd>${words}</dd></div>`)}</dl>
    <dl class="inside">${INSIDE.map(([where, words]) => html`<div key=${where}><dt>${where}</dt><dd>${words}</dd></div>`)}</dl>
  </dialog>`;
}
