// Opens in h5web, one after another, the files that /cases names, and tells /seen what it shows of each.
import "@h5web/app/styles.css";
import { App } from "@h5web/app";
import { H5WasmBufferProvider } from "@h5web/h5wasm";
import { createRoot } from "react-dom/client";

const PATIENCE = 30_000; // ms

// A canvas can be read after it was drawn only where it keeps its pixels.
const context = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, options) {
  return context.call(this, kind, { ...options, preserveDrawingBuffer: true });
};

const pause = (time) => new Promise((done) => setTimeout(done, time));
const all = (selector) => [...document.querySelectorAll(selector)];
const label = (item) => (item.getAttribute("aria-label") ?? item.textContent).replace(/ NX$/, ""); // its badge

async function until(ready) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await pause(100)) {
    const found = ready();
    if (found) return found;
  }
  throw new Error(`waited in vain for ${ready}`);
}

async function click(wanted) {
  (await until(() => all("[role=treeitem], button").find((item) => label(item) === wanted))).click();
  for (let frames = 0; frames < 5; frames++) await new Promise(requestAnimationFrame);
}

function drawn(canvas) {
  const small = new OffscreenCanvas(32, 32).getContext("2d");
  small.drawImage(canvas, 0, 0, 32, 32);
  return small.getImageData(0, 0, 32, 32).data.some(Boolean);
}

// The heat map's pixels when they no longer change; null where nothing is shown.
async function picture() {
  const nothing = () => document.body.innerText.includes("Nothing to display");
  await until(() => nothing() || document.querySelector("figure"));
  if (nothing()) return null;
  let before;
  return until(() => {
    const canvas = document.querySelector("figure canvas");
    const now = canvas && drawn(canvas) && canvas.toDataURL();
    const still = now && now === before;
    before = now;
    return still && now;
  });
}

async function look() {
  return {
    pixels: await picture(),
    title: document.querySelector("figure")?.getAttribute("aria-label"),
    tab: all("[role=tab][aria-selected=true]").map((tab) => tab.textContent).join(""),
    tree: all("[role=treeitem]").map(label),
  };
}

async function open({ file, path, steps }) {
  const buffer = await (await fetch(`files/${file}`)).arrayBuffer();
  const root = createRoot(document.getElementById("root"));
  root.render(
    <H5WasmBufferProvider filename={file} buffer={buffer}>
      <App initialPath={path} />
    </H5WasmBufferProvider>,
  );
  await until(() => document.querySelector("[role=treeitem]"));
  const looks = [await look()];
  for (const step of steps) {
    for (const wanted of step) await click(wanted);
    looks.push(await look());
  }
  root.unmount();
  return looks;
}

for (const one of await (await fetch("cases")).json()) {
  const looks = await open(one).catch((error) => `${error}; there is: ${document.body.innerText}`);
  await fetch("seen", { method: "POST", body: JSON.stringify(looks) });
}
