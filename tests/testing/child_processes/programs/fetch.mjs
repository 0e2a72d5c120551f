// fetch alone, for runtimes other than Node.
const env = globalThis.Deno?.env.toObject() ?? process.env;
const headers = { authorization: `Bearer ${env.LEONARDO_API_KEY}` };
console.log((await fetch("https://cloud.leonardo.ai/api/rest/v1/me", { headers })).status);
