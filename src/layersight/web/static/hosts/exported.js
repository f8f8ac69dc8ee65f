// The host that an exported page is: everything that it can answer lies in the page.

import { HostError } from "./frames.js";

const GONE = "this is not kept in this page: open the network with layersight explore to see it";

/** The name of an answer; see key_of in layersight/web/exported.py.
 * @param {string} kind @param {Record<string, any>} params */
function keyOf(kind, params) {
  const ignored = kind === "photograph" ? ["longest"] : [];
  const entries = Object.entries(params ?? {}).filter(
    ([name, value]) =>
      !ignored.includes(name) &&
      value !== null &&
      value !== undefined &&
      value !== false &&
      value !== "" &&
      !(typeof value === "object" && Object.keys(value).length === 0),
  );
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `${kind} ${JSON.stringify(Object.fromEntries(entries))}`;
}

/** @param {string} text base64 */
function decoded(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** @param {string} text its first letter says whether it is deflated */
async function buffer(text) {
  const bytes = decoded(text.slice(1));
  if (text[0] !== "d") return bytes.buffer;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return await new Response(stream).arrayBuffer();
}

/** @param {{answers: Record<string, {json: any, buffers: string[]}>}} data */
export function exportedHost(data) {
  /** @param {string} kind @param {Record<string, any>} params @param {{signal?: AbortSignal}} [how] */
  async function request(kind, params, { signal } = {}) {
    const kept = data.answers[keyOf(kind, params)] ?? (kind === "model" ? data.answers["model {}"] : null);
    if (!kept) throw new HostError(GONE, 404);
    const buffers = await Promise.all(kept.buffers.map(buffer));
    signal?.throwIfAborted();
    return { json: structuredClone(kept.json), buffers };
  }
  return { kind: "page", request };
}
