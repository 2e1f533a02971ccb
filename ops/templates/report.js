"use strict";
(() => {
  const $ = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const box = document.getElementById("mapbox");
  const svg = document.getElementById("map");
  const bar = document.getElementById("bar");
  const home = svg.getAttribute("viewBox").split(" ").map(Number);
  let view = home.slice();
  const fixed = $("[data-x]", svg);
  let waiting = false;
  const first = { dock: 0, zone: 1 };
  const tags = $(".tag", svg)
    .map((g) => ({ g, x: Number(g.dataset.x), y: Number(g.dataset.y), box: null }))
    .sort((a, b) => (first[a.g.dataset.kind] ?? 2) - (first[b.g.dataset.kind] ?? 2));

  const metresPerPixel = () =>
    Math.max(view[2] / Math.max(1, svg.clientWidth), view[3] / Math.max(1, svg.clientHeight));

  function draw() {
    waiting = false;
    svg.setAttribute("viewBox", view.map((v) => v.toFixed(3)).join(" "));
    const k = metresPerPixel();
    for (const g of fixed) {
      g.setAttribute("transform", `translate(${g.dataset.x} ${g.dataset.y}) scale(${k})`);
    }
    write(k);
    const target = 120 * k;
    const power = Math.pow(10, Math.floor(Math.log10(target)));
    const metres = [5, 2, 1].map((m) => m * power).find((m) => m <= target) || power;
    bar.firstElementChild.textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
    bar.lastElementChild.style.width = `${metres / k}px`;
  }
  // Names that would lie over another are left out until there is room: zoom in.
  function write(k) {
    const there = [];
    for (const tag of tags) {
      const x = (tag.x - view[0]) / k;
      const y = (tag.y - view[1]) / k;
      const near = x > -99 && y > -99 && x * k < view[2] + 99 * k && y * k < view[3] + 99 * k;
      if (near && !tag.box) {
        tag.g.style.display = "";
        tag.box = tag.g.getBBox();
      }
      const b = near && tag.box;
      const own = b && [x + b.x, y + b.y, x + b.x + b.width, y + b.y + b.height];
      const free = own && !there.some(
        (o) => own[0] < o[2] && o[0] < own[2] && own[1] < o[3] && o[1] < own[3]);
      tag.g.style.display = free ? "" : "none";
      if (free) there.push(own);
    }
  }
  function later() {
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(draw);
    }
  }
  function zoom(factor, clientX, clientY) {
    const r = svg.getBoundingClientRect();
    const k = metresPerPixel();
    const px = clientX === undefined ? 0 : clientX - r.left - r.width / 2;
    const py = clientY === undefined ? 0 : clientY - r.top - r.height / 2;
    const width = Math.min(home[2] * 20, Math.max(4, view[2] * factor));
    const f = width / view[2];
    const cx = view[0] + view[2] / 2 + px * k * (1 - f);
    const cy = view[1] + view[3] / 2 + py * k * (1 - f);
    view = [cx - (view[2] * f) / 2, cy - (view[3] * f) / 2, view[2] * f, view[3] * f];
    later();
  }
  function pan(dx, dy) {
    const k = metresPerPixel();
    view[0] -= dx * k;
    view[1] -= dy * k;
    later();
  }
  function reset() {
    view = home.slice();
    later();
  }
  box.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) / 240), e.clientX, e.clientY);
  }, { passive: false });
  const touches = new Map();
  let moved = 0;
  svg.addEventListener("pointerdown", (e) => {
    touches.set(e.pointerId, [e.clientX, e.clientY]);
    moved = 0;
  });
  window.addEventListener("pointermove", (e) => {
    const last = touches.get(e.pointerId);
    if (!last) return;
    const before = Array.from(touches.values()).map((p) => p.slice());
    touches.set(e.pointerId, [e.clientX, e.clientY]);
    if (touches.size === 2) {
      const now = Array.from(touches.values());
      const span = (p) => Math.hypot(p[0][0] - p[1][0], p[0][1] - p[1][1]);
      if (span(now) > 0) {
        zoom(span(before) / span(now), (now[0][0] + now[1][0]) / 2, (now[0][1] + now[1][1]) / 2);
      }
      moved = 99;
    } else {
      moved += Math.hypot(e.clientX - last[0], e.clientY - last[1]);
      if (moved > 4) {
        box.classList.add("drag");
        pan(e.clientX - last[0], e.clientY - last[1]);
      }
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    window.addEventListener(name, (e) => {
      touches.delete(e.pointerId);
      box.classList.remove("drag");
    });
  }
  svg.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
    if (step) pan(step[0], step[1]);
    else if (e.key === "+" || e.key === "=") zoom(0.8);
    else if (e.key === "-") zoom(1.25);
    else if (e.key === "0") reset();
    else return;
    e.preventDefault();
  });
  document.getElementById("zin").addEventListener("click", () => zoom(0.7));
  document.getElementById("zout").addEventListener("click", () => zoom(1 / 0.7));
  document.getElementById("zall").addEventListener("click", reset);
  window.addEventListener("resize", later);

  function select(i, source) {
    for (const el of $(".on")) el.classList.remove("on");
    for (const el of $(`[data-i="${i}"]`)) el.classList.add("on");
    const marker = document.getElementById(`m${i}`);
    if (marker) {
      const x = Number(marker.dataset.x);
      const y = Number(marker.dataset.y);
      marker.parentNode.appendChild(marker);
      const inside = x > view[0] && x < view[0] + view[2] && y > view[1] && y < view[1] + view[3];
      if (source !== "map" && !inside) {
        view = [x - view[2] / 2, y - view[3] / 2, view[2], view[3]];
        later();
      }
    }
    const card = document.getElementById(`e${i}`);
    const row = document.getElementById(`r${i}`);
    const show = source === "row" ? box : source === "card" ? null : card || row;
    if (show) show.scrollIntoView({ block: "nearest" });
  }
  for (const el of $(".mk")) {
    el.addEventListener("click", (e) => {
      e.preventDefault();
      if (moved <= 4) select(el.dataset.i, "map");
      moved = 0;
    });
  }
  for (const el of $("tr[data-i]")) el.addEventListener("click", () => select(el.dataset.i, "row"));
  for (const el of $("a[data-go]")) {
    el.addEventListener("click", (e) => {
      e.preventDefault();
      e.stopPropagation();
      select(el.dataset.go, el.dataset.from);
    });
  }

  const table = document.getElementById("incidents");
  if (table) {
    const body = table.tBodies[0];
    $("th button", table).forEach((button) => {
      button.addEventListener("click", () => {
        const th = button.parentNode;
        const column = th.cellIndex;
        const up = th.getAttribute("aria-sort") !== "ascending";
        for (const other of $("th", table)) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", up ? "ascending" : "descending");
        const value = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
        const rows = Array.from(body.rows);
        rows.sort((a, b) => {
          const x = value(a), y = value(b);
          const order = x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
          return up ? order : -order;
        });
        body.append(...rows);
      });
    });
    const find = document.getElementById("find");
    const count = document.getElementById("count");
    find.addEventListener("input", () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        const keep = words.every((word) => text.includes(word));
        row.hidden = !keep;
        shown += keep ? 1 : 0;
        const marker = document.getElementById(`m${row.dataset.i}`);
        if (marker) marker.toggleAttribute("hidden", !keep);
        if (marker) marker.style.display = keep ? "" : "none";
      }
      count.textContent = `${shown} / ${body.rows.length}`;
    });
  }

  const flights = JSON.parse((document.getElementById("flights") || { textContent: "[]" }).textContent);
  if (flights.length) {
    // The slider goes through the flights one after the other; time on the ground is left out.
    const slider = document.getElementById("when");
    const then = document.getElementById("then");
    const play = document.getElementById("play");
    const drone = document.getElementById("drone");
    const trail = document.getElementById("trail");
    const begins = [];
    let total = 0;
    for (const flight of flights) {
      begins.push(total);
      total += flight.t[flight.t.length - 1];
    }
    slider.max = String(total);
    slider.value = String(total);
    const timed = $("[data-first]");
    const two = (n) => String(Math.floor(n)).padStart(2, "0");
    function place(at) {
      let k = flights.length - 1;
      while (k > 0 && at < begins[k]) k -= 1;
      const flight = flights[k];
      const t = Math.min(at - begins[k], flight.t[flight.t.length - 1]);
      let low = 0, high = flight.t.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (flight.t[middle] <= t) low = middle;
        else high = middle;
      }
      const share = (t - flight.t[low]) / Math.max(1e-6, flight.t[high] - flight.t[low]);
      const between = (values) => values[low] + (values[high] - values[low]) * share;
      return { flight, t, low, x: between(flight.x), y: between(flight.y), h: between(flight.h), d: flight.d[low] };
    }
    function show() {
      const at = Number(slider.value);
      const now = place(at);
      const over = at >= total;
      drone.dataset.x = now.x;
      drone.dataset.y = now.y;
      drone.lastElementChild.setAttribute("transform", `rotate(${now.d})`);
      const way = [];
      for (let n = 0; n <= now.low; n += 1) way.push(`${now.flight.x[n]} ${now.flight.y[n]}`);
      way.push(`${now.x} ${now.y}`);
      trail.setAttribute("d", `M${way.join("L")}`);
      const seconds = now.flight.start + now.t;
      const local = new Date((seconds + now.flight.offset) * 1000);
      then.textContent = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())} · ${Math.round(now.h)} m`;
      slider.setAttribute("aria-valuetext", then.textContent);
      for (const el of timed) {
        el.classList.toggle("later", !over && Number(el.dataset.first) > seconds);
      }
      later();
    }
    fixed.push(drone);
    slider.addEventListener("input", show);
    let ticking = 0, before = 0;
    function stop() {
      cancelAnimationFrame(ticking);
      ticking = 0;
      play.textContent = "▶";
    }
    function tick(time) {
      const passed = before ? (time - before) / 1000 : 0;
      before = time;
      // Half a minute for all of it, however long it was.
      slider.value = String(Math.min(total, Number(slider.value) + (passed * total) / 30));
      show();
      if (Number(slider.value) >= total) stop();
      else ticking = requestAnimationFrame(tick);
    }
    play.addEventListener("click", () => {
      if (ticking) {
        stop();
        return;
      }
      if (Number(slider.value) >= total) slider.value = "0";
      play.textContent = "❚❚";
      before = 0;
      ticking = requestAnimationFrame(tick);
    });
    slider.addEventListener("pointerdown", stop);
    show();
  }
  draw();
})();
