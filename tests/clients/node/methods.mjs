// Calls every method of the official TypeScript SDK with the arguments that LEOMOCK_INPUT (JSON) has for it, and
// prints, as one JSON object, what methods there are and what came of each; test_typescript_sdk_methods.py
// asserts on that.

import { Leonardo } from "@leonardo-ai/sdk";

const { LEOMOCK_URL: serverURL, LEOMOCK_KEY: bearerAuth, LEOMOCK_INPUT } = process.env;
const leonardo = new Leonardo({ bearerAuth, serverURL });
const given = JSON.parse(LEOMOCK_INPUT);

const groups = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(leonardo)))
  .filter(([, property]) => property.get)
  .map(([name]) => name);
const methods = groups.flatMap((group) =>
  Object.getOwnPropertyNames(Object.getPrototypeOf(leonardo[group]))
    .filter((name) => name !== "constructor")
    .map((name) => `${group}.${name}`),
);

const outcomes = {};
for (const name of methods.filter((each) => each in given)) {
  const [group, method] = name.split(".");
  try {
    const answer = await leonardo[group][method](...given[name]);
    outcomes[name] = { value: answer.object ?? answer.oneOf };
  } catch (error) {
    outcomes[name] = { error: `${error.name}: ${error.message}` };
  }
}
console.log(JSON.stringify({ methods, outcomes }));
