/** From values to colours: tables of 256 colours, and the straight line that leads to their index. */
import { tables } from "./palettes.js";

const made = new Map();

/**
 * The 256 colours of a map, as the pixels of a canvas hold them.
 * @param {string} name
 * @returns {Uint32Array}
 */
export function palette(name) {
  let found = made.get(name);
  if (found) return found;
  const rgb = new Uint8Array(768);
  if (tables[name]) {
    const text = atob(tables[name]);
    for (let at = 0; at < 768; at += 1) rgb[at] = text.charCodeAt(at);
  } else {
    for (let at = 0; at < 768; at += 1) rgb[at] = at / 3;
  }
  found = new Uint32Array(256);
  for (let at = 0; at < 256; at += 1) {
    found[at] = 0xff000000 | (rgb[3 * at + 2] << 16) | (rgb[3 * at + 1] << 8) | rgb[3 * at];
  }
  made.set(name, found);
  return found;
}

/** A colour map as a gradient of CSS. @param {string} name */
export function gradient(name) {
  const colours = palette(name);
  const stops = [];
  for (let at = 0; at <= 255; at += 15) stops.push(css(colours[at]));
  return `linear-gradient(90deg,${stops.join(",")})`;
}

/** @param {number} pixel */
export const css = (pixel) => `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;

/** A colour of CSS, `rgb(r, g, b)`, as a pixel. @param {string} text */
export function pixelOf(text) {
  const [r, g, b] = (text.match(/[\d.]+/g) || ["128", "128", "128"]).map(Number);
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

/** Colour steps for one deviation, and the step of the mean, as the command line has them. */
export const CONTRAST = 64;
export const CENTRE = 128;

/**
 * Which values become the first and the last colour.
 * @param {import("./maps.js").Maps} maps
 * @param {number} channel
 * @param {{normalise: string, contrast: number}} look
 * @returns {[number, number]} the values of the colours 0 and 255
 */
export function limits(maps, channel, { normalise, contrast }) {
  if (maps.signed) {
    const most = normalise === "layer" || maps.single ? maps.most : Math.max(-maps.min[channel], maps.max[channel]);
    return [-most * (128 / 127), most];
  }
  if (normalise === "layer" || maps.single) return [maps.low, maps.high];
  if (normalise === "standardise") {
    const step = maps.std[channel] / contrast;
    return [maps.mean[channel] - CENTRE * step, maps.mean[channel] + (255 - CENTRE) * step];
  }
  return [maps.min[channel], maps.max[channel]];
}
