// What the journal proves about the client.
import { html } from "./preact.js";
import { Notice, counted, useAdmin } from "./parts.js";

// A finding may be about a thousand calls; these lead to the first ones.
const MOST_BUTTONS = 10;

function Finding({ finding, tenant, show }) {
  const numbers = finding.exchanges ?? [];
  return html`<article class="card">
    <h3>${finding.rule}</h3>
    <p>${finding.what}</p>
    <p><strong>Why it matters:</strong> ${finding.why}</p>
    <p><strong>What to do:</strong> ${finding.remedy}</p>
    ${numbers.length > 0 &&
    html`<p class="row">
      Calls ${numbers
        .slice(0, MOST_BUTTONS)
        .map((number) => html`<button key=${number} onClick=${() => show(tenant, number)}>#${number}</button>`)}
      ${numbers.length > MOST_BUTTONS && html`<span class="dim">and ${numbers.length - MOST_BUTTONS} more</span>`}
    </p>`}
  </article>`;
}

function Judged({ tenant, live, show }) {
  const [verdict, error] = useAdmin("/verdict", tenant, `${live.changes} ${live.calls.length}`);
  if (error) return html`<${Notice} error>${error.message}<//>`;
  if (!verdict) return html`<p class="dim">Loading</p>`;
  return html`
    <p>
      ${verdict.clean ? html`<span class="good">Nothing to object to</span>` : html`<span class="bad">${counted(verdict.findings.length, "finding")}</span>`}
      <span class="dim"> in ${counted(verdict.exchanges, "call")}; ${counted(verdict.credits, "credit")} spent</span>
    </p>
    <div class="cards">${verdict.findings.map((finding, index) => html`<${Finding} key=${index} finding=${finding} tenant=${tenant} show=${show} />`)}</div>
  `;
}

export function Verdict({ live, tenant, tenants, show }) {
  const chosen = tenant ? tenants.filter((each) => each.id === tenant) : tenants;
  if (!chosen.length) return html`<p class="dim">No key has called yet, so there is nothing to judge.</p>`;
  return chosen.map(
    (each) => html`<section key=${each.id}>
      <h2>Key ${each.key}</h2>
      <${Judged} tenant=${each.id} live=${live} show=${show} />
    </section>`,
  );
}
