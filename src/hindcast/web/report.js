"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("plots").textContent);
  const root = document.documentElement;
  const variable = /css\((--[a-z0-9-]+)\)/g;
  const narrow = () => window.innerWidth < 700;

  const coloured = (value, style) => {
    if (typeof value === "string") {
      return value.includes("css(--") ? value.replace(variable, (_, name) => style.getPropertyValue(name).trim()) : value;
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
    }
    return value;
  };

  const put = (target, path, value) => {
    const keys = path.split(".");
    const last = keys.pop();
    for (const key of keys) target = target[key] ??= {};
    target[last] = value;
  };

  const draw = (place) => {
    const spec = structuredClone(specs[place.dataset.plot]);
    if (narrow()) for (const [path, value] of Object.entries(spec.phone ?? {})) put(spec.layout, path, value);
    const { data, layout } = coloured(spec, getComputedStyle(root));
    place.style.minHeight = `${layout.height}px`;
    const config = { displayModeBar: false, responsive: true, showTips: false, doubleClick: false, scrollZoom: false };
    return Plotly.react(place, data, layout, config);
  };

  const places = [...document.querySelectorAll("[data-plot]")].filter((place) => specs[place.dataset.plot]);
  const drawn = new Set();
  const show = (place) => { drawn.add(place); return draw(place); };
  const again = () => Promise.all([...drawn].map(draw));
  const all = () => Promise.all(places.map(show));

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) { near.unobserve(target); show(target); }
    }
  }, { rootMargin: "1200px 0px" });
  places.forEach((place) => near.observe(place));

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", again);
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    again();
  });
  let wasNarrow = narrow();
  window.addEventListener("resize", () => { if (narrow() !== wasNarrow) { wasNarrow = narrow(); again(); } });
  window.addEventListener("beforeprint", all);
  window.addEventListener("afterprint", again);
})();
