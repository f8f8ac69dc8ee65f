// The state of the view in the address of the page.

/** The state of the view in the address, with the browser's history. */
export function hashAddress() {
  return {
    get: () => location.hash.slice(1),
    /** @param {string} text @param {{replace?: boolean}} [how] */
    set(text, { replace = false } = {}) {
      if (text === location.hash.slice(1)) return;
      history[replace ? "replaceState" : "pushState"](null, "", `#${text}`);
    },
    /** @param {() => void} changed */
    subscribe(changed) {
      addEventListener("popstate", changed);
      return () => removeEventListener("popstate", changed);
    },
  };
}
