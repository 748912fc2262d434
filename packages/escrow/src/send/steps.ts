import {
  defineGroup,
  defineStep,
  OpsError,
  type Step,
  type StepGroup,
  type StepNode,
  type StepResults,
} from '@drydock/kit';
import type { Actor } from './actor.ts';
import type { Confirmed, Signed } from './deed.ts';
import type { NonceLine } from './nonce-line.ts';

export interface DeedPlan {
  /** Opened by the first step that needs it: a resumed run may need none. */
  actor(): Promise<Actor>;
  line: NonceLine;
  /** How often one run replaces a transaction that is not mined in time. */
  replacements: number;
  carryOn: boolean;
  /** Before each step's own name. */
  name?: string;
}

/** The steps that bring a deed about: `first` up to the mempool, `rest` from there into the chain. */
export interface DeedSteps {
  first: StepNode[];
  rest: StepNode[];
  /** What came of it, once all of them have run. */
  confirmed(results: StepResults): Confirmed;
}

export function deedSteps(plan: DeedPlan): DeedSteps {
  return attempt(plan, plan.name ?? '', plan.replacements);
}

function attempt(plan: DeedPlan, name: string, left: number): DeedSteps {
  const sign = defineStep<Signed>({
    name: `${name}sign`,
    run: async ({ results }) => (await plan.actor()).sign(plan.line.floor(results), plan.carryOn),
  });
  plan.line.add(sign);
  const record = defineStep<Recorded>({
    name: `${name}record`,
    async run({ results }) {
      const signed = results.of(sign);
      const recorded = await (await plan.actor()).record(signed);
      return { hash: recorded ? signed.hash : null, recorded };
    },
  });
  const send = defineStep({
    name: `${name}send`,
    async run({ results, out }) {
      const actor = await plan.actor();
      if (isVoid(results.of(record))) return { sent: false, why: null };
      const { sent, why } = await actor.send(results.of(sign));
      if (why) out.warn(`${actor.what}: ${why}`);
      return { sent, why };
    },
  });
  const confirm = defineStep<Confirmed>({
    name: `${name}confirm`,
    async run({ results, signal, detail, out }) {
      const signed = results.of(sign);
      if (signed.action === 'refused')
        return { state: 'refused', hash: null, block: null, why: signed.why, code: signed.code ?? 'WOULD_REVERT' };
      const actor = await plan.actor();
      const found = isVoid(results.of(record))
        ? {
            state: 'open' as const,
            hash: null,
            block: null,
            why: 'another run or the product has sent one meanwhile',
          }
        : await actor.confirm(signed, { signal, detail });
      if (found.state !== 'open') return found;
      if (left === 0) throw unfinished(actor.what, found);
      out.warn(`${actor.what}: ${found.why}; looking again`);
      return found;
    },
  });
  const next = left === 0 ? undefined : tryAgain(plan, name, left, confirm);
  return {
    first: [sign, record, send],
    rest: [confirm, ...(next ? [next.group] : [])],
    confirmed: (results) => next?.confirmed(results) ?? results.of(confirm),
  };
}

type Recorded = { hash: string | null; recorded?: boolean };

/** Was it signed for nothing? Journals of old versions do not tell, and mean no. */
function isVoid({ recorded }: Recorded): boolean {
  return recorded === false;
}

/** Planned once the run has come this far: empty if the deed is done. */
function tryAgain(
  plan: DeedPlan,
  name: string,
  left: number,
  confirm: Step<Confirmed>,
): { group: StepGroup<{ again: boolean }>; confirmed(results: StepResults): Confirmed | undefined } {
  let next: DeedSteps | undefined;
  const group = defineGroup({
    name: `${name}again`,
    ahead: `the same with a higher fee, up to ${left} ${left === 1 ? 'time' : 'times'}, if it is not mined in time`,
    plan: async ({ results }) => ({ again: results.of(confirm).state === 'open' }),
    steps({ again }) {
      if (!again) return [];
      next = attempt(plan, '', left - 1);
      return [...next.first, ...next.rest];
    },
  });
  return { group, confirmed: (results) => next?.confirmed(results) };
}

export function unfinished(what: string, { why, hash }: Confirmed): OpsError {
  return new OpsError({
    code: 'NOT_CONFIRMED',
    message: `${what[0]?.toUpperCase()}${what.slice(1)} is not there yet: ${why}.`,
    hint: `Nothing is lost: run it again, or with --resume, and it goes on from what the chain says then${hash ? ` (transaction ${hash})` : ''}. If fees have risen, a higher --max-fee helps.`,
  });
}
