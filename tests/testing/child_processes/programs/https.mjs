// Node's own https module and the https agent that most libraries use.
import https from "node:https";

const headers = { authorization: `Bearer ${process.env.LEONARDO_API_KEY}` };
for (const agent of [undefined, new https.Agent({ keepAlive: true })]) {
  https.get("https://cloud.leonardo.ai/api/rest/v1/me", { headers, agent }, (answer) => {
    console.log(answer.statusCode);
    answer.resume();
    answer.on("end", () => agent?.destroy());
  });
}
