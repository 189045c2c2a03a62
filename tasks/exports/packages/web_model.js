// The model for any page: `import { predict } from "./model.js"`, then `await predict([{ age: 30, sex: "female" }])`.
// A missing value is null, undefined, NaN or ""; a date is a Date; a truth value true or false.

const here = new URL(".", import.meta.url);
const RUNTIME = new URL("node_modules/onnxruntime-web/dist/ort.wasm.min.mjs", here);

export const manifest = await (await fetch(new URL("keepfit.json", here))).json();

let opened;

// The session, once; an Error says in words why there is none.
export function ready() {
  opened ??= open();
  return opened;
}

async function open() {
  try {
    const ort = await import(RUNTIME.href);
    ort.env.wasm.numThreads = 1; // more would need headers that few static hosts send
    return { ort, session: await ort.InferenceSession.create(new URL("model.onnx", here).href) };
  } catch (error) {
    throw new Error(`The model cannot be opened. Run \`npm install\` in the folder of this page, then load it again. (${error.message})`);
  }
}

function numberOf(input, value) {
  if (value === null || value === undefined || value === "") return NaN;
  const number = Number(value); // of a Date its milliseconds since 1970, of true and false 1 and 0
  if (typeof value === "string" || typeof value === "object" && !(value instanceof Date)) {
    throw new Error(`“${input.name}” cannot be read: expected a ${input.type}, found ${JSON.stringify(value)}`);
  }
  return number;
}

function tensor(ort, input, rows) {
  const values = rows.map((row) => row[input.name]);
  const shape = [rows.length, 1];
  if (input.type === "text") return new ort.Tensor("string", values.map((value) => value === null || value === undefined ? "" : String(value)), shape);
  const single = manifest.precision === "float32" && input.type !== "date";
  const numbers = values.map((value) => numberOf(input, value));
  return single ? new ort.Tensor("float32", Float32Array.from(numbers), shape) : new ort.Tensor("float64", Float64Array.from(numbers), shape);
}

// For each row its prediction, and of classes [name, probability] in the model's order.
export async function predict(rows) {
  if (rows.length === 0) return [];
  const { ort, session } = await ready();
  const feeds = Object.fromEntries(manifest.made.inputs.map((input) => [input.name, tensor(ort, input, rows)]));
  const found = await session.run(feeds);
  const [label, probabilities] = manifest.made.outputs;
  const predictions = found[label.name].data;
  return rows.map((_, at) => {
    if (!probabilities) return { prediction: predictions[at] };
    const { data } = found[probabilities.name], { classes } = probabilities;
    return { prediction: predictions[at], probabilities: classes.map((name, place) => [name, data[at * classes.length + place]]) };
  });
}
