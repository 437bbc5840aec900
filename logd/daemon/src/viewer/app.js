// The log viewer's page. What messages say gets into it by textContent and createTextNode only.
"use strict";

const SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const UNKNOWN = SEVERITIES.length;
// Lines that the page keeps while it is live, and those that may wait to be shown: more than this nobody scrolls through.
const LIVE_LINES_MAX = 2000;
// Lines that logd shows of a search at most.
const LINES_MAX = 5000;
const FIELDS = ["q", "host", "program", "severity"];

const $ = (id) => document.getElementById(id);
const form = $("search");
const list = $("lines");

let state = {};          // what the address says
let asked = null;        // the search under way
let source = null;       // the live stream
let shown = 0;           // lines
let waiting = [];        // live lines that are not shown yet
let overrun = 0;         // live lines that were never shown
let timer = 0;

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// ---- The address is the search ----

function read() {
  const parameters = new URLSearchParams(location.search);
  state = Object.fromEntries(parameters);
  if ([...parameters.keys()].length === 0) {
    state.from = "-1h";
    history.replaceState(null, "", address());
  }
  fill();
}

function address() {
  const parameters = new URLSearchParams();
  for (const key of ["q", "re", "case", "host", "program", "severity", "from", "to", "output", "lines", "live"]) {
    if (state[key]) parameters.set(key, state[key]);
  }
  const text = parameters.toString();
  // Without a time it is all times, which the address has to say by being there.
  return text ? `/?${text}` : "/?q=";
}

function fill() {
  for (const key of FIELDS) form.elements[key].value = state[key] || "";
  for (const key of ["re", "case"]) form.elements[key].checked = state[key] === "1";
  const range = $("range");
  const known = !state.to && [...range.options].some((option) => option.value === (state.from || ""));
  range.value = known ? state.from || "" : "custom";
  $("times").hidden = known;
  if (!known) {
    $("from").value = forInput(instant(state.from));
    $("to").value = forInput(instant(state.to));
  }
  $("live").setAttribute("aria-pressed", String(state.live === "1"));
  $("scope").hidden = !state.output;
  if (state.output) {
    const all = element("button", { type: "button", textContent: "all outputs", onclick: () => go({ output: "" }) });
    $("scope").replaceChildren(`in the output ${state.output}`, all);
  }
  document.title = [state.q, state.program, state.host].filter(Boolean).join(" · ") || "logs";
}

function instant(text) {
  if (!text) return null;
  const ago = /^-(\d+)([smhdw])$/.exec(text);
  if (!ago) return new Date(text);
  const unit = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 }[ago[2]];
  return new Date(Date.now() - Number(ago[1]) * unit * 1000);
}

function forInput(date) {
  if (!date || Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function go(change) {
  Object.assign(state, change);
  const there = address();
  if (there !== location.pathname + location.search) history.pushState(null, "", there);
  fill();
  run();
}

function submit() {
  const change = {};
  for (const key of FIELDS) change[key] = form.elements[key].value.trim();
  for (const key of ["re", "case"]) change[key] = form.elements[key].checked ? "1" : "";
  if ($("range").value === "custom") {
    const utc = (id) => ($(id).value ? new Date($(id).value).toISOString() : "");
    change.from = utc("from");
    change.to = utc("to");
  } else {
    change.from = $("range").value;
    change.to = "";
  }
  go(change);
}

function query(...without) {
  const parameters = new URLSearchParams(address().slice(2));
  for (const key of without) parameters.delete(key);
  return parameters.toString();
}

// ---- Asking ----

function run() {
  if (asked) asked.abort();
  if (source) source.close();
  asked = source = null;
  clear();
  markTree();
  if (state.live === "1") listen();
  else search();
}

class Refused extends Error {
  constructor(status, text) {
    super(text.trim());
    this.status = status;
  }
}

async function ask(path, signal) {
  const response = await fetch(path, { signal, cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, await response.text());
  return response.json();
}

async function search() {
  const mine = (asked = new AbortController());
  setState("busy");
  say("searching");
  try {
    const answer = await ask(`/viewer/search?${query("live")}`, mine.signal);
    if (mine !== asked) return;
    show(answer);
    setState("done");
  } catch (error) {
    if (mine === asked) fail(error);
  }
}

function fail(error) {
  if (error.name === "AbortError") return;
  setState("failed");
  $("histogram").hidden = true;
  if (error.status === 401) {
    say("the token is needed", true);
    if (!$("login").open) $("login").showModal();
    return;
  }
  const text = error.status ? error.message : "logd does not answer";
  say(text.split("\n").pop(), true);
  const again = element("button", { type: "button", textContent: "try again", onclick: run });
  // What a regular expression's compiler says points at a place in it.
  note(element("p", { className: "trouble", textContent: error.status ? "This can't be answered." : "Nothing is heard of logd." }), element("pre", { textContent: text }), again);
}

// Says something where the lines would be.
function note(...children) {
  list.replaceChildren(element("div", { className: "note" }, ...children));
}

function listen() {
  $("histogram").hidden = true;
  setState("busy");
  const mine = (source = new EventSource(`/viewer/live?${query("live", "from", "to", "output", "lines")}`));
  source.onopen = () => {
    clear();
    setState("live");
    say("live: what comes in, as it comes");
  };
  source.addEventListener("message", (event) => queue(JSON.parse(event.data)));
  source.addEventListener("lost", (event) => queue({ lost: Number(event.data) }));
  source.addEventListener("passed-over", (event) => queue({ gap: `of ${count(event.data)} messages before, no copy was kept` }));
  source.onerror = async () => {
    if (mine !== source) return;
    setState("failed");
    say("the connection is broken; trying again", true);
    if (mine.readyState !== EventSource.CLOSED) return;
    // The browser doesn't say why: a request that it does tell of.
    try {
      const response = await fetch(mine.url, { headers: { Accept: "text/event-stream" } });
      const text = response.ok ? "" : await response.text();
      if (response.body && response.ok) await response.body.cancel();
      fail(new Refused(response.status, text || "the connection was closed"));
    } catch (error) {
      fail(error);
    }
  };
}

function queue(entry) {
  waiting.push(entry);
  if (waiting.length > LIVE_LINES_MAX) {
    for (const left of waiting.splice(0, waiting.length - LIVE_LINES_MAX)) overrun += left.lost || (left.gap ? 0 : 1);
  }
  if (!timer) timer = setTimeout(showWaiting, 50);
}

function showWaiting() {
  timer = 0;
  const follow = isAtEnd();
  if (overrun) waiting.unshift({ lost: overrun });
  overrun = 0;
  const lines = [];
  for (const entry of waiting) {
    if (entry.lost) skipped(entry.lost);
    else if (entry.gap) list.append(element("div", { className: "gap", textContent: entry.gap }));
    else {
      const line = { ...entry, time: entry.reported, raw: null };
      lines.push(line);
      list.append(row(line));
    }
  }
  widen(lines);
  waiting = [];
  while (list.childElementCount > LIVE_LINES_MAX) list.firstElementChild.remove();
  if (follow) list.scrollTop = list.scrollHeight;
  following(follow);
}

// Messages that are not shown here: one number for all between two that are.
function skipped(messages) {
  let last = list.lastElementChild;
  if (!last || !last.lost) {
    last = element("div", { className: "gap" });
    last.lost = 0;
    list.append(last);
  }
  last.lost += messages;
  last.textContent = `${count(last.lost)} skipped: they came too fast to be shown; the files have them`;
}

function following(isFollowing) {
  if (document.body.dataset.state !== "live") return;
  const text = isFollowing ? "live: what comes in, as it comes" : "live, but scrolled back: G or End goes on with what comes";
  if ($("status").textContent !== text) say(text);
}

function toEnd() {
  select([...lines()].pop());
  list.scrollTop = list.scrollHeight;
}

function isAtEnd() {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 30;
}

// ---- Showing ----

// Columns as wide as what is in them, up to what the style sheet allows.
const widths = { host: 0, program: 0 };

function widen(lines) {
  for (const line of lines) {
    widths.host = Math.max(widths.host, named(line.host).length);
    widths.program = Math.max(widths.program, named(programOf(line)).length);
  }
  for (const [column, width] of Object.entries(widths)) list.style.setProperty(`--${column}`, `${width}ch`);
}

function clear() {
  widths.host = widths.program = 0;
  list.replaceChildren();
  list.removeAttribute("aria-activedescendant");
  shown = 0;
  waiting = [];
  overrun = 0;
}

function show(answer) {
  shown = answer.lines.length;
  list.replaceChildren(...answer.lines.map(row));
  widen(answer.lines);
  if (shown === 0) nothing(answer);
  bars(answer.histogram);
  report(answer);
  // The newest are at the end, when all else has its place.
  list.scrollTop = list.scrollHeight;
}

function nothing({ searched, left_out: left }) {
  const why = left.without_severity
    ? "Lines were left out because their format does not say a severity: search for any."
    : searched.files === 0
      ? "There is no file of such a host, program and time."
      : "A wider range of time, or fewer conditions, may find some.";
  const buttons = [];
  if (state.from || state.to) buttons.push(element("button", { type: "button", textContent: "search all times", onclick: () => go({ from: "", to: "" }) }));
  note(element("p", { textContent: "No line matches." }), element("p", { textContent: why }), ...buttons);
}

function report(answer) {
  const { searched, left_out: left, matches } = answer;
  const parts = [`${count(matches)} ${matches === 1 ? "line" : "lines"}`];
  if (shown < matches) parts.push(`the newest ${count(shown)} shown`);
  parts.push(`${count(searched.files)} files, ${size(searched.bytes)} in ${(searched.ms / 1000).toFixed(1)} s`);
  if (left.elsewhere) parts.push(`${count(left.elsewhere)} more in the files of another output`);
  if (left.without_severity) parts.push(`${count(left.without_severity)} left out: their format does not say a severity`);
  if (left.without_time) parts.push(`${count(left.without_time)} left out: they have no time`);
  say(parts.join(" · "));
  const why = { time: "not complete: it took too long", bytes: "not complete: it read as much as a search may", files: "not complete: too many files" };
  const troubles = [why[answer.stopped], ...answer.refused].filter(Boolean);
  if (shown < matches && state.lines !== String(LINES_MAX)) {
    const more = element("button", { type: "button", textContent: "show more", onclick: () => go({ lines: String(LINES_MAX) }) });
    $("status").append(" ", more);
  }
  for (const trouble of troubles) $("status").append(" · ", element("span", { className: "trouble" }, ...visible(trouble)));
}

function severityOf(name) {
  const number = SEVERITIES.indexOf(name);
  return number < 0 ? UNKNOWN : number;
}

function programOf(line) {
  return line.procid ? `${line.program}[${line.procid}]` : line.program;
}

let rows = 0;

function row(line) {
  const severity = severityOf(line.severity);
  const when = element("time", { textContent: clock(line.time), title: line.time || "no time" });
  if (line.time) when.dateTime = line.time;
  const program = programOf(line);
  const made = element(
    "div",
    { className: `row s${severity}`, role: "option", id: `row-${(rows += 1)}` },
    when,
    element("span", { className: "severity", textContent: line.severity || "–", title: line.severity ? `${line.facility}.${line.severity}` : "unknown: its format does not say" }),
    element("span", { className: "host", title: named(line.host) }, ...visible(line.host)),
    element("span", { className: "program", title: named(program) }, ...visible(program)),
    element("span", { className: "msg" }, element("span", {}, ...marked(line.msg, line.marks || []), line.cut ? " …" : "")),
  );
  made.line = line;
  return made;
}

// What no eye sees but what changes what it sees: control characters, and those that turn the direction or have no width. One of
// them, as often as it is there in a row.
const UNSEEN = /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb])\1*/g;
// Runs of them in a text that are shown by their numbers: each is an element, and a message may be made of nothing else.
const UNSEEN_MAX = 50;

function numbered(run) {
  const number = run.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return run.length === 1 ? `U+${number}` : `U+${number} ×${run.length}`;
}

// A name with these as text, where there can be no element.
function named(text) {
  return text.replace(UNSEEN, numbered);
}

// A text with these shown by their numbers, and beyond so many of them as characters that are seen.
function visible(text, left = { runs: UNSEEN_MAX }) {
  const parts = [];
  let at = 0;
  for (const { 0: run, index } of text.matchAll(UNSEEN)) {
    if (left.runs === 0) break;
    left.runs -= 1;
    parts.push(text.slice(at, index), element("span", { className: "unseen", textContent: numbered(run), title: "a character that is not seen" }));
    at = index + run.length;
  }
  parts.push(text.slice(at).replace(UNSEEN, "\ufffd"));
  return parts.filter(Boolean);
}

function marked(text, marks) {
  const parts = [];
  const left = { runs: UNSEEN_MAX };
  let at = 0;
  for (const [start, end] of marks) {
    parts.push(...visible(text.slice(at, start), left), element("mark", {}, ...visible(text.slice(start, end), left)));
    at = end;
  }
  parts.push(...visible(text.slice(at), left));
  return parts;
}

function detail(line) {
  const fields = [
    ["time", line.time],
    ["received", line.received],
    ["host", line.host],
    ["from", line.fromhost_ip],
    ["program", line.program],
    ["process", line.procid],
    ["priority", line.severity ? `${line.facility}.${line.severity}` : null],
    ["input", line.input],
    ["output", line.output],
    ["file", line.file],
  ].filter(([, value]) => value);
  const button = (text, change) => element("button", { type: "button", textContent: text, onclick: () => go(change) });
  const buttons = [];
  if (line.host) buttons.push(button("only this host", { host: line.host }));
  if (line.program) buttons.push(button("only this program", { program: line.program }));
  if (line.time) {
    const at = new Date(line.time).getTime();
    const near = (minutes) => new Date(at + minutes * 60000).toISOString();
    buttons.push(button("5 minutes around it", { q: "", live: "", from: near(-5), to: near(5) }));
  }
  return element(
    "div",
    { className: "detail" },
    element("pre", { tabIndex: 0 }, ...visible(line.raw || line.msg)),
    element("dl", {}, ...fields.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", {}, ...visible(value))])),
    ...buttons,
  );
}

function toggleDetail(chosen) {
  if (!chosen) return;
  const below = chosen.nextElementSibling;
  if (below && below.className === "detail") below.remove();
  else chosen.after(detail(chosen.line));
  if (chosen.nextElementSibling && chosen.nextElementSibling.className === "detail") chosen.nextElementSibling.scrollIntoView({ block: "nearest" });
}

function lines() {
  return list.querySelectorAll(".row");
}

function current() {
  return list.querySelector('[aria-selected="true"]');
}

function select(chosen, scroll = true) {
  if (!chosen) return;
  current()?.removeAttribute("aria-selected");
  chosen.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", chosen.id);
  if (scroll) chosen.scrollIntoView({ block: "nearest" });
}

// Goes so many lines down; from nowhere it is to the last.
function step(by) {
  const all = [...lines()];
  const here = all.indexOf(current());
  select(here < 0 ? all[all.length - 1] : all[Math.max(0, Math.min(here + by, all.length - 1))]);
}

function clock(text) {
  if (!text) return "–".padEnd(18);
  const date = new Date(text);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const fraction = /\.\d/.test(text) ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : "";
  const year = date.getFullYear() === new Date().getFullYear() ? "" : `${date.getFullYear()}-`;
  return `${year}${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${fraction}`;
}

function count(number) {
  return Number(number).toLocaleString("en");
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${(bytes / 2 ** (10 * unit)).toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function say(text, trouble = false) {
  $("status").textContent = text;
  $("status").className = trouble ? "trouble" : "";
}

function setState(name) {
  document.body.dataset.state = name;
}

// ---- The histogram ----

function bars({ width_s: width, bars: found, range }) {
  const figure = $("histogram");
  figure.hidden = found.length === 0;
  if (figure.hidden) return;
  // Clocks of senders can be ahead of the range's end.
  const first = Math.min(found[0].start, range ? range[0] : Infinity);
  const last = Math.max(found[found.length - 1].start, range ? range[1] : -Infinity);
  const places = Math.round((last - first) / width) + 1;
  const highest = Math.max(...found.map((bar) => sum(bar.counts)));
  const picture = $("bars");
  picture.setAttribute("viewBox", `0 0 ${places} 100`);
  picture.replaceChildren();
  const span = (place, to) => ({ from: new Date((first + place * width) * 1000), to: new Date((first + to * width) * 1000 - 1000) });
  const kinds = new Array(UNKNOWN + 1).fill(0);
  for (const bar of found) {
    const place = Math.round((bar.start - first) / width);
    let y = 100;
    bar.counts.forEach((number, kind) => {
      kinds[kind] += number;
      if (number === 0) return;
      const height = Math.max((number / highest) * 96, 1.5);
      y -= height;
      picture.append(svg("rect", { class: `b${kind}`, x: place + 0.06, y, width: 0.88, height }));
    });
    const back = svg("rect", { class: "back", x: place, y: 0, width: 1, height: 100 });
    const said = bar.counts.flatMap((number, kind) => (number ? [`${SEVERITIES[kind] || "unknown"} ${count(number)}`] : []));
    back.append(svg("title", {}, `${clock(new Date(bar.start * 1000).toISOString())}\n${said.join("\n")}`));
    picture.prepend(back);
  }
  const ends = span(0, places);
  $("first").textContent = clock(ends.from.toISOString()).replace(/\.000$/, "");
  $("last").textContent = clock(ends.to.toISOString()).replace(/\.000$/, "");
  $("legend").replaceChildren(
    ...kinds.flatMap((number, kind) =>
      number ? [element("span", {}, element("i", { className: `b${kind}` }), `${SEVERITIES[kind] || "severity unknown"} ${count(number)}`)] : [],
    ),
  );
  drag(picture, places, span);
}

function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}

function drag(picture, places, span) {
  let start = null;
  const mark = svg("rect", { class: "chosen", x: 0, y: 0, width: 0, height: 100 });
  const place = (event) => {
    const box = picture.getBoundingClientRect();
    return Math.max(0, Math.min(places - 1, Math.floor(((event.clientX - box.left) / box.width) * places)));
  };
  picture.onpointerdown = (event) => {
    start = place(event);
    picture.append(mark);
    picture.setPointerCapture(event.pointerId);
    picture.onpointermove(event);
  };
  picture.onpointermove = (event) => {
    if (start === null) return;
    const here = place(event);
    mark.setAttribute("x", Math.min(start, here));
    mark.setAttribute("width", Math.abs(here - start) + 1);
  };
  picture.onpointerup = (event) => {
    if (start === null) return;
    const here = place(event);
    const { from, to } = span(Math.min(start, here), Math.max(start, here) + 1);
    start = null;
    go({ from: from.toISOString(), to: to.toISOString() });
  };
}

// ---- The tree ----

async function loadTree() {
  try {
    const outputs = await ask("/viewer/tree");
    $("tree-list").replaceChildren(...outputs.map(outputOf));
    if (outputs.length === 0) $("tree-list").append(element("p", { className: "note", textContent: "No output writes files: there is nothing to search. Live shows what comes in." }));
    else if (outputs.every((output) => Object.keys(output.hosts).length === 0)) $("tree-list").append(element("p", { className: "note", textContent: "No files yet. They come with the first messages." }));
    filterTree();
    markTree();
  } catch (error) {
    $("tree-list").replaceChildren(element("p", { className: "note", textContent: error.status === 401 ? "" : `The tree could not be read: ${error.status ? error.message : "logd does not answer"}` }));
  }
}

function outputOf(output) {
  const hosts = Object.entries(output.hosts).sort(byName);
  const section = element("section", {}, element("h3", { textContent: output.output, title: output.root }));
  if (output.tells_host && hosts.length > 1) section.firstChild.append(element("span", { textContent: `${count(hosts.length)} hosts` }));
  for (const [host, programs] of hosts) {
    const leaves = Object.entries(programs).sort(byName).map(([program, files]) => leaf(output, host, program, files));
    if (!output.tells_host) {
      section.append(...leaves);
      continue;
    }
    const name = element("button", { type: "button", onclick: () => go({ host, program: "", output: "" }) }, ...visible(host));
    const node = element("details", { "data-name": host.toLowerCase(), "data-host": host }, element("summary", {}, name), ...(output.tells_program ? leaves : []));
    section.append(node);
  }
  for (const refused of output.refused) section.append(element("p", { className: "note" }, ...visible(refused)));
  if (output.cut) section.append(element("p", { className: "note", textContent: "there is more than is listed" }));
  return section;
}

// web2 before web10.
const names = new Intl.Collator("en", { numeric: true });

function byName([one], [other]) {
  return names.compare(one, other);
}

function leaf(output, host, program, files) {
  const text = program || (output.tells_host ? host : "all of it");
  const change = { host, program, output: output.tells_host || output.tells_program ? "" : output.output };
  const title = `${files.files} ${files.files === 1 ? "file" : "files"}, last written ${new Date(files.modified * 1000).toLocaleString()}`;
  return element(
    "button",
    { type: "button", className: "leaf", title, "data-name": text.toLowerCase(), "data-host": host, "data-program": program, onclick: () => go(change) },
    element("span", {}, ...visible(text)),
    element("span", { textContent: size(files.bytes) }),
  );
}

function filterTree() {
  const text = $("tree-filter").value.trim().toLowerCase();
  const fits = (node) => node.dataset.name.includes(text);
  for (const host of document.querySelectorAll("#tree details")) {
    const leaves = [...host.querySelectorAll(".leaf")];
    const whole = fits(host);
    for (const node of leaves) node.hidden = !whole && !fits(node);
    host.hidden = !whole && leaves.every((node) => node.hidden);
    if (text) host.open = !whole && !host.hidden;
  }
  for (const node of document.querySelectorAll("#tree section > .leaf")) node.hidden = !fits(node);
}

// Shows where in the tree the search is.
function markTree() {
  for (const node of document.querySelectorAll("#tree details")) {
    const isCurrent = node.dataset.host === state.host;
    node.classList.toggle("current", isCurrent);
    if (isCurrent) node.open = true;
  }
  for (const node of document.querySelectorAll("#tree .leaf")) {
    const isCurrent = Boolean(state.program) && node.dataset.program === state.program && node.dataset.host === (state.host || "");
    node.classList.toggle("current", isCurrent);
  }
}

function toggleTree() {
  const tree = $("tree");
  tree.hidden = !tree.hidden;
  $("tree-toggle").setAttribute("aria-expanded", String(!tree.hidden));
}

// ---- Dark and light ----

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
}

function toggleTheme() {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = dark ? "light" : "dark";
  theme(name);
  localStorage.setItem("theme", name);
}

// ---- Events ----

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  list.focus();
});
for (const name of ["severity", "re", "case"]) form.elements[name].addEventListener("change", submit);
$("range").addEventListener("change", () => {
  const custom = $("range").value === "custom";
  $("times").hidden = !custom;
  if (!custom) return submit();
  $("from").value = $("from").value || forInput(instant(state.from) || new Date(Date.now() - 3600000));
  $("to").value = $("to").value || forInput(new Date());
});
$("live").addEventListener("click", () => go({ live: state.live === "1" ? "" : "1" }));
$("theme").addEventListener("click", toggleTheme);
$("tree-toggle").addEventListener("click", toggleTree);
$("tree-filter").addEventListener("input", filterTree);
$("help-open").addEventListener("click", () => $("help").showModal());
$("login").addEventListener("close", async () => {
  try {
    const response = await fetch("/viewer/login", { headers: { Authorization: `Bearer ${$("token").value}` } });
    $("token").value = "";
    if (response.ok) {
      $("login-error").textContent = "";
      start();
      return;
    }
  } catch {
    // What is no header's value is no token either.
  }
  $("login-error").textContent = "This is not the token.";
  $("login").showModal();
});
list.addEventListener("click", (event) => {
  const chosen = event.target.closest(".row");
  if (!chosen || String(getSelection())) return;
  select(chosen, false);
  toggleDetail(chosen);
});
// Those who scroll on are with what comes again.
list.addEventListener("scroll", () => following(isAtEnd()));
addEventListener("popstate", () => {
  read();
  run();
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (field) field.blur();
    else document.querySelector("#lines .detail")?.remove();
    return;
  }
  if (field || document.querySelector("dialog[open]")) return;
  const keys = {
    "/": () => $("q").select(),
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    g: () => select(lines()[0]),
    G: toEnd,
    Home: () => select(lines()[0]),
    End: toEnd,
    l: () => $("live").click(),
    r: run,
    t: toggleTree,
    "?": () => $("help").showModal(),
  };
  // In the tree and on buttons these do what they do everywhere.
  const elsewhere = event.target.closest("button, summary, nav, pre");
  if (event.key === "Enter" && !elsewhere) toggleDetail(current());
  else if (keys[event.key] && !(elsewhere && event.key.length > 1)) keys[event.key]();
  else return;
  event.preventDefault();
});

function start() {
  read();
  run();
  loadTree();
}

theme(localStorage.getItem("theme"));
$("zone").textContent = `times of ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
if (matchMedia("(max-width: 760px)").matches) toggleTree();
start();
