import { existsSync } from 'node:fs';
import { exec, findTool, type LoadedConfig, OpsError, redact, Secret, type ToolName, usageError } from '@drydock/kit';
import type { StoreConfig } from '../config/stores.ts';
import { unknown } from '../unknown.ts';
import type { Place } from './place.ts';
import { keepPrevious } from './previous.ts';
import type { SecretStore } from './types.ts';

export type CommandStoreConfig = Extract<StoreConfig, { kind: 'command' }>;

/** How op, vault, aws and pass say that there is none; `missing` of the config says it for others. */
const MISSING = [/is not in the password store/, /no value found at/i, /isn't an item/, /ResourceNotFoundException/];
const SAID_LINES = 4;

/** A program that holds secrets. A value goes in on its standard input and comes out on its standard output, and is never an argument. */
export function commandStore(place: Place, name: string, store: CommandStoreConfig): SecretStore {
  const { config } = place;
  const run = (command: readonly string[], variable: string, input?: string) =>
    runProgram(place, {
      name,
      command,
      variable,
      timeoutMs: store.timeoutMs,
      ...(input === undefined ? {} : { input }),
    });

  const readOne = async (variable: string): Promise<Secret | null> => {
    const { code, stdout, said } = await run(store.read, variable);
    if (code === 0) {
      // What a program prints ends with a line, whatever the value is.
      const value = stdout.replace(/\r?\n$/, '');
      return value === '' ? null : new Secret(value, variable);
    }
    if (MISSING.some((one) => one.test(said)) || (store.missing !== undefined && said.includes(store.missing)))
      return null;
    throw unknown(`What ${name} holds as ${variable}`, `${store.read[0]} ended with exit code ${code}${quoted(said)}`);
  };

  const change = async (variable: string, value: Secret | null): Promise<void> => {
    const command = value ? store.write : store.remove;
    if (!command) throw cannotRemove(name, variable);
    const { code, said } = await run(command, variable, value?.reveal());
    if (code !== 0)
      throw new OpsError({
        code: 'STORE_REFUSED',
        message: `${name} did not take ${variable}: ${command[0]} ended with exit code ${code}${quoted(said)}`,
        hint: 'Mend what it says, a login for one, and run it again: what it holds already is not written twice.',
      });
    const kept = await readOne(variable);
    if ((kept?.reveal() ?? null) === (value?.reveal() ?? null)) return;
    throw new OpsError({
      code: 'STORE_NOT_KEPT',
      message: `${name} gives ${kept ? 'another value back' : 'nothing back'} as ${variable} than was written to it.`,
      hint: `Look at what secrets.stores.${name} says: does \`write\` keep all of its standard input, and does \`read\` read the same place?`,
    });
  };

  const read = async (variables: readonly string[]) => {
    const values: Record<string, Secret | null> = {};
    // One after the other: what asks for a login asks once.
    for (const variable of variables) values[variable] = await readOne(variable);
    return values;
  };

  return {
    label: name,
    async refuse(variables) {
      for (const command of [store.read, store.write, store.remove, store.check])
        refuseMissing(name, command?.[0], config);
      if (store.check) {
        const { code, said } = await run(store.check, variables[0] ?? '');
        if (code !== 0)
          throw usageError(
            'STORE_NOT_READY',
            `${name} cannot be written: ${store.check[0]} ended with exit code ${code}${quoted(said)}`,
            'Log in to it, and run it again. Nothing was changed.',
          );
      }
      await read(variables);
    },
    read,
    async write(values) {
      const held = await read(Object.keys(values));
      const changed = Object.entries(values).filter(([one, value]) => held[one]?.reveal() !== value?.reveal());
      if (changed.some(([, value]) => value === null) && !store.remove) throw cannotRemove(name, changed[0]?.[0] ?? '');
      const before = changed.flatMap(([one]) => (held[one] ? [[one, held[one].reveal()] as const] : []));
      if (before.length > 0) await keepPrevious(place, { of: name, text: JSON.stringify(Object.fromEntries(before)) });
      for (const [one, value] of changed) await change(one, value);
    },
  };
}

interface Call {
  name: string;
  command: readonly string[];
  variable: string;
  input?: string;
  timeoutMs: number;
}

interface Said {
  code: number;
  stdout: string;
  /** The end of what it said to people: never its standard output, which may be a secret. */
  said: string;
}

async function runProgram(
  { config, environment, signal }: Place,
  { name, command, variable, input, timeoutMs }: Call,
): Promise<Said> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const [program = '', ...args] = command.map((word) =>
    word.replaceAll('{variable}', variable).replaceAll('{env}', environment.name),
  );
  try {
    const { code, stdout, stderr } = await exec(program, args, {
      cwd: config.root,
      env: environment.forChild('operator'),
      signal: AbortSignal.any([signal, timeout]),
      okCodes: ANY_CODE,
      ...(input === undefined ? {} : { input }),
    });
    return { code, stdout, said: redact(stderr.trim()).split('\n').slice(-SAID_LINES).join(' ') };
  } catch (cause) {
    signal.throwIfAborted();
    if (timeout.aborted)
      throw unknown(`What ${name} does with ${variable}`, `${program} did not end within ${timeoutMs} ms`);
    // What it says of a program that was ended may be a secret that it had printed.
    const ended = cause instanceof OpsError && cause.code === 'COMMAND_FAILED';
    throw unknown(`What ${name} does with ${variable}`, ended ? `${program} was ended by a signal` : cause);
  }
}

function quoted(said: string): string {
  return said === '' ? '.' : `: ${said}`;
}

function cannotRemove(name: string, variable: string): OpsError {
  return usageError(
    'STORE_CANNOT_REMOVE',
    `${variable} is to be taken out of ${name}, and secrets.stores.${name} does not say how.`,
    `Add \`remove\` to it, for pass: ['pass', 'rm', '--force', 'shop/{env}/{variable}']`,
  );
}

const ANY_CODE = Array.from({ length: 255 }, (_, n) => n + 1);

function refuseMissing(name: string, program: string | undefined, config: LoadedConfig): void {
  if (program === undefined) return;
  const there = program.includes('/') ? existsSync(config.path(program)) : findTool(program as ToolName) !== undefined;
  if (there) return;
  throw usageError(
    'STORE_PROGRAM_MISSING',
    `${program}, with which ${name} of secrets.stores is used, is not installed.`,
    `Install ${program}, or mend secrets.stores.${name} of drydock.config.ts.`,
  );
}
