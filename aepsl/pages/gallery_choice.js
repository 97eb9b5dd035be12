// What there is to see, what is chosen of it, and the address that holds the choice.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const [BOX_HEIGHT, BOX_WIDTH] = data.box;

const images = data.images.map((row, place) => {
  const [id, use, height, width, layout, labels, area, iou, classes] = row;
  const [pictures, maps] = data.layouts[layout];
  return { id, use, height, width, pictures, maps, labels, area, iou, classes, place };
});
const kinds = [...new Set(images.map((image) => image.use))];

// What is chosen; the address holds what differs from this.
const DEFAULTS = { use: kinds.includes(1) && kinds.includes(2) ? "1" : "3", class: "", find: "", order: "list", round: 0,
  over: "heat", opacity: 65, image: "" };
let state = { ...DEFAULTS };
let shown = []; // the images, filtered and in order
let columns = [];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// The address.

function address(changes = {}) {
  const wanted = Object.entries({ ...state, ...changes }).filter(([name, value]) => value !== DEFAULTS[name]);
  return "#" + new URLSearchParams(wanted);
}

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (name, most) => Math.min(most, Math.max(0, Math.round(Number(given.get(name) ?? DEFAULTS[name])) || 0));
  const one = (name, allowed) => (allowed.includes(given.get(name)) ? given.get(name) : DEFAULTS[name]);
  const options = (id) => [...$(id).options].map((option) => option.value);
  state = {
    use: one("use", options("use")), class: one("class", data.classes), find: given.get("find") ?? "",
    order: one("order", options("order")), round: number("round", data.rounds), over: one("over", options("over")),
    opacity: number("opacity", 100), image: given.get("image") ?? "",
  };
  const named = images.filter((image) => image.id === state.image);
  if (named.length && !given.has("use") && !named.some((image) => image.use & state.use)) state.use = "3";
}

let waiting = 0;
function write() {
  clearTimeout(waiting);
  history.replaceState({ top: firstInSight()?.id }, "", address());
}

// A step goes into the history; what changes many times a second is written down a little later.
function change(changes, { step = true } = {}) {
  if (step) {
    write();
    Object.assign(state, changes);
    history.pushState(null, "", address());
  } else {
    Object.assign(state, changes);
    clearTimeout(waiting);
    waiting = setTimeout(write, 250);
  }
}

// Which images, in which order, in which columns.

const classNumber = () => data.classes.indexOf(state.class) + 1;
const iouOf = (image) => {
  const number = classNumber();
  return number ? (image.classes.find(([label]) => label === number) ?? [0, null])[1] : image.iou;
};

function choose() {
  const number = classNumber(), part = state.find.toLowerCase();
  shown = images.filter((image) =>
    image.use & state.use && image.id.toLowerCase().includes(part) &&
    (!number || image.classes.some(([label]) => label === number)));
  const by = { worst: iouOf, best: iouOf, smallest: (image) => image.area, largest: (image) => image.area }[state.order];
  const turned = ["best", "largest"].includes(state.order) ? -1 : 1;
  if (state.order === "name") {
    const collator = new Intl.Collator("en", { numeric: true });
    shown.sort((a, b) => collator.compare(a.id, b.id));
  } else if (by) {
    const value = new Map(shown.map((image) => [image, by(image) ?? Infinity * turned]));
    shown.sort((a, b) => turned * (value.get(a) - value.get(b)) || a.place - b.place);
  }
}

function arrange() {
  const there = new Set(shown.flatMap((image) => [image.pictures, image.maps]));
  const has = (name) => [...there].some((names) => names.includes(name));
  const t = state.round, mined = state.over === "mined";
  const round = (t, over) => ({
    symbol: over, number: t, base: [`I${t}`, "I1"], over: over === "I" ? "" : `${over}${t}`,
    needs: over === "I" ? `F${t}` : `${over}${t}`,
    name: { I: "image", H: "heat map", F: "mined regions" }[over] + ` of round ${t}`,
  });
  const rounds = Array.from({ length: data.rounds }, (_, index) => round(index + 1, mined ? "F" : "H"));
  columns = [
    { title: "photograph", base: ["I1"] },
    ...(t ? [round(t, "I"), round(t, "H"), round(t, "F")] : rounds),
    { title: "saliency", base: ["S"] },
    { title: "pseudo-label", base: ["I1"], over: "P" },
    { title: "prediction", base: ["I1"], over: "R" },
    { title: "after CRF", base: ["I1"], over: "C" },
    { title: "truth", base: ["I1"], over: "T" },
  ].filter((column) => has(column.needs ?? (column.over || column.base[0])));
}
