// Compile every schema of the OpenAPI document named by the second argument in AJV's strict mode.
// The first argument is a folder whose node_modules has ajv. Prints a line for each schema that fails.
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/`);
const Ajv = require("ajv").default;
const addFormats = require("ajv-formats").default;
const document = JSON.parse(fs.readFileSync(process.argv[3]));
const ajv = new Ajv({ strict: true, logger: false });
addFormats(ajv);
for (const format of ["int32", "int64", "float", "double", "binary"]) ajv.addFormat(format, true);
ajv.addVocabulary(["example", "discriminator", "components"]);
const extensions = new Set();
const collect = (node) => {
  if (!node || typeof node !== "object") return;
  for (const [name, part] of Object.entries(node)) {
    if (name.startsWith("x-")) extensions.add(name);
    collect(part);
  }
};
collect(document);
for (const name of extensions) ajv.addKeyword(name);
ajv.addSchema({ components: document.components ?? {} }, "document");
const absolute = (schema) =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components'));
let compiled = 0;
const compile = (where, schema) => {
  compiled += 1;
  try {
    ajv.compile(absolute(schema));
  } catch (error) {
    console.log(`${where}: ${error.message}`);
  }
};
// Every schema of a request, a parameter, a header or an answer stands under this key; components are named.
const walk = (where, node) => {
  if (!node || typeof node !== "object") return;
  if (node.schema) compile(where, node.schema);
  for (const [name, part] of Object.entries(node)) if (name !== "schema") walk(`${where}/${name}`, part);
};
walk("paths", document.paths);
for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) compile(name, schema);
console.log(`${compiled} schemas`);
