// Small parts that several panels use.
import { html, useEffect, useRef, useState } from "./preact.js";
import { admin } from "./server.js";

export function Copy({ text, label = "Copy" }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      setCopied(false);
    }
  };
  return html`<button onClick=${copy}>${copied ? "Copied" : label}</button>`;
}

export function Notice({ error, children }) {
  return html`<p class=${`notice ${error ? "bad" : ""}`} role=${error ? "alert" : "status"}>${children}</p>`;
}

export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export const statusClass = (status) =>
  status === "COMPLETE" || (status >= 200 && status < 300) ? "good" : status === "PENDING" ? "wait" : "bad";

// Ask the admin API whenever `when` changes; returns [value, error, ask again]. Without a path, ask nothing.
export function useAdmin(path, tenant, when) {
  const [state, setState] = useState([undefined, undefined]);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    if (!path) return undefined;
    let current = true;
    admin("GET", path, { tenant }).then(
      (value) => current && setState([value, undefined]),
      (error) => current && setState([undefined, error]),
    );
    return () => {
      current = false;
    };
  }, [path, tenant, when, again]);
  return [...state, () => setAgain((number) => number + 1)];
}

// Run actions one at a time and keep the last refusal.
export function useAction(after) {
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const run = async (action) => {
    setBusy(true);
    setError(undefined);
    try {
      await action();
      after?.();
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
    }
  };
  return [run, busy, error];
}

// A picture that the admin API gives, which an <img> alone could not ask for with headers.
export function Thumbnail({ tenant, file }) {
  const [url, setUrl] = useState();
  useEffect(() => {
    let made;
    let current = true;
    admin("GET", `/thumbnail?key=${encodeURIComponent(file.key)}`, { tenant }).then(
      (blob) => {
        if (!current || !(blob instanceof Blob)) return;
        made = URL.createObjectURL(blob);
        setUrl(made);
      },
      () => {},
    );
    return () => {
      current = false;
      if (made) URL.revokeObjectURL(made);
    };
  }, [file.key]);
  return url ? html`<img src=${url} alt="" height="92" />` : html`<span class="thumbnail dim">${file.name}</span>`;
}

export function useLatest(value) {
  const latest = useRef(value);
  latest.current = value;
  return latest;
}
