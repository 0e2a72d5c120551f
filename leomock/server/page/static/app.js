// The frame of the page: tenants, tabs, the live connection.
import { html, render, useCallback, useEffect, useState } from "./preact.js";
import { follow, token } from "./server.js";
import { Builder } from "./builder.js";
import { Gallery } from "./gallery.js";
import { Journal } from "./journal.js";
import { Notice, counted, useAdmin } from "./parts.js";
import { Steering } from "./steering.js";
import { Verdict } from "./verdict.js";

const PANELS = [
  ["journal", "Journal", Journal],
  ["gallery", "Gallery", Gallery],
  ["verdict", "Verdict", Verdict],
  ["steering", "Steering", Steering],
  ["builder", "Send a request", Builder],
];
// A page that stays open for days keeps this many calls.
const MOST_CALLS = 2000;

function Token({ refusal, onToken }) {
  const submit = (event) => {
    event.preventDefault();
    token.set(new FormData(event.target).get("token"));
    onToken();
  };
  return html`<main>
    <${Notice} error>${refusal.message}<//>
    <form class="row" onSubmit=${submit}>
      <label for="token">Admin token</label>
      <input id="token" name="token" type="password" autocomplete="off" required />
      <button class="main">Open</button>
    </form>
  </main>`;
}

function useLive(tenant, attempt) {
  const [calls, setCalls] = useState([]);
  const [skipped, setSkipped] = useState(0);
  const [changes, setChanges] = useState(0);
  const [state, setState] = useState("opening");
  useEffect(() => {
    const stop = new AbortController();
    setCalls([]);
    setSkipped(0);
    // Calls that come within a frame are drawn together.
    let waiting = [];
    let drawing;
    const draw = () => {
      drawing = undefined;
      const fresh = waiting.reverse();
      waiting = [];
      setCalls((known) => [...fresh, ...known].slice(0, MOST_CALLS));
    };
    const on = (name, data) => {
      if (name === "calls") {
        waiting.push(...data.calls);
        setSkipped((number) => number + data.skipped);
        drawing ??= requestAnimationFrame(draw);
      } else {
        setChanges((number) => number + 1);
      }
    };
    // After a restart the journal begins again, so what is shown does as well.
    const said = (now) => {
      if (now === "open") setCalls([]);
      setState(now);
    };
    follow(tenant, stop.signal, on, said);
    return () => {
      stop.abort();
      if (drawing) cancelAnimationFrame(drawing);
    };
  }, [tenant, attempt]);
  return { calls, skipped, changes, state, forget: () => setCalls([]) };
}

function App() {
  const [panel, setPanel] = useState(location.hash.slice(1) || "journal");
  const [tenant, setTenant] = useState("");
  const [attempt, setAttempt] = useState(0);
  const [draft, setDraft] = useState();
  const [shown, setShown] = useState("");
  const live = useLive(tenant, attempt);
  const [list] = useAdmin("/tenants", "", `${live.changes} ${live.calls.length ? live.calls[0].number : 0} ${attempt}`);
  const open = useCallback((name) => {
    location.hash = name;
    setPanel(name);
  }, []);
  if (live.state instanceof Error) return html`<${Token} refusal=${live.state} onToken=${() => setAttempt(attempt + 1)} />`;

  const tenants = list?.tenants ?? [];
  const arrows = (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const index = PANELS.findIndex(([name]) => name === panel);
    const [next] = PANELS[(index + move + PANELS.length) % PANELS.length];
    open(next);
    document.getElementById(`tab-${next}`).focus();
  };
  const [, , Panel] = PANELS.find(([name]) => name === panel) ?? PANELS[0];
  // Open the journal at one call.
  const show = (owner, number) => {
    setShown(`${owner}/${number}`);
    open("journal");
  };
  const again = (request) => {
    setDraft(request);
    open("builder");
  };
  return html`
    <header>
      <h1>leomock</h1>
      <div role="tablist" aria-label="Panels" onKeyDown=${arrows}>
        ${PANELS.map(
          ([name, label]) => html`<button
            role="tab"
            id=${`tab-${name}`}
            key=${name}
            aria-selected=${name === panel}
            aria-controls="panel"
            tabindex=${name === panel ? 0 : -1}
            onClick=${() => open(name)}
          >
            ${label}
          </button>`,
        )}
      </div>
      <label>
        Key${" "}
        <select value=${tenant} onChange=${(event) => setTenant(event.target.value)}>
          <option value="">all (${tenants.length})</option>
          ${tenants.map((each) => html`<option key=${each.id} value=${each.id}>${each.key} · ${counted(each.calls, "call")}</option>`)}
        </select>
      </label>
      <span class="badge ${live.state === "open" ? "good" : "wait"}" role="status">
        ${live.state === "open" ? "live" : live.state === "lost" ? "reconnecting" : "connecting"}
      </span>
    </header>
    <main>
      <div id="panel" role="tabpanel" aria-labelledby=${`tab-${panel}`}>
        <${Panel} live=${live} tenant=${tenant} tenants=${tenants} draft=${draft} again=${again} shown=${shown} show=${show} />
      </div>
    </main>
  `;
}

render(html`<${App} />`, document.getElementById("page"));
