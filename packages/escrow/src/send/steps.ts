import { defineGroup, defineStep, OpsError, type Step, type StepNode, type StepResults } from '@drydock/kit';
import type { Actor } from './actor.ts';
import type { Confirmed, Signed } from './deed.ts';
import type { NonceLine } from './nonce-line.ts';
import { isVoid, type Recorded } from './recorded.ts';

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

/** One transaction from its signature to its depth. */
interface Attempt {
  first: StepNode[];
  confirm: Step<Confirmed>;
}

/** One attempt, and as many more, one after the other, as may replace it: each only if the one before was not mined in time. */
export function deedSteps(plan: DeedPlan): DeedSteps {
  const name = plan.name ?? '';
  const begun = attempt(plan, name, plan.replacements === 0);
  const attempts = [begun];
  const again = Array.from({ length: plan.replacements }, (_, i) => {
    const before = attempts.at(-1) as Attempt;
    const next = attempt(plan, '', i + 1 === plan.replacements);
    attempts.push(next);
    return defineGroup<{ again: boolean }>({
      name: `${name}again${i === 0 ? '' : ` ${i + 1}`}`,
      ahead: 'the same with a higher fee, if it is not mined in time',
      plan: async ({ results }) => ({ again: results.ifDone(before.confirm)?.state === 'open' }),
      steps: (decided) => (decided.again ? [...next.first, next.confirm] : []),
    });
  });
  return {
    first: begun.first,
    rest: [begun.confirm, ...again],
    confirmed: (results) => results.of((attempts.findLast(({ confirm }) => results.ifDone(confirm)) ?? begun).confirm),
  };
}

/** `last`: there is none after it, and what is not there then is not confirmed. */
function attempt(plan: DeedPlan, name: string, last: boolean): Attempt {
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
      const found = isVoid(results.of(record)) ? OUTRUN : await actor.confirm(signed, { signal, detail });
      if (found.state !== 'open') return found;
      if (last) throw unfinished(actor.what, found);
      out.warn(`${actor.what}: ${found.why}; looking again`);
      return found;
    },
  });
  return { first: [sign, record, send], confirm };
}

/** Somebody else was faster: what they have sent is what is looked for next. */
export const OUTRUN: Confirmed = {
  state: 'open',
  hash: null,
  block: null,
  why: 'another run or the product has sent one meanwhile',
};

export function unfinished(what: string, { why, hash }: Confirmed): OpsError {
  return new OpsError({
    code: 'NOT_CONFIRMED',
    message: `${what[0]?.toUpperCase()}${what.slice(1)} is not there yet: ${why}.`,
    hint: `Nothing is lost: run it again, or with --resume, and it goes on from what the chain says then${hash ? ` (transaction ${hash})` : ''}. If fees have risen, a higher --max-fee helps.`,
  });
}
