/** From values to colours: tables of 256 colours, and the limits between which values are mapped to them linearly. */
import { tables } from "./palettes.js";

const palettes = new Map();
/** The colours of the least, of zero and of the greatest value of a difference on a dark page. */
const NIGHT = [[110, 178, 255], [42, 45, 49], [255, 138, 100]];

/**
 * The 256 colours of a map, as the pixels of a canvas hold them.
 * @param {string} name
 * @returns {Uint32Array}
 */
export function palette(name) {
  const cached = palettes.get(name);
  if (cached) return cached;
  const rgb = new Uint8Array(768);
  if (tables[name]) {
    const [first, steps] = tables[name];
    for (let at = 0; at < 768; at += 1) {
      const [row, part] = [Math.floor(at / 3), at % 3];
      rgb[at] = row ? rgb[at - 3] + steps.charCodeAt(part * 255 + row - 1) - 65 : first[part];
    }
  } else if (name === "night") {
    for (let at = 0; at < 768; at += 1) {
      const share = Math.min(1, Math.abs(Math.floor(at / 3) - 128) / 127) ** 0.85;
      const end = NIGHT[at < 384 ? 0 : 2];
      rgb[at] = NIGHT[1][at % 3] * (1 - share) + end[at % 3] * share;
    }
  } else {
    for (let at = 0; at < 768; at += 1) rgb[at] = at / 3;
  }
  const colours = new Uint32Array(256);
  for (let at = 0; at < 256; at += 1) {
    colours[at] = 0xff000000 | (rgb[3 * at + 2] << 16) | (rgb[3 * at + 1] << 8) | rgb[3 * at];
  }
  palettes.set(name, colours);
  return colours;
}

/** A colour map as a gradient of CSS. @param {string} name */
export function gradient(name) {
  const colours = palette(name);
  const stops = [];
  for (let at = 0; at <= 255; at += 15) stops.push(`rgb(${colours[at] & 255} ${(colours[at] >> 8) & 255} ${(colours[at] >> 16) & 255})`);
  return `linear-gradient(90deg,${stops.join(",")})`;
}

/** A colour of CSS, `rgb(r, g, b)`, as a pixel. @param {string} text */
export function pixelOf(text) {
  const [r, g, b] = (text.match(/[\d.]+/g) || ["128", "128", "128"]).map(Number);
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

/** Colours for one standard deviation, and the colour of the mean, as on the command line. */
export const CONTRAST = 64;
const CENTRE = 128;

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
