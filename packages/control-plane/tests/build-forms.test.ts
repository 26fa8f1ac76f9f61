import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

const post = (body: string, type = "multipart/form-data; boundary=B") =>
  server.api("POST", "/v1/templates/build", body, { headers: { "content-type": type } });
const part = (name: string, text: string, more = "") =>
  `--B\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${text}`;
const named = `${part("name", "mine")}\r\n`;
const described = `${named}${part("dockerfile", "FROM base\nCOPY a /a")}\r\n`;
const asFile = '; filename="a"';

test.each([
  ["in a file of the context", described + part("a", "half a fi", asFile)],
  ["at the start of a file", described + part("a", "", asFile)],
  ["in what the template is made of", named + part("rootfs", "half a fi", asFile)],
  ["in a text", part("name", "mi")],
  ["in a part's head", `${named}--B\r\ncontent-disp`],
])("a form that ends %s is refused, and the server goes on", async (_, body) => {
  expect(await post(body)).toMatchObject({ status: 400, body: { code: "validation.failed" } });
  expect((await server.api("GET", "/v1/me")).status).toBe(200);
});

test("a form that does not say its boundary is refused", async () => {
  expect(await post(described, "multipart/form-data; charset=utf-8")).toMatchObject({
    status: 400,
    body: { code: "validation.failed" },
  });
});
