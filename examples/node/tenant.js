// One API key for each test: leomock keeps the state of different keys apart.
import { randomUUID } from "node:crypto";
import { inject } from "vitest";

export class Tenant {
  constructor() {
    this.url = inject("leomock");
    this.key = randomUUID();
    process.env.LEONARDO_BASE_URL = `${this.url}/api/rest/v1`;
  }

  // What can be steered stands at /_leomock/ in the reference.
  async admin(method, path, body) {
    const answer = await fetch(`${this.url}/_leomock${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  advance(seconds) {
    return this.admin("POST", "/clock", { advance: seconds });
  }

  scenario(...names) {
    return this.admin("PUT", "/scenario", { scenarios: names });
  }

  async requests() {
    return (await this.admin("GET", "/requests")).requests;
  }
}
