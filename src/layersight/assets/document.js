"use strict";
// The card, the large view and the controls. The rest of the page works without this file.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.documentElement;
  const card = one("#card");
  const large = one("#large");
  const narrow = () => innerWidth < 704;
  const nearest = (target, selector) => (target instanceof Element ? target.closest(selector) : null);

  // The name, words and facts of a tile or a picture. The browser's own tooltip would cover the
  // card, so the title becomes a description.
  const describe = (element) => {
    if (element.title) {
      element.setAttribute("aria-description", element.title);
      element.removeAttribute("title");
    }
    const [name, ...lines] = (element.getAttribute("aria-description") || "").split("\n");
    const facts = lines.filter((line) => line.includes("\t")).map((line) => line.split("\t"));
    return { name, facts, words: lines.filter((line) => !line.includes("\t")).join(" ") };
  };
  const cache = new WeakMap();
  const dataOf = (element) => {
    if (!cache.has(element)) {
      const holders = [element.closest(".tiles"), element.closest("li"), element.closest(".frame")];
      cache.set(element, Object.assign({}, ...holders.map((each) => JSON.parse(each?.dataset.of ?? "{}"))));
    }
    return cache.get(element);
  };

  const fill = (panel, { name, facts, words }) => {
    one(".who", panel).textContent = name;
    one(".quiet", panel).textContent = words;
    one("dl", panel).replaceChildren(...facts.flatMap(([label, value]) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = label;
      dd.textContent = value;
      return [dt, dd];
    }));
  };

  // --- values ----------------------------------------------------------------------------------

  // The indices and the palette of a PNG as layersight writes it: 8 bits, each row as its
  // difference from the row above. A canvas would give colours, and hide transparent pixels.
  const read = async (address) => {
    const bytes = Uint8Array.from(atob(address.slice(address.indexOf(",") + 1)), (each) => each.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const [width, height, kind] = [view.getUint32(16), view.getUint32(20), bytes[25]];
    let palette = null;
    const parts = [];
    for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
      const body = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
      const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      if (name === "PLTE") palette = body;
      if (name === "IDAT") parts.push(body);
    }
    if (kind !== 3) return null;
    const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
    const raw = new Uint8Array(await new Response(stream).arrayBuffer());
    const pixels = new Uint8Array(width * height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const above = y ? pixels[(y - 1) * width + x] : 0;
        pixels[y * width + x] = raw[y * (width + 1) + 1 + x] + above;
      }
    }
    return { width, height, palette, pixels };
  };
  const pictures = new Map();
  const indices = (element) => {
    const img = one("img", element);
    const list = element.closest(".tiles, .stage");
    const address = img ? img.src : list ? list.style.backgroundImage.replace(/^url\(["']?|["']?\)$/g, "") : "";
    if (!address) return Promise.resolve(null);
    if (!pictures.has(address)) pictures.set(address, read(address).catch(() => null));
    return pictures.get(address);
  };

  const number = (value) => String(Number(value.toPrecision(4))).replace("-", "\u2212");
  const valueOf = (index, { low, high, cut }) => {
    const sign = index === 255 && cut[1] ? "\u2265 " : index <= 1 && cut[0] ? "\u2264 " : "";
    return sign + number(low + (index / 255) * (high - low));
  };

  // The value at a share of the width and of the height of a picture, in words; null if unknown.
  const valueAt = async (pic, across, down) => {
    const data = dataOf(pic);
    if (data.seen) {
      const [top, left, bottom, right] = data.seen;
      if (down < top || down >= bottom || across < left || across >= right) return "not seen by the network";
    }
    const [height, width] = data.pixel;
    const y = Math.min(height - 1, Math.floor(down * height));
    const x = Math.min(width - 1, Math.floor(across * width));
    if (data.values) return data.values[y][x] === null ? "not a number" : number(data.values[y][x]);
    if (data.low === undefined) return null;
    const png = await indices(pic);
    if (!png) return null;
    const { style } = one(".pic", pic) ?? pic;
    const [column, row] = ["--x", "--y"].map((name) => Number(style.getPropertyValue(name)) || 0);
    return valueOf(png.pixels[(row * height + y) * png.width + column * width + x], data);
  };

  // --- tiles: the card and the large view --------------------------------------------------------

  let shown = null; // the tile or the picture in the card
  let viewed = null; // the tile of the large view

  const beside = (box) => {
    card.hidden = false;
    card.style.left = card.style.top = "";
    if (narrow()) return;
    const { width, height } = card.getBoundingClientRect();
    let left = box.right + 12;
    if (left + width > innerWidth - 12) left = box.left - 12 - width;
    if (left < 12) left = Math.max(12, innerWidth - 12 - width);
    const middle = (box.top + box.bottom - height) / 2;
    card.style.left = `${left}px`;
    card.style.top = `${Math.max(12, Math.min(middle, innerHeight - 12 - height))}px`;
  };
  const hide = () => {
    card.hidden = true;
    one(".at")?.remove();
    shown = null;
  };

  // A copy of the tile, each of its pixels a square of a whole number of screen pixels.
  const enlarge = (tile, stage, wide, tall, least) => {
    const pic = one(".pic", tile);
    const list = tile.closest(".tiles");
    const [height, width] = pic.firstElementChild?.naturalHeight
      ? [pic.firstElementChild.naturalHeight, pic.firstElementChild.naturalWidth] : dataOf(tile).pixel;
    let zoom = Math.min(wide / width, tall / height);
    if (zoom >= 1 && !list.classList.contains("smooth")) zoom = Math.floor(zoom);
    const box = pic.getBoundingClientRect();
    stage.replaceChildren();
    if (width * zoom < least * box.width) return;
    stage.style.cssText = list.style.cssText;
    stage.className = `stage ${["own", "smooth"].filter((each) => list.classList.contains(each)).join(" ")}`;
    const copy = pic.cloneNode(true);
    all("canvas", copy).forEach((each) => each.remove());
    copy.style.setProperty("--w", `${Math.round(width * zoom)}px`);
    copy.style.setProperty("--h", `${Math.round(height * zoom)}px`);
    stage.append(copy);
    if (root.dataset.show === "heat") drawHeat(copy);
  };

  const show = (tile) => {
    shown = tile;
    fill(card, describe(tile));
    const room = narrow() ? Math.min(innerWidth - 48, innerHeight * 0.36) : 330;
    enlarge(tile, one(".stage", card), room, room, one(".cover", tile) ? Infinity : 1.2);
    beside(tile.getBoundingClientRect());
  };

  const open = (tile) => {
    hide();
    viewed = tile;
    fill(large, describe(tile));
    const slim = innerWidth < 832;
    enlarge(tile, one(".stage", large), Math.min(innerWidth - (slim ? 80 : 470), 720), Math.min(innerHeight - 170, 720), 0);
    const more = one("template", tile.parentNode);
    one(".more", large).replaceChildren(...(more ? [more.content.cloneNode(true)] : []));
    if (!large.open) large.showModal();
  };

  const tilesOf = (from) => all(".tiles button", from).filter((each) => each.offsetParent);
  const openNext = (by) => {
    const tiles = tilesOf(document);
    const next = tiles[tiles.indexOf(viewed) + by];
    if (next) open(next);
  };
  // One stop of the Tab key for each list; the arrow keys continue from there.
  const setTabStop = (list) => all("button", list).forEach((tile, index) => { tile.tabIndex = index ? -1 : 0; });
  const focusTile = (tile) => {
    const list = tile.closest(".tiles");
    all('button[tabindex="0"]', list).forEach((each) => { each.tabIndex = -1; });
    tile.tabIndex = 0;
    tile.focus();
  };
  const neighbour = (tile, key) => {
    const tiles = tilesOf(tile.closest(".tiles"));
    const here = tiles.indexOf(tile);
    const lines = tiles.findIndex((each) => each.getBoundingClientRect().top > tiles[0].getBoundingClientRect().top + 1);
    const columns = lines < 0 ? tiles.length : lines;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    return tiles[key === "Home" ? 0 : key === "End" ? tiles.length - 1 : here + by[key]];
  };

  // The value under the pointer, before the other facts.
  const point = async (event, pic) => {
    const [tile, panel] = large.open ? [viewed, large] : [shown, card];
    if (!tile || one(".cover", pic)) return;
    const box = pic.getBoundingClientRect();
    const across = Math.min(0.99999, Math.max(0, (event.clientX - box.left) / box.width));
    const down = Math.min(0.99999, Math.max(0, (event.clientY - box.top) / box.height));
    const value = await valueAt(tile, across, down);
    if (value === null || (tile !== shown && tile !== viewed)) return;
    const [height, width] = dataOf(tile).pixel;
    const where = `at x ${Math.floor(across * width)}, y ${Math.floor(down * height)}`;
    const { facts, ...rest } = describe(tile);
    fill(panel, { ...rest, facts: [[where, value], ...facts] });
  };

  // --- pictures: a position, the value there -----------------------------------------------------

  const mark = async (frame, row, column, box) => {
    shown = frame;
    const data = dataOf(frame);
    const [height, width] = data.pixel;
    const gone = data.gone?.some(([top, left, bottom, right]) => row >= top && row < bottom && column >= left && column < right);
    if (row < 0 || column < 0 || row >= height || column >= width || gone) return;
    frame.dataset.at = `${row},${column}`;
    let at = one(".at", frame);
    if (!at) {
      one(".at")?.remove();
      at = document.createElement("i");
      at.className = "at";
      frame.append(at);
    }
    Object.assign(at.style, { left: `${(100 * column) / width}%`, top: `${(100 * row) / height}%`, width: `${100 / width}%`, height: `${100 / height}%` });
    const { name, facts, words } = describe(frame);
    const label = data.rows?.[row] ?? row;
    const where = data.unit === "unit" ? `unit ${data.cells?.[row * width + column] ?? Number(label) + column}`
      : data.unit ? `${data.unit} ${label}, position ${column}` : `row ${label}, column ${column}`;
    const value = await valueAt(frame, (column + 0.5) / width, (row + 0.5) / height);
    if (shown !== frame) return;
    one(".stage", card).replaceChildren();
    const values = value === null ? [] : [["value", value]];
    fill(card, { name: `${name}${name ? ", " : ""}${where}`, facts: [...values, ...facts], words });
    beside(box || at.getBoundingClientRect());
  };

  // --- events ------------------------------------------------------------------------------------

  const tileAt = (target) => nearest(target, ".tiles button");
  const frameAt = (target) => nearest(target, ".frame[data-of]");
  document.addEventListener("pointerover", (event) => {
    const tile = tileAt(event.target);
    if (tile && tile !== shown && !large.open) show(tile);
  });
  document.addEventListener("pointermove", (event) => {
    const frame = frameAt(event.target);
    if (frame) {
      const box = frame.getBoundingClientRect();
      const [height, width] = dataOf(frame).pixel;
      mark(frame, Math.floor(((event.clientY - box.top) / box.height) * height), Math.floor(((event.clientX - box.left) / box.width) * width));
      return;
    }
    const pic = nearest(event.target, ".pic");
    if (pic) point(event, pic);
  });
  document.addEventListener("pointerout", (event) => {
    const left = tileAt(event.target) || frameAt(event.target);
    if (left && left === shown && !left.contains(event.relatedTarget)) hide();
  });
  document.addEventListener("focusin", (event) => {
    const tile = tileAt(event.target);
    if (tile && tile.matches(":focus-visible") && !large.open) show(tile);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target === shown) hide();
  });
  addEventListener("resize", () => {
    hide();
    if (viewed) open(viewed);
  });
  document.addEventListener("click", (event) => {
    const tile = tileAt(event.target);
    if (tile) open(tile);
    else if (event.target === large || nearest(event.target, ".close")) large.close();
    else if (nearest(event.target, ".back")) openNext(-1);
    else if (nearest(event.target, ".on")) openNext(1);
  });
  large.addEventListener("close", () => {
    if (viewed) focusTile(viewed);
    viewed = null;
    hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (large.open) {
      if (event.key === "ArrowLeft") openNext(-1);
      if (event.key === "ArrowRight") openNext(1);
      return;
    }
    if (event.key === "Escape") hide();
    if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
    const tile = tileAt(event.target);
    const frame = frameAt(event.target);
    if (!tile && !frame) return;
    event.preventDefault();
    if (tile) {
      const next = neighbour(tile, event.key);
      if (next) {
        focusTile(next);
        show(next);
      }
      return;
    }
    const [row, column] = (frame.dataset.at || "0,-1").split(",").map(Number);
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [-row, -column] }[event.key] || [0, 0];
    mark(frame, row + by[0], column + by[1]);
  });
  for (const frame of all(".frame[data-of]")) frame.tabIndex = 0;

  // --- controls ----------------------------------------------------------------------------------

  for (const hidden of all(".with-script")) hidden.hidden = false;
  const bar = one(".toolbar");
  const value = (id) => one(id)?.value ?? "";

  // The heat of an overlay without its photograph: its own colours, all of them opaque.
  const drawHeat = async (element) => {
    const img = one(".over", element);
    const png = img && (await indices(element));
    if (!png || one("canvas", element)) return;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: png.width, height: png.height });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(png.width, png.height);
    png.pixels.forEach((index, at) => {
      image.data.set([...png.palette.subarray(3 * index, 3 * index + 3), 255], 4 * at);
    });
    pen.putImageData(image, 0, 0);
    img.after(canvas);
  };

  const find = () => {
    const words = value("#find").trim().toLowerCase();
    const sections = all("section.layer");
    let fits = 0;
    for (const section of sections) {
      const fit = (one("h3", section)?.textContent ?? "").toLowerCase().includes(words);
      fits += fit;
      section.hidden = !fit;
      for (const link of all(`.contents a[href="#${section.id}"], tbody a[href="#${section.id}"]`)) {
        link.closest("li, tr").hidden = !fit;
      }
    }
    one("#found").textContent = words ? `${fits} of ${sections.length}` : "";
  };
  const sort = () => {
    for (const list of all(".tiles:not(.fixed)")) {
      const items = all(":scope > li", list);
      items.forEach((item, index) => { item.dataset.index ??= index; });
      const order = JSON.parse(list.dataset.of).orders?.[value("#order")];
      const rank = new Map(order?.map((index, at) => [String(index), at]));
      const rankOf = ({ dataset: { index } }) => (order ? rank.get(index) : Number(index));
      items.sort((a, b) => rankOf(a) - rankOf(b));
      list.append(...items);
    }
  };
  const settle = () => {
    hide();
    if (one("#find")) find();
    if (one("#order")) sort();
    for (const list of all(".tiles")) setTabStop(list);
    root.classList.toggle("hide-dead", Boolean(one("#hide-dead")?.checked));
    root.dataset.size = bar.elements.size?.value ?? "m";
    if (!one("#cover")) return;
    root.dataset.show = bar.elements.show.value;
    if (root.dataset.show === "heat") all(".tiles .pic, .frame").forEach(drawHeat);
    one("#covered").textContent = `${value("#cover")}%`;
    root.style.setProperty("--cover", value("#cover") / 100);
  };
  if (bar) {
    bar.addEventListener("submit", (event) => event.preventDefault());
    bar.addEventListener("input", settle);
    // The controls of a reloaded page may already be set.
    settle();
  } else for (const list of all(".tiles")) setTabStop(list);

  one("#copy").addEventListener("click", async (event) => {
    const manifest = one("#layersight-manifest");
    getSelection().selectAllChildren(manifest);
    await navigator.clipboard?.writeText(manifest.textContent).then(() => { event.target.textContent = "copied"; }, () => {});
  });

  // Marks the section that the reader is at.
  const links = new Map(all(".contents .in a").map((link) => [link.hash.slice(1), link.parentNode]));
  const visible = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) visible[isIntersecting ? "add" : "delete"](target);
    const here = all("section.layer").find((section) => visible.has(section));
    for (const [id, item] of links) item.classList.toggle("here", id === here?.id);
  }, { rootMargin: "-64px 0px -60% 0px" });
  for (const section of all("section.layer")) watch.observe(section);
})();
