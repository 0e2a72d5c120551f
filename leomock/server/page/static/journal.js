// The journal: every call, newest first, filtered; a call opens with all that is known of it.
import { html, useEffect, useMemo, useRef, useState } from "./preact.js";
import { admin } from "./server.js";
import { Copy, Notice, counted, statusClass } from "./parts.js";

// More rows make a page slow and nobody reads them; filters reach the rest.
const MOST_ROWS = 200;
const KEY = "$LEONARDO_API_KEY";

const sentBody = (exchange) =>
  exchange.request.json !== undefined ? JSON.stringify(exchange.request.json) : exchange.request.text;

function asCurl(url, exchange) {
  const body = sentBody(exchange);
  const data = body ? ` \\\n  -H 'content-type: application/json' \\\n  -d '${body.replaceAll("'", "'\\''")}'` : "";
  return `curl -X ${exchange.method} '${url}' \\\n  -H "authorization: Bearer ${KEY}"${data}`;
}

function asPython(url, exchange) {
  const body = sentBody(exchange);
  const data = body ? `\n    content=${JSON.stringify(body)},` : "";
  const type = body ? ', "content-type": "application/json"' : "";
  return `import os
import httpx

answer = httpx.request(
    "${exchange.method}",
    "${url}",
    headers={"authorization": "Bearer " + os.environ["LEONARDO_API_KEY"]${type}},${data}
)
print(answer.status_code, answer.text)`;
}

function asJavaScript(url, exchange) {
  const body = sentBody(exchange);
  const type = body ? ', "content-type": "application/json"' : "";
  return `const answer = await fetch("${url}", {
  method: "${exchange.method}",
  headers: { authorization: \`Bearer \${process.env.LEONARDO_API_KEY}\`${type} },${body ? `\n  body: ${JSON.stringify(body)},` : ""}
});
console.log(answer.status, await answer.text());`;
}

function pretty(half) {
  if (half.json !== undefined) return JSON.stringify(half.json, null, 2);
  if (half.text !== undefined) return half.text;
  return half.base64 ? `${half.size ?? "some"} bytes` : "";
}

const headerLines = (headers) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");

function Half({ title, half }) {
  const body = pretty(half);
  return html`<section>
    <h3>${title}</h3>
    <pre tabindex="0" aria-label=${`${title}, headers`}>${headerLines(half.headers)}</pre>
    ${body ? html`<pre tabindex="0" aria-label=${`${title}, body`}>${body}</pre>` : html`<p class="dim">No body.</p>`}
  </section>`;
}

function Detail({ call, again }) {
  const [exchange, setExchange] = useState();
  const [error, setError] = useState();
  useEffect(() => {
    admin("GET", `/requests/${call.number}`, { tenant: call.tenant }).then(setExchange, setError);
  }, [call.tenant, call.number]);
  if (error) return html`<${Notice} error>${error.message}<//>`;
  if (!exchange) return html`<p class="dim">Loading</p>`;
  const path = exchange.path + (exchange.query ? `?${exchange.query}` : "");
  const url = location.origin + path;
  return html`<div class="detail">
    ${exchange.explain && exchange.explain !== call.answer && html`<${Notice}><strong>${exchange.explain}</strong><//>`}
    <div class="row">
      <${Copy} text=${asCurl(url, exchange)} label="Copy as curl" />
      <${Copy} text=${asPython(url, exchange)} label="Copy as Python" />
      <${Copy} text=${asJavaScript(url, exchange)} label="Copy as JavaScript" />
      ${exchange.channel === "api" &&
      html`<button onClick=${() => again({ method: exchange.method, path, body: sentBody(exchange) ?? "" })}>Send again</button>`}
    </div>
    <div class="two">
      <${Half} title="Request" half=${exchange.request} />
      <${Half} title=${`Response, ${exchange.status}`} half=${exchange.response} />
    </div>
  </div>`;
}

function Row({ call, owner, isOpen, toggle, again }) {
  const name = call.operation || `${call.channel} ${call.path}`;
  // A call that another panel points at comes into view.
  const place = useRef();
  useEffect(() => {
    if (isOpen) place.current.scrollIntoView({ block: "nearest" });
  }, []);
  return html`<li class="new" ref=${place}>
    <button class="call" aria-expanded=${isOpen} onClick=${toggle}>
      <span class="mono dim">${call.created.slice(11, 19)}</span>
      <span class=${`mono ${statusClass(call.status)}`}>${call.status}</span>
      <span class="path"><strong>${call.method} ${name}</strong> <span class="mono dim">${call.path}</span>${owner && html` <span class="mono dim">key ${owner}</span>`}</span>
      <span class="mono dim">${call.milliseconds.toFixed(1)} ms</span>
      ${call.answer && html`<span class="answer dim">${call.answer}</span>`}
      ${call.rules.length > 0 && html`<span class="answer"><span class="badge wait">${call.rules.join(", ")}</span></span>`}
    </button>
    ${isOpen && html`<${Detail} call=${call} again=${again} />`}
  </li>`;
}

function matches(call, filter) {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [call.method, call.path, call.operation, call.status, call.explain, call.answer, ...call.rules].join(" ").toLowerCase();
  return (
    words.every((word) => text.includes(word)) &&
    (!filter.operation || call.operation === filter.operation) &&
    (!filter.status || String(call.status).startsWith(filter.status))
  );
}

export function Empty() {
  const line = `curl ${location.origin}/api/rest/v1/generations -H "authorization: Bearer any-key" -H "content-type: application/json" -d '{"prompt": "a lighthouse"}'`;
  return html`<div class="card">
    <p><strong>No calls yet.</strong> Point your program at <code>${location.origin}/api/rest/v1</code>; any key works. Or try:</p>
    <pre tabindex="0">${line}</pre>
    <${Copy} text=${line} label="Copy the curl line" />
  </div>`;
}

export function Journal({ live, tenant, tenants, again, shown }) {
  const [filter, setFilter] = useState({ text: "", operation: "", status: "" });
  const [open, setOpen] = useState(shown);
  const [error, setError] = useState();
  const set = (name) => (event) => setFilter({ ...filter, [name]: event.target.value });
  const operations = useMemo(() => [...new Set(live.calls.map((call) => call.operation).filter(Boolean))].sort(), [live.calls]);
  const found = useMemo(() => live.calls.filter((call) => matches(call, filter)), [live.calls, filter]);
  // With several keys on the page, each call says whose it is.
  const owners = new Map(tenant || tenants.length < 2 ? [] : tenants.map((each) => [each.id, each.key]));
  const clear = () =>
    admin("DELETE", "/requests", { tenant }).then(() => {
      setError(undefined);
      live.forget();
    }, setError);
  return html`
    <div class="row">
      <label class="hidden" for="filter">Filter</label>
      <input id="filter" type="search" placeholder="Filter by any word" value=${filter.text} onInput=${set("text")} />
      <label class="hidden" for="operation">Operation</label>
      <select id="operation" value=${filter.operation} onChange=${set("operation")}>
        <option value="">every operation</option>
        ${operations.map((name) => html`<option key=${name}>${name}</option>`)}
      </select>
      <label class="hidden" for="status">Status</label>
      <select id="status" value=${filter.status} onChange=${set("status")}>
        <option value="">every status</option>
        ${["2", "3", "4", "5"].map((digit) => html`<option key=${digit} value=${digit}>${digit}xx</option>`)}
      </select>
      <span class="dim">${found.length} of ${counted(live.calls.length, "call")}</span>
      ${live.calls.length > 0 && html`<button onClick=${clear}>Clear</button>`}
    </div>
    ${error && html`<${Notice} error>${error.message}<//>`}
    ${live.skipped > 0 && html`<${Notice}>${live.skipped} calls came faster than this page is told; they are in the journal.<//>`}
    ${live.calls.length === 0 && live.state === "open" && html`<${Empty} />`}
    <ul class="calls" aria-label="Calls, newest first">
      ${found.slice(0, MOST_ROWS).map((call) => {
        const id = `${call.tenant}/${call.number}`;
        return html`<${Row} key=${id} call=${call} owner=${owners.get(call.tenant)} isOpen=${open === id} toggle=${() => setOpen(open === id ? "" : id)} again=${again} />`;
      })}
    </ul>
    ${found.length > MOST_ROWS && html`<p class="dim">${found.length - MOST_ROWS} older calls are not shown; filter to find them.</p>`}
  `;
}
