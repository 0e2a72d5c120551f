// Scenarios, the clock, jobs, webhooks, credits, snapshots and reset.
import { html, useState } from "./preact.js";
import { admin } from "./server.js";
import { Notice, useAction, useAdmin } from "./parts.js";

function Scenarios({ tenant, when }) {
  const [known] = useAdmin("/scenarios", tenant, when);
  const [playing, error, look] = useAdmin("/scenario", tenant, when);
  const [run, busy, refusal] = useAction(look);
  if (error) return html`<${Notice} error>${error.message}<//>`;
  if (!known || !playing) return html`<p class="dim">Loading</p>`;
  const on = new Set(playing.scenarios);
  const toggle = (name) => {
    const names = on.has(name) ? [...on].filter((each) => each !== name) : [...on, name];
    return run(() => admin("PUT", "/scenario", { tenant, body: { scenarios: names } }));
  };
  return html`
    ${refusal && html`<${Notice} error>${refusal.message}<//>`}
    <div class="cards">
      ${known.scenarios.map(
        (each) => html`<label class="card" key=${each.name}>
          <input type="checkbox" checked=${on.has(each.name)} disabled=${busy} onChange=${() => toggle(each.name)} />
          <strong> ${each.name}</strong><br />
          <span class="dim">${each.description}</span>
        </label>`,
      )}
    </div>
  `;
}

function Clock({ tenant, when }) {
  const [clock, error, look] = useAdmin(tenant && "/clock", tenant, when);
  const [run, busy, refusal] = useAction(look);
  const steer = (body) => () => run(() => admin("POST", "/clock", { tenant, body }));
  const failed = refusal ?? error;
  return html`
    ${failed && html`<${Notice} error>${failed.message}<//>`}
    ${clock && html`<p class="mono">${clock.now} ${clock.rate === 0 ? "(frozen)" : `(rate ${clock.rate})`}</p>`}
    <div class="row">
      <button disabled=${busy} onClick=${steer({ freeze: true })}>Freeze</button>
      <button disabled=${busy} onClick=${steer({ rate: 1 })}>Run</button>
      <button disabled=${busy} onClick=${steer({ rate: 60 })}>60 times as fast</button>
      <button disabled=${busy} onClick=${steer({ advance: 60 })}>+1 min</button>
      <button disabled=${busy} onClick=${steer({ advance_until: "idle" })}>Until idle</button>
    </div>
  `;
}

function Jobs({ tenant, when }) {
  const [found, error, look] = useAdmin("/jobs", tenant, when);
  const [run, busy, refusal] = useAction(look);
  if (error) return html`<${Notice} error>${error.message}<//>`;
  const end = (id, status) => () => run(() => admin("POST", `/jobs/${id}/finish`, { tenant, body: { status } }));
  return html`
    ${refusal && html`<${Notice} error>${refusal.message}<//>`}
    ${found?.pending.length === 0 && html`<p class="dim">No job is pending.</p>`}
    <ul>
      ${found?.pending.map(
        (id) => html`<li key=${id} class="row">
          <span class="mono">${id}</span>
          <button disabled=${busy} onClick=${end(id, "COMPLETE")}>Finish</button>
          <button disabled=${busy} onClick=${end(id, "FAILED")}>Fail</button>
        </li>`,
      )}
    </ul>
  `;
}

function Webhooks({ tenant, when }) {
  const [address, , lookAtAddress] = useAdmin("/webhook", tenant, "");
  const [found, error, look] = useAdmin("/webhooks", tenant, when);
  const [run, busy, refusal] = useAction(() => {
    look();
    lookAtAddress();
  });
  const submit = (event) => {
    event.preventDefault();
    const data = new FormData(event.target);
    run(() => admin("PUT", "/webhook", { tenant, body: { url: data.get("url"), key: data.get("key") } }));
  };
  const failed = refusal ?? error;
  return html`
    ${failed && html`<${Notice} error>${failed.message}<//>`}
    <form class="row" onSubmit=${submit} key=${address?.url}>
      <label for="hook">Address</label>
      <input id="hook" name="url" type="url" placeholder="https://…" value=${address?.url ?? ""} />
      <label for="hook-key">Bearer token</label>
      <input id="hook-key" name="key" autocomplete="off" />
      <button disabled=${busy}>Set</button>
    </form>
    ${found?.events.length === 0 && html`<p class="dim">No event was sent yet.</p>`}
    ${found?.events.length > 0 &&
    html`<table>
      <thead><tr><th>Event</th><th>Attempts</th><th><span class="hidden">Again</span></th></tr></thead>
      <tbody>
        ${found.events.map(
          (event) => html`<tr key=${event.id}>
            <td>${event.type}<br /><span class="mono dim">${event.id}</span></td>
            <td>${event.attempts.map((attempt, index) => html`<div key=${index}>${attempt.error || attempt.status}</div>`)}</td>
            <td><button disabled=${busy} onClick=${() => run(() => admin("POST", `/webhooks/${event.id}/redeliver`, { tenant }))}>Redeliver</button></td>
          </tr>`,
        )}
      </tbody>
    </table>`}
  `;
}

function State({ tenant, tenants }) {
  const [run, busy, refusal] = useAction();
  const [said, setSaid] = useState("");
  const save = () =>
    run(async () => {
      const state = await admin("GET", "/state", { tenant });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([JSON.stringify(state)], { type: "application/json" }));
      link.download = "leomock-snapshot.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  const restore = (event) => {
    const [file] = event.target.files;
    if (!file) return;
    run(async () => {
      await admin("PUT", "/state", { tenant, body: JSON.parse(await file.text()) });
      setSaid(`Restored ${file.name}.`);
    });
    event.target.value = "";
  };
  const credits = (event) => {
    event.preventDefault();
    const amount = Number(new FormData(event.target).get("credits"));
    run(async () => {
      // The credits of the plan come on top of what is set.
      const account = await admin("PUT", "/account", { tenant, body: { credits: amount } });
      setSaid(`The balance is ${account.credits}.`);
    });
  };
  const reset = () => {
    if (!confirm(tenant ? "Forget everything of this key?" : "Forget everything of all keys?")) return;
    run(async () => {
      await admin("POST", "/reset", { tenant });
      setSaid("Everything is forgotten.");
    });
  };
  const balance = tenants.find((each) => each.id === tenant)?.credits;
  return html`
    ${refusal && html`<${Notice} error>${refusal.message}<//>`} ${said && html`<${Notice}>${said}<//>`}
    ${tenant
      ? html`<div class="row">
          <button disabled=${busy} onClick=${save}>Save a snapshot</button>
          <label>Restore a snapshot <input type="file" accept="application/json" onChange=${restore} /></label>
        </div>
        <form class="row" onSubmit=${credits}>
          <label for="credits">Credits (now ${balance})</label>
          <input id="credits" name="credits" type="number" min="0" step="1" required />
          <button disabled=${busy}>Set</button>
        </form>`
      : html`<p class="dim">Choose a key above for snapshots, jobs, webhooks and credits.</p>`}
    <button disabled=${busy} onClick=${reset}>Reset ${tenant ? "this key" : "all keys"}</button>
  `;
}

export function Steering({ live, tenant, tenants }) {
  return html`
    <p class="dim">${tenant ? "Affects the chosen key only." : "Affects every key, and keys that come later."}</p>
    <h2>Clock</h2>
    <${Clock} tenant=${tenant} when=${live.changes} />
    ${tenant &&
    html`<h2>Jobs</h2>
      <${Jobs} tenant=${tenant} when=${live.changes} />
      <h2>Webhooks</h2>
      <${Webhooks} tenant=${tenant} when=${live.changes} />`}
    <h2>State</h2>
    <${State} tenant=${tenant} tenants=${tenants} />
    <h2>Scenarios</h2>
    <${Scenarios} tenant=${tenant} when=${live.changes} />
  `;
}
