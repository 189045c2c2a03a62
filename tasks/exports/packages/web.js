// A form of the model's inputs, answered by onnxruntime in this browser. `model.js` is for other pages, too.
import { manifest, predict, ready } from "./model.js";

const at = (id) => document.getElementById(id);

function made(kind, properties = {}, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
}

function field(input, number) {
  const id = `input-${number}`;
  const parts = [made("label", { htmlFor: id, textContent: input.name })];
  if (input.type === "boolean") {
    const options = [["", "not known"], ["1", "yes"], ["0", "no"]];
    parts.push(made("select", { id }, ...options.map(([value, textContent]) => made("option", { value, textContent }))));
  } else if (input.type === "date") {
    parts.push(made("input", { id, type: "datetime-local", step: "any" }));
    parts.push(made("p", { className: "quiet", textContent: "in UTC" }));
  } else if (input.type === "number") {
    parts.push(made("input", { id, type: "number", step: "any", inputMode: "decimal" }));
  } else {
    const list = made("datalist", { id: `${id}-known` }, ...input.levels.map((value) => made("option", { value })));
    const text = made("input", { id, type: "text", autocomplete: "off" });
    text.setAttribute("list", list.id);
    parts.push(text, list);
  }
  if (input.by_host) parts.push(made("p", { className: "quiet", textContent: `is ${input.by_host}` }));
  return made("div", {}, ...parts);
}

function valueOf(input, number) {
  const element = at(`input-${number}`);
  if (element.validity.badInput) throw new Error(`“${input.name}” cannot be read`);
  if (element.value === "") return null;
  if (input.type === "date") return new Date(`${element.value}Z`);
  if (input.type === "boolean") return element.value === "1";
  return input.type === "number" ? Number(element.value) : element.value;
}

function show(...children) {
  at("answer").hidden = false;
  at("answer").replaceChildren(...children);
}

function problem(error) {
  show(made("p", { className: "problem", textContent: error.message }));
}

async function ask(event) {
  event.preventDefault();
  try {
    const row = Object.fromEntries(manifest.made.inputs.map((input, number) => [input.name, valueOf(input, number)]));
    const [answer] = await predict([row]);
    if (typeof answer.prediction === "number" && !Number.isFinite(answer.prediction)) throw new Error("There is no finite answer: a number is far too large");
    const said = typeof answer.prediction === "number" ? answer.prediction.toLocaleString("en", { maximumSignificantDigits: 6 }) : answer.prediction;
    const told = [made("p", { className: "answer", textContent: `${manifest.target}: ${said}` })];
    for (const [name, share] of answer.probabilities ?? []) {
      told.push(made("div", { className: "class" }, made("span", { textContent: name }), made("meter", { value: share, max: 1, ariaLabel: name }), made("span", { textContent: `${(100 * share).toFixed(1)} %` })));
    }
    show(...told);
  } catch (error) {
    problem(error);
  }
}

document.title = `${manifest.project}: ${manifest.target}`;
at("title").textContent = `Predict ${manifest.target}`;
at("about").textContent = `${manifest.project}, version ${manifest.version}, ${manifest.precision}`;
at("fields").append(...manifest.made.inputs.map(field));
at("form").addEventListener("submit", ask);
ready().then(() => { at("ask").disabled = false; }, problem);
