// Looks for secrets where none may be: in what was said, in files, in databases, in the arguments of processes.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseEnv } from '../env/file/read.ts';
import { withPostgres } from '../postgres.ts';
import { Secret } from '../secret.ts';
import { shapesOf } from '../secret-shapes.ts';
import { passwordsIn, secretPartsOf } from '../url-secrets.ts';

/** Shorter ones are found by chance. */
const SHORTEST = 6;
const LOOK_MS = 20;

export interface Leak {
  /** The secret's name, never its value. */
  secret: string;
  where: string;
}

/** Finds secrets of which it is told by name, in every shape that they are usually printed in. */
export class LeakScan {
  readonly #shapes: { name: string; bytes: Buffer }[];
  readonly #found = new Map<string, Leak>();
  /** How much was looked at: a scan of nothing finds nothing. */
  readonly looked = { texts: 0, files: 0, rows: 0, processes: 0 };

  constructor(secrets: Readonly<Record<string, string>>) {
    this.#shapes = Object.entries(secrets).flatMap(([name, value]) => {
      const parts = [value, ...passwordsIn(value), ...secretPartsOf(value)];
      const shapes = new Set(parts.flatMap((part) => [...shapesOf(part)]).filter(({ length }) => length >= SHORTEST));
      return [...shapes].map((shape) => ({ name, bytes: Buffer.from(shape) }));
    });
    if (this.#shapes.length === 0) throw new Error('There is no secret to look for.');
  }

  get leaks(): Leak[] {
    return [...this.#found.values()];
  }

  text(where: string, text: string | Buffer): this {
    this.looked.texts += 1;
    this.#look(where, Buffer.from(text as string));
    return this;
  }

  /** Every file below a folder, those of `except` (paths in it, of files and folders) left out. */
  folder(root: string, except: readonly string[] = []): this {
    for (const entry of readdirSync(root, { withFileTypes: true, recursive: true })) {
      const path = relative(root, join(entry.parentPath, entry.name));
      if (!entry.isFile() || except.some((one) => path === one || path.startsWith(`${one}/`))) continue;
      this.looked.files += 1;
      this.#look(path, readFileSync(join(root, path)));
    }
    return this;
  }

  /** Every row that drydock keeps in a database. */
  async database(where: string, url: string): Promise<this> {
    await withPostgres(new Secret(url, 'the database that is looked at'), 'drydock leaks', async (client) => {
      const { rows: tables } = await client.query<{ name: string }>(
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'drydock'`,
      );
      for (const { name } of tables) {
        const { rows } = await client.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${name} t`);
        this.looked.rows += rows.length;
        for (const { row } of rows) this.#look(`${where}: ${name}`, Buffer.from(row));
      }
    });
    return this;
  }

  /** What a running process was given. */
  environ(where: string, pid: number): this {
    this.looked.processes += 1;
    this.#look(where, readFileSync(`/proc/${pid}/environ`));
    return this;
  }

  /** The arguments of every process of this machine, again and again until `stop`. */
  watchArguments(): { stop(): void } {
    const seen = new Set<string>();
    const timer = setInterval(() => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        const line = argumentsOf(pid);
        if (!line || seen.has(line)) continue;
        seen.add(line);
        this.looked.processes += 1;
        this.#look(`the arguments of ${line.split('\0')[0]}`, Buffer.from(line));
      }
    }, LOOK_MS).unref();
    return { stop: () => clearInterval(timer) };
  }

  #look(where: string, bytes: Buffer): void {
    for (const { name, bytes: shape } of this.#shapes)
      if (bytes.includes(shape)) this.#found.set(`${name} ${where}`, { secret: name, where });
  }
}

/** Undefined where it has ended meanwhile. */
function argumentsOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Values of a dotenv file whose variables `isSecret`, by `NAME of file`; those that two files share once. */
export function secretsOf(files: readonly string[], isSecret: (name: string) => boolean): Record<string, string> {
  const byValue = new Map<string, string>();
  for (const file of files)
    for (const [name, value] of Object.entries(parseEnv(readFileSync(file, 'utf8'))))
      if (isSecret(name) && value && !byValue.has(value)) byValue.set(value, `${name} of ${file}`);
  return Object.fromEntries([...byValue].map(([value, name]) => [name, value]));
}

/** A secret that no text holds by chance, and that looks different in each of its shapes. */
export function canary(name: string): string {
  return `c4n"ary/${name}+ü%41 <&>\\xyz`;
}
