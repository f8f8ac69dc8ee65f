/** Drawing maps: from quantised values to the pixels of a canvas, tile by tile. */
import { limits } from "./colour.js";

/** @typedef {import("./maps.js").Maps} Maps */
/** @typedef {{normalise: string, contrast: number}} Scaling */

/**
 * The size of tiles and how many are in a row, so that rows fill the width. Enlarged maps get a whole number of
 * screen pixels for each of their own: of the numbers near the wanted size the one that leaves least width unused;
 * the rest lies between the tiles. Where that is much and pixels are large, they need not be equally large.
 * @param {{width: number, height: number}} map its size
 * @param {number} room the width in pixels of the screen
 * @param {number} wanted the longer side of a map
 * @param {number} gap between tiles, at least
 * @param {number} [twice] maps beside each other in a tile
 * @param {boolean} [steps] whether enlargement goes in steps; not where few maps fill the room
 */
export function fitTiles(map, room, wanted, gap, twice = 1, steps = true) {
  const between = (twice - 1) * 2;
  const across = map.width * twice;
  const aim = wanted / Math.max(map.width, map.height);
  const filling = (columns) => ((room + gap) / columns - gap - between) / across;
  const fitting = (zoom) => Math.max(1, Math.floor((room + gap + 1e-6) / (across * zoom + between + gap)));
  let zoom = Math.min(Math.max(1, aim), filling(Math.max(1, Math.round((room + gap) / (across * aim + between + gap)))));
  if (aim >= 1 && steps) {
    let best = Infinity;
    for (let each = Math.max(1, Math.ceil(aim * 0.7)); each <= Math.max(1, aim * 1.3); each += 1) {
      const left = 1 - (fitting(each) * (across * each + between + gap) - gap) / room;
      const cost = left + 0.3 * Math.abs(Math.log2(each / aim));
      if (left >= 0 && cost < best) [best, zoom] = [cost, left > 0.05 && each > 2 ? filling(fitting(each)) : each];
    }
  }
  zoom = Math.min(zoom, (room - between) / across);
  const width = Math.max(1, Math.floor(map.width * zoom + 1e-6));
  const height = Math.max(map.height === 1 ? Math.min(28, wanted) : 1, Math.round(map.height * zoom));
  const tile = width * twice + between;
  const columns = Math.max(1, Math.floor((room + gap) / (tile + gap)));
  const spread = columns > 1 ? Math.floor((room - columns * tile) / (columns - 1)) : gap;
  return { width, height, tile, pitch: tile + spread, columns };
}

/** A map averaged to the size of a tile; cached, as contrast and colours do not change it. @param {Maps} maps */
function reduce(maps, channel, width, height) {
  const key = `${channel} ${width} ${height}`;
  const cached = maps.reduced.get(key);
  if (cached) return cached;
  if (maps.reduced.size > 4096) maps.reduced.clear();
  const averages = new Float32Array(width * height);
  const { values, levels } = maps;
  const start = channel * maps.height * maps.width;
  for (let y = 0; y < height; y += 1) {
    const top = Math.floor((y * maps.height) / height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * maps.height) / height));
    for (let x = 0; x < width; x += 1) {
      const left = Math.floor((x * maps.width) / width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * maps.width) / width));
      let [sum, count] = [0, 0];
      for (let row = top; row < bottom; row += 1) {
        for (let at = start + row * maps.width + left, end = at + right - left; at < end; at += 1) {
          const value = values[at];
          if (levels && value > levels) continue;
          sum += value;
          count += 1;
        }
      }
      averages[y * width + x] = count ? sum / count : NaN;
    }
  }
  maps.reduced.set(key, averages);
  return averages;
}

/**
 * Draws one map into pixels.
 * @param {Uint32Array} pixels @param {number} stride @param {number} rows of the pixels
 * @param {number} left @param {number} top where the tile begins; may lie above or below the pixels
 * @param {number} width @param {number} height of the tile
 * @param {Maps} maps @param {number} channel @param {Scaling} scaling
 * @param {Uint32Array} colours @param {{flat: number, broken: number}} plain
 */
export function drawTile(pixels, stride, rows, left, top, width, height, maps, channel, scaling, colours, plain) {
  const [first, last] = [Math.max(0, top), Math.min(rows, top + height)];
  if (first >= last || left >= stride) return;
  const right = Math.min(stride, left + width);
  if (maps.dead[channel] && !maps.single) {
    for (let y = first; y < last; y += 1) pixels.fill(plain.flat, y * stride + left, y * stride + right);
    return;
  }
  const [low, high] = limits(maps, channel, scaling);
  const reach = high - low;
  // Index of the colour = value * scale + shift, for the numbers as they are stored.
  const scale = reach > 0 ? (maps.step[channel] / reach) * 255 : 0;
  const shift = reach > 0 ? ((maps.from[channel] - low) / reach) * 255 + 0.5 : 128;
  const smaller = width < maps.width || height < maps.height;
  const values = smaller ? reduce(maps, channel, width, height) : maps.values;
  const [wide, tall] = smaller ? [width, height] : [maps.width, maps.height];
  const start = smaller ? 0 : channel * wide * tall;
  const levels = smaller || !maps.levels ? Infinity : maps.levels;
  const straight = wide === width;
  const columns = straight ? null : columnsOf(wide, width);
  let before = -1;
  for (let y = first; y < last; y += 1) {
    const row = Math.floor(((y - top) * tall) / height);
    const line = y * stride + left;
    if (row === before) {
      pixels.copyWithin(line, line - stride, line - stride + (right - left));
      continue;
    }
    before = row;
    const from = start + row * wide;
    for (let x = 0, end = right - left; x < end; x += 1) {
      const value = values[straight ? from + x : from + columns[x]];
      const index = value * scale + shift;
      pixels[line + x] = value > levels || index !== index ? plain.broken : colours[index < 0 ? 0 : index > 255 ? 255 : index | 0];
    }
  }
}

let lastColumns = { key: "", columns: new Int32Array(0) };
/** The column of a map that each column of a tile shows; that of the last tile is kept. */
function columnsOf(wide, width) {
  const key = `${wide} ${width}`;
  if (lastColumns.key !== key) {
    lastColumns = { key, columns: Int32Array.from({ length: width }, (_, x) => Math.floor((x * wide) / width)) };
  }
  return lastColumns.columns;
}

/** Gives a canvas a size and fills its pixels. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height @param {(pixels: Uint32Array) => void} fill */
export function paint(canvas, width, height, fill) {
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}
