// Call the fake by openapi-fetch, with the types that openapi-typescript generates.
import createClient from "openapi-fetch";
import type { paths as One } from "./v1/types";
import type { paths as Two } from "./v2/types";

const headers = { authorization: `Bearer ${process.env.KEY}` };
const one = createClient<One>({ baseUrl: `${process.env.BASE}/v1`, headers });
const two = createClient<Two>({ baseUrl: `${process.env.BASE}/v2`, headers });

async function main(): Promise<void> {
  const me = await one.GET("/me");
  const made = await one.POST("/generations", { body: { prompt: "a fox", num_images: 1 } });
  const id: string = made.data!.sdGenerationJob!.generationId;
  const read = await one.GET("/generations/{id}", { params: { path: { id } } });
  const row = read.data!.generations_by_pk!;
  const second = await two.POST("/generations", {
    body: { model: "flux-pro-2.0", public: false, parameters: { prompt: "a fox" } },
  });
  console.log(JSON.stringify([me.data!.user_details[0].user!.id, row.id === id, row.status, second.data]));
}

main();
