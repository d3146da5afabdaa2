import { promisify } from "node:util";
import { gzip } from "node:zlib";
import MimeNode from "nodemailer/lib/mime-node";
import { formatMailDate } from "../../core/mail/trace-header.ts";
import type { OwnMail, ReportMail } from "../../core/mail/own-mail.ts";
import type { Composer, ReportComposer } from "../../flows/ports.ts";
import type { TlsReportPacker } from "../../flows/tls-report-ports.ts";

/** MIME of our own mail, written by nodemailer's mime-node; it opens no file and no URL. */
export class MimeComposer implements Composer, ReportComposer, TlsReportPacker {
  async compose(mail: OwnMail): Promise<Uint8Array> {
    return await build(mail, "multipart/mixed");
  }

  async composeTlsReport(mail: OwnMail): Promise<Uint8Array> {
    return await build(mail, "multipart/report; report-type=tlsrpt");
  }

  async gzip(text: string): Promise<Uint8Array> {
    return await promisify(gzip)(text);
  }

  async composeReport(mail: ReportMail): Promise<{ octets: Uint8Array; eightBit: boolean }> {
    const boundary = boundaryOf(mail.messageId, [Buffer.from(mail.text), mail.returned.octets]);
    const root = createRoot("multipart/report; report-type=delivery-status", boundary);
    root.setHeader("From", `Mail Delivery System <${mail.from}>`);
    root.setHeader("To", mail.to);
    root.setHeader("Subject", mail.subject);
    root.setHeader("Date", formatMailDate(mail.date));
    root.setHeader("Message-ID", mail.messageId);
    root.setHeader("Auto-Submitted", "auto-replied");
    root.createChild("text/plain; charset=utf-8").setContent(mail.text);
    const kind = mail.international ? "global-delivery-status" : "delivery-status";
    addVerbatim(root, `message/${kind}`, Buffer.from(mail.status, "utf8"));
    addVerbatim(root, returnedType(mail), Buffer.from(mail.returned.octets));
    const octets = await root.build();
    return { octets, eightBit: hasEightBits(octets) };
  }
}

async function build(mail: OwnMail, container: string): Promise<Uint8Array> {
  const body = { type: BODY_TYPES[mail.body.kind], text: mail.body.text };
  const octets = mail.attachments.map((attachment) => attachment.octets);
  const boundary = boundaryOf(mail.messageId, [Buffer.from(body.text), ...octets]);
  const root = createRoot(mail.attachments.length > 0 ? container : body.type, boundary);
  root.setHeader("From", mail.from);
  if (mail.to.length > 0) root.setHeader("To", mail.to.join(", "));
  if (mail.cc.length > 0) root.setHeader("Cc", mail.cc.join(", "));
  root.setHeader("Subject", mail.subject);
  root.setHeader("Date", formatMailDate(mail.date));
  root.setHeader("Message-ID", mail.messageId);
  for (const { name, value } of mail.headers) root.addHeader(name, value);
  if (mail.attachments.length === 0) root.setContent(body.text);
  else root.createChild(body.type).setContent(body.text);
  for (const attachment of mail.attachments) {
    const child = root.createChild(attachment.type, { filename: attachment.name });
    child.setHeader("Content-Disposition", "attachment");
    // Text too is sent as octets: an attachment arrives as it was.
    child.setHeader("Content-Transfer-Encoding", "base64");
    child.setContent(Buffer.from(attachment.octets));
  }
  return root.build();
}

const BODY_TYPES = {
  text: "text/plain; charset=utf-8",
  html: "text/html; charset=utf-8",
  xml: "text/xml; charset=utf-8",
};

/** The same message makes the same octets, so there is no chance in the boundary; it is lengthened until no part has it. */
function boundaryOf(messageId: string, parts: readonly Uint8Array[]): string {
  let boundary = messageId.replace(/[^0-9A-Za-z]/g, "").slice(0, 40);
  const isTaken = (part: Uint8Array): boolean =>
    Buffer.from(part.buffer, part.byteOffset, part.length).includes(boundary, 0, "latin1");
  while (parts.some(isTaken)) boundary += "0";
  return boundary;
}

function createRoot(contentType: string, baseBoundary: string): MimeNode {
  return new MimeNode(contentType, {
    baseBoundary,
    newline: "win",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** A part whose octets go out as they are; only text/rfc822-headers is encoded where it has long lines or 8-bit octets. */
function addVerbatim(root: MimeNode, contentType: string, octets: Buffer): void {
  const child = root.createChild(contentType);
  child.setHeader("Content-Transfer-Encoding", hasEightBits(octets) ? "8bit" : "7bit");
  child.setContent(octets);
}

function returnedType(mail: ReportMail): string {
  if (mail.returned.kind === "message") return mail.international ? "message/global" : "message/rfc822";
  return mail.international ? "message/global-headers" : "text/rfc822-headers";
}

function hasEightBits(octets: Uint8Array): boolean {
  return octets.some((octet) => octet > 0x7f);
}
