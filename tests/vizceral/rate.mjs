// Frames a second of Vizceral in Chromium. In: Vizceral's JSON, seconds, and perhaps a PNG file to write.
// Out: one line. See `run`.

import { readFileSync } from "node:fs";
import http from "node:http";
import { chromium } from "playwright-core";

const [sample, seconds, picture] = process.argv.slice(2);
/** Until the first particles have gone all the way, in milliseconds. */
const WARM_MS = 12_000;

const files = {
  "/": ["text/html", new URL("page.html", import.meta.url)],
  "/sample.json": ["application/json", sample],
  "/vizceral.js": ["text/javascript", "node_modules/vizceral/dist/vizceral.min.js"],
};
const server = http.createServer((request, response) => {
  const [type, file] = files[request.url] ?? [];
  response.writeHead(file ? 200 : 404, { "content-type": type ?? "text/plain" });
  response.end(file && readFileSync(file));
});
await new Promise((begun) => server.listen(0, "127.0.0.1", begun));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  headless: false,
  // Larger than the page by what the browser puts above it. Mesa's driver draws, as it does for Spanfall:
  // Chromium's own is slower.
  args: [
    ...["--no-sandbox", "--kiosk", "--window-position=0,0", "--window-size=1921,1168"],
    ...["--ignore-gpu-blocklist", "--use-gl=angle", "--use-angle=gl"],
    ...["--no-first-run", "--disable-background-networking", "--disable-component-update"],
    ...["--disable-sync", "--disable-quic"],
  ],
});
const page = await browser.newPage({ viewport: null });
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.waitForFunction("window.isDrawing");
const wait = (ms) => new Promise((waited) => setTimeout(waited, ms));
const now = () => page.evaluate("[graph.renderer.info.render.frame, performance.now()]");

await wait(WARM_MS);
const [firstFrame, beginMs] = await now();
await wait(seconds * 1_000);
const [lastFrame, endMs] = await now();
const { alive, nodes, edges, size, driver } = await page.evaluate(() => {
  const { connections, nodes } = graph.currentGraph;
  const context = graph.renderer.getContext();
  const names = context.getExtension("WEBGL_debug_renderer_info");
  // Vizceral's own test of what is under way: its place along the connection, the first of three, is not 0.
  const shown = ({ view }) => view.positionAttr.array.filter((at, i) => i % 3 === 0 && at !== 0).length;
  return {
    alive: Object.values(connections).reduce((sum, connection) => sum + shown(connection), 0),
    nodes: Object.keys(nodes).length,
    edges: Object.keys(connections).length,
    size: `${graph.renderer.domElement.width}x${graph.renderer.domElement.height}`,
    driver: context.getParameter(names.UNMASKED_RENDERER_WEBGL),
  };
});
const rate = (1_000 * (lastFrame - firstFrame)) / (endMs - beginMs);
console.log(
  `${rate.toFixed(1)} frames/s at ${size}, ${alive} particles alive, ${nodes} nodes, ${edges} connections; ${driver}`,
);
if (picture) await page.screenshot({ path: picture });
await browser.close();
server.close();
