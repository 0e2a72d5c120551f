// Every HTTP library calls the real host; prints `name status` for each.
import { createRequire } from "node:module";

// The libraries are installed beside the clients, not beside this file.
const load = createRequire(process.argv[2]);
const URL = "https://cloud.leonardo.ai/api/rest/v1/me";
const headers = { authorization: `Bearer ${process.env.LEONARDO_API_KEY}` };
const loaded = async (name) => {
  const module = await import(load.resolve(name));
  return module.default ?? module;
};

const calls = {
  axios: async () => (await (await loaded("axios")).get(URL, { headers })).status,
  "axios-0": async () => (await (await loaded("axios-0")).get(URL, { headers })).status,
  got: async () => (await (await loaded("got")).get(URL, { headers })).statusCode,
  "node-fetch": async () => (await (await loaded("node-fetch"))(URL, { headers })).status,
  undici: async () => (await (await loaded("undici")).request(URL, { headers })).statusCode,
};
for (const [name, call] of Object.entries(calls)) console.log(name, await call().catch(() => "unreachable"));
process.exit();
