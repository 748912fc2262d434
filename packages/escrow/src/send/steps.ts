import { defineGroup, defineStep, OpsError, type StepNode, type StepResults } from '@drydock/kit';
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
  /** Name of the group that the steps stand in, with ` › ` behind it. */
  prefix?: string;
  /** Before each step's own name. */
  name?: string;
}

/** The steps that bring a deed about: `first` up to the mempool, `rest` from there into the chain. */
export interface DeedSteps {
  first: StepNode[];
  rest: StepNode[];
}

export function deedSteps(plan: DeedPlan): DeedSteps {
  const { prefix = '', name = '', replacements } = plan;
  return attempt(plan, prefix, name, replacements);
}

function attempt(plan: DeedPlan, prefix: string, name: string, left: number): DeedSteps {
  const full = `${prefix}${name}`;
  plan.line.add(`${full}sign`);
  return {
    first: [
      defineStep<Signed>({
        name: `${name}sign`,
        run: async ({ results }) => (await plan.actor()).sign(plan.line.floor(results), plan.carryOn),
      }),
      defineStep({
        name: `${name}record`,
        async run({ results }) {
          const signed = results.get<Signed>(`${full}sign`);
          const recorded = await (await plan.actor()).record(signed);
          return { hash: recorded ? signed.hash : null, recorded };
        },
      }),
      defineStep({
        name: `${name}send`,
        async run({ results, out }) {
          const actor = await plan.actor();
          if (isVoid(results, full)) return { sent: false, why: null };
          const { sent, why } = await actor.send(results.get<Signed>(`${full}sign`));
          if (why) out.warn(`${actor.what}: ${why}`);
          return { sent, why };
        },
      }),
    ],
    rest: [
      defineStep<Confirmed>({
        name: `${name}confirm`,
        async run({ results, signal, detail, out }) {
          const signed = results.get<Signed>(`${full}sign`);
          if (signed.action === 'refused') return { state: 'refused', hash: null, block: null, why: signed.why };
          const actor = await plan.actor();
          const found = isVoid(results, full)
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
      }),
      ...(left === 0 ? [] : [againGroup(plan, prefix, name, left)]),
    ],
  };
}

/** Was it signed for nothing? Journals of old versions do not tell, and mean no. */
function isVoid(results: StepResults, full: string): boolean {
  return results.get<{ recorded?: boolean }>(`${full}record`).recorded === false;
}

/** Planned once the run has come this far: empty if the deed is done. */
function againGroup(plan: DeedPlan, prefix: string, name: string, left: number): StepNode {
  const full = `${prefix}${name}`;
  return defineGroup({
    name: `${name}again`,
    plan: async ({ results }) => ({ again: results.get<Confirmed>(`${full}confirm`).state === 'open' }),
    steps({ again }) {
      if (!again) return [];
      const { first, rest } = attempt(plan, `${full}again › `, '', left - 1);
      return [...first, ...rest];
    },
  });
}

/** What came of a deed, once all its steps have run; `full` is its prefix and name. */
export function confirmedOf(results: StepResults, full = ''): Confirmed {
  const again = `${full}again › `;
  return results.has(`${again}confirm`) ? confirmedOf(results, again) : results.get<Confirmed>(`${full}confirm`);
}

function unfinished(what: string, { why, hash }: Confirmed): OpsError {
  return new OpsError({
    code: 'NOT_CONFIRMED',
    message: `${what[0]?.toUpperCase()}${what.slice(1)} is not there yet: ${why}.`,
    hint: `Nothing is lost: run it again, and it goes on from what the chain says then${hash ? ` (transaction ${hash})` : ''}. If fees have risen, a higher --max-fee helps.`,
  });
}
