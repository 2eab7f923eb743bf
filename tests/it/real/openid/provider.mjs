// A real OpenID provider (node-oidc-provider) for the tests: node provider.mjs FOLDER PORT BACK
// FOLDER has it installed, BACK is where its only client has people led. Whoever types a name is believed to have it.
import { pathToFileURL } from "node:url";

const [folder, port, back] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`));
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "offhook", client_secret: "a secret: with + and %", redirect_uris: [back] }],
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email", "email_verified"] },
  cookies: { keys: ["of a test"] },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({ sub: name, preferred_username: name, email: `${name}@example.com`, email_verified: name !== "bob" }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
