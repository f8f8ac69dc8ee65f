// The host that a notebook's kernel is, over the messages of anywidget.

import { bytesOf, HostError } from "./frames.js";

/** @param {DataView | ArrayBuffer | Uint8Array} part @returns {ArrayBuffer} */
function toBuffer(part) {
  if (part instanceof ArrayBuffer) return part;
  return part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength);
}

/**
 * @param {any} model of anywidget
 * @param {string} [name] distinguishes views of one widget
 */
export function widgetHost(model, name = Math.random().toString(36).slice(2)) {
  /** @type {Map<string, {resolve: (answer: any) => void, reject: (error: any) => void, progress?: (done: number, total: number) => void}>} */
  const waiting = new Map();
  let count = 0;

  /** @param {any} message @param {any[]} buffers */
  function receive(message, buffers) {
    const request = waiting.get(message?.id);
    if (!request) return;
    if (message.progress) {
      request.progress?.(message.progress[0], message.progress[1]);
      return;
    }
    waiting.delete(message.id);
    if (message.error) request.reject(new HostError(message.error, message.status));
    else request.resolve({ json: message.json, buffers: (buffers ?? []).map(toBuffer) });
  }
  model.on("msg:custom", receive);

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

  /** Cancels all requests. */
  function close() {
    for (const id of waiting.keys()) model.send({ id, cancel: true });
    waiting.clear();
    model.off("msg:custom", receive);
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
