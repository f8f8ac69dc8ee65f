/** Preact, its signals and htm, as every part of the page uses them. */
import { createContext, createElement, render } from "./vendor/preact.js";
import { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/hooks.js";
import { batch, computed, effect, signal, untracked } from "./vendor/signals.js";
import { htm } from "./vendor/htm.js";

export const html = htm.bind(createElement);
const Store = createContext(null);
/** @returns {import("./store.js").Store} */
export const useStore = () => useContext(Store);
export const StoreProvider = Store.Provider;
export { batch, computed, effect, render, signal, untracked };
export { useEffect, useLayoutEffect, useMemo, useRef, useState };
