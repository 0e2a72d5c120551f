// The journey of the MCP clients in Python (tests/interop/mcp/clients/journey.py), for the TypeScript SDK.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const CREATE = "leonardo-ai-create-generation";
const READ = "leonardo-ai-get-generation-by-id";
const NOBODYS_ID = "6163f776-ad40-47fc-acd4-c04b22590ada";
const [kind, ...target] = process.argv.slice(2);

const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(target[0]), { requestInit: { headers: { "API-Key": target[1] } } })
    : new StdioClientTransport({ command: target[0], args: target.slice(1), env: process.env });
const client = new Client({ name: "journey", version: "1" });
await client.connect(transport);

async function call(name, args) {
  const result = await client.callTool({ name, arguments: args });
  return result.isError ? result.content[0].text : result.structuredContent;
}

const tools = (await client.listTools()).tools.map((tool) => tool.name);
const created = await call(CREATE, { body: { prompt: "a lighthouse", num_images: 1 } });
const row = (await call(READ, { id: created.sdGenerationJob.generationId, wait: 60 })).generations_by_pk;
console.log(
  JSON.stringify({
    tools,
    status: row.status,
    images: row.generated_images.length,
    unknown: await call(READ, { id: NOBODYS_ID }),
  }),
);
await client.close();
