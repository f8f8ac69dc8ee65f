// The card and the controls. Everything else of the page stands without this file.
(() => {
  const data = JSON.parse(document.getElementById("layersight-data").textContent);
  const card = document.getElementById("card");
  const part = (selector) => card.querySelector(selector);
  const sprites = new WeakMap();
  let shown = null; // the tile, or the picture of units, that the card is about
  let kept = false;

  // What a tile is: its list, its layer, its numbers, its place among the channels.
  const about = (tile) => {
    const list = tile.closest(".tiles, .units");
    const layer = data.layers[tile.closest(".layer").dataset.layer - 1];
    const image = Number(list.dataset.image);
    const units = list.classList.contains("units");
    const index = units
      ? Number(tile.dataset.unit || 0)
      : Array.prototype.indexOf.call(list.children, tile.parentNode);
    return { list, layer, image, units, index, numbers: layer.images[image] };
  };

  const spriteOf = (list) => {
    let sprite = list.querySelector("img") || sprites.get(list);
    if (!sprite) {
      sprite = new Image();
      sprite.src = list.style.backgroundImage.replace(/^url\(["']?|["']?\)$/g, "");
      sprites.set(list, sprite);
    }
    return sprite;
  };

  const text = (value) => (value === null ? "not a number" : String(value));
  const percent = (share) => (share === null ? "not a number" : `${Number((100 * share).toPrecision(4))} %`);

  const rows = (pairs) => shared.rows(part("dl"), pairs);

  // The map, each pixel as a square of a whole number of pixels of the screen.
  const draw = (tile, { list, layer, units, index, numbers }) => {
    const { width, height, columns } = numbers;
    const narrow = innerWidth < 704;
    const room = narrow ? Math.min(innerWidth - 48, innerHeight * 0.38) : 320;
    const most = narrow ? room : 460;
    let zoom = Math.floor(room / Math.max(width, layer.form === "rows" ? 1 : height));
    if (zoom < 1) zoom = 1 / Math.ceil(Math.max(width, height) / most);
    if (units) zoom = 56;
    const canvas = part("canvas");
    const sprite = spriteOf(list);
    canvas.style.clipPath = list.style.getPropertyValue("--clip");
    canvas.width = Math.round(width * zoom);
    canvas.height = layer.form === "rows" ? 40 : Math.round(height * zoom);
    const paint = () => {
      if (shown !== tile) return;
      const pen = canvas.getContext("2d");
      pen.imageSmoothingEnabled = false;
      const x = (index % columns) * width;
      const y = Math.floor(index / columns) * height;
      pen.drawImage(sprite, x, y, width, height, 0, 0, canvas.width, canvas.height);
    };
    if (sprite.complete) paint();
    else sprite.addEventListener("load", paint, { once: true });
    return zoom;
  };

  const place = (tile) => shared.place(card, tile.querySelector(".at") || tile);

  const mark = (tile, { index, numbers }) => {
    const img = tile.querySelector("img");
    let at = tile.querySelector(".at");
    if (!at) {
      at = document.createElement("i");
      at.className = "at";
      tile.append(at);
    }
    const edge = img.clientWidth / numbers.columns;
    Object.assign(at.style, {
      left: `${(index % numbers.columns) * edge}px`,
      top: `${Math.floor(index / numbers.columns) * edge}px`,
      width: `${edge}px`,
      height: `${edge}px`,
    });
  };

  const show = (tile) => {
    shared.describe(tile);
    if (shown && shown !== tile) leave(shown);
    shown = tile;
    const what = about(tile);
    const { layer, index, numbers, units, image } = what;
    const broken = numbers.broken.includes(index);
    const dead = !units && numbers.dead.includes(index);
    part(".name").textContent = layer.name;
    part(".which").textContent = `${units ? "unit" : "channel"} ${layer.channels[index]}`;
    const notes = [];
    if (data.images.length > 1) notes.push(data.images[image]);
    part(".flat").hidden = !(dead || broken);
    part("canvas").hidden = dead || broken;
    if (units) {
      mark(tile, what);
      rows([["value", text(numbers.values[index])]]);
    } else {
      rows([
        ["mean", text(numbers.mean[index])],
        ["min", text(numbers.min[index])],
        ["sparsity", percent(numbers.sparsity[index])],
        ["std", text(numbers.std[index])],
        ["max", text(numbers.max[index])],
        ["dead", dead ? "yes" : "no"],
      ]);
      notes.push(layer.form === "rows" ? `${layer.size} positions` : layer.size);
    }
    if (broken) part(".flat").textContent = "not a number";
    else if (dead) part(".flat").textContent = `dead for this image: constant ${text(numbers.min[index])}`;
    else {
      const zoom = draw(tile, what);
      if (layer.form === "tiles") notes.push(zoom < 1 ? `shown at 1/${Math.round(1 / zoom)}` : `each pixel ${zoom} x ${zoom}`);
    }
    part(".quiet").textContent = notes.join(", ");
    part(".quiet").hidden = notes.length === 0;
    card.hidden = false;
    place(tile);
  };

  const leave = (tile) => {
    tile.classList.remove("pinned");
    tile.querySelector(".at")?.remove();
  };

  const close = () => {
    if (shown) leave(shown);
    shown = null;
    kept = false;
    card.hidden = true;
    card.classList.remove("kept");
  };

  const keep = (tile) => {
    if (kept && shown === tile && !tile.dataset.unit) return close();
    show(tile);
    kept = true;
    card.classList.add("kept");
    tile.classList.add("pinned");
    return undefined;
  };

  const tileAt = (target) =>
    target instanceof Element ? target.closest(".tiles button, .units button") : null;

  const pointUnit = (tile, event) => {
    const img = tile.querySelector("img");
    const box = img.getBoundingClientRect();
    const { layer, numbers } = about(tile);
    const edge = box.width / numbers.columns;
    const row = Math.floor((event.clientY - box.top) / edge);
    const column = Math.min(numbers.columns - 1, Math.floor((event.clientX - box.left) / edge));
    const unit = Math.max(0, row) * numbers.columns + Math.max(0, column);
    if (unit >= layer.channels.length) return false;
    tile.dataset.unit = unit;
    return true;
  };

  document.addEventListener("pointerover", (event) => {
    const tile = tileAt(event.target);
    if (tile && !kept && !tile.querySelector("img")) show(tile);
  });
  document.addEventListener("pointermove", (event) => {
    const tile = tileAt(event.target);
    if (tile && !kept && tile.querySelector("img") && pointUnit(tile, event)) show(tile);
  });
  document.addEventListener("pointerout", (event) => {
    const tile = tileAt(event.target);
    if (tile && tile === shown && !kept && tileAt(event.relatedTarget) !== tile) close();
  });
  document.addEventListener("focusin", (event) => {
    const tile = tileAt(event.target);
    if (tile && !kept && tile.matches(":focus-visible")) show(tile);
  });
  document.addEventListener("focusout", (event) => {
    if (shown && !kept && event.target === shown) close();
  });
  document.addEventListener("click", (event) => {
    const tile = tileAt(event.target);
    if (tile) {
      if (tile.querySelector("img") && event.detail > 0 && !pointUnit(tile, event)) return;
      keep(tile);
    } else if (part(".close").contains(event.target)) {
      const back = shown;
      close();
      back?.focus({ preventScroll: true });
    }
  });
  addEventListener("resize", close);

  for (const list of document.querySelectorAll(".tiles")) shared.oneStop(list);
  const stepUnit = (tile, key) => {
    const { layer, numbers, index } = about(tile);
    const last = layer.channels.length - 1;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -numbers.columns, ArrowDown: numbers.columns };
    const to = key === "Home" ? 0 : key === "End" ? last : index + by[key];
    if (to >= 0 && to <= last) tile.dataset.unit = to;
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && shown) {
      close();
      return;
    }
    const tile = tileAt(event.target);
    if (!tile || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!shared.arrows.test(event.key)) return;
    event.preventDefault();
    kept = false;
    card.classList.remove("kept");
    if (tile.querySelector("img")) {
      stepUnit(tile, event.key);
      show(tile);
      return;
    }
    const next = shared.step(tile.closest(".tiles"), tile, event.key);
    if (!next) return;
    shared.go(tile, next);
    show(next);
  });

  // The controls.
  for (const hidden of document.querySelectorAll(".with-script")) hidden.hidden = false;
  const bar = document.querySelector(".toolbar");
  const root = document.documentElement;
  const find = () => {
    const words = document.getElementById("find").value.trim().toLowerCase();
    let found = 0;
    data.layers.forEach((layer, place) => {
      const fits = `${layer.name}\n${layer.type}`.toLowerCase().includes(words);
      found += fits;
      for (const each of document.querySelectorAll(`[data-layer="${place + 1}"]`)) each.hidden = !fits;
    });
    document.getElementById("found").textContent = words ? `${found} of ${data.layers.length} layers` : "";
  };
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", (event) => {
    close();
    if (event.target.id === "find") find();
    if (event.target.id === "hide-dead") root.classList.toggle("hide-dead", event.target.checked);
    if (event.target.name === "size") root.dataset.size = event.target.value;
  });
  // A reloaded page may come back with its controls already set.
  root.dataset.size = bar.elements.size.value;
  root.classList.toggle("hide-dead", bar.elements["hide-dead"].checked);
  find();

  shared.watch();
})();
