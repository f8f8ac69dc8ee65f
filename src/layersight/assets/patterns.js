// The card, the large view and the controls of a page of patterns.
(() => {
  const data = JSON.parse(document.getElementById("layersight-data").textContent);
  const card = document.getElementById("card");
  const large = document.getElementById("large");
  const root = document.documentElement;
  let shown = null; // the tile that the card or the large view is about

  const of = (tile) => data.patterns[tile.parentNode.dataset.place];
  const text = (value) => {
    if (value === null) return "\u2013";
    const large = Math.abs(value) >= 1e3 && Math.abs(value) < 1e6;
    return large ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
  };
  const percent = (share) => (share === null ? "\u2013" : `${Number((100 * share).toPrecision(3))} %`);

  const pairs = (pattern) => {
    const found = [
      ["activation reached", text(pattern.activation)],
      ["at the start", text(pattern.start_activation)],
    ];
    if (pattern.empty) return found;
    found.push(["kept when shifted, rescaled", percent(pattern.robustness)]);
    if (pattern.natural) {
      const [middle, high, most] = pattern.natural;
      found.push(
        [`median of ${data.naturalCount} natural images`, text(middle)],
        ["their 99th percentile", text(high)],
        ["the strongest of them", text(most)],
        ["of them reach no more", `${text(pattern.percentile)} %`],
      );
    }
    return found;
  };

  const name = (place, pattern) => {
    place.querySelector(".name").textContent = pattern.layer;
    place.querySelector(".which").textContent = pattern.name;
  };

  const show = (tile) => {
    shared.describe(tile);
    shown = tile;
    const pattern = of(tile);
    name(card, pattern);
    shared.rows(card.querySelector("dl"), pairs(pattern));
    card.querySelector(".quiet").textContent = pattern.ending;
    card.hidden = false;
    shared.place(card, tile);
  };
  const hide = () => {
    card.hidden = true;
  };

  const tag = (kind, attributes, words) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (words !== undefined) made.textContent = words;
    return made;
  };

  // The ascent, and what natural images reach beside it.
  const curve = (pattern) => {
    const plot = large.querySelector("svg");
    const values = pattern.history;
    const marks = pattern.natural ? pattern.natural : [];
    const every = [0, pattern.activation, ...values, ...marks].filter((each) => each !== null);
    const low = Math.min(...every);
    const high = Math.max(...every);
    const [left, right, top, bottom] = [38, 312, 12, 108];
    const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
    const x = (step) => left + (step / Math.max(1, values.length)) * (right - left);
    const parts = [];
    for (const value of [low, high]) {
      parts.push(tag("path", { class: "rule", d: `M${left} ${y(value)}H${right}` }));
      parts.push(tag("text", { x: left - 4, y: y(value) + 3, "text-anchor": "end" }, text(value)));
    }
    for (const value of marks) parts.push(tag("path", { class: "mark", d: `M${left} ${y(value)}H${right}` }));
    const points = values.map((value, step) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
    parts.push(tag("polyline", { class: "line", points: points.join(" ") }));
    parts.push(tag("circle", { class: "end", cx: x(values.length), cy: y(pattern.activation), r: 3 }));
    parts.push(tag("text", { x: left, y: bottom + 14 }, "0"));
    parts.push(tag("text", { x: right, y: bottom + 14, "text-anchor": "end" }, `${values.length} steps`));
    plot.replaceChildren(...parts);
    const climbed = values.length > 1 && !pattern.dead;
    plot.style.display = climbed ? "" : "none";
    large.querySelector(".note").hidden = !climbed;
    large.querySelector(".note").textContent =
      "The activation before each step, as the network saw the canvas then" +
      (marks.length ? "; dashed: median, 99th percentile and greatest of natural images." : ".");
  };

  // The picture, each pixel as a square of a whole number of pixels of the screen.
  const stage = (tile, pattern) => {
    const place = large.querySelector(".stage");
    if (pattern.empty) {
      const flat = document.createElement("div");
      flat.className = "flat";
      flat.textContent = pattern.ending;
      place.replaceChildren(flat);
      return;
    }
    const sources = [...tile.querySelectorAll("img")];
    const [wide, tall] = [sources[0].naturalWidth, sources[0].naturalHeight];
    const narrow = innerWidth < 832;
    const across = (narrow ? innerWidth - 80 : innerWidth - 470) / (narrow ? 1 : sources.length);
    const room = Math.min(across / wide, (innerHeight - 170) / tall);
    const most = 640 / Math.max(wide, tall);
    const zoom = Math.max(1, Math.floor(Math.min(room, Math.max(1, most))));
    place.replaceChildren(
      ...sources.map((source) => {
        const picture = source.cloneNode();
        picture.width = wide * zoom;
        picture.height = tall * zoom;
        return picture;
      }),
    );
    large.querySelector(".aim").textContent =
      `maximises ${pattern.aim}; ${data.size} pixels` + (zoom > 1 ? `, each ${zoom} x ${zoom}` : "");
  };

  const open = (tile) => {
    hide();
    shown = tile;
    const pattern = of(tile);
    name(large, pattern);
    large.querySelector(".aim").textContent = `maximises ${pattern.aim}`;
    shared.rows(large.querySelector("dl"), pairs(pattern));
    large.querySelector(".ending").textContent = pattern.ending;
    stage(tile, pattern);
    curve(pattern);
    if (!large.open) large.showModal();
  };

  const tileAt = (target) => (target instanceof Element ? target.closest(".gallery button") : null);
  const visible = () => [...document.querySelectorAll(".gallery button")].filter((each) => each.parentNode.offsetParent);
  const turn = (by) => {
    const tiles = visible();
    const next = tiles[tiles.indexOf(shown) + by];
    if (next) open(next);
  };

  document.addEventListener("pointerover", (event) => {
    const tile = tileAt(event.target);
    if (tile && !large.open) show(tile);
  });
  document.addEventListener("pointerout", (event) => {
    if (tileAt(event.target) && tileAt(event.relatedTarget) !== tileAt(event.target)) hide();
  });
  document.addEventListener("focusin", (event) => {
    const tile = tileAt(event.target);
    if (tile && tile.matches(":focus-visible") && !large.open) show(tile);
  });
  document.addEventListener("focusout", hide);
  addEventListener("resize", hide);
  document.addEventListener("click", (event) => {
    const tile = tileAt(event.target);
    if (tile) open(tile);
    else if (event.target === large || large.querySelector(".close").contains(event.target)) large.close();
    else if (large.querySelector(".back").contains(event.target)) turn(-1);
    else if (large.querySelector(".on").contains(event.target)) turn(1);
  });
  large.addEventListener("close", () => {
    if (!shown) return;
    const list = shown.closest(".gallery");
    const stop = list.querySelector('button[tabindex="0"]') || shown;
    shared.go(stop, shown);
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
    const tile = tileAt(event.target);
    if (!tile || !shared.arrows.test(event.key)) return;
    event.preventDefault();
    const next = shared.step(tile.closest(".gallery"), tile, event.key);
    if (!next) return;
    shared.go(tile, next);
    show(next);
  });

  // The controls.
  for (const hidden of document.querySelectorAll(".with-script")) hidden.hidden = false;
  const bar = document.querySelector(".toolbar");
  const key = {
    place: (pattern, place) => Number(place),
    activation: (pattern) => -(pattern.activation ?? -Infinity),
    kept: (pattern) => -(pattern.robustness ?? -Infinity),
  };
  const sort = () => {
    const order = document.getElementById("order").value;
    const rank = (item) => {
      const { place } = item.dataset;
      const pattern = data.patterns[place];
      return order !== "place" && pattern.empty ? Infinity : key[order](pattern, place);
    };
    for (const list of document.querySelectorAll(".gallery")) {
      const items = [...list.children].map((item) => [rank(item), item]);
      items.sort((one, other) => (one[0] === other[0] ? 0 : one[0] < other[0] ? -1 : 1));
      list.append(...items.map(([, item]) => item));
      shared.oneStop(list);
    }
  };
  const settle = () => {
    root.dataset.size = bar.elements.size.value;
    root.classList.toggle("hide-dead", bar.elements["hide-dead"].checked);
    root.classList.toggle("masks", Boolean(bar.elements.masked?.checked));
    sort();
  };
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", () => {
    hide();
    settle();
  });
  // A reloaded page may come back with its controls already set.
  settle();
  shared.watch();
})();
