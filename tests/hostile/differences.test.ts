/**
 * What Postfix and smtp-server make of the same octets. `differences.md` has every line end, every odd command and every kind of address
 * where they and we do not say the same, and why; what it does not explain fails here, and so does what is no difference any more.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mutate } from "../fuzz/mutate.ts";
import { Dialogue } from "../peers/dialogue.ts";
import { postfixPrograms } from "../peers/postfix.ts";
import { missingRoot } from "../peers/programs.ts";
import { Chance } from "../sim/chance.ts";
import { codesOf, ourselves, postfix, smtpServer, type Oracle } from "./oracles.ts";
import { octetsOf, readSections, type Row } from "./table.ts";

const skip = missingRoot(...postfixPrograms);
const [ends, commands, addresses, kinds] = readSections("differences.md");
const oracles: Oracle[] = [];

before(async () => {
  if (skip === false) oracles.push(await ourselves(), await smtpServer(), await postfix());
});
after(async () => {
  for (const oracle of oracles) await oracle[Symbol.asyncDispose]();
});

/** Fails with the rows as they should stand. */
function compare(rows: readonly Row[] | undefined, column: string, found: ReadonlyMap<Row, readonly string[]>): void {
  const wrong: string[] = [];
  for (const row of rows ?? []) {
    const cells = found.get(row) ?? [];
    const differ = new Set(cells).size > 1;
    const same = oracles.every(({ name }, i) => row.cell(name) === cells[i]);
    if (!same || differ !== (row.cell("why") !== ""))
      wrong.push(
        `differences.md:${row.line} | \`${row.cell(column)}\` | ${cells.join(" | ")} | ${differ ? "why?" : ""} |`,
      );
  }
  assert.deepEqual(wrong, []);
  assert.ok(found.size > 20);
}

const OPENING = ["EHLO client.example", "MAIL FROM:<s@client.example>", "RCPT TO:<a@far.example>", "DATA"];
const REST = "MAIL FROM:<b@client.example>\r\nRCPT TO:<b@far.example>\r\nDATA\r\nSubject: y\r\n\r\ny\r\n.\r\nQUIT\r\n";

test("line ends around a dot", { skip }, async () => {
  const found = new Map<Row, string[]>();
  for (const row of ends?.rows ?? []) {
    const content = Buffer.concat([
      Buffer.from("Subject: x\r\n\r\ntext"),
      octetsOf(row.cell("octets")),
      Buffer.from(REST),
    ]);
    const said = [...OPENING.map((line) => Buffer.from(`${line}\r\n`)), content];
    const cells: string[] = [];
    for (const { port } of oracles) cells.push(endOf((await codesOf(port, said)).slice(OPENING.length)));
    found.set(row, cells);
  }
  compare(ends?.rows, "octets", found);
});

/** What became of a message and what was smuggled behind it, from the answers after 354. */
function endOf(codes: readonly string[]): string {
  if (codes.join() === "250,221") return "one message";
  if (codes.join() === "550,221") return "refused";
  return codes.includes("354") ? "two messages" : codes.join(" ");
}

test("odd commands", { skip }, async () => {
  const found = new Map<Row, string[]>();
  for (const row of commands?.rows ?? []) {
    const said = [
      Buffer.from("EHLO client.example\r\n"),
      Buffer.concat([octetsOf(row.cell("command")), Buffer.from("QUIT\r\n")]),
    ];
    const cells: string[] = [];
    for (const { port } of oracles) {
      const codes = (await codesOf(port, said)).slice(1);
      cells.push(
        codes.at(-1) === "221" && codes.length > 1 ? codes.slice(0, -1).join(" ") : `${codes.join(" ")}, closed`,
      );
    }
    found.set(row, cells);
  }
  compare(commands?.rows, "command", found);
});

// --- addresses --------------------------------------------------------------------------------------------------------

const SEED = 1;
/** RELAYKEEPER_ADDRESSES=3000 takes half a minute. */
const GENERATED = Number(process.env["RELAYKEEPER_ADDRESSES"] ?? 150);

/** Those of the table, and as many again made of them by chance. */
function* allPaths(): Generator<string> {
  const given = (addresses?.rows ?? []).map((row) => octetsOf(row.cell("path")));
  for (const path of given) yield path.toString("latin1");
  const chance = new Chance(SEED);
  for (let n = 0; n < GENERATED;) {
    const path = Buffer.from(
      mutate(chance, given, ["@", "<", ">", '"', "\\", ".", " ", ":", ",", "far.example"]),
    ).toString("latin1");
    if (!/^[\x20-\x7e]{1,300}$/.test(path)) continue;
    n++;
    yield path;
  }
}

/** `refused`, `as said`, or `as` and what it became. */
async function verdicts(oracle: Oracle, paths: readonly string[]): Promise<readonly string[]> {
  using dialogue = await Dialogue.connect({ port: oracle.port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  const taken: boolean[] = [];
  for (const [n, path] of paths.entries()) {
    await dialogue.say("MAIL FROM:<s@client.example>");
    const { code } = await dialogue.say(`RCPT TO:${path}`);
    assert.ok(code === 250 || (code >= 500 && code < 600), `${oracle.name} says ${code} to ${path}`);
    taken.push(code === 250);
    if (code === 250) {
      assert.equal((await dialogue.say("DATA")).code, 354);
      assert.equal((await dialogue.say(`X-Case: ${n};\r\n\r\nx\r\n.`)).code, 250);
    } else await dialogue.say("RSET");
  }
  const said: string[] = [];
  for (const [n, path] of paths.entries()) {
    const address = taken[n] === true ? await oracle.recipientOf(`X-Case: ${n};`) : null;
    const inside = path.slice(1, path.lastIndexOf(">"));
    said.push(address === null ? "refused" : address === inside ? "as said" : `as ${address}`);
  }
  return said;
}

/** What an address became, in a word that a table of kinds can use. */
function kindOf(verdict: string): string {
  return verdict.startsWith("as ") && verdict !== "as said" ? "rewritten" : verdict;
}

test("addresses", { skip }, async () => {
  const paths = [...allPaths()];
  const found = await Promise.all(oracles.map(async (oracle) => await verdicts(oracle, paths)));
  const given = new Map((addresses?.rows ?? []).map((row, n) => [row, found.map((verdict) => verdict[n] ?? "")]));
  const unexplained: string[] = [];
  for (const [n, path] of paths.entries()) {
    if (n < given.size) continue;
    const cells = found.map((verdict) => kindOf(verdict[n] ?? ""));
    const explained = (kinds?.rows ?? []).some(
      (row) =>
        new RegExp(row.cell("path matches")).test(path) &&
        oracles.every(({ name }, i) =>
          row
            .cell(name)
            .split(", ")
            .includes(cells[i] ?? ""),
        ),
    );
    if (new Set(cells).size > 1 && !explained)
      unexplained.push(`${path} | ${found.map((verdict) => verdict[n]).join(" | ")}`);
  }
  assert.deepEqual(unexplained, []);
  compare(addresses?.rows, "path", given);
});
