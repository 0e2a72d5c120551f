// Node's fetch, with the real host in the program: create, poll, download, upload.
const BASE = "https://cloud.leonardo.ai/api/rest/v1";
const headers = { authorization: `Bearer ${process.env.LEONARDO_API_KEY}`, "content-type": "application/json" };

async function call(path, body) {
  const answer = await fetch(BASE + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  return Object.values(await answer.json())[0];
}

const { generationId } = await call("/generations", { prompt: "a lighthouse", width: 512, height: 512, num_images: 1 });
let generation;
do generation = await call(`/generations/${generationId}`);
while (generation.status === "PENDING");
const picture = await (await fetch(generation.generated_images[0].url)).blob();

const { fields, url } = await call("/init-image", { extension: "jpg" });
const form = new FormData();
for (const [name, value] of Object.entries(JSON.parse(fields))) form.append(name, value);
form.append("file", picture, "picture.jpg");
const upload = await fetch(url, { method: "POST", body: form });

console.log(generation.status, picture.size > 1000, new URL(url).protocol, upload.status);
