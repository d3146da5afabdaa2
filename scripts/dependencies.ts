/** What must hold for every package that is installed with the program, and for those it is built and tested with. */
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Licences that go together with Apache-2.0 and ask for no more than their text. */
export const LICENCES: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "MIT-0",
];

/** Packages that run in the program, those included that others need. One more is a decision: it is made here. */
export const RUNTIME_PACKAGES = 53;

/** Packages that may run a program of their own while they are installed: none. */
const WITH_INSTALL_SCRIPT: readonly string[] = [];
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"] as const;

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Locked extends Manifest {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
}

export interface DependencyCheck {
  /** One line each; none where all is well. */
  readonly faults: readonly string[];
  readonly packages: number;
  readonly runtimePackages: number;
}

/** Reads manifest, lock file, what is installed and what `src` imports below `root`. */
export function checkDependencies(root: string): DependencyCheck {
  const manifest = readJson<Manifest>(join(root, "package.json"));
  const lock = readJson<Lock>(join(root, "package-lock.json"));
  const locked = Object.entries(lock.packages).filter(([path]) => path !== "");
  const runtime = locked.filter(([, { dev, optional }]) => dev !== true && optional !== true);
  const faults = [...faultsOfManifest(manifest, lock), ...faultsOfImports(root, manifest)];
  for (const [path, one] of locked) faults.push(...faultsOfLocked(path, one), ...faultsOfInstalled(root, path, one));
  faults.push(...strangers(root, lock));
  if (runtime.length !== RUNTIME_PACKAGES)
    faults.push(`${runtime.length} packages run in the program, ${RUNTIME_PACKAGES} are expected`);
  return { faults, packages: locked.length, runtimePackages: runtime.length };
}

function readJson<Value>(file: string): Value {
  return JSON.parse(readFileSync(file, "utf8")) as Value;
}

function faultsOfManifest(manifest: Manifest, lock: Lock): string[] {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  const faults = Object.entries(wanted)
    .filter(([, version]) => !/^(?:npm:[\w@/.-]+@)?\d+\.\d+\.\d+$/.test(version))
    .map(([name, version]) => `package.json: ${name} is not pinned to one version: ${version}`);
  if (lock.lockfileVersion !== 3) faults.push(`package-lock.json: version ${lock.lockfileVersion}, not 3`);
  const root = lock.packages[""] ?? {};
  const known: Readonly<Record<string, string>> = { ...root.dependencies, ...root.devDependencies };
  for (const [name, version] of Object.entries(wanted))
    if (known[name] !== version)
      faults.push(`package-lock.json: ${name} is ${known[name] ?? "missing"}, not ${version}`);
  return faults;
}

/** Nothing is used that is not declared, and nothing is declared that is not used. */
function faultsOfImports(root: string, manifest: Manifest): string[] {
  const declared = new Set(Object.keys(manifest.dependencies ?? {}));
  const used = new Set<string>();
  for (const file of globSync("src/**/*.ts", { cwd: root })) {
    if (file.endsWith(".test.ts")) continue;
    const text = readFileSync(join(root, file), "utf8");
    for (const [, name = ""] of text.matchAll(/\bfrom "((?:@[\w-]+\/)?[\w-]+)[^"]*"/g)) used.add(name);
    for (const [, name = ""] of text.matchAll(/\bimport\("((?:@[\w-]+\/)?[\w-]+)[^"]*"\)/g)) used.add(name);
  }
  used.delete("node");
  return [
    ...[...used].filter((name) => !declared.has(name)).map((name) => `src imports ${name}, which is no dependency`),
    ...[...declared].filter((name) => !used.has(name)).map((name) => `${name} is a dependency that src never imports`),
  ];
}

function faultsOfLocked(path: string, one: Locked): string[] {
  const faults: string[] = [];
  if (one.link === true) faults.push(`${path}: a link`);
  if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(one.integrity ?? "")) faults.push(`${path}: no SHA-512 of its content`);
  if (one.resolved !== undefined && !one.resolved.startsWith("https://"))
    faults.push(`${path}: comes from ${one.resolved}, which is no registry`);
  if (!LICENCES.includes(one.license ?? "")) faults.push(`${path}: licence ${one.license ?? "not said"}`);
  if (one.hasInstallScript === true && !WITH_INSTALL_SCRIPT.includes(path)) faults.push(`${path}: an install script`);
  return faults;
}

/** What is on the disk is what was locked. Packages of other machines are not there. */
function faultsOfInstalled(root: string, path: string, one: Locked): string[] {
  const file = join(root, path, "package.json");
  if (!existsSync(file)) return one.optional === true ? [] : [`${path}: not installed`];
  const { version, license, scripts = {} } = readJson<Manifest>(file);
  const faults: string[] = [];
  if (version !== one.version) faults.push(`${path}: ${version ?? "?"} is installed, ${one.version ?? "?"} is locked`);
  if (license !== one.license)
    faults.push(`${path}: licence ${license ?? "not said"} is installed, ${one.license ?? "none"} is locked`);
  const script = INSTALL_SCRIPTS.find((name) => scripts[name] !== undefined);
  if (script !== undefined && !WITH_INSTALL_SCRIPT.includes(path)) faults.push(`${path}: runs ${script}`);
  if (existsSync(join(root, path, "binding.gyp"))) faults.push(`${path}: compiles native code`);
  return faults;
}

/** Folders of packages that no line of the lock file knows. */
function strangers(root: string, lock: Lock): string[] {
  const folders = (at: string): string[] =>
    existsSync(join(root, at))
      ? readdirSync(join(root, at), { withFileTypes: true })
          .filter((entry) => !entry.isFile() && !entry.name.startsWith("."))
          .map((entry) => `${at}/${entry.name}`)
      : [];
  return folders("node_modules")
    .flatMap((path) => (path.startsWith("node_modules/@") ? folders(path) : [path]))
    .filter((path) => lock.packages[path] === undefined)
    .map((path) => `${path}: installed, not locked`);
}
