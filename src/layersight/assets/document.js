"use strict";
// The card, the large view and the controls. Everything else of the page stands without this file.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.documentElement;
  const card = one("#card");
  const large = one("#large");
  const narrow = () => innerWidth < 704;
  const nearest = (target, selector) => (target instanceof Element ? target.closest(selector) : null);

  // What a tile or a picture says: its name, words, and names with values. The browser's own
  // hint would cover the card, so the words become a description.
  const told = (thing) => {
    if (thing.title) {
      thing.setAttribute("aria-description", thing.title);
      thing.removeAttribute("title");
    }
    const [name, ...lines] = (thing.getAttribute("aria-description") || "").split("\n");
    const facts = lines.filter((line) => line.includes("\t")).map((line) => line.split("\t"));
    return { name, facts, words: lines.filter((line) => !line.includes("\t")).join(" ") };
  };
  const known = new WeakMap();
  const dataOf = (thing) => {
    if (!known.has(thing)) {
      const holders = [thing.closest(".tiles"), thing.closest("li"), thing.closest(".frame")];
      known.set(thing, Object.assign({}, ...holders.map((each) => JSON.parse(each?.dataset.of ?? "{}"))));
    }
    return known.get(thing);
  };

  const fill = (place, name, facts, words) => {
    one(".who", place).textContent = name;
    one(".quiet", place).textContent = words;
    one("dl", place).replaceChildren(...facts.flatMap(([label, value]) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = label;
      dd.textContent = value;
      return [dt, dd];
    }));
  };

  // --- values ----------------------------------------------------------------------------------

  // The indices and the palette of a PNG as layersight writes it: 8 bits, each row as its
  // difference from the row above. A canvas would give colours, and hide what is transparent.
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
  const indices = (thing) => {
    const img = one("img", thing);
    const list = thing.closest(".tiles, .stage");
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

  // What is at a share of the width and of the height of a picture, as a fact; null if unknown.
  const factAt = async (pic, across, down) => {
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
    const found = await indices(pic);
    if (!found) return null;
    const { style } = one(".pic", pic) ?? pic;
    const [column, row] = ["--x", "--y"].map((name) => Number(style.getPropertyValue(name)) || 0);
    return valueOf(found.pixels[(row * height + y) * found.width + column * width + x], data);
  };

  // --- tiles: the card and the large view --------------------------------------------------------

  let shown = null; // the tile or the picture that the card is about
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

  // The tile again, each of its pixels a square of a whole number of the screen's.
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
    if (root.dataset.show === "heat") alone(copy);
  };

  const show = (tile) => {
    shown = tile;
    const { name, facts, words } = told(tile);
    fill(card, name, facts, words);
    const room = narrow() ? Math.min(innerWidth - 48, innerHeight * 0.36) : 330;
    enlarge(tile, one(".stage", card), room, room, one(".cover", tile) ? Infinity : 1.2);
    beside(tile.getBoundingClientRect());
  };

  const open = (tile) => {
    hide();
    viewed = tile;
    const { name, facts, words } = told(tile);
    fill(large, name, facts, words);
    const slim = innerWidth < 832;
    enlarge(tile, one(".stage", large), Math.min(innerWidth - (slim ? 80 : 470), 720), Math.min(innerHeight - 170, 720), 0);
    const more = one("template", tile.parentNode);
    one(".more", large).replaceChildren(...(more ? [more.content.cloneNode(true)] : []));
    if (!large.open) large.showModal();
  };

  const tilesOf = (from) => all(".tiles button", from).filter((each) => each.offsetParent);
  const turn = (by) => {
    const tiles = tilesOf(document);
    const next = tiles[tiles.indexOf(viewed) + by];
    if (next) open(next);
  };
  // One stop of the Tab key for each list; the arrow keys go on from there.
  const oneStop = (list) => all("button", list).forEach((tile, place) => { tile.tabIndex = place ? -1 : 0; });
  const go = (tile) => {
    const list = tile.closest(".tiles");
    all('button[tabindex="0"]', list).forEach((each) => { each.tabIndex = -1; });
    tile.tabIndex = 0;
    tile.focus();
  };
  const step = (tile, key) => {
    const tiles = tilesOf(tile.closest(".tiles"));
    const here = tiles.indexOf(tile);
    const lines = tiles.findIndex((each) => each.getBoundingClientRect().top > tiles[0].getBoundingClientRect().top + 1);
    const columns = lines < 0 ? tiles.length : lines;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    return tiles[key === "Home" ? 0 : key === "End" ? tiles.length - 1 : here + by[key]];
  };

  // The value under the pointer, before the other facts.
  const point = async (event, pic) => {
    const [thing, place] = large.open ? [viewed, large] : [shown, card];
    if (!thing || one(".cover", pic)) return;
    const box = pic.getBoundingClientRect();
    const across = Math.min(0.99999, Math.max(0, (event.clientX - box.left) / box.width));
    const down = Math.min(0.99999, Math.max(0, (event.clientY - box.top) / box.height));
    const { name, facts, words } = told(thing);
    const value = await factAt(thing, across, down);
    if (value === null || (thing !== shown && thing !== viewed)) return;
    const [height, width] = dataOf(thing).pixel;
    const where = `at x ${Math.floor(across * width)}, y ${Math.floor(down * height)}`;
    fill(place, name, [[where, value], ...facts], words);
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
    const { name, facts, words } = told(frame);
    const label = data.rows?.[row] ?? row;
    const where = data.unit === "unit" ? `unit ${data.cells?.[row * width + column] ?? Number(label) + column}`
      : data.unit ? `${data.unit} ${label}, position ${column}` : `row ${label}, column ${column}`;
    const value = await factAt(frame, (column + 0.5) / width, (row + 0.5) / height);
    if (shown !== frame) return;
    one(".stage", card).replaceChildren();
    fill(card, `${name}${name ? ", " : ""}${where}`, [...(value === null ? [] : [["value", value]]), ...facts], words);
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
    else if (nearest(event.target, ".back")) turn(-1);
    else if (nearest(event.target, ".on")) turn(1);
  });
  large.addEventListener("close", () => {
    if (viewed) go(viewed);
    viewed = null;
    hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (large.open) {
      if (event.key === "ArrowLeft") turn(-1);
      if (event.key === "ArrowRight") turn(1);
      return;
    }
    if (event.key === "Escape") hide();
    if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
    const tile = tileAt(event.target);
    const frame = frameAt(event.target);
    if (!tile && !frame) return;
    event.preventDefault();
    if (tile) {
      const next = step(tile, event.key);
      if (next) {
        go(next);
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
  const alone = async (place) => {
    const img = one(".over", place);
    const found = img && (await indices(place));
    if (!found || one("canvas", place)) return;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: found.width, height: found.height });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(found.width, found.height);
    found.pixels.forEach((index, at) => {
      image.data.set([...found.palette.subarray(3 * index, 3 * index + 3), 255], 4 * at);
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
      items.forEach((item, place) => { item.dataset.place ??= place; });
      const order = JSON.parse(list.dataset.of).orders?.[value("#order")];
      const rank = new Map(order?.map((place, at) => [String(place), at]));
      items.sort((a, b) => (order ? rank.get(a.dataset.place) - rank.get(b.dataset.place) : a.dataset.place - b.dataset.place));
      list.append(...items);
    }
  };
  const settle = () => {
    hide();
    if (one("#find")) find();
    if (one("#order")) sort();
    for (const list of all(".tiles")) oneStop(list);
    root.classList.toggle("hide-dead", Boolean(one("#hide-dead")?.checked));
    root.dataset.size = bar.elements.size?.value ?? "m";
    if (!one("#cover")) return;
    root.dataset.show = bar.elements.show.value;
    if (root.dataset.show === "heat") for (const place of all(".tiles .pic, .frame")) alone(place);
    one("#covered").textContent = `${value("#cover")}%`;
    root.style.setProperty("--cover", value("#cover") / 100);
  };
  if (bar) {
    bar.addEventListener("submit", (event) => event.preventDefault());
    bar.addEventListener("input", settle);
    // A reloaded page may come back with its controls already set.
    settle();
  } else for (const list of all(".tiles")) oneStop(list);

  one("#copy").addEventListener("click", async (event) => {
    const manifest = one("#layersight-manifest");
    getSelection().selectAllChildren(manifest);
    await navigator.clipboard?.writeText(manifest.textContent).then(() => { event.target.textContent = "copied"; }, () => {});
  });

  // Where in the page the reader is.
  const links = new Map(all(".contents .in a").map((link) => [link.hash.slice(1), link.parentNode]));
  const visible = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) visible[isIntersecting ? "add" : "delete"](target);
    const here = all("section.layer").find((section) => visible.has(section));
    for (const [id, item] of links) item.classList.toggle("here", id === here?.id);
  }, { rootMargin: "-64px 0px -60% 0px" });
  for (const section of all("section.layer")) watch.observe(section);
})();
