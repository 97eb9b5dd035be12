// The rows: those in sight, drawn when they come into sight.

const OVERSCAN = 4; // rows beside those in sight
const NARROWEST = 88, WIDEST = 260; // pixels of a picture on the page
const BESIDE = 184, GAP = 6; // pixels of what is said of an image, and between pictures
let row = 0; // height in pixels

function layer(image, names, name, kind) {
  const place = names.indexOf(name), pitch = Math.ceil(image.height / data.block) * data.block;
  const whole = pitch * names.length, enlarged = Math.min(BOX_WIDTH / image.width, BOX_HEIGHT / image.height);
  const folder = image.use & 1 ? "train" : "val";
  const made = element("i", { class: kind === "labels" || name[0] === "H" ? "over" : "" });
  Object.assign(made.style, {
    width: `calc(var(--width) * ${(image.width * enlarged) / BOX_WIDTH})`,
    height: `calc(var(--height) * ${(image.height * enlarged) / BOX_HEIGHT})`,
    backgroundImage: `url("${folder}/${kind}/${encodeURIComponent(image.id)}.webp")`,
    backgroundSize: `100% ${(100 * whole) / image.height}%`,
    backgroundPosition: `0 ${whole > image.height ? (100 * place * pitch) / (whole - image.height) : 0}%`,
  });
  return made;
}

function cell(image, column) {
  const label = image.classes.slice(0, image.labels).findIndex(([number]) => number === classNumber());
  const single = `${column.over}.${label}`;
  const over = image.pictures.includes(single) ? single : column.over;
  const base = column.base.find((name) => image.pictures.includes(name));
  const kind = image.pictures.includes(over) ? "pictures" : image.maps.includes(over) ? "labels" : "";
  const lacks = column.symbol === "I" && !image.maps.includes(column.needs); // it was not in that round
  if (!base || lacks || (column.over && !kind)) return element("td", { class: "empty" }, "–");
  const what = (column.name ?? column.title) + (over !== column.over ? ` for ${state.class}` : "");
  const picture = element("div", { class: "picture", role: "img", "aria-label": `${what}, ${image.id}` });
  picture.append(layer(image, image.pictures, base, "pictures"));
  if (kind) picture.append(layer(image, kind === "labels" ? image.maps : image.pictures, over, kind));
  return element("td", {}, picture);
}

const asShare = (thousandths) => (thousandths / 1000).toFixed(2);

function described(image) {
  const classes = image.classes.map(([number, iou], place) => {
    const name = (place < image.labels ? "" : "+") + data.classes[number - 1];
    const item = element("li", {}, element("i", { style: `background:${data.colours[number]}` }), name);
    if (iou !== null) item.append(" ", element("span", {}, asShare(iou)));
    if (place >= image.labels) item.title = "found, but no label of the image";
    return item;
  });
  const said = element("p", {}, `area ${asShare(image.area)}`);
  const iou = iouOf(image);
  if (iou !== null) said.prepend("IoU ", element("b", {}, asShare(iou)), " · ");
  const link = element("a", { href: address({ image: image.id }) }, image.id);
  return element("th", { scope: "row", class: "about" },
    element("div", {}, link, said, element("ul", { class: "classes" }, ...classes)));
}

function drawn(index) {
  const image = shown[index];
  const made = element("tr", { "aria-rowindex": index + 2 }, described(image), ...columns.map((one) => cell(image, one)));
  if (image.id === state.image) made.setAttribute("aria-current", "true");
  return made;
}

// Only the rows in sight are in the page, between two that are as high as all the others.

const rows = new Map(); // index → tr
const spacer = () => element("tr", { "aria-hidden": "true" }, element("td"));
const above = spacer(), below = spacer();

const bodyTop = () => $("rows").getBoundingClientRect().top;
const headBottom = () => $("head").firstChild.getBoundingClientRect().bottom; // the cells stick, their row does not
const indexInSight = () => Math.max(0, Math.min(shown.length - 1, Math.floor((headBottom() - bodyTop() + 2) / row)));
const firstInSight = () => shown[indexInSight()];

function fill() {
  const first = Math.max(0, indexInSight() - OVERSCAN);
  const last = Math.min(shown.length, first + Math.ceil(innerHeight / row) + 2 * OVERSCAN);
  for (const [index, made] of rows) {
    if (index >= first && index < last) continue;
    if (made.contains(document.activeElement)) $("table").focus({ preventScroll: true });
    made.remove();
    rows.delete(index);
  }
  let before = above;
  for (let index = first; index < last; index++) {
    if (!rows.has(index)) {
      rows.set(index, drawn(index));
      before.after(rows.get(index));
    }
    before = rows.get(index);
  }
  above.firstChild.style.height = `${first * row}px`;
  below.firstChild.style.height = `${(shown.length - last) * row}px`;
}

function redraw() {
  const focused = [...rows].find(([, made]) => made.contains(document.activeElement))?.[1].querySelector("a").textContent;
  for (const made of rows.values()) made.remove();
  rows.clear();
  fill();
  if (focused !== undefined) rowOf(focused)?.querySelector("a").focus({ preventScroll: true });
}

const rowOf = (id) => rows.get(shown.findIndex((image) => image.id === id));

function measure() {
  const set = (name, value) => document.documentElement.style.setProperty(`--${name}`, `${value}px`);
  const page = document.documentElement.clientWidth;
  set("page", page);
  set("top", document.querySelector("header").offsetHeight); // as high as it is in this width
  const width = Math.max(NARROWEST, Math.min(WIDEST, Math.floor((page - BESIDE) / columns.length) - GAP));
  const height = Math.round((width * BOX_HEIGHT) / BOX_WIDTH);
  row = height + GAP + 3;
  set("width", width);
  set("height", height);
  set("row", row);
}

// Scroll so that a row begins at a height of the window; to the top where it is not among those shown.
function place(id, height) {
  const index = shown.findIndex((image) => image.id === id);
  scrollBy(0, index < 0 ? -scrollY : bodyTop() + index * row - height);
  fill();
}

// The image that stays where it is while columns change: the current one, or else the first in sight.
function anchor() {
  const current = rowOf(state.image)?.getBoundingClientRect();
  const inSight = current && current.top >= headBottom() - 1 && current.bottom <= innerHeight + 1;
  const index = inSight ? shown.findIndex((image) => image.id === state.image) : indexInSight();
  return shown.length ? [shown[index].id, bodyTop() + index * row] : [];
}
