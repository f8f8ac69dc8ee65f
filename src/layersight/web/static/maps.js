/**
 * The maps of a layer for an image: quantised values and their exact statistics.
 *
 * @typedef {object} Maps
 * @property {string} layer
 * @property {string} kind "maps", "signal", "volume", "units" or "other"
 * @property {number} height
 * @property {number} width
 * @property {number} channels
 * @property {Uint8Array | Uint16Array | Float32Array} values channel after channel, row after row
 * @property {number} levels the largest number that stands for a value; 0 of values as they are
 * @property {Float32Array} from the value of 0, of each channel
 * @property {Float32Array} step from one number to the next
 * @property {Float32Array} min @property {Float32Array} max
 * @property {Float32Array} mean @property {Float32Array} std
 * @property {Float32Array} sparsity @property {Float32Array} dead @property {Float32Array} finite
 * @property {number} low @property {number} high of the whole layer
 * @property {number} most the largest distance from 0
 * @property {boolean} signed whether 0 has a colour of its own
 * @property {boolean} single whether each map is one value
 * @property {number | null} slice @property {number | null} slices
 * @property {string[] | null} axes
 * @property {Map<string, Float32Array>} reduced maps made smaller for tiles
 */

const COLUMNS = ["low", "high", "mean", "std", "min", "max", "sparsity", "dead", "finite"];

/** @param {Pick<Maps, "layer" | "kind" | "height" | "width" | "channels" | "values" | "levels" | "slice" | "slices" | "axes">} plain @param {Record<string, Float32Array>} columns @param {boolean} signed @returns {Maps} */
function finish(plain, columns, signed) {
  const { channels, levels } = plain;
  const step = new Float32Array(channels).fill(1);
  const from = new Float32Array(channels);
  let [low, high] = [Infinity, -Infinity];
  for (let at = 0; at < channels; at += 1) {
    if (levels) {
      from[at] = columns.low[at];
      step[at] = (columns.high[at] - columns.low[at]) / levels;
    }
    if (!columns.finite[at]) continue;
    low = Math.min(low, columns.min[at]);
    high = Math.max(high, columns.max[at]);
  }
  if (low > high) [low, high] = [0, 0];
  const single = plain.height * plain.width === 1;
  return {
    ...plain, ...columns, from, step, low, high, signed, single,
    most: Math.max(-low, high, 0), reduced: new Map(),
  };
}

/** The answer of a host to `layer`. @param {any} json @param {ArrayBuffer[]} buffers @returns {Maps} */
export function readMaps(json, buffers) {
  const Kind = { u8: Uint8Array, u16: Uint16Array, f32: Float32Array }[json.dtype];
  const table = new Float32Array(buffers[1]);
  const { channels } = json;
  const columns = Object.fromEntries(COLUMNS.map((name) => {
    const at = json.columns.indexOf(name);
    return [name, table.subarray(at * channels, (at + 1) * channels)];
  }));
  return finish({
    layer: json.layer, kind: json.kind, height: json.shape[0], width: json.shape[1], channels,
    values: new Kind(buffers[0]), levels: { u8: 254, u16: 65534, f32: 0 }[json.dtype],
    slice: json.slice ?? null, slices: json.slices ?? null, axes: json.axes ?? null,
  }, columns, false);
}

/** A value, NaN where it is no finite number. @param {Maps} maps */
export function valueAt(maps, channel, y, x) {
  const stored = maps.values[(channel * maps.height + y) * maps.width + x];
  if (!maps.levels) return stored;
  return stored > maps.levels ? NaN : maps.from[channel] + stored * maps.step[channel];
}

/** One map minus another, channel by channel; `null` where their sizes differ. @param {Maps} one @param {Maps} two @returns {Maps | null} */
export function difference(one, two) {
  if (one.height !== two.height || one.width !== two.width || one.channels !== two.channels) return null;
  const { height, width, channels } = one;
  const size = height * width;
  const values = new Float32Array(size * channels);
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, new Float32Array(channels)]));
  for (let channel = 0; channel < channels; channel += 1) {
    const [a, b] = [one.from[channel], two.from[channel]];
    const [s, t] = [one.step[channel], two.step[channel]];
    let [low, high, sum, squares, zeros, broken] = [Infinity, -Infinity, 0, 0, 0, 0];
    const start = channel * size;
    for (let at = start; at < start + size; at += 1) {
      const [p, q] = [one.values[at], two.values[at]];
      if ((one.levels && p > one.levels) || (two.levels && q > two.levels)) {
        values[at] = NaN;
        broken += 1;
        continue;
      }
      const value = a + p * s - (b + q * t);
      values[at] = value;
      if (value < low) low = value;
      if (value > high) high = value;
      if (!value) zeros += 1;
      sum += value;
      squares += value * value;
    }
    columns.min[channel] = broken === size ? NaN : low;
    columns.max[channel] = broken === size ? NaN : high;
    columns.mean[channel] = sum / size;
    columns.std[channel] = Math.sqrt(Math.max(0, squares / size - (sum / size) ** 2));
    columns.sparsity[channel] = zeros / size;
    columns.dead[channel] = Number(low === high && size > 1);
    columns.finite[channel] = Number(!broken);
  }
  return finish({
    layer: one.layer, kind: one.kind, height, width, channels, values, levels: 0,
    slice: one.slice, slices: one.slices, axes: one.axes,
  }, columns, true);
}

/** Two sets of maps with a common scale for each channel. @param {Maps} one @param {Maps} two */
export function onOneScale(one, two) {
  if (one.channels !== two.channels) return [one, two];
  const low = Math.min(one.low, two.low);
  const high = Math.max(one.high, two.high);
  const shared = (name, choose) => one[name].map((value, at) => choose(value, two[name][at]));
  const scale = { low, high, min: shared("min", Math.min), max: shared("max", Math.max), mean: shared("mean", (a, b) => (a + b) / 2), std: shared("std", Math.max) };
  return [{ ...one, ...scale }, { ...two, ...scale }];
}

/** How many values lie in each of some equal steps from the least to the greatest. @param {Maps} maps */
export function histogram(maps, channel, bins) {
  const counts = new Uint32Array(bins);
  const size = maps.height * maps.width;
  const [low, high] = [maps.min[channel], maps.max[channel]];
  const scale = high > low ? bins / (high - low) : 0;
  const [from, step, levels] = [maps.from[channel], maps.step[channel], maps.levels];
  for (let at = channel * size; at < (channel + 1) * size; at += 1) {
    const stored = maps.values[at];
    if (levels ? stored > levels : !Number.isFinite(stored)) continue;
    const bin = Math.floor((from + stored * step - low) * scale);
    counts[bin < 0 ? 0 : bin >= bins ? bins - 1 : bin] += 1;
  }
  return counts;
}

/** The position of the greatest value. @param {Maps} maps @returns {[number, number]} */
export function maxPosition(maps, channel) {
  const size = maps.height * maps.width;
  let [best, most] = [0, -Infinity];
  for (let at = 0; at < size; at += 1) {
    const stored = maps.values[channel * size + at];
    if (stored > most && !(maps.levels && stored > maps.levels)) [best, most] = [at, stored];
  }
  return [Math.floor(best / maps.width), best % maps.width];
}

/** The channel to begin with: the one whose map is most like a picture, smooth and not sparse. @param {Maps} maps */
export function bestChannel(maps) {
  const { channels, height, width, values } = maps;
  const step = Math.max(1, Math.floor((channels * height * width) / 400000));
  let [best, most] = [0, -Infinity];
  for (let channel = 0; channel < channels; channel += 1) {
    let quality = maps.max[channel];
    if (!maps.single) {
      let [rough, pairs] = [0, 0];
      const start = channel * height * width;
      for (let y = 0; y < height; y += step) {
        for (let at = start + y * width + 1, end = start + (y + 1) * width; at < end; at += 1) {
          rough += (values[at] - values[at - 1]) ** 2;
          pairs += 1;
        }
      }
      const variance = (maps.std[channel] / maps.step[channel]) ** 2;
      quality = maps.dead[channel] || !maps.finite[channel] ? -Infinity : (1 - rough / (pairs || 1) / (2 * variance || 1)) * Math.sqrt(1 - maps.sparsity[channel]);
    }
    if (quality > most) [best, most] = [channel, quality];
  }
  return best;
}

/**
 * The channels in the order of the mosaic.
 * @param {Maps} maps @param {string} sort "number", "strength" or "sparsity" @param {boolean} dead whether to keep dead ones
 */
export function sortChannels(maps, sort, dead) {
  const all = Array.from({ length: maps.channels }, (_, at) => at);
  const channels = dead || maps.single ? all : all.filter((at) => !maps.dead[at]);
  const by = { strength: (at) => -Math.max(maps.max[at], maps.signed ? -maps.min[at] : -Infinity), sparsity: (at) => maps.sparsity[at] }[sort];
  return by ? channels.sort((a, b) => (by(a) - by(b) || a - b) || 0) : channels;
}
