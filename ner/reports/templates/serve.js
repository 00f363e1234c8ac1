
// A document is { id, passages: [{ section, text }], entities: [{ passage, start, end, label, score }] }.
const element = (id) => document.getElementById(id);
const labels = new Map(data.labels.map(([name], place) => [name, place]));
const SPACES = /[\t-\r\u001c-\u001f\u0085\u2028\u2029 ]+/gu;
const LONGEST_TITLE = 400;
const TRIES = 4;
const MOST_DRAWN = 300;
const off = new Set();
let documents = [];
let running = null;

const plural = (number, one, more = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : more}`;
const isShown = ({ label, score }) => !off.has(labels.get(label)) && (score === null || score >= Number(element("threshold").value));
const shownIn = (doc) => doc.entities.filter(isShown);
const pause = (seconds, signal) => new Promise((done, stop) => {
  const timer = setTimeout(done, 1000 * seconds);
  signal?.addEventListener("abort", () => (clearTimeout(timer), stop(signal.reason)));
});

/** An answer that says in words why nothing was done. */
class Refusal extends Error {}

function say(status, error = "") {
  element("status").textContent = status;
  element("error").replaceChildren(...(error ? [make("p", {}, visible(error))] : []));
}

/** Ask the service; when it is busy, ask again when it says. */
async function ask(path, body, type, signal) {
  const headers = { "Content-Type": type };
  const token = element("token")?.value.trim();
  if (/[^\x20-\x7e]/.test(token ?? "")) throw new Refusal("The access token has a character that no token has: copy it anew.");
  if (token) headers.Authorization = `Bearer ${token}`;
  for (let tries = 1; ; tries++) {
    let response;
    try {
      response = await fetch(path, { method: "POST", body, headers, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refusal("The service does not answer. See if `ner serve` still runs, and try again; your text is still here.");
    }
    if (response.ok) return response;
    if (response.status === 503 && tries < TRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      say(`The service is busy; trying again in ${plural(seconds, "second")}…`);
      await pause(seconds, signal);
      continue;
    }
    throw new Refusal(await reason(response));
  }
}

/** Read the body of an answer, which may break off: as `json`, as `text` or as a `blob`. */
async function read(response, kind, signal) {
  try {
    return await response[kind]();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal("The answer of the service broke off. See if `ner serve` still runs, and try again.");
  }
}

async function reason(response) {
  const { error = "" } = await response.json().catch(() => ({}));
  if (response.status === 503) return "The service is busy. Wait a moment, and try again; your text is still here.";
  if (response.status === 401) return "This service needs an access token: enter the one that you were given.";
  if (response.status >= 500 && response.status !== 504) return "The service has failed at this. Whoever runs it finds the reason in its log.";
  return error ? `${error[0].toUpperCase()}${error.slice(1)}.` : `The service refuses this (${response.status}).`;
}

/** Split a text into title and abstract at an empty line; spaces and line breaks become one space. */
function passagesOf(text) {
  const [first, ...rest] = text.trim().split(/\r?\n[\t ]*\r?\n/);
  const parts = rest.length && first.length <= LONGEST_TITLE ? [["title", first], ["abstract", rest.join(" ")]] : [["abstract", text]];
  return parts.map(([section, part]) => ({ section, text: part.replace(SPACES, " ").trim() }));
}

const sizeOf = (text) => points(text).length;

async function tagText(signal) {
  const passages = passagesOf(element("text").value);
  if (!passages.some(({ text }) => text)) throw new Refusal("There is no text yet: paste one, or choose an example.");
  const longest = Math.max(...passages.map(({ text }) => sizeOf(text)));
  if (longest > data.limits.characters) {
    throw new Refusal(`The text is too long: it has ${longest.toLocaleString("en")} characters, and ${data.limits.characters.toLocaleString("en")} are the most. Send it in parts.`);
  }
  const body = JSON.stringify({ documents: [{ id: "1", passages }] });
  const { results } = await read(await ask("tag", body, "application/json", signal), "json", signal);
  return [{ id: "1", passages, entities: results[0].entities }];
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

async function tagFile(file, signal) {
  if (file.size > data.limits.body_bytes) {
    throw new Refusal(`It is too large: it has ${megabytes(file.size)}, and ${megabytes(data.limits.body_bytes)} are the most. Larger files are for \`ner predict\`.`);
  }
  if (!data.readable.some((ending) => file.name.toLowerCase().endsWith(ending.toLowerCase()))) {
    throw new Refusal(`Files of this kind cannot be read. Save it as plain text, or choose one that ends in ${[...new Set(data.readable)].join(", ")}.`);
  }
  const content = await file.arrayBuffer().catch(() => {
    throw new Refusal("It cannot be read. Choose it again; folders cannot be chosen.");
  });
  const answer = await ask(`files?name=${encodeURIComponent(file.name.toWellFormed())}`, content, "application/octet-stream", signal);
  return (await read(answer, "json", signal)).documents;
}

/** Do one thing at a time: what is still running is given up. */
async function run(work) {
  running?.abort();
  const own = (running = new AbortController());
  document.body.setAttribute("aria-busy", "true");
  say("Finding entities…");
  try {
    await work(own.signal);
  } catch (error) {
    if (own.signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    say("", error.message);
  } finally {
    if (running === own) document.body.removeAttribute("aria-busy");
  }
}

function show(found, error = "") {
  documents = found;
  const counts = data.labels.map(([name]) => documents.reduce((sum, { entities }) => sum + entities.filter(({ label }) => label === name).length, 0));
  for (const button of document.querySelectorAll("[data-label]")) {
    button.lastElementChild.textContent = counts[button.dataset.label];
    button.hidden = !counts[button.dataset.label];
  }
  element("results").hidden = documents.length === 0;
  draw();
  const entities = counts.reduce((sum, count) => sum + count, 0);
  say(documents.length ? `${plural(entities, "entity", "entities")} found in ${plural(documents.length, "document")}.` : "", error);
  const isBelow = element("documents").getBoundingClientRect().top > 0.7 * innerHeight;
  if (documents.length && !error && isBelow) element("found").scrollIntoView();
}

const startText = () => run(async (signal) => show(await tagText(signal)));

const startFiles = (files) => run(async (signal) => {
  const [found, errors, times] = [[], [], new Map()];
  for (const file of files) {
    if (files.length > 1) say(`Finding entities in ${file.name}…`);
    try {
      for (const doc of await tagFile(file, signal)) {
        // Identifiers that files share are told apart, so that all can be saved as one.
        times.set(doc.id, (times.get(doc.id) ?? 0) + 1);
        found.push(times.get(doc.id) > 1 ? { ...doc, id: `${doc.id}-${times.get(doc.id)}` } : doc);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      errors.push(`${file.name}: ${error.message}`);
    }
  }
  if (found.length) show(found, errors.join("\n"));
  else say("", errors.join("\n"));
});

function draw() {
  const least = Number(element("threshold").value).toFixed(2);
  element("least").textContent = least;
  for (const button of document.querySelectorAll("[data-label]")) button.setAttribute("aria-pressed", String(!off.has(Number(button.dataset.label))));
  const [all, shown] = [documents.flatMap(({ entities }) => entities), documents.flatMap(shownIn)];
  element("count").textContent = `${shown.length.toLocaleString("en")} of ${plural(all.length, "entity", "entities")} shown`;
  element("documents").replaceChildren(...documents.slice(0, MOST_DRAWN).map(drawDocument));
  element("more").hidden = documents.length <= MOST_DRAWN;
  element("more").textContent = `${plural(documents.length - MOST_DRAWN, "more document is", "more documents are")} not shown here; what you download has them.`;
}

function drawDocument(doc) {
  const texts = doc.passages.map(({ section, text }, place) => {
    const own = shownIn(doc).filter(({ passage }) => passage === place).sort((a, b) => a.start - b.start);
    const [units, pieces, title] = [points(text), [], section === "title" ? " title" : ""];
    let end = 0;
    for (const entity of own) {
      pieces.push(visible(cut(units, end, entity.start)), drawEntity(entity, cut(units, entity.start, entity.end)));
      end = entity.end;
    }
    return make("p", { className: `text${title}`, dir: "auto" }, ...pieces, visible(cut(units, end, units.length)));
  });
  const heading = documents.length > 1 ? [make("h3", {}, make("bdi", {}, visible(doc.id)))] : [];
  return make("article", { className: "document" }, ...heading, ...texts);
}

function drawEntity({ label, score }, text) {
  const [, code, colour, striped] = data.labels[labels.get(label)];
  const shown = score === null ? "" : ` ${score.toFixed(2)}`;
  const name = make("small", {}, make("span", { ariaHidden: "true" }, visible(code)), make("span", { className: "unseen" }, ` ${visible(label)}`), shown);
  return make("mark", { className: `c${colour}${striped ? " striped" : ""}`, title: `${visible(label)}${shown && `, score${shown}`}` }, visible(text), name);
}

async function exported() {
  const format = element("format").value;
  const body = JSON.stringify({ documents: documents.map((doc) => ({ ...doc, entities: shownIn(doc) })) });
  const [bytes, texts] = [new Blob([body]).size, documents.reduce((sum, { passages }) => sum + passages.length, 0)];
  if (bytes > data.export.body_bytes || texts > data.export.texts) {
    throw new Refusal(`These documents are too many to save at once: ${texts.toLocaleString("en")} texts of ${megabytes(bytes)}, and ${data.export.texts.toLocaleString("en")} of ${megabytes(data.export.body_bytes)} are the most. Choose fewer files, or use \`ner predict\`.`);
  }
  return ask(`export?format=${format}`, body, "application/json");
}

/** Do something with what is shown, as a file. */
const save = (done, work) => async () => {
  say("");
  try {
    await work(await exported());
    say(done);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say("", error.message);
  }
};

async function copy(response) {
  const text = await read(response, "text");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers give the clipboard to pages of this machine and of https alone.
    const area = make("textarea", { value: text, className: "unseen", ariaLabel: "what is copied" });
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    if (!isCopied) throw new Refusal("The browser lets nothing be copied here; download it.");
  }
}

element("download").onclick = save("Downloaded.", async (response) => {
  const url = URL.createObjectURL(await read(response, "blob"));
  make("a", { href: url, download: `entities${data.endings[element("format").value]}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
});
element("copy").onclick = save("Copied.", copy);
element("format").onchange = ({ target }) => {
  element("copy").disabled = target.value === "Brat"; // a zip
};
element("form").onsubmit = (event) => {
  event.preventDefault();
  startText();
};
element("text").oninput = ({ target }) => {
  const length = target.value.length;
  const near = length > 0.9 * data.limits.characters;
  element("length").textContent = near ? `${sizeOf(target.value).toLocaleString("en")} of ${data.limits.characters.toLocaleString("en")} characters` : "";
};
element("text").onkeydown = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) startText();
};
element("choose").onclick = () => element("files").click();
element("files").onchange = ({ target }) => {
  if (target.files.length) startFiles([...target.files]);
  target.value = "";
};
element("threshold").oninput = draw;
document.addEventListener("click", ({ target }) => {
  const { example, label } = target.closest("button")?.dataset ?? {};
  if (example !== undefined) {
    element("text").value = data.examples[example];
    element("text").oninput({ target: element("text") });
    startText();
  }
  if (label !== undefined) {
    if (!off.delete(Number(label))) off.add(Number(label));
    draw();
  }
});
element("all").onclick = () => (off.clear(), draw());
element("none").onclick = () => (data.labels.forEach((_, place) => off.add(place)), draw());

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  element("drop").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) element("drop").hidden = true;
});
document.addEventListener("drop", (event) => {
  element("drop").hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  startFiles([...event.dataTransfer.files]);
});
