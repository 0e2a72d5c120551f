// Call the fake by the clients that hey-api generates.
import { createGeneration, getGenerationById, getUserSelf } from "./v1/sdk.gen";
import { createGenerationV2 } from "./v2/sdk.gen";

const headers = { authorization: `Bearer ${process.env.KEY}` };

async function main(): Promise<void> {
  const me = await getUserSelf({ headers, throwOnError: true });
  const made = await createGeneration({ headers, throwOnError: true, body: { prompt: "a fox", num_images: 1 } });
  const id: string = made.data.sdGenerationJob!.generationId;
  const read = await getGenerationById({ headers, throwOnError: true, path: { id } });
  const row = read.data.generations_by_pk!;
  const second = await createGenerationV2({
    headers,
    throwOnError: true,
    body: { model: "flux-pro-2.0", public: false, parameters: { prompt: "a fox" } },
  });
  console.log(JSON.stringify([me.data.user_details[0].user!.id, row.id === id, row.status, second.data]));
}

main();
