// Generations and uploads: pictures small, videos and sounds to play, meshes to download.
import { html } from "./preact.js";
import { Empty } from "./journal.js";
import { Notice, Thumbnail, statusClass, useAdmin } from "./parts.js";
import { root } from "./server.js";

function File({ tenant, file }) {
  const url = `${root}/cdn/${file.key.split("/").map(encodeURIComponent).join("/")}`;
  if (file.type.startsWith("video/"))
    return html`<video controls preload="metadata" width="240" src=${url} aria-label=${file.name}></video>`;
  if (file.type.startsWith("audio/")) return html`<audio controls preload="none" src=${url} aria-label=${file.name}></audio>`;
  if (file.type.startsWith("image/"))
    return html`<a href=${url} target="_blank" rel="noopener" aria-label=${`Open ${file.name}`}><${Thumbnail} tenant=${tenant} file=${file} /></a>`;
  return html`<a class="file" href=${url} download=${file.name}>Download ${file.name}</a>`;
}

function Generation({ row }) {
  const facts = [
    row.model,
    row.width && `${row.width} × ${row.height}`,
    row.seed !== null && row.seed !== undefined && `seed ${row.seed}`,
    row.price !== null && row.price !== undefined && `${row.price} credits`,
  ].filter(Boolean);
  return html`<article class="card" aria-label=${`Generation ${row.id}`}>
    <div class="row">
      <span class=${`badge ${statusClass(row.status)}`}>${row.status}</span>
      <span class="mono dim">${row.id.slice(0, 8)}</span>
    </div>
    <p class="prompt" title=${row.prompt}>${row.prompt || html`<span class="dim">no prompt</span>`}</p>
    <p class="dim">${facts.join(" · ")}</p>
    ${row.waits && html`<p class="wait">${row.waits}</p>`}
    <div class="files">${row.files.map((file) => html`<${File} key=${file.key} tenant=${row.tenant} file=${file} />`)}</div>
  </article>`;
}

export function Gallery({ live, tenant }) {
  const [found, error] = useAdmin("/gallery", tenant, live.changes);
  if (error) return html`<${Notice} error>${error.message}<//>`;
  if (!found) return html`<p class="dim">Loading</p>`;
  if (!found.generations.length && !found.uploads.length) return html`<${Empty} />`;
  return html`
    <h2>Generations</h2>
    ${found.generations.length === 0 && html`<p class="dim">None yet.</p>`}
    <div class="cards">${found.generations.map((row) => html`<${Generation} key=${row.id} row=${row} />`)}</div>
    <h2>Uploads</h2>
    ${found.uploads.length === 0 && html`<p class="dim">Nothing was uploaded yet.</p>`}
    <div class="cards">
      ${found.uploads.map(
        (file) => html`<article class="card" key=${file.key} aria-label=${`Upload ${file.name}`}>
          <p class="mono">${file.name}</p>
          <p class="dim">${file.type} · ${file.size} bytes</p>
          <div class="files"><${File} tenant=${file.tenant} file=${file} /></div>
        </article>`,
      )}
    </div>
  `;
}
