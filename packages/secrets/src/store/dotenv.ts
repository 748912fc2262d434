import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { type LoadedConfig, type OpsError, parseEnv, readEnvFiles, Secret, usageError, valuesOf } from '@drydock/kit';
import { lookAt, replaceFiles } from './env-file.ts';
import { setInEnv } from './env-text.ts';
import type { Place } from './place.ts';
import { keepPrevious } from './previous.ts';
import type { SecretStore } from './types.ts';

/** One environment's dotenv-flow files, as whoever reads them later finds them: without the shell above them. */
export class EnvFiles {
  readonly #config: LoadedConfig;
  readonly #env: string;

  constructor(config: LoadedConfig, env: string) {
    this.#config = config;
    this.#env = env;
  }

  /** Those that are there, lowest precedence first. */
  all(): string[] {
    return this.#files().map(({ path }) => path);
  }

  /** Those of this environment alone. */
  own(): string[] {
    return this.all().filter((file) => !this.isShared(file));
  }

  /** Every environment reads it: what is written there would change the others. */
  isShared(file: string): boolean {
    const own = [`.env.${this.#env}`, `.env.${this.#env}.local`];
    return Object.keys(this.#config.environments).length > 1 && !own.includes(basename(file));
  }

  /** All values, and the file in which each stands: the last one wins. */
  read(): Map<string, { value: string; file: string }> {
    return new Map([...valuesOf(this.#files(), {})].map(([name, { text, file }]) => [name, { value: text, file }]));
  }

  /** What each file says by itself, lowest precedence first, whatever another one has over it. */
  layers(): { file: string; values: Record<string, string> }[] {
    const all = this.#files();
    return all.map((one) => {
      const values = valuesOf([...all, one], {});
      return {
        file: one.path,
        values: Object.fromEntries(one.settings.map(({ name }) => [name, values.get(name)?.text ?? ''])),
      };
    });
  }

  #files() {
    const folders = this.#config.envDirs.map((dir) => this.#config.path(dir));
    return readEnvFiles(folders, this.#env).filter(({ is }) => is !== 'folder');
  }

  /** Where one is written that stands in no file of this environment's own. It wins over all others. */
  get topmost(): string {
    return join(this.#config.path(this.#config.envDirs.at(-1) ?? '.'), `.env.${this.#env}.local`);
  }
}

/** The files in which the variables stand today. */
export function dotenvStore({
  config,
  environment,
  team,
}: Pick<Place, 'config' | 'environment' | 'team'>): SecretStore {
  const files = new EnvFiles(config, environment.name);

  /** What each file is to hold, by file. */
  const planned = (values: Readonly<Record<string, string | null>>): Map<string, Record<string, string | null>> => {
    const plan = new Map<string, Record<string, string | null>>();
    const put = (file: string, name: string, value: string | null) =>
      plan.set(file, { ...plan.get(file), [name]: value });
    const standing = files.read();
    for (const [name, value] of Object.entries(values)) {
      const file = standing.get(name)?.file;
      if (value !== null) {
        put(file && !files.isShared(file) ? file : files.topmost, name, value);
        continue;
      }
      const holders = files.layers().flatMap(({ file: one, values: own }) => (name in own ? [one] : []));
      for (const one of holders) if (!files.isShared(one)) put(one, name, null);
      // Taken out here, it would be seen where every environment reads it.
      if (holders.some((one) => files.isShared(one))) put(files.topmost, name, '');
    }
    return plan;
  };

  return {
    label: `the env files of ${environment.name}`,
    async refuse(variables) {
      for (const name of variables)
        if (environment.sourceOf(name)?.kind === 'shell') throw inShell(name, environment.name);
      for (const file of planned(Object.fromEntries(variables.map((name) => [name, '-']))).keys()) lookAt(file);
      await team.warnings();
    },
    async read(variables) {
      const standing = files.read();
      return Object.fromEntries(
        variables.map((name) => {
          const { value } = standing.get(name) ?? {};
          return [name, value ? new Secret(value, name) : null];
        }),
      );
    },
    async write(values) {
      const revealed = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, value?.reveal() ?? null]),
      );
      const changes = [...planned(revealed)].map(([file, wanted]) => {
        const looked = lookAt(file);
        const before = looked.bytes?.toString('utf8') ?? '';
        if (looked.bytes && !Buffer.from(before).equals(looked.bytes)) throw notText(file);
        return { looked, before, content: setInEnv(before, wanted, relative(config.root, file)) };
      });
      const changed = changes.filter(({ before, content }) => content !== before);
      for (const { looked, before } of changed)
        if (looked.bytes)
          await keepPrevious({ config, environment, team }, { of: relative(config.root, looked.file), text: before });
      replaceFiles(changed, readBack(changed));
    },
  };
}

/** As it is read from the very file that will take its place. */
function readBack(changed: readonly { looked: { file: string }; content: string }[]) {
  return (beside: string, file: string): void => {
    const wanted = changed.find(({ looked }) => looked.file === file)?.content ?? '';
    const read = parseEnv(readFileSync(beside, 'utf8'));
    const expected = parseEnv(wanted);
    for (const name of Object.keys({ ...read, ...expected }))
      if (read[name] !== expected[name]) throw new Error(`${name} was not read back from ${beside} as it was written`);
  };
}

function inShell(name: string, env: string): OpsError {
  return usageError(
    'SECRET_IN_SHELL',
    `${name} is exported in your shell, which wins over the env files: what is written to those of ${env} would be used by nobody started from here.`,
    `Take it out of the shell, and run it again: unset ${name}`,
  );
}

function notText(file: string): OpsError {
  return usageError(
    'ENV_FILE_NOT_TEXT',
    `${file} is not UTF-8 text, and would not be kept as it is.`,
    'Mend the file.',
  );
}
