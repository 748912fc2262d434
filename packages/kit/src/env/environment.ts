import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { environmentSettings } from '../config/environments.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { EnvName, VariableKind, VariableSpec } from '../config/schema.ts';
import { EXAMPLES } from '../config/variable.ts';
import { OpsError, usageError } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { command, type Hint, hint } from '../hint.ts';
import { registerAddress, registerSecret } from '../redact.ts';
import { Secret } from '../secret.ts';
import { passwordsIn } from '../url-secrets.ts';
import { type Audience, audienceOf } from './audience.ts';
import { notesOn } from './file/notes.ts';
import { type EnvFile, envFileNames, type FileValue, readEnvFiles, valuesOf } from './file/read.ts';
import { refuseForeignValues } from './foreign.ts';
import { problemOf } from './kinds.ts';
import { isOfTheMachine, opensSomething } from './machine.ts';
import { unserved } from './served.ts';
import type { Environment, VariableSource } from './types.ts';

export type { Environment } from './types.ts';

interface Value {
  text: string;
  source: VariableSource;
}

/**
 * Reads the dotenv-flow files of the deployment environment (not of NODE_ENV, which is `production` in staging too)
 * in every folder of `envDirs`, and the shell above them. Secrets are masked from here on. A value of the shell that is
 * another environment's is refused (exit 4).
 */
export function loadEnvironment(config: LoadedConfig, env: EnvName, shell: NodeJS.ProcessEnv): Environment {
  environmentSettings(config, env);
  return new LoadedEnvironment(config, env, () => readValues(config, env, shell));
}

interface Read {
  values: ReadonlyMap<string, Value>;
  inFiles: ReadonlySet<string>;
  files: readonly EnvFile[];
  found: ReadonlyMap<string, FileValue>;
}

function readValues(config: LoadedConfig, env: EnvName, shell: NodeJS.ProcessEnv): Read {
  const folders = config.envDirs.map((dir) => config.path(dir));
  const files = readEnvFiles(folders, env);
  const found = valuesOf(files, shell);
  refuseForeignValues(config, env, shell, (name) => valuesOf(name === env ? files : readable(folders, name), {}));
  const values = new Map<string, Value>(
    [...found].map(([name, { text, file, line }]) => [name, { text, source: { kind: 'file', file, line } }]),
  );
  const inFiles = new Set(values.keys());
  for (const [name, text] of Object.entries(shell)) {
    if (text !== undefined) values.set(name, { text, source: { kind: 'shell' } });
  }
  registerSecrets(config, values);
  return { values, inFiles, files, found };
}

/** Those of another environment may be closed to us: then they are compared with nothing. */
function readable(folders: readonly string[], env: EnvName): EnvFile[] {
  try {
    return readEnvFiles(folders, env);
  } catch (thrown) {
    if (thrown instanceof OpsError) return [];
    throw thrown;
  }
}

/**
 * What is declared secret, and what is secret in the addresses of all others. A shell has more variables than the product: of one that the config
 * does not know, the password alone is masked, since a commit in its path would be masked wherever a version is named.
 */
function registerSecrets(config: LoadedConfig, values: ReadonlyMap<string, Value>): void {
  for (const [name, { text, source }] of values) {
    if (!text) continue;
    if (config.variables[name]?.secret) for (const one of itemsOf(text, config.variables[name])) registerSecret(one);
    else if (source.kind === 'file' || config.variables[name] || config.named.has(name)) registerAddress(text);
    else for (const password of passwordsIn(text)) registerSecret(password);
  }
}

/** Of a list, each by itself too: that is how they are sent. */
function itemsOf(text: string, { kind }: VariableSpec): string[] {
  return kind === 'list' ? [text, ...text.split(',').map((one) => one.trim())] : [text];
}

class LoadedEnvironment implements Environment {
  readonly name: EnvName;
  readonly #config: LoadedConfig;
  readonly #read: () => Read;
  #values!: ReadonlyMap<string, Value>;
  #inFiles!: ReadonlySet<string>;
  #asRead!: Pick<Read, 'files' | 'found'>;

  constructor(config: LoadedConfig, name: EnvName, read: () => Read) {
    this.name = name;
    this.#config = config;
    this.#read = read;
    this.reread();
  }

  reread(): void {
    const { values, inFiles, files, found } = this.#read();
    this.#values = values;
    this.#inFiles = inFiles;
    this.#asRead = { files, found };
  }

  get(name: string): string | undefined {
    const value = this.#values.get(name);
    if (!value?.text) return undefined;
    const kind = kindOf(this.#config, name);
    const other = kind === 'postgres' ? unserved(value.text, `${name} of ${this.name}`) : undefined;
    if (other) throw other;
    const problem = problemOf(kind, value.text);
    if (problem) throw this.#malformed(name, problem, kind);
    return value.text;
  }

  require(name: string, advice?: Hint): string {
    const value = this.get(name);
    if (value !== undefined) return value;
    const { about, example } = this.#config.variables[name] ?? {
      about: '',
      example: EXAMPLES[kindOf(this.#config, name)],
    };
    throw usageError(
      'VARIABLE_MISSING',
      `${name} is not set for ${this.name}${about ? ` (${about})` : ''}; ${this.sought(name)}.`,
      this.withNotes(advice ?? `Set it, for example: ${name}='${example}' in .env.${this.name}.local`),
    );
  }

  secret(name: string): Secret {
    return new Secret(this.require(name), name);
  }

  has(name: string): boolean {
    return Boolean(this.#values.get(name)?.text);
  }

  sourceOf(name: string): VariableSource | undefined {
    return this.#values.get(name)?.source;
  }

  isInFile(name: string): boolean {
    return this.#inFiles.has(name);
  }

  sought(name: string): string {
    if (this.sourceOf(name)?.kind !== 'shell' || this.has(name)) return `looked in the shell and in ${this.looked}`;
    // As a runner has a secret that nobody set.
    const hidden = this.#asRead.found.get(name);
    const where = hidden?.text ? `${relative(this.#config.root, hidden.file)}:${hidden.line}` : undefined;
    return where === undefined
      ? `in the shell it is empty, and it is not in ${this.looked}`
      : `in the shell it is empty, which hides the value of ${where}`;
  }

  /** Of what was not read, something may well be what is missing. */
  withNotes(advice: Hint): Hint {
    const many = this.notes().filter(({ level }) => level !== 'info').length;
    return many === 0
      ? advice
      : hint`${advice}   Not all of the files was read as it was meant, perhaps: ${command('env:check', { env: this.name })}`;
  }

  notes(): Finding[] {
    return notesOn(this.#config, this.#asRead);
  }

  get names(): readonly string[] {
    return [...this.#values.keys()].filter((name) => this.has(name));
  }

  get looked(): string {
    return this.files.map(({ path }) => relative(this.#config.root, path)).join(', ');
  }

  get files(): { path: string; exists: boolean }[] {
    return this.#config.envDirs.flatMap((dir) =>
      envFileNames(this.name)
        .map((name) => join(this.#config.path(dir), name))
        .map((path) => ({ path, exists: existsSync(path) }))
        // Hardly anybody has one.
        .filter(({ path, exists }) => exists || !path.endsWith('.env.defaults')),
    );
  }

  forChild(whose: Audience): Record<string, string> {
    const audience = audienceOf(this.#config);
    const withheld = new Set(this.undeclared);
    const gets: Record<Audience, (name: string) => boolean> = {
      operator: () => true,
      product: (name) => audience(name) === 'product' && !withheld.has(name),
      build: (name) => audience(name) === 'build' || (isOfTheMachine(name) && audience(name) !== 'operator'),
    };
    const own = [...this.#values].filter(([name]) => gets[whose](name)).map(([name, { text }]) => [name, text]);
    // What is built is the same for every environment.
    return { ...Object.fromEntries(own), ...(whose === 'build' ? {} : { DRYDOCK_ENV: this.name }) };
  }

  #malformed(name: string, problem: string, kind: VariableKind): Error {
    const { source } = this.#values.get(name) ?? {};
    const where = source?.kind === 'file' ? `${source.file}:${source.line}` : 'the shell';
    return usageError(
      'VARIABLE_MALFORMED',
      `${name} of ${this.name} ${problem}; the value comes from ${where}.`,
      `It looks like this: ${name}='${this.#config.variables[name]?.example ?? EXAMPLES[kind]}'`,
    );
  }

  get undeclared(): readonly string[] {
    const { named } = this.#config;
    return [...this.#values].flatMap(([name, { source }]) =>
      source.kind === 'shell' && opensSomething(name) && !this.#config.variables[name] && !named.has(name)
        ? [name]
        : [],
    );
  }
}

/** What it holds: as it is declared or, without a word on it, as a section says of it. */
export function kindOf({ variables, kinds }: LoadedConfig, name: string): VariableKind {
  const declared = variables[name]?.kind ?? 'text';
  return declared === 'text' ? (kinds.get(name) ?? 'text') : declared;
}
