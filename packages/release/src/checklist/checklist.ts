import {
  command,
  type EnvName,
  EXIT,
  environmentSettings,
  type Hint,
  hint,
  OpsError,
  promotionTo,
  type TaskContext,
  toOpsError,
  usageError,
} from '@drydock/kit';
import { SIGNED } from '../ci/recorded.ts';
import { BOX_NAMES, BOXES, type Box, type ChecklistConfig } from '../config/checklist.ts';
import { releaseConfig } from '../config.ts';
import { withRecord } from '../record/record.ts';
import type { Evidence, NewEvidence } from '../record/types.ts';
import { readme, secrets } from './product.ts';
import type { About, Answer, Ticked } from './types.ts';
import { ci, flow, metrics, migrations } from './validated.ts';
import { backup, drill, rollback } from './way-back.ts';

const ASK: Record<Box, (about: About) => Promise<Answer>> = {
  types: ci,
  tests: ci,
  ...{ migrations, flow, metrics, readme, rollback, backup, drill, secrets },
};
const HOUR_MS = 3_600_000;

export function needsChecklist({ config }: Pick<TaskContext, 'config'>, env: EnvName): boolean {
  const { environments } = releaseConfig(config).checklist;
  return environments?.includes(env) ?? environmentSettings(config, env).serves === 'customers';
}

export interface Wish {
  commit: string;
  offline?: boolean;
  /** Those alone; by itself all that the product has. */
  only?: readonly Box[];
  /** Signed with this run by whoever started it. */
  sign?: readonly Box[];
}

/**
 * Every box with its answer and evidence. A signature stands in for an answer that nobody has, as long as it counts; it never speaks
 * against one that was looked at.
 */
export async function tick(
  ctx: TaskContext,
  env: EnvName,
  { commit, offline = false, only, sign = [] }: Wish,
): Promise<Ticked[]> {
  const { config, signal } = ctx;
  const settings = releaseConfig(config).checklist;
  const environment = ctx.environmentOf(env);
  const earlier = promotionTo(config, env).at(-2);
  const about: About = {
    ...{ config, environment, commit, offline, signal },
    before: earlier === undefined ? undefined : ctx.environmentOf(earlier),
  };
  const said = await withRecord(config, environment, (record) => record.evidence(commit));
  const boxes = (only ?? BOX_NAMES).filter((box) => !settings.off.includes(box));
  return Promise.all(
    boxes.map(async (box) => {
      const answer = await answerOf(box, about, settings);
      if (answer.state !== 'unknown') return { box, ...answer };
      if (sign.includes(box)) return { box, ...signed(ctx, settings, answer.says) };
      return { box, ...(standing(box, said) ?? answer) };
    }),
  );
}

async function answerOf(box: Box, about: About, settings: ChecklistConfig): Promise<Answer> {
  if (settings.manual.includes(box)) return { state: 'unknown', says: 'a person signs it' };
  try {
    return await ASK[box](about);
  } catch (thrown) {
    about.signal.throwIfAborted();
    return { state: 'no', says: toOpsError(thrown).message.replace(/\.$/, '') };
  }
}

function signed(ctx: TaskContext, { signedHours }: ChecklistConfig, says: string): Answer {
  const now = Date.now();
  return {
    ...{ state: 'signed' as const, says: `${SIGNED}${ctx.reason ?? says}`, by: ctx.actor, run: ctx.run },
    ...{ at: new Date(now).toISOString(), until: new Date(now + signedHours * HOUR_MS).toISOString() },
  };
}

/** The signature of before, if it still counts. */
function standing(box: Box, evidence: readonly Evidence[]): Answer | undefined {
  const found = evidence.find(({ item }) => item === box);
  if (!found?.ok || !found.says.startsWith(SIGNED) || !found.until || Date.parse(found.until) < Date.now())
    return undefined;
  const { says, by, at, until, run } = found;
  return { state: 'signed', says, by, at, until, run: run ?? undefined };
}

export function isOpen({ state }: Ticked): boolean {
  return state === 'no' || state === 'unknown';
}

/** For the record: what each box said when it was looked at. A signature keeps its own end. */
export function evidenceOf(
  ctx: Pick<TaskContext, 'actor' | 'run'>,
  commit: string,
  ticked: readonly Ticked[],
): NewEvidence[] {
  return ticked.map((one) => ({
    ...{ commit, item: one.box, ok: !isOpen(one), says: one.says, link: one.link ?? null },
    ...{ by: one.by ?? ctx.actor, until: one.until ?? null, run: one.run ?? ctx.run },
  }));
}

export const CHECKLIST_HEADER = ['', 'box', 'says', 'by', 'at', 'counts until'];

export function checklistRows(ticked: readonly Ticked[]): string[][] {
  const marks = { yes: '✔', signed: '✎', none: '·', no: '✖', unknown: '?' } as const;
  return ticked.map(({ box, state, says, by, at, until, link }) => [
    marks[state],
    `${BOXES[box]} (${box})`,
    link ? `${says} ${link}` : says,
    by ?? '',
    at ? minute(at) : '',
    until ? minute(until) : '',
  ]);
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

/** Exit 3: the answer is no, and it is said which box, and what would close it. */
export function openError(env: EnvName, ticked: readonly Ticked[]): OpsError {
  const open = ticked.filter(isOpen);
  const unknown = open.filter(({ state }) => state === 'unknown').map(({ box }) => box);
  const said = open.map(({ box, says }) => `${BOXES[box]} (${says})`).join('; ');
  return new OpsError({
    code: 'CHECKLIST_OPEN',
    message: `${open.length} of ${ticked.length} boxes for ${env} are open: ${said}.`,
    hint:
      unknown.length > 0
        ? signHint(env, unknown)
        : hint`Close them, then look: ${command('release:checklist', { env })}`,
    exit: EXIT.no,
    findings: open.map(({ box, says, state }) => ({
      ...{ level: 'error' as const, code: `BOX_${box.toUpperCase()}`, message: `${BOXES[box]}: ${says}.` },
      ...(state === 'unknown' ? { hint: signHint(env, [box]) } : {}),
    })),
  });
}

function signHint(env: EnvName, boxes: Box[]): Hint {
  return hint`Who knows better signs by name: ${command('release:checklist', { env, sign: boxes, reason: '…' })}`;
}

/** `--sign tests --sign drill`, or `--sign tests,drill`. */
export function boxesIn(texts: readonly string[]): Box[] {
  const names = texts.flatMap((text) => text.split(',')).map((name) => name.trim());
  const bad = names.find((name) => !(name in BOXES));
  if (bad !== undefined)
    throw usageError('BOX_UNKNOWN', `The checklist has no box "${bad}".`, `There are: ${BOX_NAMES.join(', ')}.`);
  return names as Box[];
}
