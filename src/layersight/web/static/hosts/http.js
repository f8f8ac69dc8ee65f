// The host that a server is.

import { bytesOf, encode, FrameReader, HostError } from "./frames.js";

const FRAME = "application/x-layersight";
const WAITS = [300, 1200];

/** @param {number} milliseconds @param {AbortSignal} [signal] */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve(undefined);
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** @param {Response} response */
async function failure(response) {
  let line = `the explorer answered ${response.status}`;
  try {
    line = (await response.json()).error ?? line;
  } catch {
    // not an answer of the explorer
  }
  return new HostError(line, response.status);
}

/** @param {string} [base] the address of the page */
export function httpHost(base = document.baseURI) {
  /**
   * @param {string} kind @param {object} params
   * @param {{signal?: AbortSignal, progress?: (done: number, total: number) => void, body?: any}} [how]
   */
  async function request(kind, params, { signal, progress, body } = {}) {
    const frame = encode({ json: params ?? {} }, await bytesOf(body));
    for (let attempt = 0; ; attempt++) {
      let response;
      try {
        response = await fetch(new URL(`api/${kind}`, base), {
          method: "POST",
          headers: { "Content-Type": FRAME },
          body: frame,
          signal,
          credentials: "omit",
        });
      } catch (error) {
        if (signal?.aborted) throw error;
        throw new HostError("the explorer does not answer: is layersight explore still running?", 0);
      }
      if (response.status === 429 && attempt < WAITS.length) {
        await pause(WAITS[attempt], signal);
        continue;
      }
      if (!response.ok) throw await failure(response);
      return await read(response, progress, signal);
    }
  }

  /** @param {Response} response @param {((done: number, total: number) => void) | undefined} progress @param {AbortSignal | undefined} signal */
  async function read(response, progress, signal) {
    const reader = new FrameReader();
    const stream = response.body.getReader();
    try {
      for (;;) {
        const { value, done } = await stream.read();
        if (done) break;
        for (const { head, buffers } of reader.push(value)) {
          if (head.progress) progress?.(head.progress[0], head.progress[1]);
          else if (head.error) throw new HostError(head.error, head.status);
          else return { json: head.json, buffers };
        }
      }
    } catch (error) {
      if (error instanceof HostError || signal?.aborted) throw error;
      throw new HostError("the connection broke: is layersight explore still running?", 0);
    }
    throw new HostError("the answer was cut short", 0);
  }

  return { kind: "server", request };
}
