// Bundles the page into a folder that any static host serves: node build.mjs [FOLDER]
// The folder `model` in it is written by scripts/export_browser.py.

import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const output = process.argv[2] ?? join(here, "dist");

const mediapipe = "node_modules/@mediapipe/tasks-vision";

const copied = {
  ".": ["index.html", "page.css", "README.md"],
  wasm: [
    `${mediapipe}/wasm/vision_wasm_internal.js`,
    `${mediapipe}/wasm/vision_wasm_internal.wasm`,
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  ],
};

await build({
  absWorkingDir: here,
  // The second can be used without the page.
  entryPoints: ["src/page.ts", "src/recognition.ts"],
  outdir: output,
  bundle: true,
  // The table of exports in the package itself is malformed; tsconfig.json names the types for the same reason.
  alias: { "@mediapipe/tasks-vision": `./${mediapipe}/vision_bundle.mjs` },
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
  chunkNames: "shared",
  logLevel: "warning",
  logOverride: { "package.json": "silent" },
});
for (const [folder, files] of Object.entries(copied)) {
  await mkdir(join(output, folder), { recursive: true });
  await Promise.all(files.map((file) => copyFile(join(here, file), join(output, folder, basename(file)))));
}
