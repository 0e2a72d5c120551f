// The official TypeScript SDK against a fake: `node journey.mjs NAME` runs one journey and prints, as one JSON
// object, what it saw; test_typescript_sdk.py asserts on that. What a journey needs stands in LEOMOCK_URL,
// LEOMOCK_KEY and LEOMOCK_INPUT (JSON).

import { Leonardo } from "@leonardo-ai/sdk";
import { HTTPClient } from "@leonardo-ai/sdk/lib/http.js";
import { TransparencyType } from "@leonardo-ai/sdk/sdk/models/operations/index.js";
import {
  CanvasRequestType,
  InitImageType,
  JobStatus,
  SdGenerationSchedulers,
  SdGenerationStyle,
  SdVersions,
  StrengthType,
} from "@leonardo-ai/sdk/sdk/models/shared/index.js";

const { LEOMOCK_URL: serverURL, LEOMOCK_KEY: bearerAuth, LEOMOCK_INPUT = "null" } = process.env;
const input = JSON.parse(LEOMOCK_INPUT);
const NOBODYS_ID = "00000000-0000-4000-8000-000000000000";

const sent = [];
const httpClient = new HTTPClient();
httpClient.addHook("beforeRequest", async (request) => {
  const { pathname, search } = new URL(request.url);
  const text = await request.clone().text();
  sent.push({
    call: `${request.method} ${pathname}${search}`,
    userAgent: request.headers.get("user-agent"),
    body: text && JSON.parse(text),
  });
});
const leonardo = new Leonardo({ bearerAuth, serverURL, httpClient });
const { image, initImages } = leonardo;

async function upload(url, fields, content) {
  const form = new FormData();
  for (const [name, value] of Object.entries(JSON.parse(fields))) form.append(name, value);
  form.append("file", new Blob([content]), "picture.png");
  const answer = await fetch(url, { method: "POST", body: form });
  return { status: answer.status, body: await answer.text() };
}

async function download(url) {
  const answer = await fetch(url);
  return {
    status: answer.status,
    type: answer.headers.get("content-type"),
    base64: Buffer.from(await answer.arrayBuffer()).toString("base64"),
  };
}

const askForForm = async (extension = "png") =>
  (await initImages.uploadInitImage({ extension })).object.uploadInitImage;
const readInitImage = async (id) => (await initImages.getInitImageById(id)).object.initImagesByPk;
const create = async (request) =>
  (await image.createGeneration(request)).object.sdGenerationJob.generationId;
const read = async (id) => (await image.getGenerationById(id)).object.generationsByPk;

async function complete(id) {
  for (;;) {
    const generation = await read(id);
    if (generation.status !== JobStatus.Pending) return generation;
  }
}

async function addInitImage(content) {
  const form = await askForForm();
  await upload(form.url, form.fields, content);
  return form.id;
}

async function refused(call) {
  try {
    return { unexpected: await call() };
  } catch (error) {
    return { name: error.name, message: error.message, status: error.statusCode, body: error.body };
  }
}

const journeys = {
  /** Upload, generate, poll, download, list, delete, delete again, read what is gone. */
  async whole() {
    const picture = Buffer.from(input.picture, "base64");
    const form = await askForForm();
    const uploaded = await upload(form.url, form.fields, picture);
    const initImage = await readInitImage(form.id);
    const initImageBytes = await download(initImage.url);

    const started = await image.createGeneration({
      prompt: "An oil painting of a cat",
      initImageId: form.id,
      initStrength: 0.5,
      width: 64,
      height: 96,
      numImages: 2,
    });
    const job = started.object.sdGenerationJob;
    const reads = [await read(job.generationId), await read(job.generationId)];
    const pictures = await Promise.all(reads[1].generatedImages.map(({ url }) => download(url)));

    const userId = new URL(reads[1].generatedImages[0].url).pathname.split("/users/")[1].split("/")[0];
    const list = async (...page) =>
      (await image.getGenerationsByUserId(userId, ...page)).object.generations.map(({ id }) => id);
    const second = await create({ prompt: "A dog" });
    const listed = { all: await list(), firstOne: await list(1), nextOne: await list(1, 1) };
    listed.nobodys = (await image.getGenerationsByUserId(NOBODYS_ID)).object.generations;

    const remove = async (id) => (await image.deleteGenerationById(id)).object.deleteGenerationsByPk;
    const removeInit = async (id) => (await initImages.deleteInitImageById(id)).object.deleteInitImagesByPk;
    const deleted = {
      generation: [await remove(job.generationId), await remove(job.generationId)],
      initImage: [await removeInit(form.id), await removeInit(form.id)],
      readGeneration: await read(job.generationId),
      readInitImage: await readInitImage(form.id),
      picture: (await download(reads[1].generatedImages[0].url)).status,
      initImagePicture: (await download(initImage.url)).status,
    };
    return { form, uploaded, initImage, initImageBytes, job, reads, pictures, userId, second, listed, deleted };
  },

  /** Nothing but a prompt, then nothing at all: what the SDK adds by itself. */
  async defaults() {
    const generation = await complete(await create({ prompt: "An oil painting of a cat" }));
    await create({});
    return { generation };
  },

  /** Both forms of a canvas upload, and an inpainting with their ids. */
  async canvas() {
    const picture = Buffer.from(input.picture, "base64");
    const request = { initExtension: "png", maskExtension: "jpg" };
    const forms = (await initImages.uploadCanvasInitImage(request)).object.uploadCanvasInitImage;
    const uploads = [
      await upload(forms.initUrl, forms.initFields, picture),
      await upload(forms.maskUrl, forms.maskFields, Buffer.from(picture).reverse()),
    ];
    const downloads = [];
    for (const id of [forms.initImageId, forms.maskImageId]) {
      downloads.push(await download((await readInitImage(id)).url));
    }
    const id = await create({
      prompt: "A hat",
      canvasRequest: true,
      canvasRequestType: CanvasRequestType.Inpaint,
      canvasInitId: forms.initImageId,
      canvasMaskId: forms.maskImageId,
    });
    return { uploads, downloads, status: (await complete(id)).status };
  },

  /** The SDK's enums, of which it refuses an answer that it does not know itself. */
  async enums() {
    const kinds = {
      presetStyle: SdGenerationStyle,
      scheduler: SdGenerationSchedulers,
      sdVersion: SdVersions,
    };
    const members = {};
    for (const [field, kind] of Object.entries(kinds)) {
      members[field] = [];
      for (const member of Object.values(kind)) {
        const generation = await read(await create({ prompt: "A cat", [field]: member }));
        members[field].push([member, generation[field]]);
      }
    }
    return { members };
  },

  /** Uploaded and generated pictures as a start and as guidance. */
  async guidance() {
    const picture = Buffer.from(input.picture, "base64");
    const small = { prompt: "A cat", numImages: 1, width: 64, height: 64 };
    const generated = (await complete(await create(small))).generatedImages[0].id;
    const guided = await create({
      ...small,
      initGenerationImageId: generated,
      transparency: TransparencyType.ForegroundOnly,
      controlnets: [
        {
          initImageId: await addInitImage(picture),
          initImageType: InitImageType.Uploaded,
          preprocessorId: 67,
          strengthType: StrengthType.Max,
        },
        { initImageId: generated, initImageType: InitImageType.Generated, preprocessorId: 133, weight: 0.8 },
      ],
    });
    const { generatedImages } = await complete(guided);
    return { transparent: await download(generatedImages[0].url) };
  },

  /** A generation with an element. */
  async elements() {
    const elements = [{ akUUID: "01b6184e-3905-4dc7-9ec6-4f09982536d5", weight: 0.5 }];
    const { generationElements } = await complete(await create({ prompt: "A cat", elements }));
    return { generationElements };
  },

  /** PhotoReal v1, which may not come with the model that the SDK sends by default. */
  async photoReal() {
    const { photoReal, modelId } = await complete(
      await create({ prompt: "A cat", photoReal: true, modelId: null }),
    );
    return { photoReal, modelId };
  },

  /** What is refused. */
  async refusals() {
    const stranger = new Leonardo({ bearerAuth: NOBODYS_ID, serverURL });
    const asked = (request) => refused(() => image.createGeneration(request));
    return {
      wrongKey: await refused(() => stranger.image.createGeneration({ prompt: "A cat" })),
      longPrompt: await asked({ prompt: "x".repeat(1501) }),
      unknownModel: await asked({ prompt: "A cat", modelId: NOBODYS_ID }),
      modelThatIsNoId: await asked({ prompt: "A cat", modelId: "LEONARDO" }),
      unknownInitImage: await asked({ prompt: "A cat", initImageId: NOBODYS_ID }),
      tooManyImages: await asked({ prompt: "A cat", numImages: 5 }),
      extension: await refused(() => initImages.uploadInitImage({ extension: "cat.png" })),
      idThatIsNone: await refused(() => image.getGenerationById("not-an-id")),
    };
  },

  /** Only ask for a form, so that time can pass before `sendForm`. */
  askForForm: async () => ({ form: await askForForm() }),

  async sendForm() {
    const { form, picture } = input;
    const uploaded = await upload(form.url, form.fields, Buffer.from(picture, "base64"));
    const generation = await refused(() => image.createGeneration({ prompt: "A cat", initImageId: form.id }));
    return { uploaded, generation };
  },
};

try {
  const seen = await journeys[process.argv[2]]();
  console.log(JSON.stringify({ ...seen, sent }));
} catch (error) {
  // Without the whole response that the SDK's errors carry.
  console.error(error.pretty?.() ?? error.stack);
  process.exitCode = 1;
}
