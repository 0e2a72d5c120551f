import { beforeEach, expect, test } from "vitest";
import { Leonardo } from "./poster.js";
import { Tenant } from "./tenant.js";

let tenant;
let wait;
beforeEach(() => {
  tenant = new Tenant();
  // Instead of waiting, the tests move the tenant's clock.
  wait = (milliseconds) => tenant.advance(milliseconds / 1000);
});

test("a poster is downloaded from where the API says", async () => {
  const url = await new Leonardo(tenant.key).poster("a lighthouse", { wait });
  const picture = await fetch(url);
  expect(picture.headers.get("content-type")).toBe("image/jpeg");
  expect((await tenant.requests()).map((each) => each.operation).filter(Boolean)).toContain("createGeneration");
});

test("a key without credits is told so", async () => {
  await tenant.scenario("out_of_credits");
  await expect(new Leonardo(tenant.key).poster("a lighthouse", { wait })).rejects.toThrow("not enough api tokens");
});

test("tests do not see each other's calls", async () => {
  expect(await tenant.requests()).toEqual([]);
});
