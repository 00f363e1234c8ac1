// A row of data.documents is [id, lengths of its texts, errors of A, right ones of A, entities of gold and A, errors that
// one of A and B makes alone]; the documents themselves lie in blocks, which are read when one of theirs is needed.
// A document is [id, [[section, text]], gold, A, B, pairs]; an entity [passage, start, end, label, score, quoted text];
// a pair [1 for B, gold, prediction, kind, 1 if only these predictions make the error], with -1 for what is not there.
const CORRECT = data.kinds.findIndex(([key]) => key === "correct");
const BAND = 13; // pixels of a band and the gap after it
const AHEAD = "1200px 0px"; // how far from the view documents are drawn
const MOST_PRINTED = 200;
const GROUP = 100;
const form = document.getElementById("filters");
const list = document.getElementById("list");
const tip = document.getElementById("tip");

const initial = () => ({ cell: null, mention: null });
let chosen = initial();
let shown = []; // { place of the document, number of its chosen pairs, their places where they are known }, in order
let articles = [];
let by = null; // what the filters say
let current = null; // [place in shown, place among the chosen pairs]
let contentHeight = 18;

const mention = (doc, entity) =>
  entity[5] ?? (entity[0] < 0 ? "" : cut(points(doc[1][entity[0]][1]), entity[1], entity[2]));
const goldOf = (doc, pair) => (pair[1] < 0 ? null : doc[2][pair[1]]);
const predictedOf = (doc, pair) => (pair[2] < 0 ? null : doc[pair[0] ? 4 : 3][pair[2]]);
const f1 = ([, , , right, entities]) => (entities ? (2 * right) / entities : 1);
const ORDERS = { file: () => 0, errors: (row) => -row[2], f1, difference: (row) => -row[5] };

const blocks = [...document.querySelectorAll("script.block")];
const read = [];

function documentAt(place) {
  const number = Math.floor(place / data.block);
  read[number] ??= JSON.parse(blocks[number].textContent);
  return read[number][place % data.block];
}

function settings() {
  const values = new FormData(form);
  const number = (name, otherwise) => (values.get(name) ? Number(values.get(name)) : otherwise);
  return {
    kinds: new Set(values.getAll("kind").map(Number)),
    type: values.get("type") ? Number(values.get("type")) : null,
    compare: values.get("compare") ?? "a",
    text: (values.get("text") ?? "").toLowerCase().trim(),
    least: number("least", null),
    most: number("most", null),
    order: values.get("order"),
  };
}

function isWanted(doc, pair) {
  const [side, , , kind, alone] = pair;
  if (!by.kinds.has(kind)) return false;
  if (by.compare === "a" ? side : !alone || side === { "a-alone": 1, "b-alone": 0 }[by.compare]) return false;
  const gold = goldOf(doc, pair);
  const predicted = predictedOf(doc, pair);
  if (by.type !== null && gold?.[3] !== by.type && predicted?.[3] !== by.type) return false;
  if (chosen.cell && ((gold?.[3] ?? -1) !== chosen.cell[0] || (predicted?.[3] ?? -1) !== chosen.cell[1])) return false;
  if (chosen.mention !== null && mention(doc, gold ?? predicted).toLowerCase() !== chosen.mention) return false;
  if (by.least === null && by.most === null) return true;
  const score = predicted?.[4] ?? null;
  return score !== null && score >= (by.least ?? 0) && score <= (by.most ?? 1);
}

const holds = (doc, text) =>
  !text || doc[0].toLowerCase().includes(text) || doc[1].some(([, passage]) => passage.toLowerCase().includes(text));

function isNarrow(by) {
  const all = data.kinds.every((_, kind) => kind === CORRECT || by.kinds.has(kind));
  return !all || by.type !== null || by.compare !== "a" || by.least !== null || by.most !== null || chosen.cell || chosen.mention !== null;
}

function apply() {
  by = settings();
  const narrow = isNarrow(by);
  // All errors of A are counted in the rows; for anything else the documents are read.
  const plain = !narrow && !by.text && !by.kinds.has(CORRECT);
  shown = [];
  data.documents.forEach((row, place) => {
    if (plain) shown.push({ place, count: row[2] });
    else if (holds(documentAt(place), by.text)) {
      const pairs = wantedIn(documentAt(place));
      if (pairs.length || !narrow) shown.push({ place, count: pairs.length, pairs });
    }
  });
  const rank = data.documents.map(ORDERS[by.order]);
  shown.sort((a, b) => rank[a.place] - rank[b.place] || a.place - b.place);
  current = null;
  lay();
  tell();
}

function wantedIn(doc) {
  const pairs = doc[5].flatMap((pair, number) => (isWanted(doc, pair) ? [number] : []));
  return pairs.sort((a, b) => position(doc, a) - position(doc, b));
}

const pairsOf = (entry) => (entry.pairs ??= wantedIn(documentAt(entry.place)));
const countOf = (entries) => entries.reduce((sum, { count }) => sum + count, 0);

/** Return a number that orders the pairs of a document as its text does. */
function position(doc, number) {
  const entity = goldOf(doc, doc[5][number]) ?? predictedOf(doc, doc[5][number]);
  return entity[0] < 0 ? Number.MAX_VALUE : entity[0] * 1e9 + entity[1];
}

function tell() {
  const entities = countOf(shown);
  const [one, more] = by.kinds.has(CORRECT) ? ["entity", "entities"] : ["error", "errors"];
  document.getElementById("count").textContent =
    `${shown.length.toLocaleString("en")} of ${data.documents.length.toLocaleString("en")} documents, ` +
    `${entities.toLocaleString("en")} ${entities === 1 ? one : more}`;
  const chips = [];
  if (chosen.cell) {
    const [gold, predicted] = chosen.cell.map((place) => data.labels[place]?.[0]);
    chips.push(["cell", `${gold ?? "spurious"} → ${predicted ?? "missing"}`]);
  }
  if (chosen.mention !== null) chips.push(["mention", `“${chosen.mention}”`]);
  document.getElementById("chosen").replaceChildren(
    ...chips.map(([key, text]) =>
      make("button", { type: "button", title: "remove this filter", onclick: () => choose({ [key]: null }) }, visible(text)),
    ),
  );
  const type = form.elements.type.value;
  for (const button of document.querySelectorAll("[data-type]")) button.setAttribute("aria-pressed", String(button.dataset.type === type));
  number();
}

function number() {
  const before = current ? countOf(shown.slice(0, current[0])) + current[1] + 1 : 0;
  const all = countOf(shown);
  document.getElementById("place").textContent = all ? `${before ? before.toLocaleString("en") : "–"} of ${all.toLocaleString("en")}` : "none";
}

// Documents are drawn while they are near the view; others are empty boxes of about their height.
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      if (isIntersecting) draw(target);
      else if (target.firstChild && !target.contains(document.activeElement)) {
        target.style.minHeight = `${boundingClientRect.height}px`;
        target.replaceChildren();
      }
    }
  },
  { rootMargin: AHEAD },
);

function lay() {
  observer.disconnect();
  const perLine = Math.max(30, Math.min(832, list.clientWidth) / 7.6);
  articles = shown.map(({ place, count }, number) => {
    const article = make("article", { className: "document" });
    const lines = data.documents[place][1].reduce((sum, length) => sum + Math.ceil(length / perLine), 0);
    article.style.minHeight = `${90 + 52 * lines + 6 * count}px`;
    article.number = number;
    return article;
  });
  // In groups, so that a change of one height moves a few hundred boxes and not all of them.
  const groups = [];
  for (let first = 0; first < articles.length; first += GROUP) groups.push(make("div", {}, ...articles.slice(first, first + GROUP)));
  list.replaceChildren(...groups);
  for (const article of articles) observer.observe(article);
}

function draw(article) {
  if (article.firstChild) return;
  const { place } = shown[article.number];
  const [doc, pairs, row] = [documentAt(place), pairsOf(shown[article.number]), data.documents[place]];
  const facts = `${row[2]} ${row[2] === 1 ? "error" : "errors"}, F1 ${f1(row).toFixed(2)}`;
  const heading = make("h3", {}, make("a", { href: link(doc) }, make("bdi", {}, visible(doc[0]))), make("small", {}, facts));
  const texts = doc[1].flatMap(([section, text], passage) => [
    ...(section ? [make("p", { className: "section" }, visible(section))] : []),
    drawText(doc, passage, text, new Set(pairs)),
  ]);
  const items = pairs.map((number) => make("li", {}, drawPair(doc, number, article.number)));
  article.replaceChildren(heading, ...texts, ...(items.length ? [make("ul", { className: "pairs" }, ...items)] : []));
  article.style.minHeight = "";
  if (current && current[0] === article.number) mark(article, pairs[current[1]]);
}

function describe(doc, pair) {
  const gold = goldOf(doc, pair);
  const predicted = predictedOf(doc, pair);
  const name = (entity) => `${visible(data.labels[entity[3]][0])} “${visible(mention(doc, entity))}”`;
  const lines = [data.kinds[pair[3]][1] + (data.against ? (pair[0] ? ", B" : ", A") + (pair[4] ? " alone" : "") : "")];
  if (gold) lines.push(`gold: ${name(gold)}`);
  if (predicted) lines.push(`predicted: ${name(predicted)}${predicted[4] === null ? "" : `, score ${predicted[4].toFixed(3)}`}`);
  return lines.join("\n");
}

function drawPair(doc, number, place) {
  const pair = doc[5][number];
  const gold = goldOf(doc, pair);
  const predicted = predictedOf(doc, pair);
  const types = gold && predicted && gold[3] !== predicted[3] ? [tag(gold[3]), " → ", tag(predicted[3])] : [tag((gold ?? predicted)[3])];
  const side = data.against ? (pair[0] ? "B " : "A ") : "";
  const anchor = make(
    "a",
    { href: link(doc, number), "data-pair": number, "data-tip": describe(doc, pair) },
    `${side}${data.kinds[pair[3]][1]} `, ...types, " ", make("bdi", {}, visible(mention(doc, gold ?? predicted))),
  );
  anchor.onclick = (event) => {
    event.preventDefault();
    go([place, pairsOf(shown[place]).indexOf(number)]);
  };
  return anchor;
}

/** Give each entity the first lane in which nothing overlaps it, the longest of those that begin together first. */
function lanes(entities) {
  const ends = [];
  const found = [...entities].sort((a, b) => a.entity[1] - b.entity[1] || b.entity[2] - a.entity[2]);
  for (const each of found) {
    const free = ends.findIndex((end) => end <= each.entity[1]);
    each.lane = free < 0 ? ends.length : free;
    ends[each.lane] = each.entity[2];
  }
  return [found, ends.length];
}

function drawText(doc, passage, text, wanted) {
  const places = [new Map(), new Map(), new Map()];
  doc[5].forEach(([side, gold, predicted], number) => {
    const add = (where, at) => at >= 0 && where.set(at, [...(where.get(at) ?? []), number]);
    add(places[0], gold);
    add(places[1 + side], predicted);
  });
  const sides = [2, 3, 4].map((side, number) =>
    doc[side].flatMap((entity, at) => (entity[0] === passage ? [{ entity, side: number, pairs: places[number].get(at) ?? [] }] : [])),
  );
  const [[gold, above], [a, ofA], [b, ofB]] = sides.map(lanes);
  const all = [...gold, ...a, ...b];
  const below = ofA + ofB + (ofA && ofB ? 0.4 : 0);
  const paragraph = make("p", { className: `text ${passage === 0 && doc[1].length > 1 ? "title" : ""}`, dir: "auto" });
  paragraph.style.lineHeight = `${contentHeight + BAND * (above + below) + 8}px`;
  const units = points(text);
  const borders = [...new Set([0, units.length, ...all.flatMap(({ entity }) => [entity[1], entity[2]])])].sort((x, y) => x - y);
  const starting = Map.groupBy(all, ({ entity }) => entity[1]);
  const open = new Set();
  for (let place = 0; place + 1 < borders.length; place++) {
    const [start, end] = [borders[place], borders[place + 1]];
    for (const each of open) if (each.entity[2] <= start) open.delete(each);
    for (const each of starting.get(start) ?? []) open.add(each);
    const piece = visible(cut(units, start, end));
    paragraph.append(open.size ? drawPart(doc, piece, start, [...open], [above, ofA, ofB], wanted) : piece);
  }
  return paragraph;
}

function drawPart(doc, piece, start, open, [above, ofA, ofB], wanted) {
  const part = make("span", { className: "part" }, piece);
  const below = above * BAND + contentHeight;
  const layers = [];
  for (const { entity, side, lane } of open) {
    const top = side === 0 ? (above - 1 - lane) * BAND : below + BAND * (lane + (side === 2 && ofA ? ofA + 0.4 : 0)) + 1;
    const [, code, colour, striped] = data.labels[entity[3]];
    const band = `var(--c${colour})`;
    const fill = striped ? `repeating-linear-gradient(135deg, ${band} 0 5px, color-mix(in srgb, ${band} 55%, #fff) 5px 8px)` : `linear-gradient(${band} 0 0)`;
    layers.push(`${fill} 0 ${top}px / 100% ${BAND - 2}px no-repeat`);
    if (entity[1] === start) {
      const label = make("span", { className: "code", "data-code": visible(code) });
      label.style.top = `${top}px`;
      part.append(label);
    }
  }
  layers.push(`linear-gradient(var(--shown) 0 0) 0 ${above * BAND}px / 100% ${contentHeight}px no-repeat`);
  part.style.paddingTop = `${above * BAND}px`;
  part.style.paddingBottom = `${BAND * (ofA + ofB + (ofA && ofB ? 0.4 : 0)) + 1}px`;
  part.style.background = layers.join(", ");
  const pairs = [...new Set(open.flatMap((each) => each.pairs))];
  part.pairs = pairs;
  part.classList.toggle("wrong", pairs.some((number) => doc[5][number][3] !== CORRECT && (wanted.has(number) || doc[5][number][0] === 0)));
  part.dataset.tip = pairs.map((number) => describe(doc, doc[5][number])).join("\n\n");
  return part;
}

const link = (doc, number) => `#document=${encodeURIComponent(doc[0].toWellFormed())}${number === undefined ? "" : `&error=${number + 1}`}`;

function mark(article, number) {
  for (const part of article.querySelectorAll(".part")) part.classList.toggle("current", part.pairs.includes(number));
  for (const anchor of article.querySelectorAll("a[data-pair]")) anchor.classList.toggle("current", Number(anchor.dataset.pair) === number);
}

function unmark() {
  for (const element of list.querySelectorAll(".current")) element.classList.remove("current");
}

/** Show an error, given by its places in what is shown. */
function go(place) {
  unmark();
  current = place;
  const article = articles[place[0]];
  const pair = pairsOf(shown[place[0]])[place[1]];
  // Neighbours are drawn first, so that their heights do not change under it.
  for (const near of articles.slice(Math.max(0, place[0] - 2), place[0] + 2)) draw(near);
  mark(article, pair);
  const anchor = article.querySelector(`a[data-pair="${pair}"]`);
  anchor.focus({ preventScroll: true });
  history.replaceState(null, "", link(data.documents[shown[place[0]].place], pair));
  const target = article.querySelector(".part.current") ?? anchor;
  target.scrollIntoView({ block: "center" });
  requestAnimationFrame(() => target.scrollIntoView({ block: "center" }));
  number();
}

function step(by) {
  let [place, pair] = current ?? (by > 0 ? [-1, 0] : [shown.length, 0]);
  pair += by;
  if (!current || pair < 0 || pair >= shown[place].count) {
    do place += by;
    while (shown[place]?.count === 0);
    pair = by > 0 ? 0 : shown[place]?.count - 1;
  }
  if (shown[place]) go([place, pair]);
}

/** Show what the address names: a document, and perhaps one of its errors. */
function follow() {
  const named = new URLSearchParams(location.hash.slice(1));
  if (!named.has("document")) return;
  const at = data.documents.findIndex(([id]) => id.toWellFormed() === named.get("document"));
  if (at < 0) return;
  const error = named.has("error") ? Number(named.get("error")) - 1 : null;
  const find = () => shown.findIndex(({ place }) => place === at);
  let place = find();
  if (place < 0 || (error !== null && !pairsOf(shown[place]).includes(error))) {
    reset();
    for (const box of form.elements.kind) box.checked = true;
    const pair = error === null ? null : documentAt(at)[5][error];
    if (pair?.[0] === 1) form.elements.compare.value = pair[4] ? "b-alone" : "a";
    apply();
    place = find();
  }
  if (place < 0) return;
  const pair = error === null ? -1 : pairsOf(shown[place]).indexOf(error);
  if (pair >= 0) {
    go([place, pair]);
    return;
  }
  for (const near of articles.slice(Math.max(0, place - 2), place + 2)) draw(near);
  articles[place].scrollIntoView();
  articles[place].querySelector("h3 a").focus();
}

function reset() {
  chosen = initial();
  form.reset();
}

/** Add to what a click has chosen; a kind that is chosen is the only one. */
function choose({ kind, compare, ...more }) {
  chosen = { ...chosen, ...more };
  const kinds = kind ? [data.kinds.findIndex(([key]) => key === kind)] : more.cell || more.mention ? data.kinds.keys() : null;
  if (kinds) {
    const wanted = new Set(kinds);
    for (const box of form.elements.kind) box.checked = wanted.has(Number(box.value)) && (kind || Number(box.value) !== CORRECT);
  }
  if (compare) form.elements.compare.value = compare;
  apply();
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  const part = target.closest(".part");
  if (part) {
    const place = part.closest("article").number;
    const pair = pairsOf(shown[place]).findIndex((number) => part.pairs.includes(number));
    if (pair >= 0) go([place, pair]);
  }
  if (!button) return;
  const { kind, gold, predicted, mention: text, compare, type } = button.dataset;
  if (type !== undefined) {
    form.elements.type.value = form.elements.type.value === type ? "" : type;
    apply();
    return;
  }
  if (!(kind || gold || text !== undefined || compare)) return;
  reset();
  choose({ kind, compare, ...(gold ? { cell: [Number(gold), Number(predicted)] } : {}), ...(text === undefined ? {} : { mention: data.mentions[Number(text)] }) });
  if (gold && gold === predicted) {
    for (const box of form.elements.kind) box.checked = true;
    apply();
  }
  document.getElementById("documents").scrollIntoView();
});

let waiting = 0;
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(apply, 150);
});
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("clear").onclick = () => {
  reset();
  apply();
};
document.getElementById("next").onclick = () => step(1);
document.getElementById("previous").onclick = () => step(-1);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=search], input[type=number], select")) return;
  if (event.key === "n") step(1);
  if (event.key === "p") step(-1);
});
addEventListener("hashchange", follow);

function point(target, x, y) {
  const text = target?.closest?.("[data-tip]")?.dataset.tip;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = visible(text);
  tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 12 : y + 18}px`;
}
document.addEventListener("mousemove", (event) => point(event.target, event.clientX, event.clientY));
document.addEventListener("focusin", ({ target }) => {
  const { left, bottom } = target.getBoundingClientRect();
  point(target.matches(":focus-visible") ? target : null, left, bottom - 10);
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") tip.hidden = true;
});
addEventListener("scroll", () => point(null), { passive: true });

addEventListener("beforeprint", () => {
  observer.disconnect();
  articles.forEach((article, number) => {
    article.hidden = number >= MOST_PRINTED;
    if (!article.hidden) draw(article);
  });
  const more = document.getElementById("unprinted");
  more.hidden = articles.length <= MOST_PRINTED;
  more.textContent = `${articles.length - MOST_PRINTED} more documents are not printed; filter to choose others.`;
});
addEventListener("afterprint", () => {
  document.getElementById("unprinted").hidden = true;
  for (const article of articles) {
    article.hidden = false;
    observer.observe(article);
  }
});

/** Measure the height that a background of a line of text has; bands lie above and below it. */
function measure() {
  const probe = make("span", {}, "x");
  const paragraph = make("p", { className: "text" }, probe);
  list.append(paragraph);
  contentHeight = Math.round(probe.getBoundingClientRect().height);
  paragraph.remove();
}

form.reset(); // some browsers keep what a form said before a reload
measure();
apply();
follow();
