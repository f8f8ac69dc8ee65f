// The host that a notebook's kernel is, over the messages of anywidget.

import { bytesOf, HostError } from "./frames.js";

/** @param {DataView | ArrayBuffer | Uint8Array} part @returns {ArrayBuffer} a buffer of its own */
function own(part) {
  if (part instanceof ArrayBuffer) return part;
  return part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength);
}

/**
 * @param {any} model of anywidget
 * @param {string} [name] tells views of one widget apart
 */
export function widgetHost(model, name = Math.random().toString(36).slice(2)) {
  /** @type {Map<string, {resolve: (answer: any) => void, reject: (error: any) => void, progress?: (done: number, total: number) => void}>} */
  const waiting = new Map();
  let count = 0;

  /** @param {any} message @param {any[]} buffers */
  function hear(message, buffers) {
    const asked = waiting.get(message?.id);
    if (!asked) return;
    if (message.progress) {
      asked.progress?.(message.progress[0], message.progress[1]);
      return;
    }
    waiting.delete(message.id);
    if (message.error) asked.reject(new HostError(message.error, message.status));
    else asked.resolve({ json: message.json, buffers: (buffers ?? []).map(own) });
  }
  model.on("msg:custom", hear);

  /**
   * @param {string} kind @param {object} params
   * @param {{signal?: AbortSignal, progress?: (done: number, total: number) => void, body?: any}} [how]
   */
  async function request(kind, params, { signal, progress, body } = {}) {
    const parts = await bytesOf(body);
    signal?.throwIfAborted();
    const id = `${name}-${count++}`;
    return await new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, progress });
      signal?.addEventListener(
        "abort",
        () => {
          if (!waiting.delete(id)) return;
          model.send({ id, cancel: true });
          reject(signal.reason);
        },
        { once: true },
      );
      model.send({ id, kind, params: params ?? {} }, undefined, parts);
    });
  }

  /** Ends all that is asked for. */
  function close() {
    for (const id of waiting.keys()) model.send({ id, cancel: true });
    waiting.clear();
    model.off("msg:custom", hear);
  }

  return { kind: "notebook", request, close };
}

/** The state of the view in the widget. @param {any} model */
export function widgetAddress(model) {
  return {
    get: () => model.get("address"),
    /** @param {string} text */
    set(text) {
      if (text === model.get("address")) return;
      model.set("address", text);
      model.save_changes();
    },
    /** @param {() => void} changed */
    subscribe(changed) {
      model.on("change:address", changed);
      return () => model.off("change:address", changed);
    },
  };
}
