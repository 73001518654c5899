// A shop of one file, without dependencies: it signs, sends and reads as the manual says.
//
// Run as `node shop.mjs DOMAIN`, with KICC_CHANNEL and KICC_SECRET in the environment. Each line of
// its input is one order, {"path": …, "fields": {…}}; each line of its output is what was answered
// to it, {"status": …, "answer": {…}}, or {"lost": …} where nothing intelligible came.

import { createHmac, randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";

const domain = new URL(process.argv[2]);
const channel = process.env.KICC_CHANNEL;
const secret = process.env.KICC_SECRET;
const transport = domain.protocol === "https:" ? https : http;
const agent = new transport.Agent({ keepAlive: true });

function signed(path, body) {
  const timestamp = String(Date.now());
  const nonce = randomUUID();
  const signature = createHmac("sha256", secret)
    .update(channel + path + timestamp + nonce + body)
    .digest("base64");
  return {
    "Content-type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
    "X-KICC-ChannelId": channel,
    "X-KICC-Timestamp": timestamp,
    "X-KICC-Nonce": nonce,
    "X-KICC-Authorization": signature,
  };
}

function post(path, fields) {
  const body = JSON.stringify(fields);
  const options = { method: "POST", headers: signed(path, body), agent };
  return new Promise((resolve) => {
    const request = transport.request(new URL(path, domain), options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        try {
          const answer = JSON.parse(Buffer.concat(chunks).toString("utf8"));
          resolve({ status: response.statusCode, answer });
        } catch (error) {
          resolve({ lost: error.name });
        }
      });
    });
    request.on("error", (error) => resolve({ lost: error.code }));
    request.end(body);
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { path, fields } = JSON.parse(line);
  console.log(JSON.stringify(await post(path, fields)));
}
agent.destroy();
