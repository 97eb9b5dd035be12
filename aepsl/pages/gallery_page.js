// The page: what the user does with it.

let lastOpacity = DEFAULTS.opacity;

// Show what is chosen. kept: an image and the height of the window that it stays at; without one, begin at the top.
function show([id, height] = []) {
  sync();
  choose();
  arrange();
  head();
  measure();
  redraw();
  place(id, height);
}

function sync() {
  for (const id of ["use", "class", "find", "order", "over", "opacity"]) $(id).value = state[id];
  for (const radio of $("rounds").elements) radio.checked = Number(radio.value) === state.round;
  blend();
}

function blend() {
  document.documentElement.style.setProperty("--opacity", state.opacity / 100);
  $("percent").textContent = `${state.opacity} %`;
  if (state.opacity) lastOpacity = state.opacity;
}

function head() {
  $("head").replaceChildren(element("th", { scope: "col", class: "about" }, "image"), ...columns.map((column) => {
    const title = element("th", { scope: "col" });
    if (column.number) {
      title.append(column.symbol, element("sub", {}, column.number));
      if (column.symbol !== "I") title.append(" on I", element("sub", {}, column.number));
      title.setAttribute("aria-label", column.name);
    } else title.append(column.title);
    return title;
  }));
  $("head").setAttribute("aria-rowindex", 1);
  $("table").setAttribute("aria-rowcount", shown.length + 1);
  const of = state.class ? ` with ${state.class}` : "";
  const by = $("order").selectedOptions[0].textContent.replace("IoU", () => (state.class ? `IoU of ${state.class}` : "IoU"));
  const rounds = columns.some((column) => column.number);
  const round = !rounds ? "" : state.round ? `, round ${state.round}` : ", all rounds";
  for (const id of ["rounds", "overlays", "scale"]) $(id).hidden = !rounds;
  $("overlays").hidden ||= state.round > 0; // both stand there
  $("count").textContent = shown.length
    ? `${shown.length.toLocaleString("en")} of ${images.length.toLocaleString("en")} images${of}, ${by}${round}`
    : `No image${of}; choose otherwise.`;
  if (state.image && !shown.some((image) => image.id === state.image))
    $("count").textContent += `; ${state.image} is not among them`;
}

// What the user does.

function select(id, { step }) {
  rowOf(state.image)?.removeAttribute("aria-current");
  change({ image: id }, { step });
  const top = bodyTop() + shown.findIndex((image) => image.id === id) * row;
  if (top < headBottom()) scrollBy(0, top - headBottom());
  else if (top + row > innerHeight) scrollBy(0, top + row - innerHeight);
  fill();
  rowOf(id).setAttribute("aria-current", "true");
  rowOf(id).querySelector("a").focus({ preventScroll: true });
}

function go(by) {
  if (!shown.length) return;
  const here = shown.findIndex((image) => image.id === state.image);
  const index = here < 0 ? indexInSight() : Math.min(shown.length - 1, Math.max(0, here + by));
  select(shown[index].id, { step: false });
}

function turn(changes) {
  const kept = anchor();
  change(changes);
  show(kept);
}

function toRound(round) {
  if (round >= 0 && round <= data.rounds && round !== state.round) turn({ round });
}

function toOpacity(opacity) {
  change({ opacity: Math.min(100, Math.max(0, opacity)) }, { step: false });
  sync();
}

const KEYS = {
  ArrowLeft: () => toRound(state.round - 1),
  ArrowRight: () => toRound(state.round + 1),
  ArrowUp: () => go(-1),
  ArrowDown: () => go(1),
  k: () => go(-1),
  j: () => go(1),
  "-": () => toOpacity(state.opacity - 10),
  "+": () => toOpacity(state.opacity + 10),
  o: () => toOpacity(state.opacity ? 0 : lastOpacity),
  m: () => turn({ over: state.over === "heat" ? "mined" : "heat" }),
  "/": () => $("find").focus(),
  "?": () => $("about").showModal(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("dialog")) return;
  if (event.target.closest("form")) {
    if (event.key === "Escape") (rowOf(state.image)?.querySelector("a") ?? $("table")).focus({ preventScroll: true });
    return;
  }
  const act = /^\d$/.test(event.key) ? () => toRound(Number(event.key)) : Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

for (const id of ["use", "class", "order"]) {
  $(id).addEventListener("change", (event) => {
    change({ [id]: event.target.value });
    show();
  });
}
$("over").addEventListener("change", (event) => turn({ over: event.target.value }));
$("rounds").addEventListener("change", (event) => toRound(Number(event.target.value)));
$("opacity").addEventListener("input", (event) => toOpacity(Number(event.target.value)));
$("find").addEventListener("input", (event) => {
  change({ find: event.target.value }, { step: false });
  show();
});
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("help").addEventListener("click", KEYS["?"]);
$("rows").addEventListener("click", (event) => {
  if (!event.target.closest("a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  select(event.target.textContent, { step: true });
});
for (const kind of ["pointerover", "focusin"]) {
  $("rows").addEventListener(kind, ({ target }) => { // the link as of now: opacity has changed since the row was drawn
    if (target.matches("a")) target.href = address({ image: target.textContent });
  });
}
addEventListener("scroll", fill, { passive: true });
addEventListener("scrollend", write); // so that to load it again leads to the same row
addEventListener("resize", () => show(anchor()));

// Begin, also after a step back: at the row that stood first then, or at the one that the address names.

function begin(first) {
  clearTimeout(waiting);
  read();
  show();
  if (first !== undefined) place(first, headBottom());
  else if (state.image) place(state.image, headBottom());
}

history.scrollRestoration = "manual";
$("uses").hidden = kinds.length < 2;
for (const option of $("order").options)
  option.disabled = ["worst", "best"].includes(option.value) && images.every((image) => image.iou === null);
for (const name of data.classes) $("class").append(new Option(name));
for (let t = 0; t <= data.rounds; t++) {
  const radio = element("input", { type: "radio", name: "round", value: t });
  $("rounds").append(element("label", {}, radio, element("span", {}, t || "all")));
}
for (const [number, name] of [...data.classes.map((name, place) => [place + 1, name]), [255, "ignored"]])
  $("legend").append(element("li", {}, element("i", { style: `background:${data.colours[number]}` }), name));
$("rows").append(above, below);
addEventListener("popstate", (event) => begin(event.state?.top));
begin(history.state?.top);
