// The value under the pointer, and the controls of a page of heatmaps.
(() => {
  const data = JSON.parse(document.getElementById("layersight-data").textContent);
  const card = document.getElementById("card");
  const root = document.documentElement;
  const bar = document.querySelector(".toolbar");
  const pens = new WeakMap();

  // The colour steps of each table, by colour; the first step is 1.
  const steps = {};
  for (const [kind, table] of Object.entries(data.colours)) {
    steps[kind] = new Map();
    for (let place = 0; place < table.length; place += 3) {
      steps[kind].set(table.slice(place, place + 3).join(), place / 3 + 1);
    }
  }

  // The heat of a stage as pixels, drawn once.
  const penOf = (stage) => {
    const source = stage.querySelector(".alone");
    if (!source || !source.complete || !source.naturalWidth) return null;
    if (!pens.has(source)) {
      const canvas = document.createElement("canvas");
      canvas.width = source.naturalWidth;
      canvas.height = source.naturalHeight;
      const pen = canvas.getContext("2d", { willReadFrequently: true });
      pen.drawImage(source, 0, 0);
      pens.set(source, pen);
    }
    return pens.get(source);
  };

  const text = (value) => String(Number(value.toPrecision(3))).replace("-", "\u2212");

  // The value at a share of the width and the height, in words.
  const valueAt = (stage, map, across, down) => {
    const pen = penOf(stage);
    if (!pen) return stage.querySelector(".flat") ? "0" : "";
    const { width, height } = pen.canvas;
    const x = Math.min(width - 1, Math.floor(across * width));
    const y = Math.min(height - 1, Math.floor(down * height));
    const [red, green, blue] = pen.getImageData(x, y, 1, 1).data;
    const step = steps[map.kind].get([red, green, blue].join());
    if (step === undefined) return "not seen";
    const share = map.kind === "signed" ? Math.max(-1, (step - 128) / 127) : (step - 1) / 254;
    const sign = map.cut && share === 1 ? "\u2265 " : map.cut && share === -1 ? "\u2264 " : "";
    return sign + text(map.ground + share * map.limit);
  };

  const hide = () => {
    card.hidden = true;
  };

  const show = (event, stage) => {
    const map = data.maps[stage.parentNode.dataset.place];
    const box = stage.getBoundingClientRect();
    const across = Math.min(0.99999, Math.max(0, (event.clientX - box.left) / box.width));
    const down = Math.min(0.99999, Math.max(0, (event.clientY - box.top) / box.height));
    const [wide, tall] = data.images[map.image];
    card.querySelector(".name").textContent = valueAt(stage, map, across, down);
    card.querySelector(".which").textContent =
      `at x ${Math.floor(across * wide)}, y ${Math.floor(down * tall)}`;
    card.querySelector(".quiet").textContent = `${map.method}, ${map.name}`;
    card.hidden = false;
    const { width, height } = card.getBoundingClientRect();
    const left = event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
    card.style.left = `${Math.max(4, left)}px`;
    card.style.top = `${Math.max(4, Math.min(event.clientY + 16, innerHeight - 4 - height))}px`;
  };

  const stageAt = (target) => (target instanceof Element ? target.closest(".stage") : null);
  document.addEventListener("pointermove", (event) => {
    const stage = stageAt(event.target);
    if (stage) show(event, stage);
    else hide();
  });
  document.addEventListener("pointerleave", hide);
  document.addEventListener("scroll", hide, { passive: true });

  for (const hidden of document.querySelectorAll(".with-script")) hidden.hidden = false;
  const settle = () => {
    root.dataset.size = bar.elements.size.value;
    const share = bar.elements.cover.value;
    document.getElementById("covered").textContent = `${share}%`;
    for (const image of document.querySelectorAll(".heats")) image.style.setProperty("--cover", share / 100);
  };
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", settle);
  // A reloaded page may come back with its controls already set.
  settle();
  shared.watch();
})();
