// Talks to the server: the admin API for the chosen tenant, the API itself, and the live events.

const session = (name) => ({
  get: () => sessionStorage.getItem(`leomock.${name}`) ?? "",
  set: (value) => sessionStorage.setItem(`leomock.${name}`, value),
});
// The path that leads to this server: "", or "/s/0" behind a proxy.
export const root = new URL("../..", import.meta.url).pathname.slice(0, -1);
export const token = session("token");
export const apiKey = session("key");

export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function adminHeaders(tenant) {
  return {
    ...(tenant && { "x-leomock-tenant": tenant }),
    ...(token.get() && { "x-leomock-admin-token": token.get() }),
  };
}

// Call the admin API; throws a Refusal with the server's own sentence.
export async function admin(method, path, { tenant = "", body } = {}) {
  const headers = { ...adminHeaders(tenant), ...(body !== undefined && { "content-type": "application/json" }) };
  const answer = await fetch(`${root}/_leomock${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const type = answer.headers.get("content-type") ?? "";
  const value = type.includes("json") ? await answer.json() : await answer.blob();
  if (!answer.ok) throw new Refusal(answer.status, value.error ?? `${answer.status} ${answer.statusText}`);
  return value;
}

// Call the API as a client does, with the key that the person typed.
export async function call(method, path, key, body) {
  const began = performance.now();
  const answer = await fetch(root + path, {
    method,
    headers: { ...(key && { authorization: `Bearer ${key}` }), ...(body !== undefined && { "content-type": "application/json" }) },
    body,
  });
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, headers: answer.headers, text, json, milliseconds: performance.now() - began };
}

// Follow the live events until `signal` aborts. `on` gets (name, data); `state` gets "open", "lost" or a Refusal.
// EventSource could not send the headers.
export async function follow(tenant, signal, on, state) {
  while (!signal.aborted) {
    try {
      const answer = await fetch(`${root}/_leomock/live`, { headers: adminHeaders(tenant), signal });
      if (!answer.ok) throw new Refusal(answer.status, (await answer.json()).error);
      state("open");
      await read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), on);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal) {
        state(error);
        if (error.status < 500 && error.status !== 404) return;
      }
    }
    state("lost");
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function read(reader, on) {
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (name) on(name, JSON.parse(data));
    }
  }
}
