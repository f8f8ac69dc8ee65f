/** The network as rows: nested parts that fold, and lanes that show branches. */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} label
 * @property {number} depth
 * @property {number} layer the number of its layer; -1 of a part
 * @property {number[]} layers the numbers of all layers that it stands for
 * @property {boolean} part whether it is a part of the network that can fold
 * @property {boolean} open
 * @property {number} position among its siblings, from 1 @property {number} siblings
 */

/** @typedef {{id: string, label: string, layer: number, children: Node[], layers: number[]}} Node */

/** A prefix that the names of several consecutive layers share: `conv2_block1_1_conv`. */
const FLAT = /^((?:[a-z]+\d*_)?(?:block|stage|mixed|unit|layer|inverted_res_block|Conv_?\d*_block)[_-]?\d+[a-z]?(?:[_-]?block\d+)?)[_-]/i;
/** Layers above which parts are folded. */
const MANY = 48;
const SEPARATOR = "/";

/** The parts of a network. @param {{name: string}[]} layers @returns {Node} */
export function nest(layers) {
  const root = { id: "", label: "", layer: -1, children: [], layers: [] };
  const flat = layers.length > MANY;
  layers.forEach((layer, number) => {
    let node = root;
    const path = layer.name.split(SEPARATOR);
    let last = path.pop() ?? "";
    const match = flat ? FLAT.exec(last) : null;
    if (match) {
      path.push(match[1]);
      last = last.slice(match[0].length);
    }
    node.layers.push(number);
    for (const part of path) {
      const id = node.id ? `${node.id}${SEPARATOR}${part}` : part;
      let next = node.children[node.children.length - 1];
      // The same part, even if a layer of another branch stands between.
      if (!next || next.id !== id) next = node.children.find((each) => each.id === id && each.layer < 0);
      if (!next) {
        next = { id, label: part, layer: -1, children: [], layers: [] };
        node.children.push(next);
      }
      node = next;
      node.layers.push(number);
    }
    node.children.push({ id: layer.name, label: last, layer: number, children: [], layers: [number] });
  });
  return lift(root);
}

/** A part of one layer is that layer. @param {Node} node @returns {Node} */
function lift(node) {
  node.children = node.children.map((child) => {
    const lifted = lift(child);
    if (lifted.layer >= 0 || lifted.children.length > 1 || lifted.children[0].layer < 0) return lifted;
    return { ...lifted.children[0], label: lifted.children[0].id.split(SEPARATOR).pop() };
  });
  return node;
}

/** What is folded at first: parts, where the network has many layers. @param {Node} root @param {number} count */
export function foldedAtFirst(root, count) {
  const folded = new Set();
  const walk = (node, depth) => {
    for (const child of node.children) {
      if (child.layer >= 0) continue;
      if (count > MANY && (depth > 0 || root.children.length > 1)) folded.add(child.id);
      walk(child, depth + 1);
    }
  };
  walk(root, 0);
  return folded;
}

/**
 * The rows that are visible.
 * @param {Node} root @param {Set<string>} folded @param {(layer: number) => boolean} [wanted]
 * @returns {Row[]}
 */
export function rowsOf(root, folded, wanted) {
  const rows = [];
  const walk = (node, depth) => {
    const visible = wanted ? node.children.filter((child) => child.layers.some(wanted)) : node.children;
    visible.forEach((child, at) => {
      const part = child.layer < 0;
      const open = part && (Boolean(wanted) || !folded.has(child.id));
      rows.push({ id: child.id, label: child.label, depth, layer: child.layer, layers: child.layers, part, open, position: at + 1, siblings: visible.length });
      if (open) walk(child, depth + 1);
    });
  };
  walk(root, 0);
  return rows;
}

/**
 * @typedef {object} Lanes
 * @property {number} lane of the row's own dot; -1 of the heading of an open part
 * @property {number[]} through lanes that pass
 * @property {number[]} from lanes that come in
 * @property {boolean} on whether a later row takes its value
 */

/**
 * The lanes beside the rows: a value keeps its lane until the last row that takes it.
 * @param {Row[]} rows @param {{name: string, inputs: string[]}[]} layers
 * @returns {{lanes: Lanes[], width: number}}
 */
export function lanesOf(rows, layers) {
  const rowOf = new Map();
  rows.forEach((row, at) => {
    if (!row.open) for (const number of row.layers) rowOf.set(layers[number].name, at);
  });
  const takes = rows.map(() => new Set());
  const until = new Int32Array(rows.length).fill(-1);
  rows.forEach((row, at) => {
    if (row.open) return;
    for (const number of row.layers) {
      for (const name of layers[number].inputs || []) {
        const from = rowOf.get(name);
        if (from === undefined || from >= at) continue;
        takes[at].add(from);
        until[from] = Math.max(until[from], at);
      }
    }
  });
  const active = [];
  let width = 1;
  const lanes = rows.map((row, at) => {
    if (row.open) return { lane: -1, through: occupied(active), from: [], on: false };
    const from = [];
    const ended = [];
    active.forEach((producer, lane) => {
      if (producer < 0 || !takes[at].has(producer)) return;
      from.push(lane);
      if (until[producer] === at) {
        ended.push(lane);
        active[lane] = -1;
      }
    });
    let lane = ended.length ? ended[0] : active.indexOf(-1);
    if (lane < 0) lane = active.length;
    const through = occupied(active);
    const on = until[at] > at;
    if (on) active[lane] = at;
    else if (lane === active.length) active.push(-1);
    width = Math.max(width, active.length);
    while (active.length && active[active.length - 1] < 0) active.pop();
    return { lane, through, from, on };
  });
  return { lanes, width };
}

const occupied = (active) => active.flatMap((producer, lane) => (producer < 0 ? [] : [lane]));
