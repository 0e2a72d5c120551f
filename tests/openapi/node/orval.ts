// Call the fake by the clients that orval generates.
import { createGeneration, getGenerationById, getUserSelf } from "./v1/api";
import { createGenerationV2 } from "./v2/api";

const options = { headers: { authorization: `Bearer ${process.env.KEY}` } };

async function main(): Promise<void> {
  const me = await getUserSelf(options);
  const made = await createGeneration({ prompt: "a fox", num_images: 1 }, options);
  if (me.status !== 200 || made.status !== 200) throw new Error(`${me.status} ${made.status}`);
  const id: string = made.data.sdGenerationJob!.generationId;
  const read = await getGenerationById(id, options);
  if (read.status !== 200) throw new Error(`${read.status}`);
  const row = read.data.generations_by_pk!;
  const second = await createGenerationV2(
    { model: "flux-pro-2.0", public: false, parameters: { prompt: "a fox" } },
    options,
  );
  console.log(JSON.stringify([me.data.user_details[0].user!.id, row.id === id, row.status, second.data]));
}

main();
