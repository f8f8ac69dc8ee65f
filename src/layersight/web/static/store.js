/** The state of the explorer: the view of the network, what follows from it, and what has been fetched. */
import { batch, computed, effect, signal, untracked } from "./html.js";
import { bestChannel, difference, maxPosition, onOneScale, readMaps, sortChannels } from "./maps.js";
import { foldedAtFirst, lanesOf, nest, rowsOf } from "./graph.js";
import { createCache } from "./cache.js";
import { clamp, nameOf } from "./format.js";
import { DEFAULTS, createView, decode, follow } from "./history.js";
import { optionsOf } from "./parts.js";

/** @typedef {ReturnType<typeof createStore>} Store */
/** @typedef {import("./cache.js").Answer} Answer */

const MAPS_BYTES = 192 * 2 ** 20;
const MAX_ANSWERS = 400;
/** Layers with more values are not fetched ahead. */
const MAX_AHEAD = 2 ** 21;

/** A buffer as the address of a picture. @param {ArrayBuffer} buffer @param {string} mime */
export const urlOf = (buffer, mime) => URL.createObjectURL(new Blob([buffer], { type: mime }));

/** Gives back the pictures of an answer that is not kept any longer. */
function release(value) {
  for (const picture of [value, ...(value.images ?? [])]) if (picture.url) URL.revokeObjectURL(picture.url);
}

/**
 * @param {{kind: string, request: Function}} host
 * @param {{get: () => string, set: (text: string, how: {replace: boolean}) => void, subscribe: (changed: () => void) => () => void}} address
 */
export function createStore(host, address) {
  const view = createView();
  const model = signal(/** @type {any} */ (null));
  const images = signal(/** @type {any[]} */ ([]));
  const failure = signal("");
  const ready = signal(false);
  const busy = signal("");
  const announced = signal("");
  const offs = [];

  // --- what is fetched -------------------------------------------------------------------------
  const mapsCache = createCache(MAPS_BYTES, (maps) => maps.values.byteLength);
  const answers = createCache(MAX_ANSWERS, undefined, release);
  const nothing = signal(/** @type {Answer} */ ({}));
  const ask = (kind, params, how = {}) => host.request(kind, params, how);
  const mapsKey = (image, layer, slice) => `${image}\n${layer}\n${slice}`;
  const mapsOf = (image, layer, slice = -1) => {
    if (!image || !layer) return nothing;
    return mapsCache.get(mapsKey(image, layer, slice), async (how) => {
      const { json, buffers } = await ask("layer", { image, layer, ...(slice >= 0 ? { slice } : {}) }, how);
      return readMaps(json, buffers);
    });
  };
  /** An answer about an image. */
  const about = (kind, image, more = {}) => (image ? answers.get([kind, image, ...Object.values(more)].join(" "), async (how) => (await ask(kind, { image, ...more }, how)).json) : nothing).value;
  const photographOf = (image, longest = 1024, frame = null) => (image ? answers.get(`photograph ${image} ${longest} ${frame}`, async (how) => {
    const { json, buffers } = await ask("photograph", { image, longest, frame }, how);
    return { url: urlOf(buffers[0], json.mime) };
  }) : nothing).value.value?.url;
  const fail = (error) => {
    if (error?.name !== "AbortError") failure.value = error?.message || String(error);
  };

  // --- what follows from the view --------------------------------------------------------------
  const layers = computed(() => model.value?.layers ?? []);
  const layerNumbers = computed(() => new Map(layers.value.map((entry, number) => [entry.name, number])));
  const layer = computed(() => layers.value[layerNumbers.value.get(view.layer.value) ?? -1] ?? null);
  /** An image with all that is known of it; without its sizes until they have come. */
  const imageOf = (id) => {
    const entry = images.value.find((each) => each.id === id);
    if (!entry) return null;
    return entry.input ? entry : { ...entry, ...about("image", id).value };
  };
  const image = computed(() => imageOf(view.image.value));
  const second = computed(() => imageOf(view.second.value));
  const current = computed(() => (ready.value ? mapsOf(view.image.value, view.layer.value, view.slice.value).value : {}));
  const other = computed(() => (ready.value && second.value ? mapsOf(view.second.value, view.layer.value, view.slice.value).value : {}));
  /** What the mosaic shows: one set of maps, two beside each other, or their difference. */
  const shown = computed(() => {
    const [one, two] = [current.value.value, other.value.value];
    if (!one) return [];
    if (!two) return [one];
    const minus = view.mode.value === "difference" ? difference(one, two) : null;
    return minus ? [minus] : onOneScale(one, two);
  });
  const scaling = computed(() => ({ normalise: view.normalise.value, contrast: view.contrast.value }));
  const ordered = computed(() => (shown.value.length ? sortChannels(shown.value[0], view.sort.value, view.dead.value) : []));
  const channel = computed(() => {
    const maps = current.value.value;
    if (view.channel.value < 0) return maps ? bestChannel(maps) : 0;
    const count = maps?.channels ?? layer.value?.channels ?? 1;
    return clamp(view.channel.value, 0, Math.max(0, count - 1));
  });
  const statisticsOf = (id) => about("statistics", id).value?.layers;
  const statistics = computed(() => (ready.value && statisticsOf(view.image.value)) || {});
  /** The image as the chosen slice of a volume has it: the frame that belongs to it. */
  const frameOf = (entry, maps) => {
    if (!(maps?.slices && entry?.frames) || host.kind === "page") return entry;
    const [height, width] = entry.input;
    const frame = Math.min(entry.frames - 1, Math.floor(((maps.slice + 0.5) / maps.slices) * entry.frames));
    return { ...entry, frame, width, height, region: [0, 0, height, width] };
  };
  /** The predictions for an image, with the names of their numbers. */
  const predictionsOf = (id, more) => about("predictions", id, more).value?.predictions.map((output) => ({ ...output, top: output.top.map((entry) => ({ ...entry, name: nameOf(entry, output) })) })) ?? null;
  const predictions = computed(() => (ready.value ? predictionsOf(view.image.value) : null));

  const tabs = computed(() => {
    const { heatmap, edit } = model.value?.features ?? {};
    return [["channel", "Channel"], heatmap && ["class", "Decision"], edit && ["change", "Change"]].filter(Boolean);
  });
  const tab = computed(() => (tabs.value.some(([name]) => name === view.tab.value) ? view.tab.value : "channel"));
  /** The heatmap of the view: its method, target and options. */
  const explained = computed(() => {
    const methods = model.value?.methods ?? [];
    const method = methods.find((each) => each.name === view.method.value) ?? methods.find((each) => each.name === "grad-cam") ?? methods[0];
    const channelTarget = `${layer.value?.name}:${channel.value}`;
    // One method shows the map of a channel, and nothing else.
    const ofChannel = method?.name === "activation";
    const target = ofChannel && !view.target.value.includes(":") ? channelTarget : view.target.value;
    const spatial = layers.value.filter((each) => each.kind === "maps").map((each) => each.name);
    const layerOption = { name: "layer", kind: "str", default: "", choices: ["", ...spatial], help: "Whose maps are used." };
    const declared = method?.layers === "one" && !ofChannel && host.kind !== "page" ? [layerOption, ...method.options] : method?.options ?? [];
    return { method, channelTarget, declared, target: target || undefined, options: optionsOf(declared, view["method."].value) };
  });

  // --- the network as rows -----------------------------------------------------------------------
  const filter = signal("");
  const tree = computed(() => nest(layers.value));
  const folded = signal(/** @type {Set<string>} */ (new Set()));
  const rows = computed(() => {
    const words = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (number) => words.every((word) => `${layers.value[number].name} ${layers.value[number].type}`.toLowerCase().includes(word));
    return rowsOf(tree.value, folded.value, words.length ? matches : undefined);
  });
  const lanes = computed(() => lanesOf(rows.value, layers.value));
  const fold = (id, closed) => {
    const next = new Set(folded.value);
    if (closed) next.add(id);
    else next.delete(id);
    folded.value = next;
  };
  /** Opens the parts around a layer, so that it can be seen. */
  const reveal = (name) => {
    const number = layerNumbers.peek().get(name);
    const next = new Set(folded.peek());
    const walk = (node) => node.children.forEach((child) => {
      if (child.layer >= 0 || !child.layers.includes(number)) return;
      next.delete(child.id);
      walk(child);
    });
    if (number !== undefined) walk(tree.peek());
    if (next.size !== folded.peek().size) folded.value = next;
  };

  // --- positions ---------------------------------------------------------------------------------
  /** The point under the pointer, and one that was clicked, in pixels of the network's input. */
  const pointer = signal(/** @type {{y: number, x: number, from: string} | null} */ (null));
  const pinned = signal(/** @type {{y: number, x: number} | null} */ (null));
  const inputSize = computed(() => image.value?.input ?? [1, 1, 3]);
  /** The receptive field of a layer: its size, its step, and where that of the first position starts; of signals the share of the input. */
  const fieldOf = (maps) => {
    const [height, width] = inputSize.value;
    const field = layer.value?.field;
    if (field) return field;
    const step = [height / maps.height, width / maps.width];
    return { size: step, step, start: [0, 0], everything: layer.value?.kind === "maps" };
  };
  /** The pixels that a position of the maps sees: top, left, bottom, right. */
  const boxOf = (y, x, maps) => {
    const { size, step, start, everything } = fieldOf(maps);
    if (everything) return [0, 0, inputSize.value[0], inputSize.value[1]];
    const [top, left] = [start[0] + y * step[0], start[1] + x * step[1]];
    return [top, left, top + size[0], left + size[1]];
  };
  const pointOf = (y, x, maps) => {
    const { size, step, start } = fieldOf(maps);
    return { y: start[0] + y * step[0] + size[0] / 2, x: start[1] + x * step[1] + size[1] / 2 };
  };
  const cellOf = (point, maps) => {
    const { size, step, start } = fieldOf(maps);
    const cell = [point.y, point.x].map((value, axis) => Math.round((value - start[axis] - size[axis] / 2) / step[axis]));
    return [clamp(cell[0], 0, maps.height - 1), clamp(cell[1], 0, maps.width - 1)];
  };
  /** The position of the chosen map: under the pointer, clicked, or of its greatest value. */
  const cell = computed(() => {
    const maps = current.value.value;
    if (!maps || channel.value >= maps.channels) return null;
    const point = pointer.value ?? pinned.value;
    return point ? cellOf(point, maps) : maxPosition(maps, channel.value);
  });
  /** The strongest channels of each layer at the point of the photograph under the pointer. */
  const probe = signal(/** @type {Map<string, any> | null} */ (null));
  let probeTimer = 0;
  let probing = /** @type {AbortController | null} */ (null);
  offs.push(effect(() => {
    const point = pointer.value;
    const id = view.image.value;
    clearTimeout(probeTimer);
    if (point?.from !== "photograph" || !model.peek()?.features.position) {
      probing?.abort();
      probe.value = null;
      return;
    }
    probeTimer = setTimeout(async () => {
      probing?.abort();
      probing = new AbortController();
      try {
        const { json } = await ask("position", { image: id, y: point.y, x: point.x }, { signal: probing.signal });
        if (pointer.peek()?.from === "photograph") probe.value = new Map(json.layers.map((each) => [each.layer, each]));
      } catch (error) {
        if (error?.status !== 429) fail(error);
      }
    }, 90);
  }));

  // --- steps -------------------------------------------------------------------------------------
  const set = (changes) => batch(() => {
    for (const [name, value] of Object.entries(changes)) view[name].value = value;
  });
  const openLayer = (name) => {
    const entry = layers.peek()[layerNumbers.peek().get(name)];
    if (!entry) return;
    batch(() => {
      set({ layer: name, slice: -1, ...(view.channel.peek() >= (entry.channels ?? Infinity) ? { channel: -1 } : {}) });
      pointer.value = null;
    });
  };
  const shownLayers = () => layers.peek().filter((each) => !each.blocked);
  const walkLayers = (by) => {
    const all = shownLayers();
    const next = all[clamp(all.findIndex((each) => each.name === view.layer.peek()) + by, 0, all.length - 1)];
    if (!next) return;
    openLayer(next.name);
    reveal(next.name);
  };
  const walkChannels = (by) => {
    const all = ordered.peek();
    const index = Math.max(0, all.indexOf(channel.peek()));
    if (all.length) set({ channel: all[clamp(index + by, 0, all.length - 1)] });
  };
  const add = (entry, replaces = null) => batch(() => {
    images.value = [...images.peek().filter((each) => each.id !== entry.id && !(replaces && each.edited_from === replaces)), entry];
    pinned.value = null;
  });
  const show = (id) => {
    pinned.value = null;
    set({ image: id, ...(id === view.second.peek() ? { second: "" } : {}) });
  };
  /** Runs a task with a line that says what is being done, and another if it fails. */
  const during = async (words, task) => {
    busy.value = words;
    failure.value = "";
    try {
      return await task();
    } catch (error) {
      fail(error);
      return null;
    } finally {
      busy.value = "";
    }
  };
  const addAndShow = async (entry) => {
    add(entry);
    await describe(entry.id);
    show(entry.id);
  };
  const upload = (blob, name) => during(`reading ${name}`, async () => {
    const limit = model.peek()?.limits?.bytes;
    if (limit && blob.size > limit) throw new Error(`${name} has ${(blob.size / 2 ** 20).toFixed(1)} MB; at most ${(limit / 2 ** 20).toFixed(0)} MB are taken`);
    await addAndShow((await ask("upload", { name }, { body: blob })).json);
  });
  const sample = () => during("fetching the sample", async () => addAndShow((await ask("sample", {})).json));
  const edit = (base, blob) => during("looking again", async () => {
    const entry = (await ask("edit", { image: base }, { body: blob })).json;
    add(entry, base);
    set({ image: entry.id, ...(view.second.peek() ? { second: base } : {}) });
    return entry;
  });
  /** Fetches the shapes of layers where they depend on the size of the image. */
  const describe = async (id) => {
    if (layers.peek().length && layers.peek().every((each) => each.shape || each.blocked)) return;
    model.value = (await ask("model", { image: id })).json;
  };

  // --- the address -------------------------------------------------------------------------------
  /** Brings the view to an address, or to what there is of it. */
  const open = (params) => {
    const changes = decode(params);
    const has = (id) => images.peek().some((each) => each.id === id);
    if (changes.image && !has(changes.image)) failure.value = "The image of this address is not here any more; the first one is shown.";
    if (!has(changes.image)) changes.image = images.peek()[0]?.id ?? "";
    if (changes.second && (!has(changes.second) || changes.second === changes.image)) changes.second = "";
    if (changes.layer && !layerNumbers.peek().has(changes.layer)) {
      const digest = params.get("model");
      failure.value = `There is no layer “${changes.layer}” in this network${digest && !model.peek().digest.includes(digest) ? "; the address was made with another one" : ""}.`;
      changes.layer = "";
    }
    if (!changes.layer) {
      const all = shownLayers();
      const spatial = all.filter((each) => each.kind === "maps");
      changes.layer = (spatial.find((each) => each.role === "convolution") ?? spatial[0] ?? all[0])?.name ?? "";
    }
    if (!["minmax", "layer", "standardise"].includes(changes.normalise)) changes.normalise = DEFAULTS.normalise;
    if (!["channel", "class", "change"].includes(changes.tab)) changes.tab = DEFAULTS.tab;
    set(changes);
    reveal(changes.layer);
  };
  const begin = async () => {
    try {
      const [network, opened] = await Promise.all([ask("model", {}), ask("images", {})]);
      batch(() => {
        images.value = opened.json.images;
        model.value = network.json;
      });
      if (images.peek().length) await describe(images.peek()[0].id);
      folded.value = foldedAtFirst(tree.peek(), layers.peek().length);
      offs.push(follow(view, model, address, open));
      ready.value = true;
    } catch (error) {
      fail(error);
    }
  };

  // The neighbours of the chosen layer are fetched ahead; what is not looked at any more stops.
  let aheadTimer = 0;
  offs.push(effect(() => {
    const name = view.layer.value;
    const id = view.image.value;
    const done = Boolean(current.value.value);
    untracked(() => {
      mapsCache.stopLoading(new Set([id, view.second.peek()].map((each) => mapsKey(each, name, view.slice.peek()))));
      clearTimeout(aheadTimer);
      if (!done) return;
      aheadTimer = setTimeout(() => {
        const all = shownLayers();
        const index = all.findIndex((each) => each.name === name);
        for (const near of [all[index + 1], all[index - 1]]) {
          const size = near?.shape?.reduce((a, b) => a * (b ?? 1), 1) ?? Infinity;
          if (size <= MAX_AHEAD) mapsOf(id, near.name);
        }
      }, 350);
    });
  }));

  const close = () => {
    offs.forEach((off) => off());
    clearTimeout(aheadTimer);
    clearTimeout(probeTimer);
    probing?.abort();
    mapsCache.clear();
    answers.clear();
  };
  return {
    host, ask, view, model, images, image, second, imageOf, failure, ready, busy, during, announced,
    layers, layer, layerNumbers, current, other, shown, scaling, ordered, channel, statistics, statisticsOf, predictions, predictionsOf, frameOf, tabs, tab, explained,
    filter, rows, lanes, fold, reveal, pointer, pinned, boxOf, pointOf, cellOf, cell, probe,
    photographOf, answers, set, openLayer, walkLayers, walkChannels, show, upload, sample, edit, begin, close,
  };
}
