/** The view in the address: reading it, and writing it with the browser's history. */
import { batch, effect, signal, untracked } from "./html.js";
import { CONTRAST } from "./colour.js";

/** The parts of a view and their defaults, which an address leaves out; a name with a point is of options, `method.samples=8`. */
export const DEFAULTS = {
  image: "", second: "", mode: "side", layer: "", channel: -1, slice: -1, tab: "channel", target: "",
  method: "", "method.": {}, pattern: "", "pattern.": {},
  normalise: "minmax", contrast: CONTRAST, colormap: "viridis", sort: "number", dead: true, size: 0,
};
/** Changes that the back button undoes. */
const STEPS = ["image", "second", "layer", "channel", "tab", "method", "target"];
/** Milliseconds between two entries of the history, and between two changes of the address. */
const STEP_PAUSE = 700;
const WRITE_PAUSE = 200;

/** A view as signals. */
export const createView = () => Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, signal(value)]));

/** The parts of a view that a text holds, and the defaults of the others. @param {URLSearchParams} params */
export function decode(params) {
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => {
    if (typeof value === "object") return [name, Object.fromEntries([...params].filter(([key]) => key.startsWith(name)).map(([key, text]) => [key.slice(name.length), text]))];
    const text = params.get(name);
    if (text === null) return [name, value];
    if (typeof value === "number") return [name, Number.isFinite(Number(text)) ? Number(text) : value];
    return [name, typeof value === "boolean" ? text === "true" : text];
  }));
}

function encode(view, digest) {
  const params = new URLSearchParams(digest ? { model: digest } : {});
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const current = view[name].value;
    if (name === "mode" && !view.second.value) continue;
    if (typeof value === "object") for (const [key, text] of Object.entries(current)) params.set(name + key, text);
    else if (current !== value) params.set(name, String(current));
  }
  return params.toString();
}

/**
 * Keeps the address and the view in step.
 * @param {Record<string, any>} view @param {any} model
 * @param {{get: () => string, set: (text: string, how: {replace: boolean}) => void, subscribe: (changed: () => void) => () => void}} address
 * @param {(params: URLSearchParams) => void} show brings the view to an address
 * @returns {() => void} ends it
 */
export function follow(view, model, address, show) {
  let [text, timer, writtenAt, stepAt, reading] = ["", 0, 0, 0, false];
  const current = () => encode(view, model.value?.digest?.split(":").pop()?.slice(0, 12));
  const read = () => {
    reading = true;
    batch(() => show(new URLSearchParams(address.get())));
    reading = false;
  };
  const write = () => {
    const next = untracked(current);
    if (next === text) return;
    const [before, after] = [text, next].map((each) => new URLSearchParams(each));
    const isStep = text && STEPS.some((name) => before.get(name) !== after.get(name));
    writtenAt = Date.now();
    address.set(next, { replace: !isStep || writtenAt - stepAt < STEP_PAUSE });
    if (isStep) stepAt = writtenAt;
    text = next;
  };
  read();
  const offs = [
    effect(() => {
      const next = current();
      clearTimeout(timer);
      if (reading) text = next;
      if (next === text) return;
      // A browser takes an address a few times a second, no more.
      const wait = writtenAt + WRITE_PAUSE - Date.now();
      if (wait > 0) timer = setTimeout(write, wait);
      else write();
    }),
    address.subscribe(() => {
      if (address.get() === text) return;
      text = address.get();
      stepAt = 0;
      read();
    }),
    () => clearTimeout(timer),
  ];
  return () => offs.forEach((off) => off());
}
