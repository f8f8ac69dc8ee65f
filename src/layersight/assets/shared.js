"use strict";
// What the pages of feature maps and of patterns share.
const shared = {
  // Pairs of a word and its value into a list of terms.
  rows(list, pairs) {
    list.replaceChildren(
      ...pairs.flatMap(([label, value]) => {
        const dt = document.createElement("dt");
        const dd = document.createElement("dd");
        dt.textContent = label;
        dd.textContent = value;
        return [dt, dd];
      }),
    );
  },

  // Puts the card beside a tile, inside the window; on narrow screens the style does.
  place(card, cell) {
    card.style.left = card.style.top = "";
    if (innerWidth < 704) return;
    const box = cell.getBoundingClientRect();
    const { width, height } = card.getBoundingClientRect();
    let left = box.right + 12;
    if (left + width > innerWidth - 12) left = box.left - 12 - width;
    if (left < 12) left = Math.max(12, innerWidth - 12 - width);
    const middle = box.top + box.height / 2 - height / 2;
    card.style.left = `${left}px`;
    card.style.top = `${Math.max(12, Math.min(middle, innerHeight - 12 - height))}px`;
  },

  // The words of a tile are its title only as long as no card says them.
  describe(tile) {
    if (tile.title) {
      tile.setAttribute("aria-description", tile.title);
      tile.removeAttribute("title");
    }
  },

  arrows: /^(Arrow(Left|Right|Up|Down)|Home|End)$/,

  // One stop of the Tab key for each list; the arrow keys go on from there.
  oneStop(list) {
    list.querySelectorAll("button").forEach((tile, place) => {
      tile.tabIndex = place ? -1 : 0;
    });
  },

  // The tile that a key leads to in a list of tiles in rows.
  step(list, tile, key) {
    const tiles = [...list.querySelectorAll("button")].filter((each) => each.offsetParent);
    const here = tiles.indexOf(tile);
    const top = tiles[0].offsetTop;
    const lines = tiles.findIndex((each) => each.offsetTop > top);
    const columns = lines < 0 ? tiles.length : lines;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const to = key === "Home" ? 0 : key === "End" ? tiles.length - 1 : here + by[key];
    return tiles[to];
  },

  // Moves the one stop of the Tab key to another tile.
  go(tile, next) {
    tile.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  },

  // Where in the page the reader is.
  watch() {
    const links = new Map();
    for (const item of document.querySelectorAll(".contents ol li")) links.set(item.dataset.layer, item);
    const visible = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        visible[isIntersecting ? "add" : "delete"](Number(target.dataset.layer));
      }
      const here = String(Math.min(...visible));
      for (const [layer, item] of links) item.classList.toggle("here", layer === here);
    }, { rootMargin: "-64px 0px -60% 0px" });
    for (const layer of document.querySelectorAll(".layer")) watch.observe(layer);
  },
};
