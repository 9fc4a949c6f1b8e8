// Downloads: the curves as a picture (PNG, SVG) and as a table (CSV), made of what the page shows.
const paper = find("paper"), family = getComputedStyle(document.body).fontFamily;

function figure(pen, width) { // every lane with its name and axis, in the colours of paper; its height in pixels
  const ink = (name) => getComputedStyle(paper).getPropertyValue(name).trim();
  const left = 56, lane = 84, gap = 30, box = { x: left, width: width - left - 16 };
  const known = state.index.contents[state.content], curves = curvesShown(), height = 64 + state.index.expressions.length * (lane + gap) + 44;
  pen.rect(0, 0, width, height, "#ffffff");
  pen.text(left, 28, known.name, ink("--ink"), { size: 18, weight: 600 });
  if (curves.length === 1) pen.text(left, 48, caption(curves[0]), ink("--muted"), { size: 12 });
  else curves.forEach((curve, i) => pen.text(left + i * 150, 48, `${curve.value} (n = ${curve.n})`, ink(COMPARED[i % 8]), { size: 12, weight: 600 }));
  const common = scaleOf(state.index.expressions.map((_, k) => k));
  state.index.expressions.forEach((name, k) => {
    const y = 64 + k * (lane + gap) + 18, scale = state.own ? scaleOf([k]) : common;
    pen.text(left, y - 5, name, ink("--ink"), { size: 13, weight: 600 });
    drawLane(pen, { ...box, y, height: lane }, k, scale, { ink, colour: ink("--e" + k % 8) });
    pen.text(left - 6, y + 10, String(Number(scale.toFixed(2))), ink("--muted"), { size: 11, anchor: "end" });
    pen.text(left - 6, y + lane - (shown("labels") ? 12 : 1), "0", ink("--muted"), { size: 11, anchor: "end" });
  });
  const y = height - 40;
  drawAxis(pen, { ...box, y: y - 2 }, { ink });
  pen.text(left + box.width / 2, y + 34, "time in the content (m:ss)", ink("--muted"), { size: 12, anchor: "middle" });
  return height;
}

function caption(curve) {
  const who = curve.column ? `${curve.column} ${curve.value}: ` : "";
  const band = curve.n >= 3 ? ", band: 95% bootstrap interval over participants" : "";
  return `${who}mean score of ${curve.n} participant${curve.n === 1 ? "" : "s"}${band}`;
}

function save(name, blob) {
  const link = document.createElement("a"), url = URL.createObjectURL(blob);
  link.href = url; link.download = name; link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

const fileName = (suffix) => state.index.contents[state.content].name.replace(/[^\p{L}\p{N}._-]+/gu, "_") + suffix;
const quoted = (cell) => (/[",\n]/.test(cell) ? '"' + String(cell).replace(/"/g, '""') + '"' : cell === null ? "" : String(cell));

function csv() { // long form: a row for each second and expression; a column for each viewer
  const { series, index } = state, rows = [["second", "expression", "label", "vote_share", "prediction"]];
  for (const curve of series.curves || []) { const who = curve.column ? `_${curve.column}_${curve.value}` : ""; rows[0].push("mean" + who, "low" + who, "high" + who); }
  for (const line of series.lines || []) rows[0].push(["viewer", line.who, ...Object.values(line.about).filter(Boolean)].join(" "));
  index.expressions.forEach((name, k) => {
    for (let t = 0; t < series.seconds; t++) {
      const label = labelled(k, t), row = [t, name, label === null ? null : Number(label), at(series.share, k, t), predicted(k, t)];
      for (const curve of series.curves || []) row.push(at(curve.mean, k, t), at(curve.low, k, t), at(curve.high, k, t));
      for (const line of series.lines || []) row.push(at(line.scores, k, t));
      rows.push(row);
    }
  });
  return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

function svg(width = 1200) {
  const pen = svgPen(family);
  return pen.svg(width, figure(pen, width));
}

const makers = {
  svg: () => save(fileName(".svg"), new Blob([svg()], { type: "image/svg+xml" })),
  csv: () => save(fileName(".csv"), new Blob([csv()], { type: "text/csv" })),
  png: () => {
    const canvas = document.createElement("canvas"), width = 1200, dots = 2;
    canvas.width = width * dots;
    canvas.height = figure(svgPen(family), width) * dots;
    const context = canvas.getContext("2d");
    context.setTransform(dots, 0, 0, dots, 0, 0);
    figure(canvasPen(context, family), width);
    canvas.toBlob((blob) => save(fileName(".png"), blob), "image/png");
  },
};
for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => makers[button.dataset.save]());
window.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
