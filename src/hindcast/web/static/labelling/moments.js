/** Moments and figures as people read them. */

/** @param {string} iso @returns {string} in the reader's own zone */
export function moment(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.valueOf()) ? String(iso)
    : at.toLocaleString(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

/** @param {number|null|undefined} value @param {number} [places] */
export function figure(value, places = 2) {
  return value === null || value === undefined || Number.isNaN(value) ? "unknown" : value.toFixed(places).replace("-", "−");
}

/** @param {number|null|undefined} value a share in [0, 1] */
export function percent(value) {
  return value === null || value === undefined || Number.isNaN(value) ? "unknown" : `${(100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)}%`;
}

/** @param {number|null|undefined} value */
export function seconds(value) {
  if (value === null || value === undefined) return "unknown";
  return value < 90 ? `${value.toFixed(value < 10 ? 1 : 0)} s` : `${(value / 60).toFixed(0)} min`;
}
