// The code under test. In production LEONARDO_BASE_URL is not set.
const base = () => process.env.LEONARDO_BASE_URL ?? "https://cloud.leonardo.ai/api/rest/v1";

export class Leonardo {
  constructor(key) {
    this.headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  }

  async poster(prompt, { wait = (ms) => new Promise((done) => setTimeout(done, ms)) } = {}) {
    const { sdGenerationJob } = await this.#call("/generations", { prompt, num_images: 1 });
    for (let attempt = 0; attempt < 30; attempt++) {
      const { generations_by_pk: row } = await this.#call(`/generations/${sdGenerationJob.generationId}`);
      if (row.status === "COMPLETE") return row.generated_images[0].url;
      if (row.status === "FAILED") throw new Error("the generation failed");
      await wait(2000);
    }
    throw new Error("the generation took too long");
  }

  async #call(path, body) {
    const answer = await fetch(base() + path, {
      method: body ? "POST" : "GET",
      headers: this.headers,
      body: body && JSON.stringify(body),
    });
    const value = await answer.json();
    if (!answer.ok) throw new Error(value.error);
    return value;
  }
}
