/** Everything that a view of the network consists of, its address, and what has been fetched. */
import { batch, computed, effect, signal, untracked } from "./html.js";
import { difference, order, peak, readMaps, telling, together } from "./maps.js";
import { foldedAtFirst, lanesOf, nest, rowsOf } from "./graph.js";
import { CONTRAST } from "./colour.js";
import { clamp } from "./format.js";
import { optionsOf } from "./parts.js";

/** @typedef {ReturnType<typeof createStore>} Store */
/** @typedef {{value?: any, error?: Error, loading?: boolean, done?: number, total?: number}} Answer */

/** What an address holds, and what it need not say; a name with a point is of options, `method.samples=8`. */
const DEFAULTS = {
  image: "", second: "", mode: "side", layer: "", channel: -1, slice: -1, tab: "channel", target: "",
  method: "", "method.": {}, pattern: "", "pattern.": {},
  normalise: "minmax", contrast: CONTRAST, colormap: "viridis", sort: "number", dead: true, size: 0,
};
/** What makes a step that the back button goes back. */
const STEPS = ["image", "second", "layer", "channel", "tab", "method", "target"];
const KEPT_BYTES = 192 * 2 ** 20;
const SOON = 700;
const RETRY = 1500;
const CALM = 200;

/** Answers by key; the oldest go when there are too many. */
function keeper(most) {
  /** @type {Map<string, {answer: any, weight: number, stop: AbortController, failed: number}>} */
  const kept = new Map();
  let weight = 0;
  const drop = (key) => {
    const entry = kept.get(key);
    if (!entry) return;
    kept.delete(key);
    weight -= entry.weight;
    if (entry.answer.peek().loading) entry.stop.abort();
  };
  return {
    drop,
    keys: () => [...kept.keys()],
    /** Ends what is not there yet. */
    stop: (key) => { if (kept.get(key)?.answer.peek().loading) drop(key); },
    /** @param {string} key @param {(how: {signal: AbortSignal, progress: (done: number, total: number) => void}) => Promise<any>} make */
    get(key, make, weigh = (value) => 1) {
      const found = kept.get(key);
      // What failed is tried again, but not before somebody has had time to read why.
      if (found && !(found.failed && Date.now() - found.failed > RETRY)) {
        kept.delete(key);
        kept.set(key, found);
        return found.answer;
      }
      const stop = new AbortController();
      const answer = signal(/** @type {Answer} */ ({ loading: true }));
      const entry = { answer, weight: 0, stop, failed: 0 };
      kept.set(key, entry);
      const progress = (done, total) => { if (answer.peek().loading) answer.value = { loading: true, done, total }; };
      make({ signal: stop.signal, progress }).then((value) => {
        answer.value = { value };
        if (kept.get(key) !== entry) return;
        entry.weight = weigh(value);
        weight += entry.weight;
        for (const old of kept.keys()) {
          if (weight <= most || old === key) break;
          drop(old);
        }
      }, (error) => {
        entry.failed = Date.now();
        answer.value = { error };
      });
      return answer;
    },
  };
}

/**
 * @param {{kind: string, request: Function}} host
 * @param {{get: () => string, set: (text: string, how: {replace: boolean}) => void, subscribe: (changed: () => void) => () => void}} address
 */
export function createStore(host, address) {
  const view = Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, signal(value)]));
  const model = signal(/** @type {any} */ (null));
  const images = signal(/** @type {any[]} */ ([]));
  const failure = signal("");
  const ready = signal(false);
  const busy = signal("");
  const announced = signal("");
  const offs = [];

  // --- what is fetched -------------------------------------------------------------------------
  const heavy = keeper(KEPT_BYTES);
  const light = keeper(400);
  const empty = signal(/** @type {Answer} */ ({}));
  const ask = (kind, params, how = {}) => host.request(kind, params, how);
  const bytes = (value) => value.values.byteLength;
  const mapsKey = (image, layer, slice) => `${image}\n${layer}\n${slice}`;
  const mapsOf = (image, layer, slice = -1) => {
    if (!image || !layer) return empty;
    return heavy.get(mapsKey(image, layer, slice), async (how) => {
      const { json, buffers } = await ask("layer", { image, layer, ...(slice >= 0 ? { slice } : {}) }, how);
      return readMaps(json, buffers);
    }, bytes);
  };
  const about = (kind, image) => (image ? light.get(`${kind} ${image}`, async (how) => (await ask(kind, { image }, how)).json) : empty);
  const photographOf = (image, longest = 1024, frame = null) => (image ? light.get(`photograph ${image} ${longest} ${frame}`, async (how) => {
    const { json, buffers } = await ask("photograph", { image, longest, frame }, how);
    return URL.createObjectURL(new Blob([buffers[0]], { type: json.mime }));
  }) : empty);
  const fail = (error) => {
    if (error?.name !== "AbortError") failure.value = error?.message || String(error);
  };

  // --- what follows from the view --------------------------------------------------------------
  const layers = computed(() => model.value?.layers ?? []);
  const numberOf = computed(() => new Map(layers.value.map((each, at) => [each.name, at])));
  const layer = computed(() => layers.value[numberOf.value.get(view.layer.value) ?? -1] ?? null);
  /** An image with all that is known of it; without its sizes until they have come. */
  const imageOf = (id) => {
    const entry = images.value.find((each) => each.id === id);
    if (!entry) return null;
    return entry.input ? entry : { ...entry, ...about("image", id).value.value };
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
    if (view.mode.value !== "difference") return together(one, two);
    const minus = difference(one, two);
    return minus ? [minus] : together(one, two);
  });
  const look = computed(() => ({ normalise: view.normalise.value, contrast: view.contrast.value }));
  const ordered = computed(() => (shown.value.length ? order(shown.value[0], view.sort.value, view.dead.value) : []));
  const channel = computed(() => {
    const maps = current.value.value;
    if (view.channel.value < 0) return maps ? telling(maps) : 0;
    const most = maps?.channels ?? layer.value?.channels ?? 1;
    return clamp(view.channel.value, 0, Math.max(0, most - 1));
  });
  const statistics = computed(() => (ready.value ? about("statistics", view.image.value).value.value?.layers ?? {} : {}));
  /** The image as the chosen slice of a volume has it: the frame that belongs to it. */
  const frameOf = (entry, maps) => {
    if (!(maps?.slices && entry?.frames) || host.kind === "page") return entry;
    const [tall, wide] = entry.input;
    const frame = Math.min(entry.frames - 1, Math.floor(((maps.slice + 0.5) / maps.slices) * entry.frames));
    return { ...entry, frame, width: wide, height: tall, region: [0, 0, tall, wide] };
  };
  const predictionsOf = (id) => about("predictions", id).value.value?.predictions ?? null;
  /** What it says with more classes of each output. */
  const mostOf = (id) => light.get(`predictions ${id} 10`, async (how) => (await ask("predictions", { image: id, top: 10 }, how)).json.predictions).value.value;
  const predictions = computed(() => (ready.value ? predictionsOf(view.image.value) : null));

  /** What the pane beside the maps can show, and does. */
  const tabs = computed(() => {
    const { heatmap, edit } = model.value?.features ?? {};
    return [["channel", "Channel"], heatmap && ["class", "Decision"], edit && ["change", "Change"]].filter(Boolean);
  });
  const tab = computed(() => (tabs.value.some(([name]) => name === view.tab.value) ? view.tab.value : "channel"));
  /** Which heatmap the view is of. */
  const wanted = computed(() => {
    const methods = model.value?.methods ?? [];
    const method = methods.find((each) => each.name === view.method.value) ?? methods.find((each) => each.name === "grad-cam") ?? methods[0];
    const own = `${layer.value?.name}:${channel.value}`;
    // One method shows the map of a channel, and nothing else.
    const single = method?.name === "activation";
    const target = single && !view.target.value.includes(":") ? own : view.target.value;
    const spatial = layers.value.filter((each) => each.kind === "maps").map((each) => each.name);
    const where = { name: "layer", kind: "str", default: "", choices: ["", ...spatial], help: "Whose maps are used." };
    const declared = method?.layers === "one" && !single && host.kind !== "page" ? [where, ...method.options] : method?.options ?? [];
    return { method, own, declared, target: target || undefined, options: optionsOf(declared, view["method."].value) };
  });

  // --- the network as rows -----------------------------------------------------------------------
  const filter = signal("");
  const tree = computed(() => nest(layers.value));
  const folded = signal(/** @type {Set<string>} */ (new Set()));
  const rows = computed(() => {
    const words = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (number) => words.every((word) => `${layers.value[number].name} ${layers.value[number].type}`.toLowerCase().includes(word));
    return rowsOf(tree.value, folded.value, words.length ? fits : undefined);
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
    const number = numberOf.peek().get(name);
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
  /** Where the pointer is, in pixels of the network's input; of a map, its position too. */
  const pointer = signal(/** @type {{y: number, x: number, from: string} | null} */ (null));
  const pinned = signal(/** @type {{y: number, x: number} | null} */ (null));
  const inputSize = computed(() => image.value?.input ?? [1, 1, 3]);
  const geometry = (entry, maps) => {
    const [tall, wide] = inputSize.value;
    const field = entry?.field;
    if (field && field.size.length === 2) return field;
    const step = [tall / maps.height, wide / maps.width];
    return { size: field ? [field.size[0], field.size[0]] : step, step, start: [0, 0], whole: !field };
  };
  /** The pixels that a position of the maps sees: top, left, bottom, right. */
  const boxOf = (y, x, maps, entry = layer.value) => {
    const { size, step, start, whole } = geometry(entry, maps);
    if (whole) return [0, 0, inputSize.value[0], inputSize.value[1]];
    const [top, left] = [start[0] + y * step[0], start[1] + x * step[1]];
    return [top, left, top + size[0], left + size[1]];
  };
  const pointOf = (y, x, maps) => {
    const { size, step, start } = geometry(layer.value, maps);
    return { y: start[0] + y * step[0] + size[0] / 2, x: start[1] + x * step[1] + size[1] / 2 };
  };
  const cellOf = (point, maps) => {
    const { size, step, start } = geometry(layer.value, maps);
    return [0, 1].map((axis) => {
      const at = axis ? point.x : point.y;
      return clamp(Math.round((at - start[axis] - size[axis] / 2) / step[axis]), 0, (axis ? maps.width : maps.height) - 1);
    });
  };
  /** The position of the chosen map that is told of: under the pointer, pinned, or its greatest value. */
  const cell = computed(() => {
    const maps = current.value.value;
    if (!maps || channel.value >= maps.channels) return null;
    const point = pointer.value ?? pinned.value;
    return point ? cellOf(point, maps) : peak(maps, channel.value);
  });
  const probe = signal(/** @type {Map<string, any> | null} */ (null));
  let probing = 0;
  let probed = /** @type {AbortController | null} */ (null);
  offs.push(effect(() => {
    const point = pointer.value;
    const id = view.image.value;
    clearTimeout(probing);
    if (!point || point.from !== "photograph" || !model.peek()?.features.position) {
      probed?.abort();
      probe.value = null;
      return;
    }
    probing = setTimeout(async () => {
      probed?.abort();
      probed = new AbortController();
      try {
        const { json } = await ask("position", { image: id, y: point.y, x: point.x }, { signal: probed.signal });
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
    if (!numberOf.peek().has(name)) return;
    batch(() => {
      const entry = layers.peek()[numberOf.peek().get(name)];
      set({ layer: name, slice: -1, ...(view.channel.peek() >= (entry.channels ?? Infinity) ? { channel: -1 } : {}) });
      pointer.value = null;
    });
  };
  const able = () => layers.peek().filter((each) => !each.blocked);
  const walkLayers = (by) => {
    const all = able();
    const at = all.findIndex((each) => each.name === view.layer.peek());
    const next = all[clamp(at + by, 0, all.length - 1)];
    if (next) {
      openLayer(next.name);
      reveal(next.name);
    }
  };
  const walkChannels = (by) => {
    const all = ordered.peek();
    const at = all.indexOf(channel.peek());
    if (all.length) set({ channel: all[clamp((at < 0 ? 0 : at) + by, 0, all.length - 1)] });
  };
  const choose = (number) => set({ channel: number });

  const add = (entry, how = {}) => batch(() => {
    const rest = images.peek().filter((each) => each.id !== entry.id && !(how.replaces && each.edited_from === how.replaces));
    images.value = [...rest, entry];
    pinned.value = null;
  });
  const show = (id) => {
    pinned.value = null;
    set({ image: id, ...(id === view.second.peek() ? { second: "" } : {}) });
  };
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
  const sized = async (entry) => {
    add(entry);
    await describe(entry.id);
    show(entry.id);
    return entry;
  };
  const upload = (blob, name) => during(`reading ${name}`, async () => {
    const most = model.peek()?.limits?.bytes;
    if (most && blob.size > most) throw new Error(`${name} has ${(blob.size / 2 ** 20).toFixed(1)} MB; at most ${(most / 2 ** 20).toFixed(0)} MB are taken`);
    const body = new Uint8Array(await blob.arrayBuffer());
    return sized((await ask("upload", { name }, { body })).json);
  });
  const sample = () => during("fetching the sample", async () => sized((await ask("sample", {})).json));
  const edit = (base, blob) => during("looking again", async () => {
    const body = new Uint8Array(await blob.arrayBuffer());
    const entry = (await ask("edit", { image: base }, { body })).json;
    add(entry, { replaces: base });
    set({ image: entry.id, ...(view.second.peek() ? { second: base } : {}) });
    return entry;
  });
  /** Sizes that only an image tells. */
  const describe = async (id) => {
    if (layers.peek().length && layers.peek().every((each) => each.shape || each.blocked)) return;
    model.value = (await ask("model", { image: id })).json;
  };

  // --- the address -------------------------------------------------------------------------------
  let applying = false;
  let stepped = 0;
  let lastText = "";
  const apply = () => {
    const read = new URLSearchParams(address.get());
    applying = true;
    const changes = {};
    for (const [name, value] of Object.entries(DEFAULTS)) {
      const text = read.get(name);
      if (typeof value === "object") changes[name] = Object.fromEntries([...read].filter(([key]) => key.startsWith(name)).map(([key, given]) => [key.slice(name.length), given]));
      else if (text === null) changes[name] = value;
      else if (typeof value === "number") changes[name] = Number.isFinite(Number(text)) ? Number(text) : value;
      else if (typeof value === "boolean") changes[name] = text === "true";
      else changes[name] = text;
    }
    settle(changes, read.get("model"));
    set(changes);
    applying = false;
  };
  /** Brings what an address says to what there is. */
  const settle = (changes, digest) => {
    const has = (id) => images.peek().some((each) => each.id === id);
    const first = images.peek()[0]?.id ?? "";
    if (changes.image && !has(changes.image)) failure.value = "The image of this address is not here any more; the first one is shown.";
    if (!has(changes.image)) changes.image = first;
    if (changes.second && (!has(changes.second) || changes.second === changes.image)) changes.second = "";
    if (changes.layer && !numberOf.peek().has(changes.layer)) {
      failure.value = `There is no layer “${changes.layer}” in this network${digest && !model.peek().digest.includes(digest) ? "; the address was made with another one" : ""}.`;
      changes.layer = "";
    }
    if (!changes.layer) {
      const all = able();
      const spatial = all.filter((each) => each.kind === "maps");
      const chosen = spatial.find((each) => each.role === "convolution") ?? spatial[0] ?? all[0];
      changes.layer = chosen?.name ?? "";
    }
    if (!["minmax", "layer", "standardise"].includes(changes.normalise)) changes.normalise = DEFAULTS.normalise;
    if (!["channel", "class", "change"].includes(changes.tab)) changes.tab = DEFAULTS.tab;
  };
  const encode = () => {
    const text = new URLSearchParams();
    const digest = model.value?.digest?.split(":").pop()?.slice(0, 12);
    if (digest) text.set("model", digest);
    for (const [name, value] of Object.entries(DEFAULTS)) {
      if (name === "mode" && !view.second.value) continue;
      if (typeof value === "object") for (const [key, given] of Object.entries(view[name].value)) text.set(name + key, given);
      else if (view[name].value !== value) text.set(name, String(view[name].value));
    }
    return text.toString();
  };
  let writing = 0;
  let written = 0;
  const write = () => {
    const text = untracked(encode);
    if (text === lastText) return;
    const [before, now] = [lastText, text].map((each) => new URLSearchParams(each));
    const step = lastText && STEPS.some((name) => before.get(name) !== now.get(name));
    written = Date.now();
    address.set(text, { replace: !step || written - stepped < SOON });
    if (step) stepped = written;
    lastText = text;
  };
  const begin = async () => {
    try {
      const [told, given] = await Promise.all([ask("model", {}), ask("images", {})]);
      batch(() => {
        images.value = given.json.images;
        model.value = told.json;
      });
      if (images.peek().length) await describe(images.peek()[0].id);
      folded.value = foldedAtFirst(tree.peek(), layers.peek().length);
      apply();
      reveal(view.layer.peek());
      ready.value = true;
      offs.push(effect(() => {
        const text = encode();
        clearTimeout(writing);
        if (applying) lastText = text;
        else if (text !== lastText) {
          // A browser takes an address a few times a second, no more.
          const wait = written + CALM - Date.now();
          if (wait > 0) writing = setTimeout(write, wait);
          else write();
        }
      }));
      offs.push(() => clearTimeout(writing));
      offs.push(address.subscribe(() => {
        if (address.get() === lastText) return;
        lastText = address.get();
        stepped = 0;
        apply();
        reveal(view.layer.peek());
      }));
    } catch (error) {
      fail(error);
    }
  };

  // What lies beside the chosen layer comes before it is asked for; what is not looked at any more stops.
  let idle = 0;
  offs.push(effect(() => {
    const name = view.layer.value;
    const id = view.image.value;
    const done = Boolean(current.value.value);
    untracked(() => {
      const wanted = new Set([id, view.second.peek()].map((each) => mapsKey(each, name, view.slice.peek())));
      for (const key of heavy.keys()) if (!wanted.has(key)) heavy.stop(key);
      clearTimeout(idle);
      if (!done) return;
      idle = setTimeout(() => {
        const all = able();
        const at = all.findIndex((each) => each.name === name);
        for (const near of [all[at + 1], all[at - 1]]) {
          const size = near?.shape?.reduce((a, b) => a * (b ?? 1), 1) ?? Infinity;
          if (size <= 2 ** 21) mapsOf(id, near.name);
        }
      }, 350);
    });
  }));
  offs.push(() => { clearTimeout(idle); clearTimeout(probing); probed?.abort(); for (const key of heavy.keys()) heavy.drop(key); });

  const close = () => offs.forEach((off) => off());
  return {
    host, ask, view, model, images, image, second, imageOf, failure, fail, ready, busy, during, announced,
    layers, layer, numberOf, current, other, shown, look, ordered, channel, statistics, predictions, predictionsOf, mostOf, frameOf, tabs, tab, wanted,
    filter, tree, folded, rows, lanes, fold, reveal, pointer, pinned, inputSize, boxOf, pointOf, cellOf, cell, probe,
    mapsOf, photographOf, light, set, openLayer, walkLayers, walkChannels, choose, show, upload, sample, edit,
    encode, begin, close,
  };
}
