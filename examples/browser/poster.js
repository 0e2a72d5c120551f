// ?base=… names the server, as a build's configuration would.
const base = new URLSearchParams(location.search).get("base") ?? "http://127.0.0.1:8090/api/rest/v1";
const headers = { authorization: "Bearer browser-key", "content-type": "application/json" };
const status = document.querySelector("#status");

async function call(path, body) {
  const answer = await fetch(base + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  status.textContent = "Creating";
  try {
    const prompt = new FormData(event.target).get("prompt");
    const { sdGenerationJob } = await call("/generations", { prompt, num_images: 1 });
    let row;
    do {
      await new Promise((done) => setTimeout(done, row ? 1000 : 0));
      row = (await call(`/generations/${sdGenerationJob.generationId}`)).generations_by_pk;
      status.textContent = row.status;
    } while (row.status === "PENDING");
    // Reading the bytes, unlike showing an image, needs the CDN to let this page in.
    const picture = await (await fetch(row.generated_images[0].url)).blob();
    document.querySelector("#poster").src = URL.createObjectURL(picture);
    status.textContent = `${row.status}, ${picture.size} bytes`;
  } catch (error) {
    status.textContent = error.message;
  }
});
