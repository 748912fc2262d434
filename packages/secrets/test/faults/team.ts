// One secret of a stranger's product, rotated whole by the task that people type, in two clones of it, each with an operator's key of its own.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, makeStateFolder, parseEnv, readRuns } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import {
  type Ended,
  makeStrangeProduct,
  runTaskForTest,
  type TaskProcesses,
  taskProcesses,
} from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { withSecretRecord } from '../../src/record/record.ts';
import { type Held, type StandIn, startStandIn, watch } from './product.ts';

/** What a kind of secret needs to be rotated whole. */
export interface Subject {
  /** Of `secrets.rotate`. */
  secret: object;
  /** What else the config says. */
  more?: object;
  databaseUrl: string;
  env: Held;
  /** Those that are rotated. */
  variables: readonly string[];
  /** Operators alone have it: the product is not started again with it. */
  ofOperators?: true;
  serve?: Parameters<StandIn['serve']>[0];
  /** Does what a product that runs with it, at that address, needs it for? Left out where old and new are never valid together. */
  works?(held: Held, url: string): Promise<boolean>;
  /** What there is at the service, told so that it is the same after every rotation. */
  live(now: Held, before: Held): Promise<unknown>;
  /** What is typed after secrets:rotate, one after the other; `before` is what happens until then. */
  runs?: readonly { before?(now: Held): Promise<void>; args: string[] }[];
  stop(): Promise<unknown>;
}

export interface Clone {
  root: string;
  tasks: TaskProcesses;
  /** Run under strace. */
  through(program: readonly string[]): TaskProcesses;
  held(): Held;
}

/** One run of a rotation that is disturbed: where, and who goes on then. */
export interface Disturbed {
  run: number;
  through: readonly string[];
  /** Waits for it, and tells whether it was killed. */
  during?(work: Promise<unknown>): Promise<boolean>;
  /** It may fail by itself: throws where that is not as it should be. */
  fails?(ended: Ended): void;
  goesOn: 'here' | 'elsewhere';
}

export interface Team {
  here: Clone;
  elsewhere: Clone;
  standIn: StandIn;
  runs: number;
  /** From begin to document; whatever happens in between, the product works. Tells whether it was killed, or has failed. */
  rotate(disturbed?: Disturbed): Promise<{ stopped: boolean; world: World }>;
  stop(): Promise<void>;
}

/** What a rotation leaves. */
export type World = Record<string, unknown>;

const FILES = ['.env.staging', '.env.staging.local'];
const FOLDERS = [['runs'], ['outbox', 'staging'], ['secrets', 'previous', 'staging']];
const PATIENT = ['--lock-wait', '30s'];

export async function openTeam(subject: Subject): Promise<Team> {
  const standIn = await startStandIn(subject.env);
  if (subject.serve) standIn.serve(subject.serve);
  const keys = await Promise.all(['ada', 'bob'].map(async (name) => ({ name, identity: await generateIdentity() })));
  const recipients = await Promise.all(
    keys.map(async ({ name, identity }) => ({ name, recipient: await identityToRecipient(identity) })),
  );
  const config = {
    environments: { staging: { guard: 'none' } },
    ...subject.more,
    secrets: {
      rotate: { it: subject.secret },
      team: { recipients },
      redeploy: { command: standIn.command(subject.variables) },
    },
  };
  const [here, elsewhere] = keys.map(({ identity }): Clone => {
    const env = { OPS_DATABASE_URL: subject.databaseUrl, PUBLIC_URL: standIn.url, SECRETS_IDENTITY: identity };
    const root = makeStrangeProduct(config, { ...env, ...subject.env });
    // As after many rotations: what each asks of the disk is then the same.
    for (const folder of FOLDERS) makeStateFolder(root, ...folder);
    return {
      root,
      tasks: taskProcesses(root),
      through: (program) => taskProcesses(root, {}, program),
      held: () => Object.assign({}, ...FILES.map((file) => readEnv(join(root, file)))),
    };
  }) as [Clone, Clone];
  const runs = subject.runs ?? [{ args: ['it'] }];
  const of = (held: Held): Held => Object.fromEntries(subject.variables.map((name) => [name, held[name] ?? '']));

  async function rotate(disturbed?: Disturbed): Promise<{ stopped: boolean; world: World }> {
    const before = of(here.held());
    const known = await recordOf(here);
    const { works } = subject;
    const watching = works && watch(() => works(standIn.runsWith, standIn.url));
    const { by, stopped } = await runAll(disturbed, known.length).catch(async (error) => {
      await watching?.stop();
      throw error;
    });
    assert.equal((await watching?.stop()) ?? [], [], 'the product works all the while');
    const other = by === here ? elsewhere : here;
    // All of it may have been done elsewhere.
    if (stopped) await open(by);
    await giveUp(other);
    await open(other);
    const world = await look(by, before, known);
    assert.equal(of(other.held()), of(by.held()), 'what one has, the other has');
    return { stopped, world };
  }

  /** What is typed, one after the other; tells who was the last to. */
  async function runAll(disturbed: Disturbed | undefined, known: number): Promise<{ by: Clone; stopped: boolean }> {
    let [by, stopped] = [here, false];
    for (const [n, { args, before: until }] of runs.entries()) {
      await until?.(of(by.held()));
      const typed = ['it', ...args.filter((word) => word !== 'it'), '--yes', ...PATIENT];
      if (disturbed?.run !== n) {
        await whole(by.tasks, typed);
        continue;
      }
      const work = by.through(disturbed.through).run('secrets:rotate', ...typed);
      const killed = (await disturbed.during?.(work)) ?? false;
      const ended = await work;
      if (!killed && ended.code === 0) continue;
      assert.ok(killed || disturbed.fails, `${ended.stdout}${ended.stderr}`);
      if (!killed) disturbed.fails?.(ended);
      stopped = true;
      const wanted = disturbed.goesOn === 'elsewhere' ? elsewhere : here;
      if (await goOn(wanted, typed, known)) by = wanted;
    }
    return { by, stopped };
  }

  /** Whoever finds it killed: on with it, or, where nothing of it was written down, from the beginning. False: nothing was left to do. */
  async function goOn({ tasks, ...clone }: Clone, typed: string[], known: number): Promise<boolean> {
    const { code, error, stderr } = await tasks.ask('secrets:rotate', '--resume', '--yes', ...PATIENT);
    if (code === 0) return true;
    assert.is(error?.code, 'NOTHING_TO_RESUME', `${JSON.stringify(error)} ${stderr}`);
    const [newest, ...more] = await recordOf({ tasks, ...clone });
    if (newest && more.length + 1 > known && newest.outcome === 'done') return false;
    // What failed and has no way back is gone on with, as its hint says.
    const goesOn = newest?.outcome === 'open' && !typed.includes('--continue');
    await whole(tasks, goesOn ? [...typed, '--continue'] : typed);
    return true;
  }

  async function look(by: Clone, before: Held, known: readonly unknown[]): Promise<World> {
    const now = of(by.held());
    const all = await recordOf(by);
    const [rotation] = all;
    const generations = await generationsOf(by);
    const events = await run(by.root, 'ops:log', '--event', 'secret.rotated', '--limit', '1000');
    const status = await run(by.root, 'secrets:status');
    return {
      file: textOf(by.root, now, before),
      rotations: all.length - known.length,
      rotation: [rotation?.outcome, rotation?.phase, rotation?.proof?.verdict],
      isNewest: generations.at(-1)?.generation === rotation?.generation,
      made: generations.filter(({ generation }) => generation > (rotation?.generation ?? 0) - 1).length,
      current: generations.filter(({ state }) => state === 'current').length,
      sealed: generations.filter(({ sealed }) => sealed !== null).map(({ state }) => state),
      runsWith:
        subject.ofOperators ??
        (subject.variables.every((name) => standIn.runsWith[name] === now[name]) || standIn.runsWith),
      live: await subject.live(now, before),
      chain: /chain of all is whole/.test(events.verdict),
      told: JSON.stringify(events.data).split(rotation?.id ?? '').length > 1,
      // What does not answer within a second, on a busy machine, is said.
      status: status.findings.filter((one) => !one.startsWith('UNKNOWN')),
      left: [...leftIn(here.root), ...leftIn(elsewhere.root)],
      open: openIn(by.root),
    };
  }

  /** Another operator's clone is behind now, unless it has what is in use. */
  async function open({ root }: Clone): Promise<void> {
    const { error } = await runHere(root, 'secrets:open', '--yes');
    assert.ok(error === undefined || error.code === 'NOTHING_AT_REST', JSON.stringify(error));
  }

  return {
    ...{ here, elsewhere, standIn, runs: runs.length, rotate },
    async stop() {
      standIn.stop();
      await subject.stop();
    },
  };
}

async function whole(tasks: TaskProcesses, typed: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await tasks.run('secrets:rotate', ...typed);
  assert.is(code, 0, `${stdout}${stderr}`);
}

/** In this process. */
async function runHere(root: string, task: string, ...args: string[]) {
  const { default: definition } = await import(taskFile(task));
  return runTaskForTest(definition, root, ['--env', 'staging', ...args]);
}

async function run(root: string, task: string, ...args: string[]) {
  const { outcome, error } = await runHere(root, task, ...args);
  assert.is(error, undefined, error?.message);
  const findings = (outcome?.findings ?? []).map(({ code, message }) => `${code}: ${message}`);
  return { verdict: outcome?.verdict ?? '', data: outcome?.data, findings };
}

async function withRecord<T>(root: string, work: Parameters<typeof withSecretRecord<T>>[2]): Promise<T> {
  const config = await loadConfig(undefined, root);
  return withSecretRecord(config, loadEnvironment(config, 'staging', {}), work);
}
const recordOf = ({ root }: Clone) => withRecord(root, (record) => record.rotations());
const generationsOf = ({ root }: Clone) => withRecord(root, (record) => record.generations());

function readEnv(file: string): Held {
  return existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Held) : {};
}

/** What the files hold, without what differs between two rotations. */
function textOf(root: string, now: Held, before: Held): string {
  const all = FILES.map((file) => (existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '')).join(
    '',
  );
  let text = all.replace(/^SECRETS_IDENTITY=.*$/m, '');
  for (const [which, held] of [
    ['now', now],
    ['before', before],
  ] as const)
    for (const [name, value] of Object.entries(held)) if (value) text = text.replaceAll(value, `${which} ${name}`);
  return text;
}

/** What a process writes and renames. (A line of a journal that nobody had heard of is set aside where another one was written in its place.) */
function leftIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.new'));
}

function openIn(root: string): string[] {
  return readRuns(root)
    .filter(({ status }) => status === 'open')
    .map(({ task, steps }) => `${task} ${[...steps.keys()].at(-1)}`);
}

/** A run that was killed before anybody else could hear of it, where somebody else has begun anew. */
async function giveUp({ root, tasks }: Clone): Promise<void> {
  for (const { run, status, steps } of readRuns(root))
    if (status === 'open' && steps.size === 0) {
      const { code, stderr } = await tasks.run('ops:resume', '--abandon', run, '--yes');
      assert.is(code, 0, stderr);
    }
}
