// A form for any operation, made from the OpenAPI document; sends the call and watches the job.
import { html, useEffect, useMemo, useState } from "./preact.js";
import { apiKey, call, root } from "./server.js";
import { Notice, statusClass } from "./parts.js";

const VERSIONS = ["v1", "v2"];
const LONGEST_HINT = 300;

function resolve(document, schema) {
  let seen = schema ?? {};
  while (seen.$ref) seen = seen.$ref.slice(2).split("/").reduce((node, step) => node[step.replaceAll("~1", "/")], document);
  if (seen.allOf) seen = Object.assign({}, ...seen.allOf.map((part) => resolve(document, part)), seen);
  return seen;
}

function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => ["get", "post", "put", "patch", "delete"].includes(method))
      .map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
  );
}

function fieldsOf(document, operation) {
  const parameters = (operation.parameters ?? [])
    .map((each) => resolve(document, each))
    .filter((each) => each.in === "path" || each.in === "query")
    .map((each) => ({ name: each.name, place: each.in, required: each.required, description: each.description, schema: resolve(document, each.schema) }));
  const content = operation.requestBody?.content?.["application/json"];
  const body = resolve(document, content?.schema);
  const variants = [body, ...(body.oneOf ?? []), ...(body.anyOf ?? [])].map((each) => resolve(document, each));
  const properties = Object.assign({}, ...variants.map((each) => each.properties ?? {}));
  const required = new Set(body.required ?? []);
  const fields = Object.entries(properties).map(([name, schema]) => {
    const found = resolve(document, schema);
    return { name, place: "body", required: required.has(name), description: found.description, schema: found };
  });
  return [...parameters, ...fields.sort((first, second) => Number(second.required) - Number(first.required))];
}

// The beginning of a text, by whole words.
const cut = (text) => (text.length <= LONGEST_HINT ? text : `${text.slice(0, LONGEST_HINT).replace(/\s+\S*$/, "")} …`);

const typeOf = (schema) => [schema.type].flat().find((each) => each && each !== "null");

function Field({ field, value, onChange }) {
  const { schema } = field;
  const id = `field-${field.place}-${field.name}`;
  const label = html`<label for=${id}>${field.name}${field.required ? " *" : ""}</label>`;
  const set = (event) => onChange(event.target.value);
  const standard = schema.default === undefined || schema.default === null ? "" : `default ${JSON.stringify(schema.default)}`;
  const limits = [schema.minimum !== undefined && `from ${schema.minimum}`, schema.maximum !== undefined && `to ${schema.maximum}`];
  const hint = [standard, limits.filter(Boolean).join(" ")].filter(Boolean).join(", ");
  const type = typeOf(schema);
  let input;
  if (schema.enum || type === "boolean") {
    const choices = (schema.enum ?? [true, false]).filter((each) => each !== null);
    input = html`<select id=${id} value=${value} onChange=${set}>
      <option value="">${field.required ? "choose" : "not sent"}</option>
      ${choices.map((each) => html`<option key=${each} value=${String(each)}>${String(each)}</option>`)}
    </select>`;
  } else if (type === "integer" || type === "number") {
    input = html`<input id=${id} type="number" step=${type === "integer" ? 1 : "any"} min=${schema.minimum} max=${schema.maximum} value=${value} onInput=${set} />`;
  } else if (type === "array" || type === "object") {
    input = html`<textarea id=${id} rows="2" placeholder=${type === "array" ? "[ ]" : "{ }"} value=${value} onInput=${set}></textarea>`;
  } else {
    input = html`<input id=${id} value=${value} onInput=${set} />`;
  }
  return html`${label}
    <div>${input}</div>
    ${(hint || field.description) && html`<small class="dim">${cut([hint, field.description].filter(Boolean).join(" · "))}</small>`}`;
}

function valueOf(field, text) {
  const type = typeOf(field.schema);
  if (type === "boolean") return text === "true";
  if (type === "integer" || type === "number") return Number(text);
  if (type === "array" || type === "object") return JSON.parse(text);
  return text;
}

// Build the request from what was typed; throws for a list or an object that is not JSON.
function build(version, operation, fields, values) {
  let path = operation.path;
  const query = new URLSearchParams();
  const body = {};
  for (const field of fields) {
    const text = values[`${field.place} ${field.name}`] ?? "";
    if (field.place === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(text));
    else if (text !== "" && field.place === "query") query.set(field.name, text);
    else if (text !== "") {
      try {
        body[field.name] = valueOf(field, text);
      } catch {
        throw new Error(`${field.name} is not valid JSON: ${text.slice(0, 60)}`);
      }
    }
  }
  const search = String(query);
  const hasBody = operation.requestBody !== undefined;
  return {
    method: operation.method,
    path: `/api/rest/${version}${path}${search ? `?${search}` : ""}`,
    body: hasBody ? JSON.stringify(body, null, 2) : "",
  };
}

function Answer({ answer }) {
  const explain = answer.headers.get("x-leomock-explain");
  return html`<section aria-live="polite">
    <h3>Answer <span class=${statusClass(answer.status)}>${answer.status}</span> <span class="dim">${answer.milliseconds.toFixed(0)} ms</span></h3>
    ${explain && html`<${Notice}><strong>${explain}</strong><//>`}
    <pre tabindex="0">${answer.json !== undefined ? JSON.stringify(answer.json, null, 2) : answer.text}</pre>
  </section>`;
}

// The generation that an answer began, read every two seconds until it ended.
function Watch({ id, keyText }) {
  const [row, setRow] = useState();
  useEffect(() => {
    let current = true;
    const look = async () => {
      const answer = await call("GET", `/api/rest/v1/generations/${id}`, keyText);
      const found = answer.json?.generations_by_pk;
      if (!current || !found) return;
      setRow(found);
      if (found.status === "PENDING") setTimeout(look, 2000);
    };
    look();
    return () => {
      current = false;
    };
  }, [id]);
  if (!row) return null;
  return html`<p role="status">Generation ${id.slice(0, 8)}: <span class=${statusClass(row.status)}>${row.status}</span></p>
    <div class="files">${(row.generated_images ?? []).map((image) => html`<a key=${image.id} href=${image.url} target="_blank" rel="noopener">${image.url.split("/").at(-1)}</a>`)}</div>`;
}

function startedBy(json) {
  const [first] = Object.values(json ?? {});
  return first?.generationId ?? first?.motionSvdGenerationJob?.generationId;
}

export function Builder({ draft }) {
  const [version, setVersion] = useState(draft?.path.startsWith("/api/rest/v2") ? "v2" : "v1");
  const [document, setDocument] = useState();
  const [id, setId] = useState("createGeneration");
  const [values, setValues] = useState({ "body prompt": "a lighthouse at dusk" });
  const [request, setRequest] = useState(draft);
  const [keyText, setKeyText] = useState(apiKey.get() || "any-key");
  const [answer, setAnswer] = useState();
  const [error, setError] = useState();
  useEffect(() => {
    let current = true;
    fetch(`${root}/_leomock/openapi.json?version=${version}`)
      .then((found) => found.json())
      .then((found) => current && setDocument(found));
    return () => {
      current = false;
    };
  }, [version]);
  const operations = useMemo(() => (document ? operationsOf(document) : []), [document]);
  const operation = operations.find((each) => each.operationId === id) ?? operations[0];
  const fields = useMemo(() => (operation ? fieldsOf(document, operation) : []), [document, operation]);
  const send = async (event) => {
    event.preventDefault();
    setError(undefined);
    setAnswer(undefined);
    apiKey.set(keyText);
    try {
      const made = request ?? build(version, operation, fields, values);
      setAnswer(await call(made.method, made.path, keyText, made.body || undefined));
    } catch (refusal) {
      setError(refusal);
    }
  };
  const set = (field) => (text) => setValues({ ...values, [`${field.place} ${field.name}`]: text });
  const started = answer?.status === 200 ? startedBy(answer.json) : undefined;
  return html`<form onSubmit=${send}>
    <div class="row">
      <label for="key">API key</label>
      <input id="key" value=${keyText} autocomplete="off" onInput=${(event) => setKeyText(event.target.value)} />
      ${!request &&
      html`<label for="version">Version</label>
        <select id="version" value=${version} onChange=${(event) => setVersion(event.target.value)}>
          ${VERSIONS.map((each) => html`<option key=${each} value=${each} selected=${each === version}>${each}</option>`)}
        </select>
        <label for="choose">Operation</label>
        <select id="choose" value=${operation?.operationId} onChange=${(event) => setId(event.target.value)}>
          ${operations.map((each) => html`<option key=${each.operationId} value=${each.operationId}>${each.operationId}</option>`)}
        </select>`}
    </div>
    ${request
      ? html`<p class="mono">${request.method} ${request.path}</p>
          <label for="body">Body</label>
          <textarea id="body" rows="10" value=${request.body} onInput=${(event) => setRequest({ ...request, body: event.target.value })}></textarea>
          <p><button type="button" onClick=${() => setRequest(undefined)}>Use a form instead</button></p>`
      : html`<p class="dim">${operation && `${operation.method} ${operation.path}. ${operation.summary ?? ""}`}</p>
          <div class="fields">
            ${fields.map((field) => html`<${Field} key=${`${id} ${field.place} ${field.name}`} field=${field} value=${values[`${field.place} ${field.name}`] ?? ""} onChange=${set(field)} />`)}
          </div>`}
    <p class="row"><button class="main" disabled=${!request && !operation}>Send</button></p>
    ${error && html`<${Notice} error>${error.message}<//>`} ${answer && html`<${Answer} answer=${answer} />`}
    ${started && html`<${Watch} key=${started} id=${started} keyText=${keyText} />`}
  </form>`;
}
