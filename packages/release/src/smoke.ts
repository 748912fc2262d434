import {
  ask,
  command,
  type Environment,
  environmentSettings,
  exec,
  type LoadedConfig,
  NoAnswer,
  OpsError,
} from '@drydock/kit';
import { releaseConfig } from './config.ts';

const MOST_BYTES = 4 * 1_048_576;

export type Smoked = { pages: { path: string; status: number; ms: number }[] };

export interface Smoke {
  config: LoadedConfig;
  environment: Environment;
  /** Of an instance, or the address that people use. */
  url: string;
  signal: AbortSignal;
  onLine(line: string): void;
}

/** Asks the pages of the config, and runs the product's own smoke test where it has one. Throws SMOKE_FAILED with what a user would see. */
export async function smoke({ config, environment, url, signal, onLine }: Smoke): Promise<Smoked> {
  const { smoke: wanted } = releaseConfig(config);
  const asked = [];
  for (const page of wanted.pages) {
    onLine(page.path);
    const began = performance.now();
    const { status, text } = await ask(new URL(page.path, url), {
      timeoutMs: wanted.timeoutMs,
      mostBytes: MOST_BYTES,
      signal,
    }).catch((cause) => {
      if (cause instanceof NoAnswer) throw failed(environment, `${page.path} ${cause.message}`);
      throw cause;
    });
    const right = page.status === undefined ? status < 500 : status === page.status;
    if (!right) throw failed(environment, `${page.path} answered ${status}${expected(page.status)}`);
    if (page.text !== undefined && !text.includes(page.text))
      throw failed(environment, `${page.path} answered ${status}, without the text "${page.text}"`);
    asked.push({ path: page.path, status, ms: Math.round(performance.now() - began) });
  }
  if (wanted.command) await runOwn(wanted.command, { config, environment, url, signal, onLine });
  return { pages: asked };
}

async function runOwn([program = '', ...args]: string[], { config, environment, url, signal, onLine }: Smoke) {
  const variable = environmentSettings(config, environment.name).url;
  await exec(program === 'node' ? process.execPath : program, args, {
    cwd: config.root,
    env: { ...environment.forChild('product'), [variable]: url },
    signal,
    onLine,
  });
}

function expected(status: number | undefined): string {
  return status === undefined ? '' : `, not ${status}`;
}

function failed({ name }: Environment, what: string): OpsError {
  return new OpsError({
    code: 'SMOKE_FAILED',
    message: `${name}: ${what}.`,
    hint: command('release:logs', { env: name }),
  });
}
