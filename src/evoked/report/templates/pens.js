// Pens: the same marks on a canvas or as SVG text, so that a download shows what the page shows.
const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

function canvasPen(context, family) {
  const traced = (parts) => {
    context.beginPath();
    for (const part of parts) part.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  };
  return {
    rect(x, y, width, height, fill, alpha = 1) {
      context.globalAlpha = alpha; context.fillStyle = fill; context.fillRect(x, y, width, height); context.globalAlpha = 1;
    },
    line(parts, stroke, width = 1, alpha = 1, dash = []) {
      traced(parts);
      context.globalAlpha = alpha; context.strokeStyle = stroke; context.lineWidth = width; context.lineJoin = "round"; context.setLineDash(dash);
      context.stroke();
      context.globalAlpha = 1; context.setLineDash([]);
    },
    area(parts, fill, alpha = 1) {
      traced(parts);
      context.globalAlpha = alpha; context.fillStyle = fill; context.fill(); context.globalAlpha = 1;
    },
    text(x, y, text, fill, { size = 12, anchor = "start", weight = 400 } = {}) {
      context.font = `${weight} ${size}px ${family}`; context.fillStyle = fill;
      context.textAlign = { start: "left", middle: "center", end: "right" }[anchor];
      context.fillText(text, x, y);
    },
  };
}

function svgPen(family) {
  const marks = [], at = (v) => Number(v.toFixed(2));
  const path = (parts) => parts.map((part) => part.map(([x, y], i) => (i ? "L" : "M") + at(x) + " " + at(y)).join("")).join("");
  return {
    rect(x, y, width, height, fill, alpha = 1) { marks.push(`<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" fill="${fill}" fill-opacity="${alpha}"/>`); },
    line(parts, stroke, width = 1, alpha = 1, dash = []) {
      if (parts.length) marks.push(`<path d="${path(parts)}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-opacity="${alpha}" stroke-linejoin="round"${dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : ""}/>`);
    },
    area(parts, fill, alpha = 1) { if (parts.length) marks.push(`<path d="${path(parts)}Z" fill="${fill}" fill-opacity="${alpha}"/>`); },
    text(x, y, text, fill, { size = 12, anchor = "start", weight = 400 } = {}) {
      marks.push(`<text x="${at(x)}" y="${at(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${escaped(text)}</text>`);
    },
    svg: (width, height) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="${escaped(family)}">\n${marks.join("\n")}\n</svg>\n`,
  };
}
