/** The network as it flows: a tree with lanes for branches, or a strip where there is little room. */
import { html, useEffect, useLayoutEffect, useRef, useState, useStore } from "./html.js";
import { Icon, consume } from "./parts.js";
import { clamp, count, number, percent, plural, shortName, sizes } from "./format.js";

/** Pixels of a cell of the strip, and between two lanes. */
const CELL = 132;
const PITCH = 11;
const MAX_LANES = 9;
/** Rows that are drawn beyond those that are visible. */
const MARGIN = 6;

/** The visible part of a long list, and some beyond it. */
function useWindow(total, size, across) {
  const node = useRef(null);
  const [range, setRange] = useState([0, 40]);
  const measure = () => {
    const box = node.current;
    if (!box) return;
    const at = across ? box.scrollLeft : box.scrollTop;
    const room = across ? box.clientWidth : box.clientHeight;
    const next = [Math.max(0, Math.floor(at / size) - MARGIN), Math.ceil((at + room) / size) + MARGIN];
    setRange((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
  };
  useLayoutEffect(measure, [total, across]);
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(node.current);
    return () => observer.disconnect();
  }, [across]);
  return [node, Math.min(range[0], total), Math.min(range[1], total), measure];
}

/** The lines beside a row: where values come from and go to. */
function Rails({ lanes, width, row, layer, on, height }) {
  const x = (lane) => 18 + Math.min(lane, MAX_LANES - 1) * PITCH;
  const middle = height / 2;
  const center = lanes.lane < 0 ? null : x(lanes.lane);
  const paths = lanes.through.map((lane) => `M${x(lane)} 0V${height}`);
  for (const lane of lanes.from) {
    paths.push(x(lane) === center ? `M${center} 0V${middle}` : `M${x(lane)} 0C${x(lane)} ${middle * 0.8} ${center} ${middle * 0.3} ${center} ${middle}`);
  }
  if (lanes.on && center !== null) paths.push(`M${center} ${middle}V${height}`);
  const role = row.layer < 0 ? "part" : layer.role;
  const round = role === "pooling" || role === "merge";
  return html`<svg class="rails" width=${width} height=${height} aria-hidden="true">
    <path d=${paths.join("")} />
    ${center !== null && (round
      ? html`<circle class=${`dot ${role} ${on ? "on" : ""}`} cx=${center} cy=${middle} r="4.5" />`
      : html`<rect class=${`dot ${role} ${on ? "on" : ""}`} x=${center - 4.5} y=${middle - 4.5} width="9" height="9" rx="2" />`)}
  </svg>`;
}

/** The share of a layer that is not zero, and what it was before. */
const Alive = ({ statistics, before }) => html`<span class="alive">
  ${statistics && html`<span class="unseen">${percent(statistics.sparsity)} zeros</span><i style=${{ width: `${(1 - statistics.sparsity) * 100}%` }}></i>`}
  ${before && html`<u style=${{ left: `${(1 - before.sparsity) * 100}%` }}></u>`}
</span>`;

/** A name whose end stays visible where it is too long. */
const Name = ({ text }) => (text.length < 15 ? html`<b>${text}</b>` : html`<b class="cut"><i>${text.slice(0, -8)}</i><i>${text.slice(-8)}</i></b>`);

/** The right end of a row: the strongest channels under the pointer, or the number of dead ones. */
function Status({ layer, statistics, probed }) {
  if (probed) return html`<span class="seen">${probed.strongest.slice(0, 2).map(([channel, value]) => html`<span key=${channel}><b>${channel}</b> ${number(value)}</span>`)}</span>`;
  if (layer.blocked) return html`<span>not shown</span>`;
  return html`<span>${statistics?.dead ? `${count(statistics.dead)} dead` : ""}</span>`;
}

export function Network({ strip }) {
  const store = useStore();
  return strip ? html`<${Strip} />` : html`<${Tree} store=${store} />`;
}

function Tree({ store }) {
  const rowHeight = store.form.value === "vast" ? 58 : 46;
  const rows = store.rows.value;
  const { lanes, width } = store.lanes.value;
  const layers = store.layers.value;
  const current = store.view.layer.value;
  const statistics = store.statistics.value;
  const before = store.statisticsOf(store.image.value?.edited_from);
  const probe = store.probe.value;
  const [node, first, last, measure] = useWindow(rows.length, rowHeight, false);
  const [cursor, setCursor] = useState("");
  const focused = rows.some((row) => row.id === cursor) ? cursor : current;
  const rails = Math.min(width, MAX_LANES) * PITCH + 18;
  const at = rows.findIndex((row) => row.id === focused);

  const bring = (index) => {
    const box = node.current;
    if (!box || index < 0) return;
    const top = index * rowHeight;
    if (top < box.scrollTop) box.scrollTop = top - rowHeight;
    else if (top + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * rowHeight - box.clientHeight;
  };
  useEffect(() => { setCursor(""); bring(rows.findIndex((row) => row.layer >= 0 && layers[row.layer].name === current)); }, [current, store.filter.value === ""]);
  const go = (index) => {
    const row = rows[index];
    if (!row) return;
    setCursor(row.id);
    bring(index);
    if (row.layer < 0 || layers[row.layer].blocked) return;
    store.openLayer(row.id);
    store.reveal(row.id);
  };
  const keys = (event) => {
    const row = rows[at];
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    if (event.key in steps && !event.altKey) go(clamp(steps[event.key], 0, rows.length - 1));
    else if (event.key === "ArrowRight" && row?.part) {
      if (!row.open) store.fold(row.id, false);
      else go(at + 1);
    } else if (event.key === "ArrowLeft" && row) {
      if (row.part && row.open) store.fold(row.id, true);
      else {
        let up = at;
        while (up > 0 && rows[up].depth >= row.depth) up -= 1;
        if (rows[up].depth < row.depth) setCursor(rows[up].id);
      }
    } else if ((event.key === "Enter" || event.key === " ") && row?.part) store.fold(row.id, row.open);
    else return;
    consume(event);
  };
  return html`<nav class="network" aria-label="Layers">
    <div class="top">
      ${layers.length > 16
        ? html`<label class="filter"><${Icon} name="search" /><span class="unseen">Find a layer by name or type</span>
            <input type="search" placeholder="Find a layer" value=${store.filter.value} onInput=${(event) => { store.filter.value = event.currentTarget.value; }} /></label>`
        : html`<h2>${plural(layers.length, "layer")}</h2>`}
      <span class="legend">${probe ? "strongest here" : html`<i></i>not zero`}</span>
    </div>
    ${rows.length === 0 && html`<p class="none">No layer is called that.</p>`}
    <div class="rows" ref=${node} role="tree" aria-label="Layers of the network" tabindex="0" onScroll=${measure} onKeyDown=${keys}
      aria-activedescendant=${at >= first && at < last ? `row-${at}` : undefined}>
      <div role="none" style=${{ height: `${rows.length * rowHeight}px` }}>
        ${rows.slice(first, last).map((row, offset) => {
          const index = first + offset;
          const layer = row.layer >= 0 ? layers[row.layer] : null;
          const numbers = layer ? statistics[layer.name] : null;
          const on = layer ? layer.name === current : !row.open && row.layers.some((each) => layers[each].name === current);
          return html`<div key=${row.id} id=${`row-${index}`} role="treeitem" aria-level=${row.depth + 1} aria-posinset=${row.position} aria-setsize=${row.siblings}
            aria-selected=${on} aria-expanded=${row.part ? row.open : undefined} aria-disabled=${layer?.blocked ? true : undefined}
            class=${`row ${on ? "on" : ""} ${index === at ? "at" : ""} ${row.part ? "part" : ""} ${layer?.blocked ? "blocked" : ""}`}
            style=${{ transform: `translateY(${index * rowHeight}px)` }} title=${layer?.blocked ?? (layer ? layer.name : row.id)}
            onClick=${() => (row.part ? (store.fold(row.id, row.open), setCursor(row.id)) : go(index))}>
            <${Rails} lanes=${lanes[index]} width=${rails} height=${rowHeight} row=${row} layer=${layer} on=${on} />
            <span class="text" style=${{ paddingLeft: `${row.depth * 10}px` }}>
              ${row.part
                ? html`<span class="line"><${Icon} name=${row.open ? "down" : "right"} /><b>${row.label}</b><span>${row.layers.length} layers</span></span>`
                : html`<span class="line"><${Name} text=${row.label} /><span>${sizes(numbers?.shape ?? layer.shape)}</span></span>
                  <span class="line soft"><span>${layer.type}</span><${Status} layer=${layer} statistics=${numbers} probed=${probe?.get(layer.name)} /></span>
                  ${!layer.blocked && html`<${Alive} statistics=${numbers} before=${before?.[layer.name]} />`}`}
            </span>
          </div>`;
        })}
      </div>
    </div>
  </nav>`;
}

function Strip() {
  const store = useStore();
  const layers = store.layers.value;
  const statistics = store.statistics.value;
  const current = store.view.layer.value;
  const probe = store.probe.value;
  const [node, first, last, measure] = useWindow(layers.length, CELL, true);
  const at = store.layerNumbers.value.get(current) ?? -1;
  useLayoutEffect(() => {
    const box = node.current;
    const left = at * CELL;
    if (at >= 0 && (left < box.scrollLeft || left + CELL > box.scrollLeft + box.clientWidth)) box.scrollLeft = left - (box.clientWidth - CELL) / 2;
  }, [at]);
  const keys = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || event.altKey) return;
    consume(event);
    store.walkLayers(by);
  };
  return html`<nav class="strip" aria-label="Layers">
    <div class="cells" ref=${node} role="listbox" aria-orientation="horizontal" aria-label="Layers of the network" tabindex="0" onScroll=${measure} onKeyDown=${keys}
      aria-activedescendant=${at >= first && at < last ? `cell-${at}` : undefined}>
      <div role="none" style=${{ width: `${layers.length * CELL}px` }}>
        ${layers.slice(first, last).map((layer, offset) => {
          const index = first + offset;
          const numbers = statistics[layer.name];
          return html`<div key=${layer.name} id=${`cell-${index}`} role="option" aria-selected=${index === at} aria-posinset=${index + 1} aria-setsize=${layers.length}
            aria-disabled=${layer.blocked ? true : undefined} title=${layer.blocked ?? layer.name}
            class=${`cell ${index === at ? "on" : ""} ${layer.blocked ? "blocked" : ""}`} style=${{ transform: `translateX(${index * CELL}px)` }}
            onClick=${() => layer.blocked || store.openLayer(layer.name)}>
            <${Name} text=${shortName(layer.name)} />
            <span>${probe?.get(layer.name) ? html`<${Status} layer=${layer} probed=${probe.get(layer.name)} />` : sizes(numbers?.shape ?? layer.shape)}</span>
            ${!layer.blocked && html`<${Alive} statistics=${numbers} />`}
          </div>`;
        })}
      </div>
    </div>
  </nav>`;
}
