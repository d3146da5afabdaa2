/** The shortest way to hand a message to a server where the client is not what is tested. */
import { createTransport } from "nodemailer";

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly message: Buffer;
  /** Our own address: one of 127.0.0.0/8. */
  readonly source?: string;
}

/** Sends, and resolves with the answer to the end of data. A refusal is thrown, with the server's words as `response`. */
export async function sendMail(port: number, mail: Mail): Promise<string> {
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    localAddress: mail.source ?? "127.0.0.1",
    name: "client.example",
    ignoreTLS: true,
  });
  try {
    const info = await transport.sendMail({ envelope: { from: mail.from, to: [...mail.to] }, raw: mail.message });
    return info.response;
  } finally {
    transport.close();
  }
}
