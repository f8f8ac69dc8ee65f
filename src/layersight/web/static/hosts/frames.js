// Answers and requests as bytes; see layersight/web/frames.py.

const ALIGN = 8;
const padding = (length) => -length & (ALIGN - 1);

/** The failure of a request, with one line for the page. */
export class HostError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.name = "HostError";
    this.status = status;
  }
}

/**
 * @param {object} head
 * @param {Uint8Array[]} buffers
 * @returns {Uint8Array}
 */
export function encode(head, buffers = []) {
  const sizes = buffers.map((buffer) => buffer.byteLength);
  const text = new TextEncoder().encode(JSON.stringify({ ...head, sizes }));
  let total = 4 + text.length + padding(4 + text.length);
  for (const size of sizes) total += size + padding(size);
  const frame = new Uint8Array(total);
  new DataView(frame.buffer).setUint32(0, text.length, true);
  frame.set(text, 4);
  let at = 4 + text.length + padding(4 + text.length);
  for (const buffer of buffers) {
    frame.set(buffer, at);
    at += buffer.byteLength + padding(buffer.byteLength);
  }
  return frame;
}

/**
 * Takes bytes as they come and gives the frames in them.
 */
export class FrameReader {
  constructor() {
    /** @type {Uint8Array[]} */
    this.parts = [];
    this.length = 0;
    this.needed = 4;
    /** @type {{head: any, start: number} | null} */
    this.begun = null;
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {{head: any, buffers: ArrayBuffer[]}[]}
   */
  push(bytes) {
    this.parts.push(bytes);
    this.length += bytes.length;
    const frames = [];
    while (this.length >= this.needed) {
      const frame = this.read();
      if (frame) frames.push(frame);
    }
    return frames;
  }

  read() {
    const all = this.joined();
    const view = new DataView(all.buffer, all.byteOffset, all.length);
    if (this.begun === null) {
      const text = view.getUint32(0, true);
      const start = 4 + text + padding(4 + text);
      if (all.length < start) {
        this.needed = start;
        return null;
      }
      const head = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + text)));
      const end = head.sizes.reduce((sum, size) => sum + size + padding(size), start);
      this.begun = { head, start };
      this.needed = end;
      return null;
    }
    const { head, start } = this.begun;
    const buffers = [];
    let at = start;
    for (const size of head.sizes) {
      buffers.push(all.slice(at, at + size).buffer);
      at += size + padding(size);
    }
    this.parts = at < all.length ? [all.subarray(at)] : [];
    this.length = all.length - at;
    this.begun = null;
    this.needed = 4;
    return { head, buffers };
  }

  joined() {
    if (this.parts.length === 1) return this.parts[0];
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    this.parts = [all];
    return all;
  }
}

/** Any body as bytes. @param {Blob | ArrayBuffer | Uint8Array | undefined} body */
export async function bytesOf(body) {
  if (body === undefined || body === null) return [];
  if (body instanceof Blob) return [new Uint8Array(await body.arrayBuffer())];
  if (body instanceof Uint8Array) return [body];
  return [new Uint8Array(body)];
}

const quoted = {
  shell: (/** @type {any} */ value) => {
    const text = String(value);
    return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
  },
  python: (/** @type {any} */ value) =>
    typeof value === "number" ? String(value) : JSON.stringify(value ?? null).replace(/^null$/, "None"),
};

/**
 * A command or Python code with its placeholders filled in.
 * An option of a command without a value is left out with its name; `{options}` stands for those of a method,
 * whose names on the command line are in `flags` where they differ.
 * @param {string} template @param {Record<string, any>} values @param {"shell" | "python"} kind
 */
export function fillTemplate(template, values, kind) {
  const has = (/** @type {string} */ name) => values[name] !== undefined && values[name] !== null;
  const option = {
    shell: ([name, value]) => ` ${values.flags?.[name] ?? `--${name.replaceAll("_", "-")}`} ${quoted.shell([value].flat().join("x"))}`,
    python: ([name, value]) => `, ${name}=${Array.isArray(value) ? `(${value.join(", ")})` : quoted.python(value)}`,
  }[kind];
  let text = template;
  if (kind === "shell") {
    text = text.replace(/ --[\w-]+ \{(\w+)\}/g, (all, name) => (has(name) ? all : ""));
    text = text.replace(/ \{(\w+)\}/g, (all, name) => (has(name) ? all : ""));
  }
  if (kind === "python") text = text.replace(/, \w+=\{(\w+)\}/g, (all, name) => (has(name) ? all : ""));
  if (kind === "python") text = text.replace(/\(\w+=\{(\w+)\}(, )?/g, (all, name) => (has(name) ? all : "("));
  return text.replace(/\{(\w+)\}/g, (_, name) => (name === "options" ? Object.entries(values.options ?? {}).map(option).join("") : quoted[kind](values[name])));
}
