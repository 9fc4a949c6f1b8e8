// What @vladmandic/face-api itself says of faces: node face_api.mjs PACKAGE FACES (raw RGB, 112×112 each) → JSON.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as util from "node:util";

const [folder, faces] = process.argv.slice(2);
// The bundle is made for browsers; where it looks for node's module "util" there is nothing: it is given here.
const bundle = readFileSync(join(folder, "dist/face-api.esm.js"), "utf8").replace(/this\.util=\w+\(\)/, "this.util=globalThis.nodeUtil");
globalThis.nodeUtil = util;
const place = join(mkdtempSync(join(tmpdir(), "face-api-")), "face-api.mjs");
writeFileSync(place, bundle);
const api = await import(pathToFileURL(place).href);
await api.tf.setBackend("cpu");
await api.tf.ready();
const manifest = JSON.parse(readFileSync(join(folder, "model/face_expression_model-weights_manifest.json")));
const bytes = readFileSync(join(folder, "model/face_expression_model.bin"));
const weights = api.tf.io.decodeWeights(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), manifest[0].weights);
const net = new api.FaceExpressionNet();
net.loadFromWeightMap(weights);
const raw = readFileSync(faces);
const said = [];
for (let at = 0; at < raw.length; at += 112 * 112 * 3) {
  const picture = api.tf.tensor3d(Float32Array.from(raw.subarray(at, at + 112 * 112 * 3)), [112, 112, 3]);
  said.push(Array.from((await net.forward(picture)).dataSync()));
}
console.log(JSON.stringify(said));
