// A vitest globalSetup: starts leomock on a free port, and stops it after the last test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export async function setup({ provide }) {
  const command = process.env.LEOMOCK ?? "leomock";
  const server = spawn(command, ["serve", "--port", "0", "--quiet"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: server.stdout }), "line");
  provide("leomock", line.split(" ").at(-1));
  return async () => {
    server.kill();
    await once(server, "exit");
  };
}
