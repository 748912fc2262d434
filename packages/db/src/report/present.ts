import {
  command,
  type Finding,
  type Json,
  type Outcome,
  type Output,
  type TaskContext,
  wordedFinding,
} from '@drydock/kit';
import { CODES } from '../codes.ts';
import type { Rehearsal } from '../rehearsal/rehearse.ts';
import { type Format, writeReport } from './formats.ts';
import { gathered } from './gather.ts';
import { HEADER, lockVerdict, statementRow } from './table.ts';

interface Presenting extends Pick<TaskContext, 'env' | 'out' | 'config' | 'typed'> {
  flags: { format: Format | undefined };
}

/** What a rehearsal showed, for a person, as JSON, or as a report. */
export function presentRehearsal(
  { env, out, config, typed, flags: { format } }: Presenting,
  rehearsal: Rehearsal,
  no: boolean,
): Outcome {
  const { state, copy, migrations, findings, ignored, untold } = rehearsal;
  for (const { name, durationMs, statements } of migrations) {
    out.line(`${name}  ${durationMs} ms`);
    if (statements.length > 0) out.table(HEADER, statements.map(statementRow));
  }
  for (const { code, migration, line, reason } of ignored)
    out.line(`ignored ${code} at ${migration}:${line}: ${reason}`);
  const locks = migrations.length > 0 ? ` ${lockVerdict(migrations, copy)}` : '';
  const verdict = no
    ? `The rehearsal for ${env} found what must not be applied like this.${locks}`
    : state.pending.length === 0
      ? state.squashed.length > 0
        ? `Nothing is pending on ${env} but to record ${state.squashed.join(', ')}, which stands for what is applied.`
        : `Nothing is pending on ${env}.`
      : `${migrations.length} ${migrations.length === 1 ? 'migration' : 'migrations'} would apply to ${env}.${untold.length > 0 ? ` Of ${untold.length} it could not be told.` : ''}${locks}`;
  return {
    verdict,
    ok: !no,
    data: { pending: state.pending, copy: copy ?? null, migrations, ignored, untold } as unknown as Json,
    findings,
    told: gathered(findings),
    ...(!no && state.pending.length + state.squashed.length > 0 ? { next: command('db:deploy', { env }) } : {}),
    ...(format
      ? {
          document: writeReport(format, {
            ...rehearsal,
            findings: (format === 'sarif' ? findings : gathered(findings)).map((one) => wordedFinding(one, typed)),
            env,
            verdict,
            root: config.root,
          }),
        }
      : {}),
  };
}

/** Does a finding of this level make the answer a no? */
export function fails(level: Finding['level'], warnToo: boolean): boolean {
  return level === 'error' || (warnToo && level === 'warn');
}

/** Every code with what it says. */
export function listCodes(out: Output): Outcome {
  out.table(['code', 'what it says'], Object.entries(CODES));
  return {
    verdict: 'Another level, or "off", for one: database.hazards in drydock.config.ts.',
    data: { codes: CODES },
  };
}
