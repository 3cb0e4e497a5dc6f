"use strict";
(() => {
  const data = JSON.parse(document.getElementById("view-data").textContent);
  const MINUS = "\u2212";
  const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const map = L.map("map", { attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.5, maxZoom: 17 });
  window.alm90View = map; // for scripts: projects degrees to the screen
  L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
  map.createPane("pictures").style.zIndex = 250;
  map.createPane("lines").style.zIndex = 350;
  map.getPane("lines").style.pointerEvents = "none";
  map.fitBounds(data.bounds, { padding: [28, 28] });
  map.setMinZoom(Math.max(0, map.getZoom() - 3));

  const number = (value, decimals, sign) => {
    if (value === null || value === undefined) return "–";
    const text = Math.abs(value).toFixed(decimals);
    const before = value < 0 && Number(text) !== 0 ? MINUS : sign && Number(text) !== 0 ? "+" : "";
    return before + text;
  };
  const withUnit = (text, unit) => (unit ? `${text}\u00a0${unit}` : text);

  // Layers: one picture at a time, and its key.
  const overlays = {};
  const opacity = document.getElementById("opacity");
  let shown = "";
  const showLayer = (name) => {
    if (overlays[shown]) overlays[shown].remove();
    shown = name;
    for (const legend of document.querySelectorAll("[data-layer]")) {
      legend.hidden = legend.dataset.layer !== name;
    }
    if (!name) return;
    const layer = data.layers[name];
    overlays[name] ??= L.imageOverlay(layer.picture, layer.bounds, { pane: "pictures", alt: layer.title });
    overlays[name].setOpacity(opacity.value / 100).addTo(map);
  };
  for (const input of document.querySelectorAll("input[name=layer]")) {
    input.addEventListener("change", () => showLayer(input.value));
    if (input.checked) showLayer(input.value);
  }
  opacity?.addEventListener("input", () => overlays[shown]?.setOpacity(opacity.value / 100));

  // Edges of the region.
  const edges = L.layerGroup();
  const edge = { pane: "lines", color: colourOf("--line"), fill: false, interactive: false };
  L.polyline(data.grid, { ...edge, weight: 1, dashArray: "5 4" }).addTo(edges);
  for (const ring of data.mask) L.polyline(ring, { ...edge, weight: 1.2 }).addTo(edges);
  switched("outline", edges);

  // Meridians and parallels, drawn anew for what is on the screen.
  const graticule = L.layerGroup();
  const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
  const label = (at, text, kind) =>
    L.marker(at, {
      pane: "lines",
      interactive: false,
      keyboard: false,
      icon: L.divIcon({ className: `degree ${kind}`, html: `<span>${text}</span>`, iconSize: [0, 0] }),
    }).addTo(graticule);
  const degrees = (value, step, positive, negative) => {
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const side = Math.abs(value) < step / 2 ? "" : value > 0 ? positive : negative;
    return `${Math.abs(value).toFixed(decimals)}°${side}`;
  };
  const drawGraticule = () => {
    graticule.clearLayers();
    const box = map.getBounds().pad(0.1);
    const screen = map.getBounds();
    const across = screen.getEast() - screen.getWest();
    const step = STEPS.find((one) => across / one >= 4) ?? STEPS.at(-1);
    const line = { pane: "lines", color: colourOf("--line"), weight: 0.5, opacity: 0.55, interactive: false };
    const top = map.containerPointToLatLng([0, 1]).lat;
    const left = map.containerPointToLatLng([1, 0]).lng;
    const bottom = map.containerPointToLatLng([0, map.getSize().y - 1]).lat;
    for (let n = Math.ceil(box.getWest() / step); n * step <= box.getEast(); n += 1) {
      L.polyline([[box.getSouth(), n * step], [box.getNorth(), n * step]], line).addTo(graticule);
      const clear = map.latLngToContainerPoint([bottom, n * step]).x > 180; // of the scale bar
      if (clear) label([bottom, n * step], degrees(n * step, step, "E", "W"), "meridian");
    }
    for (let n = Math.ceil(box.getSouth() / step); n * step <= box.getNorth(); n += 1) {
      L.polyline([[n * step, box.getWest()], [n * step, box.getEast()]], line).addTo(graticule);
      if (n * step < top) label([n * step, left], degrees(n * step, step, "N", "S"), "parallel");
    }
  };
  map.on("moveend", drawGraticule);
  drawGraticule();
  switched("graticule", graticule);

  function switched(id, group) {
    const box = document.getElementById(id);
    const apply = () => (box.checked ? group.addTo(map) : group.remove());
    box.addEventListener("change", apply);
    apply();
  }

  // Sites.
  const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const popup = (site) => {
    const box = document.createElement("div");
    const table = document.createElement("table");
    const row = (name, text, className = "") => {
      const line = document.createElement("tr");
      line.className = className;
      line.append(Object.assign(cell("th", name), { scope: "row" }), cell("td", text));
      table.append(line);
    };
    const value = (one, sign) => withUnit(number(one, data.decimals, sign), one === null ? "" : data.unit);
    if (site.method) row("Method", site.method);
    row("Observed", value(site.observed));
    if (data.design) {
      row("Predicted", value(site.predicted[data.design] ?? null));
      row("Residual", value(site.residual, true), "main");
    }
    let apart = "apart";
    for (const [name, predicted] of Object.entries(site.predicted)) {
      if (name === data.design || site.observed === null) continue;
      row(`Residual, ${data.designs[name].toLowerCase()}`, value(predicted - site.observed, true), apart);
      apart = "";
    }
    if (site.group) row("Group", site.group, apart);
    if (site.split && site.split !== "train") row("Set", site.split);
    row("Position", `${site.at[0].toFixed(4)}, ${site.at[1].toFixed(4)}`);
    box.append(cell("h3", site.id), table);
    return box;
  };
  const marks = data.sites.map((site) =>
    L.circleMarker(site.at, { radius: 5, weight: 1, color: "#1c2326", fillOpacity: 1 })
      .bindPopup(() => popup(site), { maxWidth: 360, autoPanPadding: [20, 20] })
      .bindTooltip(site.id, { direction: "top", offset: [0, -6] }),
  );
  const group = L.layerGroup(marks);
  document.addEventListener("keydown", (event) => event.key === "Escape" && map.closePopup());
  const showSites = (what) => {
    for (const legend of document.querySelectorAll("[data-sites]")) {
      legend.hidden = legend.dataset.sites !== what;
    }
    if (!what) return group.remove();
    marks.forEach((mark, place) => {
      mark.setStyle({ fillColor: data.sites[place][`${what}Colour`] ?? "#9aa6ab" });
    });
    return group.addTo(map);
  };
  for (const input of document.querySelectorAll("input[name=sites]")) {
    input.addEventListener("change", () => showSites(input.value));
    if (input.checked) showSites(input.value);
  }
  const find = document.getElementById("find");
  if (find) {
    const list = document.getElementById("site-ids");
    for (const site of data.sites) list.append(Object.assign(document.createElement("option"), { value: site.id }));
    find.addEventListener("change", () => {
      const place = data.sites.findIndex((site) => site.id === find.value);
      if (place < 0) return;
      if (!map.hasLayer(group)) document.querySelector("input[name=sites]").click();
      map.setView(data.sites[place].at, Math.max(map.getZoom(), map.getBoundsZoom(data.bounds) + 2));
      marks[place].openPopup();
    });
  }

  // What lies under the pointer, read from the picture's colours.
  const readout = L.control({ position: "bottomright" });
  readout.onAdd = () => L.DomUtil.create("output", "readout");
  readout.addTo(map);
  const pixels = {};
  const pixelsOf = async (name) => {
    const image = new Image();
    image.src = data.layers[name].picture;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    drawing.drawImage(image, 0, 0);
    const places = {};
    data.layers[name].colours.forEach((colour, place) => (places[colour] ??= place));
    return { canvas, drawing, places };
  };
  const hex = (bytes) => `#${[...bytes.slice(0, 3)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const valueAt = ({ canvas, drawing, places }, layer, at) => {
    const [low, high] = layer.bounds.map((corner) => L.CRS.EPSG3857.project(L.latLng(corner)));
    const point = L.CRS.EPSG3857.project(at);
    const col = Math.floor(((point.x - low.x) / (high.x - low.x)) * canvas.width);
    const row = Math.floor(((high.y - point.y) / (high.y - low.y)) * canvas.height);
    if (col < 0 || row < 0 || col >= canvas.width || row >= canvas.height) return "";
    const bytes = drawing.getImageData(col, row, 1, 1).data;
    const place = bytes[3] ? places[hex(bytes)] : undefined;
    if (place === undefined) return "";
    if (layer.names) return layer.names[place];
    const step = (layer.high - layer.low) / layer.colours.length;
    const decimals = Math.max(0, Math.ceil(-Math.log10(step)));
    const last = place === layer.colours.length - 1;
    const value = place === 0 ? layer.low + step : last ? layer.high - step : layer.low + (place + 0.5) * step;
    return `${place === 0 ? "< " : last ? "> " : "≈ "}${withUnit(number(value, decimals), layer.unit)}`;
  };
  map.on("mousemove", async ({ latlng }) => {
    const name = shown;
    const north = `${Math.abs(latlng.lat).toFixed(4)}°${latlng.lat < 0 ? "S" : "N"}`;
    const east = `${Math.abs(latlng.lng).toFixed(4)}°${latlng.lng < 0 ? "W" : "E"}`;
    let value = "";
    if (name) value = valueAt(await (pixels[name] ??= pixelsOf(name)), data.layers[name], latlng);
    readout.getContainer().textContent = `${north} ${east}${value && ` · ${value}`}`;
  });
  map.on("mouseout", () => (readout.getContainer().textContent = ""));

  document.documentElement.dataset.ready = "true";
})();
