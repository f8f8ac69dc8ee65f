/** Numbers, sizes and names in words, as the documents of the command line write them. */

/** A number in three digits. @param {number} value */
export function number(value) {
  if (value === undefined || value === null) return "–";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "infinite" : "−infinite";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replace("e+", "e").replaceAll("-", "−");
}

/** A number that may be a probability: two decimals, unless they would be zeros. @param {number | null} value */
export function score(value) {
  if (!Number.isFinite(value)) return number(value);
  const size = Math.abs(value);
  return size <= 1 && (size >= 0.01 || !size) ? value.toFixed(2).replace("-", "−") : number(Number(value.toPrecision(2)));
}

/** @param {number} share from 0 to 1; never rounded to 0 or 100 % */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<1\u00a0%";
  if (share >= 0.995 && share < 1) return ">99\u00a0%";
  return `${Math.round(share * 100)}\u00a0%`;
}

/** @param {number} amount */
export const count = (amount) => amount.toLocaleString("en");

/** @param {number} amount @param {string} noun */
export const plural = (amount, noun) => `${count(amount)} ${noun}${amount === 1 ? "" : "s"}`;

/** @param {(number | null)[] | null} shape */
export const sizes = (shape) => (shape && shape.length ? shape.map((side) => side ?? "?").join("\u00a0×\u00a0") : "–");

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** The last part of a path. @param {string} path */
export const basename = (path) => path.split(/[\\/]/).pop() || path;

/** The last part of the name of a layer. @param {string} name */
export const shortName = (name) => name.split("/").pop();

/** The name of a number of an output: only a class is called a class. @param {{label?: string, index: number}} entry @param {{kind?: string, size: number}} output */
export function nameOf(entry, { kind, size }) {
  if (entry.label) return entry.label;
  if (size === 1 && (kind === "probability" || kind === "value")) return kind;
  return `${kind === "values" ? "output" : "class"} ${entry.index}`;
}

/** The name of a class as the target of a heatmap. @param {{label?: string, index: number}} entry */
export const targetOf = (entry) => String(entry.label ?? entry.index);
