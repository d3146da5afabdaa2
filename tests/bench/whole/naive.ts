/**
 * The relay that anybody would write in a day, as a peer of the measurements: npm's smtp-server, a synced file for each message,
 * nodemailer's pool to the next hop. Run as a process: `node naive.ts PORT SINK_PORT SPOOL [tls]`; with `tls` it offers STARTTLS by a
 * certificate that smtp-server brings, and AUTH.
 */
import { open, mkdir, rename, unlink } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import { LOGIN } from "./login.ts";

const [port = "", sinkPort = "", spool = "", tls] = process.argv.slice(2);
await mkdir(spool, { recursive: true });
const folder = await open(spool, "r");
const transport = createTransport({
  pool: true,
  host: "127.0.0.1",
  port: Number(sinkPort),
  ignoreTLS: true,
  maxConnections: 20,
  maxMessages: Infinity,
});
let sequence = 0;

async function accept(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
  const file = join(spool, String(sequence++));
  const handle = await open(`${file}.new`, "wx");
  for await (const chunk of stream) await handle.write(chunk as Buffer);
  await handle.sync();
  await handle.close();
  await rename(`${file}.new`, file);
  await folder.sync();
  const { mailFrom, rcptTo } = session.envelope;
  const from = mailFrom === false ? "" : mailFrom.address;
  void deliver(file, { from, to: rcptTo.map(({ address }) => address) });
}

async function deliver(file: string, envelope: { from: string; to: string[] }): Promise<void> {
  try {
    await transport.sendMail({ envelope, raw: createReadStream(file) });
    await unlink(file);
  } catch (fault) {
    console.error(fault);
  }
}

new SMTPServer({
  authOptional: true,
  disabledCommands: tls === undefined ? ["AUTH", "STARTTLS"] : [],
  disableReverseLookup: true,
  onAuth({ username, password }, _session, callback) {
    const right = username === LOGIN.user && password === LOGIN.password;
    callback(right ? null : new Error("wrong"), { user: LOGIN.user });
  },
  onRcptTo(_address, session, callback) {
    const refusal = Object.assign(new Error("relay denied"), { responseCode: 550 });
    callback(session.remoteAddress === "127.0.0.1" ? null : refusal);
  },
  onData(stream, session, callback) {
    accept(stream, session).then(() => callback(null), callback);
  },
}).listen(Number(port), "127.0.0.1");
