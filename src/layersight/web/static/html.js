/** What every part of the page is written with. */
import { Fragment, createContext, createElement, render } from "./vendor/preact.js";
import { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/hooks.js";
import { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "./vendor/signals.js";
import { htm } from "./vendor/htm.js";

export const html = htm.bind(createElement);
const Store = createContext(null);
/** @returns {import("./store.js").Store} of the page that a part stands in */
export const useStore = () => useContext(Store);
export const StoreProvider = Store.Provider;
export { Fragment, batch, computed, effect, render, signal, untracked };
export { useComputed, useEffect, useLayoutEffect, useMemo, useRef, useSignal, useSignalEffect, useState };
