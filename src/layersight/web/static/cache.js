/** A cache of answers as signals. */
import { signal } from "./html.js";

/** Milliseconds after which a failed request may be repeated: time enough to read why it failed. */
const RETRY = 1500;

/** @typedef {{value?: any, error?: Error, loading?: boolean, done?: number, total?: number}} Answer */

/**
 * Answers by key; the oldest are dropped when all together weigh too much.
 * @param {number} limit @param {(value: any) => number} [weigh] @param {(value: any) => void} [release] called with a value that is dropped
 */
export function createCache(limit, weigh = () => 1, release = () => {}) {
  /** @type {Map<string, {answer: any, weight: number, stop: AbortController, failed: number}>} */
  const entries = new Map();
  let weight = 0;
  const drop = (key) => {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    weight -= entry.weight;
    const { loading, value } = entry.answer.peek();
    if (loading) entry.stop.abort();
    else if (value !== undefined) release(value);
  };
  return {
    drop,
    has: (key) => entries.has(key),
    clear: () => { for (const key of [...entries.keys()]) drop(key); },
    /** Drops what is still loading, unless it is wanted. @param {Set<string>} wanted */
    stopLoading(wanted) {
      for (const [key, { answer }] of [...entries]) if (answer.peek().loading && !wanted.has(key)) drop(key);
    },
    /** @param {string} key @param {(how: {signal: AbortSignal, progress: (done: number, total: number) => void}) => Promise<any>} load */
    get(key, load) {
      const cached = entries.get(key);
      if (cached && !(cached.failed && Date.now() - cached.failed > RETRY)) {
        entries.delete(key);
        entries.set(key, cached);
        return cached.answer;
      }
      const stop = new AbortController();
      const answer = signal(/** @type {Answer} */ ({ loading: true }));
      const entry = { answer, weight: 0, stop, failed: 0 };
      entries.set(key, entry);
      const progress = (done, total) => { if (answer.peek().loading) answer.value = { loading: true, done, total }; };
      load({ signal: stop.signal, progress }).then((value) => {
        answer.value = { value };
        if (entries.get(key) !== entry) return release(value);
        entry.weight = weigh(value);
        weight += entry.weight;
        for (const oldest of entries.keys()) {
          if (weight <= limit || oldest === key) break;
          drop(oldest);
        }
      }, (error) => {
        entry.failed = Date.now();
        answer.value = { error };
      });
      return answer;
    },
  };
}
