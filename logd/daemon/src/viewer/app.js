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
let shown = [];          // the lines, as they came
let selected = -1;
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
  say(error.status ? error.message : "logd does not answer", true);
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
  source.addEventListener("lost", (event) => queue({ gap: `${count(event.data)} messages came too fast to be shown` }));
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
    overrun += waiting.length - LIVE_LINES_MAX;
    waiting = waiting.slice(-LIVE_LINES_MAX);
  }
  if (!timer) timer = setTimeout(showWaiting, 50);
}

function showWaiting() {
  timer = 0;
  const follow = isAtEnd();
  if (overrun) waiting.unshift({ gap: `${count(overrun)} messages came too fast to be shown` });
  overrun = 0;
  const rows = document.createDocumentFragment();
  for (const entry of waiting) {
    if (entry.gap) {
      rows.append(element("div", { className: "gap", textContent: entry.gap }));
      continue;
    }
    const line = { ...entry, time: entry.reported, raw: null };
    rows.append(row(line, shown.length));
    shown.push(line);
  }
  widen(shown.slice(-waiting.length));
  waiting = [];
  list.append(rows);
  while (list.childElementCount > LIVE_LINES_MAX) list.firstElementChild.remove();
  if (follow) list.scrollTop = list.scrollHeight;
}

function isAtEnd() {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 30;
}

// ---- Showing ----

// Columns as wide as what is in them, up to what the style sheet allows.
const widths = { host: 0, program: 0 };

function widen(lines) {
  for (const line of lines) {
    widths.host = Math.max(widths.host, line.host.length);
    widths.program = Math.max(widths.program, line.program.length + (line.procid ? line.procid.length + 2 : 0));
  }
  for (const [column, width] of Object.entries(widths)) list.style.setProperty(`--${column}`, `${width}ch`);
}

function clear() {
  widths.host = widths.program = 0;
  list.replaceChildren();
  shown = [];
  waiting = [];
  overrun = 0;
  selected = -1;
}

function show(answer) {
  shown = answer.lines;
  const rows = document.createDocumentFragment();
  shown.forEach((line, index) => rows.append(row(line, index)));
  list.replaceChildren(rows);
  widen(shown);
  if (shown.length === 0) {
    list.append(element("p", { className: "note", textContent: "No line matches. A wider range of time, or fewer conditions, may find some." }));
  }
  list.scrollTop = list.scrollHeight;
  bars(answer.histogram);
  report(answer);
}

function report(answer) {
  const { searched, left_out: left, matches } = answer;
  const parts = [`${count(matches)} ${matches === 1 ? "line" : "lines"}`];
  if (shown.length < matches) parts.push(`the newest ${count(shown.length)} shown`);
  parts.push(`${count(searched.files)} files, ${size(searched.bytes)} in ${(searched.ms / 1000).toFixed(1)} s`);
  if (left.elsewhere) parts.push(`${count(left.elsewhere)} more in the files of another output`);
  if (left.without_severity) parts.push(`${count(left.without_severity)} left out: their format does not say a severity`);
  if (left.without_time) parts.push(`${count(left.without_time)} left out: they have no time`);
  say(parts.join(" · "));
  const why = { time: "not complete: it took too long", bytes: "not complete: it read as much as a search may", files: "not complete: too many files" };
  const troubles = [why[answer.stopped], ...answer.refused].filter(Boolean);
  if (shown.length < matches && shown.length < LINES_MAX) {
    const more = element("button", { type: "button", textContent: "show more", onclick: () => go({ lines: String(LINES_MAX) }) });
    $("status").append(" ", more);
  }
  for (const trouble of troubles) $("status").append(" · ", element("span", { className: "trouble", textContent: trouble }));
}

function severityOf(name) {
  const number = SEVERITIES.indexOf(name);
  return number < 0 ? UNKNOWN : number;
}

function row(line, index) {
  const severity = severityOf(line.severity);
  const when = element("time", { textContent: clock(line.time), title: line.time || "no time" });
  if (line.time) when.dateTime = line.time;
  const program = line.procid ? `${line.program}[${line.procid}]` : line.program;
  return element(
    "div",
    { className: `row s${severity}`, role: "option", "data-index": index },
    when,
    element("span", { className: "severity", textContent: line.severity || "–", title: line.severity ? `${line.facility}.${line.severity}` : "unknown: its format does not say" }),
    element("span", { className: "host", textContent: line.host, title: line.host }),
    element("span", { className: "program", textContent: program, title: program }),
    element("span", { className: "msg" }, ...marked(line.msg, line.marks || []), line.cut ? " …" : ""),
  );
}

function marked(text, marks) {
  const parts = [];
  let at = 0;
  for (const [start, end] of marks) {
    parts.push(text.slice(at, start), element("mark", { textContent: text.slice(start, end) }));
    at = end;
  }
  parts.push(text.slice(at));
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
    element("pre", { textContent: line.raw || line.msg }),
    element("dl", {}, ...fields.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })])),
    ...buttons,
  );
}

function toggleDetail(chosen) {
  if (!chosen) return;
  const below = chosen.nextElementSibling;
  if (below && below.className === "detail") below.remove();
  else chosen.after(detail(shown[Number(chosen.dataset.index)]));
}

function select(index, scroll = true) {
  const rows = list.querySelectorAll(".row");
  if (rows.length === 0) return;
  const before = list.querySelector('[aria-selected="true"]');
  if (before) before.removeAttribute("aria-selected");
  const first = Number(rows[0].dataset.index);
  selected = Math.max(first, Math.min(index, first + rows.length - 1));
  const chosen = rows[selected - first];
  chosen.setAttribute("aria-selected", "true");
  if (scroll) chosen.scrollIntoView({ block: "nearest" });
}

function current() {
  return list.querySelector('[aria-selected="true"]');
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
    filterTree();
    markTree();
  } catch (error) {
    $("tree-list").replaceChildren(element("p", { className: "note", textContent: error.status === 401 ? "" : "the tree could not be read" }));
  }
}

function outputOf(output) {
  const section = element("section", {}, element("h3", { textContent: output.output, title: output.root }));
  for (const [host, programs] of Object.entries(output.hosts)) {
    const leaves = Object.entries(programs).map(([program, files]) => leaf(output, host, program, files));
    if (!output.tells_host) {
      section.append(...leaves);
      continue;
    }
    const name = element("button", { type: "button", textContent: host, onclick: () => go({ host, program: "", output: "" }) });
    const node = element("details", { "data-name": host.toLowerCase(), "data-host": host }, element("summary", {}, name), ...(output.tells_program ? leaves : []));
    section.append(node);
  }
  for (const refused of output.refused) section.append(element("p", { className: "note", textContent: refused }));
  if (output.cut) section.append(element("p", { className: "note", textContent: "there is more than is listed" }));
  return section;
}

function leaf(output, host, program, files) {
  const text = program || (output.tells_host ? host : "all of it");
  const change = { host, program, output: output.tells_host || output.tells_program ? "" : output.output };
  const title = `${files.files} ${files.files === 1 ? "file" : "files"}, last written ${new Date(files.modified * 1000).toLocaleString()}`;
  return element(
    "button",
    { type: "button", className: "leaf", title, "data-name": text.toLowerCase(), "data-host": host, "data-program": program, onclick: () => go(change) },
    element("span", { textContent: text }),
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
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
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
  select(Number(chosen.dataset.index), false);
  toggleDetail(chosen);
});
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
    j: () => select(selected < 0 ? shown.length - 1 : selected + 1),
    k: () => select(selected < 0 ? shown.length - 1 : selected - 1),
    g: () => select(0),
    G: () => select(shown.length - 1),
    l: () => $("live").click(),
    t: toggleTree,
    "?": () => $("help").showModal(),
  };
  if (event.key === "Enter" && !event.target.closest("button, summary")) toggleDetail(current());
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
});

function start() {
  read();
  run();
  loadTree();
}

theme(localStorage.getItem("theme"));
if (matchMedia("(max-width: 760px)").matches) toggleTree();
start();
