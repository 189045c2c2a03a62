"use strict";
// Whatever comes from data is put in as text: a name may be markup.
const MOST_CHOICES = 40;
const MOST_BARS = 10;
const COLOURS = 6;
const MINUTES = 60;
const REFRESH_MS = 5000;
const MEDIA = {image: "image", sound: "audio"};
const $ = (id) => document.getElementById(id);
const state = {facts: null, controls: [], answer: null, turn: 0};

function made(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value; else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const quiet = (text) => made("p", {className: "quiet"}, text);
const number = (value, digits = 6) => value.toLocaleString("en", {maximumSignificantDigits: digits});
const said = (value) => typeof value === "number" ? number(value) : String(value);

function percent(share) {
  const text = (100 * share).toFixed(1);
  return share > 0 && text === "0.0" ? "< 0.1 %" : `${text} %`;
}

function moment(text) {
  const at = new Date(text);
  return Number.isNaN(at.valueOf()) ? text
    : made("time", {dateTime: text}, at.toLocaleString("en-GB", {dateStyle: "medium", timeStyle: "short"}));
}

// Asking the server

const keyName = () => `keepfit ${state.facts?.project ?? ""}`;
const key = () => sessionStorage.getItem(keyName()) ?? sessionStorage.getItem("keepfit ");

class Refused extends Error {
  constructor(status, error) {
    super([`${error.what}.`, error.expected && `Expected ${error.expected}.`, error.found && `Found ${error.found}.`,
      error.next].filter(Boolean).join(" "));
    this.status = status;
    this.field = error.field;
  }
}

async function api(path, body) {
  const headers = {};
  if (key()) headers.authorization = `Bearer ${key()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response, answer;
  try {
    response = await fetch(path, {headers, ...(body === undefined ? {} : {method: "POST", body: JSON.stringify(body)})});
    answer = await response.json();
  } catch {
    throw new Refused(0, {what: "The server did not answer", next: "Is it still running?"});
  }
  if (response.ok) return answer;
  const refused = new Refused(response.status, answer.error);
  if (response.status === 401) askForKey(refused);
  throw refused;
}

const of = (name) => `/v1/${encodeURIComponent(state.facts.project)}/${name}`;

function askForKey(refused) {
  const asked = !$("access").hidden;
  $("access").hidden = false;
  $("access-why").textContent = key() ? `The key was not taken. ${refused.message}` : refused.message;
  if (!asked || document.activeElement === document.body) $("key").focus();
}

$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) {
    $("access-why").textContent = "This cannot be a key: expected letters, digits and signs without spaces.";
    return $("key").focus();
  }
  sessionStorage.setItem(keyName(), given);
  $("key").value = "";
  $("access").hidden = true;
  if (state.facts) { refresh(); document.querySelector("#ask .main").focus(); } else start();
});

// The form

function option(value, text = value) {
  return made("option", {value}, text);
}

// One input a column: a list for a category or a yes-no, else what suits its type. Empty is missing.
function control(field, id) {
  const choices = field.type === "boolean" ? ["true", "false"] : field.levels;
  if (choices.length && choices.length <= MOST_CHOICES) {
    return made("select", {id}, option("", "(not known)"), ...choices.map((value) => option(value)));
  }
  if (field.type in MEDIA) return made("input", {id, type: "file", accept: `${MEDIA[field.type]}/*`});
  if (field.long) return made("textarea", {id});
  const timed = state.facts.samples.some((row) => /[T ]/.test(row[field.name] ?? ""));
  const type = {number: "number", integer: "number", date: timed ? "datetime-local" : "date"}[field.type] ?? "text";
  const input = made("input", {id, type, autocomplete: "off"});
  if (type === "number") input.step = "any";
  if (type === "datetime-local") input.step = "1";
  return input;
}

function hint({range, type}) {
  if (!range) return "";
  const shown = (value) => type === "date" ? String(value).replace("T", " ") : number(value, 15);
  const {low, high, expected} = range;
  const both = low === null ? `at most ${shown(high)}` : high === null ? `at least ${shown(low)}` : `${shown(low)} to ${shown(high)}`;
  return expected ? `Expected: ${both}` : `In the examples: ${both}`;
}

// A file's bytes go to the model in base64, and so are they kept here.
function dropZone(field, input) {
  const isImage = field.type === "image";
  const preview = isImage ? made("img", {alt: "The image that will be sent"}) : made("audio", {controls: true, "aria-label": "The sound that will be sent"});
  preview.hidden = true;
  const zone = made("div", {className: "drop"}, quiet(`Drop ${isImage ? "an image" : "a sound"} here, or choose a file.`), input, preview);
  zone.addEventListener("click", ({target}) => { if (target !== input && target.tagName !== "AUDIO") input.click(); });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    });
  }
  zone.addEventListener("drop", ({dataTransfer}) => { if (dataTransfer.files[0]) read(dataTransfer.files[0]); });
  input.addEventListener("change", () => { if (input.files[0]) read(input.files[0]); else keep(null); });

  function keep(url) {
    preview.dataset.base64 = url?.split(",")[1] ?? "";
    preview.hidden = !url;
    if (url) preview.src = url; else preview.removeAttribute("src");
    changed();
  }

  function read(file) {
    const reader = new FileReader();
    reader.addEventListener("load", () => keep(reader.result));
    reader.readAsDataURL(file);
  }

  return {zone, base64: () => preview.dataset.base64 || null, keep: (bytes) => {
    input.value = "";
    keep(bytes ? `data:${isImage ? "image/png" : "audio/wav"};base64,${bytes}` : null);
  }};
}

function placed(field, index) {
  const input = control(field, `field-${index}`);
  const help = made("p", {className: "quiet", id: `hint-${index}`}, hint(field));
  const problem = made("p", {className: "problem", id: `problem-${index}`});
  input.setAttribute("aria-describedby", `${help.id} ${problem.id}`);
  const media = field.type in MEDIA ? dropZone(field, input) : null;
  const box = made("div", {className: field.long || media ? "wide" : ""},
    made("label", {htmlFor: input.id}, field.name), media ? media.zone : input);
  if (input.tagName === "INPUT" && field.levels.length > MOST_CHOICES) {
    const list = made("datalist", {id: `levels-${index}`}, ...field.levels.map((value) => option(value)));
    input.setAttribute("list", list.id);
    box.append(list);
  }
  if (help.textContent) box.append(help);
  box.append(problem);
  $("fields").append(box);
  return {field, input, problem, media};
}

function fill(row) {
  for (const {field, input, media} of state.controls) {
    const value = row[field.name];
    if (media) { media.keep(value); continue; }
    let text = String(value ?? "");
    if (input.type === "date") text = text.slice(0, 10);
    if (input.type === "datetime-local") text = text.replace(" ", "T").slice(0, 19);
    if (input.tagName === "SELECT" && ![...input.options].some((each) => each.value === text)) input.append(option(text));
    input.value = text;
  }
  complain();
  changed();
}

function row() {
  return Object.fromEntries(state.controls.map(({field, input, media}) => {
    if (media) return [field.name, media.base64()];
    const text = input.value;
    if (text === "") return [field.name, null];
    if (field.type === "number" || field.type === "integer") return [field.name, Number(text)];
    return [field.name, field.type === "boolean" ? text === "true" : text];
  }));
}

function outdated(is) {
  $("stale").hidden = !is;
  for (const id of ["answer", "why"]) $(id).classList.toggle("stale", is);
}

function changed() {
  outdated(state.answer !== null);
  const brief = (name, value) => typeof value === "string" && value.length > 2000 ? `${value.slice(0, 40)}…` : value;
  const json = JSON.stringify(row(), brief, 2).replaceAll("'", "'\\''");
  const authorization = key() ? ` -H "authorization: Bearer $KEEPFIT_KEY"` : "";
  $("program").textContent =
    `curl ${location.origin}${of("predict")}${authorization} -H 'content-type: application/json' -d '${json}'`;
}

// Without an error: take back what was said of earlier ones.
function complain(error) {
  $("problem").textContent = "";
  for (const {input, problem} of state.controls) { problem.textContent = ""; input.removeAttribute("aria-invalid"); }
  if (!error) return;
  const at = state.controls.find(({field}) => field.name === error.field);
  (at?.problem ?? $("problem")).textContent = error.message;
  at?.input.setAttribute("aria-invalid", "true");
  at?.input.focus();
}

// The answer, and what moved it

function bar(name, value, share, properties = {}) {
  const filled = made("div", {className: properties.sign ?? ""});
  filled.style.width = `${100 * share}%`;
  if (properties.left !== undefined) filled.style.left = `${100 * properties.left}%`;
  return made("li", {}, made("div", {className: "caption"}, made("span", {}, name), made("span", {}, ...[value].flat())),
    made("div", {className: properties.sign ? "track signed" : "track", "aria-hidden": "true"}, filled));
}

function show(answer) {
  state.answer = answer;
  const ranked = Object.entries(answer.probabilities ?? {}).sort((a, b) => b[1] - a[1]).slice(0, MOST_BARS);
  $("answer").replaceChildren(
    made("p", {className: "quiet"}, state.facts.target), made("p", {className: "said", id: "prediction"}, said(answer.prediction)),
    made("ul", {"aria-label": "Probabilities"}, ...ranked.map(([name, value]) => bar(name, percent(value), value))),
    ...(answer.warnings ?? []).map((text) => made("p", {className: "warning"}, `Unusual: ${text}.`)),
    quiet(`Answer ${answer.id} of version ${answer.model.version}`));
  $("why").replaceChildren();
  askForTruth();
  outdated(false);
  $("told").scrollIntoView({block: "nearest"});
}

function explained(told, row) {
  const share = (value) => told.of === null ? number(value, 4) : percent(value);
  const shown = told.effects.slice(0, MOST_BARS);
  const rest = told.effects.slice(MOST_BARS);
  const others = told.others + rest.reduce((sum, each) => sum + each.value, 0);
  const n = told.n_others + rest.length;
  const parts = shown.map(({name, value}) => [told.by === "columns" ? `${name}: ${brief(row[name])}` : `“${name}”`, value]);
  if (told.by === "columns" && n) parts.push([`${n} other columns together`, others]);
  const most = Math.max(...parts.map(([, value]) => Math.abs(value)), 1e-12);
  const place = 10 ** (3 - Math.floor(Math.log10(most))); // four places of the largest effect
  const amount = (size) => told.of === null ? number(Math.round(size * place) / place) : `${(100 * size).toFixed(1)} points`;
  const effect = (value) => `${value < 0 ? "−" : "+"}${amount(Math.abs(value))}`;
  const what = told.of === null ? "the value" : `the probability of ${told.of}`;
  const words = told.by === "columns" && `The examples (${told.n_background} rows of the training data) get ${share(told.base)}`
    + `${told.of === null ? "" : ` for ${told.of}`} on average, this row ${share(told.answer)}. The part of each column in that:`;
  const other = told.model.digest === state.answer.model.digest ? null
    : quiet(`Version ${told.model.version}, which serves, is explained; version ${state.answer.model.version} gave the answer.`);
  $("why").replaceChildren(made("h3", {}, "What moved it"), ...[other].filter(Boolean), quiet(words || told.note),
    made("ul", {"aria-label": `What moved ${what}`}, ...parts.map(([name, value]) => {
      const half = Math.abs(value) / most / 2;
      const sign = value < 0 ? "down" : "up";
      return bar(name, [made("span", {className: "unseen"}, value < 0 ? "lowers it by " : "raises it by "), effect(value)], half,
        {sign, left: value < 0 ? 0.5 - half : 0.5});
    })));
}

function brief(value) {
  if (value === null || value === undefined) return "not known";
  const text = said(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

async function predict(event) {
  event.preventDefault();
  complain();
  const bad = state.controls.find(({input}) => input.validity.badInput);
  if (bad) return complain({field: bad.field.name, message: "This value cannot be read."});
  const asked = row();
  const turn = ++state.turn;
  try {
    const answer = await api(of("predict"), asked);
    if (turn !== state.turn) return;
    show(answer);
    if (answer.model.digest !== state.facts.model.digest) refresh(); else live();
    explain(asked, turn);
  } catch (error) {
    if (turn !== state.turn) return;
    if (state.answer === null) $("answer").replaceChildren(quiet("No answer."));
    if (error.status !== 401) complain(error);
  }
}

async function explain(asked, turn) {
  const shown = Object.fromEntries(state.controls.map(({field, media}) =>
    [field.name, media ? `the ${field.type}` : asked[field.name]]));
  try {
    const told = await api(of("explain"), asked);
    if (turn === state.turn) explained(told, shown);
  } catch (error) {
    if (turn === state.turn && error.status !== 401) $("why").replaceChildren(quiet(error.message));
  }
}

function askForTruth() {
  const classes = state.facts.classes;
  const input = classes.length
    ? made("select", {id: "truth-value"}, option("", "(choose)"), ...classes.map((name) => option(name)))
    : made("input", {id: "truth-value", type: "number", step: "any"});
  input.setAttribute("aria-label", `What really happened: ${state.facts.target}`);
  $("truth").replaceChildren(input, made("button", {}, "Send"));
  $("outcome-told").textContent = "";
  $("outcome").hidden = false;
}

$("outcome").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("truth-value").value;
  if (text === "") {
    $("outcome-told").textContent = "Say first what happened.";
    return $("truth-value").focus();
  }
  try {
    await api(of("outcomes"), {id: state.answer.id, outcome: state.facts.classes.length ? text : Number(text)});
    $("outcome-told").textContent = "Thank you: it is noted.";
  } catch (error) {
    $("outcome-told").textContent = error.message;
  }
});

// Live figures

function chart(caption, words, height, shapes) {
  return [made("h3", {}, caption),
    drawn("svg", {viewBox: `0 0 ${10 * MINUTES} ${height}`, height, preserveAspectRatio: "none", role: "img", "aria-label": words}, ...shapes),
    made("div", {className: "axis", "aria-hidden": "true"}, made("span", {}, `${MINUTES} minutes ago`), made("span", {}, "now"))];
}

function block(minute, top, bottom, colour) {
  return drawn("rect", {x: 10 * minute + 1, y: top, width: 8, height: Math.max(bottom - top, 0), class: `c${colour}`});
}

function requestsChart(minutes) {
  const most = Math.max(...minutes.map(([, each]) => each.requests), 1);
  return chart("Requests a minute", `At most ${number(most)} requests a minute`, 60,
    minutes.map(([at, each]) => block(at, 60 - 58 * each.requests / most, 60, 0)));
}

function classesChart(minutes) {
  const totals = Object.create(null); // a class may be named like a method
  for (const [, {classes}] of minutes) for (const [name, n] of Object.entries(classes)) totals[name] = (totals[name] ?? 0) + n;
  const all = Object.values(totals).reduce((sum, n) => sum + n, 0);
  // Few classes keep their colours; of many the commonest are told apart.
  const {classes: known} = state.facts;
  const ranked = known.length <= COLOURS ? known.filter((name) => name in totals)
    : Object.keys(totals).sort((a, b) => totals[b] - totals[a]);
  const names = ranked.length > COLOURS ? [...ranked.slice(0, COLOURS - 1), "other classes"] : ranked;
  const place = (name) => ranked.length > COLOURS ? Math.min(ranked.indexOf(name), COLOURS - 1) : ranked.indexOf(name);
  const colour = (at) => known.length <= COLOURS ? known.indexOf(names[at]) : at;
  const sums = names.map(() => 0);
  for (const name of ranked) sums[place(name)] += totals[name];
  const legend = names.map((name, at) => `${name} ${percent(sums[at] / all)}`);
  const shapes = minutes.flatMap(([at, each]) => {
    let top = 0;
    return Object.entries(each.classes).sort((a, b) => place(a[0]) - place(b[0])).map(([name, n]) => {
      const bottom = top + 100 * n / each.rows;
      const shape = block(at, top, bottom, colour(place(name)));
      top = bottom;
      return shape;
    });
  });
  return [...chart("Share of each class", `Answers of the last ${MINUTES} minutes: ${legend.join(", ")}`, 100, shapes),
    made("div", {className: "legend"}, ...legend.map((text, at) => made("span", {}, made("i", {className: `c${colour(at)}`}), text)))];
}

function meanChart(minutes) {
  const means = minutes.map(([, each]) => each.mean);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const span = high - low || 1;
  const words = low === high ? number(low, 4) : `${number(low, 4)} to ${number(high, 4)}`;
  return chart(`Mean answer a minute: ${words}`, `The mean answer a minute was ${words}`, 80, minutes.map(([at, {mean}]) => {
    const y = low === high ? 38 : 70 - 64 * (mean - low) / span;
    return block(at, y, y + 4, 0);
  }));
}

function figures(told) {
  const {in_all: whole, canary, shadow} = told;
  const time = (value) => value === null ? "–" : `${number(value, 3)} ms`;
  const counts = {Requests: number(whole.requests, 15), Rows: number(whole.rows, 15), Refused: number(whole.refused, 15),
    Failed: number(whole.failed, 15), "Half within": time(whole.p50_ms), "95 % within": time(whole.p95_ms)};
  $("counts").replaceChildren(...Object.entries(counts).map(([name, text]) => made("div", {}, made("dt", {}, name), made("dd", {}, text))));
  // The server's clock may be ahead of this one.
  const newest = Math.max(Math.floor(Date.now() / 60000), ...told.minutes.map(({minute}) => minute / 60));
  const minutes = told.minutes.map((each) => [MINUTES - 1 - (newest - each.minute / 60), each])
    .filter(([at, each]) => at >= 0 && at < MINUTES && each.requests);
  const beside = [
    canary && `The canary answered ${number(canary.requests)} requests, refused ${number(canary.refused)}; 95 % within ${time(canary.p95_ms)}.`,
    shadow && `The challenger, in the shadow, answered ${number(shadow.answered)} rows, failed at ${number(shadow.failed)}, missed ${number(shadow.missed)}.`,
    told.lost && `${number(told.lost)} answers could not be logged.`];
  $("charts").replaceChildren(
    ...(minutes.length ? [...requestsChart(minutes), ...(state.facts.classes.length ? classesChart : meanChart)(minutes)]
      : [quiet("Nothing was asked in the last hour.")]),
    ...beside.filter(Boolean).map((text) => made("p", {}, text)));
}

async function live() {
  const project = state.facts?.project;
  if (!project) return;
  try {
    const told = await api(of("figures"));
    if (project === state.facts.project) figures(told);
    $("trouble").textContent = "";
  } catch (error) {
    if (error.status !== 401) $("trouble").textContent = error.message;
  }
}

setInterval(() => { if (document.visibilityState === "visible" && $("access").hidden) live(); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") live(); });

// The model's card and the ledger

// The figures on the test rows, each with its 95 % interval.
function metrics({metrics, n_rows}) {
  const figures = Object.entries(metrics ?? {}).map(([name, found]) => [name, [found].flat()])
    .filter(([, found]) => found.every((each) => typeof each === "number"))
    .map(([name, [value, low, high]]) => [name, number(value, 4) + (high === undefined ? "" : ` (${number(low, 4)} to ${number(high, 4)})`)]);
  return [["Tested on", n_rows && `${number(n_rows)} rows (95 % intervals)`], ...figures];
}

function card({card, evidence, model, since}) {
  const members = card.members.map(({family, weight}) => `${family} ${percent(weight)}`).join(", ");
  const proof = evidence?.evidence ?? {};
  const facts = [["Version", `${model.version} (${model.digest})`], ["Serves since", since && moment(since)],
    ["Predicts", `${card.target.name}, a ${card.target.problem === "regression" ? "value" : `class of ${card.target.classes.length}`}`],
    ["Corrects", card.corrects && `version ${card.corrects.version}, by ${number(card.corrects.n_rows)} outcomes before ${card.corrects.until.slice(0, 10)}`],
    ["Made of", members], ["Trained on", card.data_digest && `data ${card.data_digest.slice(0, 12)}, ${card.inputs.length} columns`],
    ["Chosen by", card.metric], ...metrics(proof)];
  $("card").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]));
  const reasons = Array.isArray(proof.reasons) ? proof.reasons : [];
  $("evidence").replaceChildren(...(reasons.length
    ? [made("h3", {}, "Why it serves"), made("ul", {}, ...reasons.map((text) => made("li", {}, text)))] : []));
}

function ledger({decisions}) {
  if (!decisions.length) return $("ledger").replaceChildren(quiet("No decision has been recorded yet."));
  const columns = {When: ({at}) => moment(at), Decision: ({decision}) => decision.replaceAll("_", " "),
    Version: ({version}) => version, Cause: ({cause}) => cause, "Asked by": ({actor}) => actor, Why: ({why, evidence, decision}) => why || evidence?.reasons?.at?.(decision === "refused" ? 0 : -1)};
  const names = Object.keys(columns);
  $("ledger").replaceChildren(made("div", {className: "scroll", tabIndex: 0, role: "region", "aria-label": "Decisions, newest first"},
    made("table", {}, made("thead", {}, made("tr", {}, ...names.map((name) => made("th", {scope: "col"}, name)))),
      made("tbody", {}, ...decisions.map((each) => made("tr", {}, ...names.map((name) => made("td", {}, columns[name](each) ?? ""))))))));
}

// The newest judged window

const STATES = {healthy: "Healthy: nothing drifted", drift: "Drift", incident: "Incident", empty: "No rows to judge"};
const WORST = 5;

// A link sends no key: where there is one the report is fetched here, and saved.
async function saveReport(event) {
  if (!key()) return;
  event.preventDefault();
  const response = await fetch(event.currentTarget.href, {headers: {authorization: `Bearer ${key()}`}});
  const address = URL.createObjectURL(await response.blob());
  made("a", {href: address, download: `${state.facts.project}-monitoring.html`}).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function monitoring({window: told, current, due, report}) {
  if (!told) {
    return $("monitoring").replaceChildren(quiet("No day was judged yet: `keepfit monitor` or the flow `monitoring` does it once a day is over."));
  }
  const between = ({value, low, high}) => `${number(value, 4)} (${number(low, 4)} to ${number(high, 4)})`;
  const [metric] = told.performance;
  const facts = [["Day", `${told.window}, ${number(told.n_rows, 15)} rows, version ${told.version}`],
    ["Performance", metric ? `${metric.metric} ${between(metric)} by ${number(told.n_labelled, 15)} outcomes${told.performance_window === told.window ? "" : ` of ${told.performance_window}`}` : "no outcomes yet"],
    ["Estimated", told.estimated ? `${told.estimated.metric} ${between(told.estimated)}` : "cannot be known"],
    ["Alarms", `${told.alarms_spent} so far; false ones: ${told.alarms_promised === null ? "none can be promised" : `${number(told.alarms_promised, 2)} promised at most`}`],
    ["Verdict", told.verdict], ["Judged", moment(told.judged)], ["Next", new Date(due) <= Date.now() ? "due now" : moment(due)]];
  const worst = told.columns.slice(0, WORST).filter(({drift, score}) => drift || score > 0 || told.state !== "incident");
  const link = report && made("a", {href: report, target: "_blank", rel: "noopener"}, "The whole report");
  if (link) link.addEventListener("click", saveReport);
  $("monitoring").replaceChildren(
    made("p", {className: `state ${told.state}`}, told.state === "drift" ? `Drift in ${told.n_drifted} of ${told.n_columns} columns` : STATES[told.state]),
    ...(current ? [] : [quiet("This day was answered by another model than the one that serves now.")]),
    ...(told.incident ? [made("p", {}, told.incident)] : []),
    ...(worst.length ? [made("ul", {}, ...worst.map(({column, drift, score, words}) => made("li", {}, made("div", {className: "caption"},
      made("span", {}, made("b", {}, column), ` ${words}`), made("span", {className: drift ? "problem" : "quiet"}, drift ? "drift" : number(score, 2))))))] : []),
    made("dl", {}, ...facts.filter(([, value]) => value).flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)])),
    ...(link ? [made("p", {}, link)] : []));
}

async function refresh() {
  const project = state.facts.project;
  const shows = {model: [card, "evidence"], ledger: [ledger, "ledger"], monitoring: [monitoring, "monitoring"]};
  live();
  for (const [name, [shown, place]] of Object.entries(shows)) {
    try {
      const told = await api(of(name));
      if (project !== state.facts.project) return;
      shown(told);
      if (name === "model") headed(told);
    } catch (error) {
      if (error.status !== 401) $(place).replaceChildren(quiet(error.message));
    }
  }
}

// Which project

function headed({model, since, target, project}) {
  Object.assign(state.facts, {model, since});
  document.title = `Predict ${target}`;
  $("title").textContent = document.title;
  $("model").textContent = `${project}, version ${model.version}`;
}

async function choose(project) {
  state.facts = {project};
  try {
    const facts = await api(of("form"));
    if (state.facts.project !== project) return;
    Object.assign(state, {facts, answer: null, turn: state.turn + 1});
  } catch (error) {
    state.facts = null;
    if (error.status !== 401) $("trouble").textContent = error.message;
    return;
  }
  const {fields, samples} = state.facts;
  headed(state.facts);
  for (const id of ["fields", "why", "ledger", "card", "evidence", "charts", "counts", "monitoring"]) $(id).replaceChildren();
  $("answer").replaceChildren(quiet("Press Predict to ask the model."));
  $("outcome").hidden = true;
  state.controls = fields.map(placed);
  $("examples").replaceChildren(...samples.map((sample, index) => {
    const button = made("button", {type: "button", "aria-label": `Fill in example ${index + 1}`}, String(index + 1));
    button.addEventListener("click", () => fill(sample));
    return button;
  }));
  if (samples.length) $("examples").prepend(made("span", {className: "quiet", "aria-hidden": "true"}, "Examples"));
  fill(samples[0] ?? {});
  document.querySelector("main").hidden = false;
  refresh();
}

async function start() {
  $("trouble").textContent = "";
  try {
    const {projects} = await api("/v1");
    const names = projects.map(({project}) => project);
    $("project").replaceChildren(...names.map((name) => option(name)));
    $("choice").hidden = names.length < 2;
    const named = names.find((name) => `#${encodeURIComponent(name)}` === location.hash) ?? names[0];
    $("project").value = named;
    await choose(named);
  } catch (error) {
    if (error.status !== 401) $("trouble").textContent = error.message;
  }
}

$("ask").addEventListener("submit", predict);
$("ask").addEventListener("input", changed);
$("ask").addEventListener("reset", (event) => { event.preventDefault(); fill({}); });
$("project").addEventListener("change", () => { location.hash = encodeURIComponent($("project").value); });
window.addEventListener("hashchange", start);
start();
