import { command, EXIT, hint, OpsError, promotionTo, type TaskContext } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import { withRecord } from '../record/record.ts';
import { PASSED } from './passed.ts';

/**
 * For a release of one environment alone: those before it must have passed with this very artefact, not with another build of the
 * commit. Refused with exit 4, before anything is begun where that can be told then.
 */
export async function refuseUnpassed(ctx: TaskContext, commit: string, artifact: Artifact | undefined): Promise<void> {
  for (const env of promotionTo(ctx.config, ctx.env).filter((each) => each !== ctx.env)) {
    const said = await withRecord(ctx.config, ctx.environmentOf(env), (record) => record.evidence(commit));
    const passed = said.find(({ item, ok }) => item === PASSED && ok);
    if (passed && (artifact === undefined || passed.says === artifact.digest)) continue;
    throw new OpsError({
      code: 'NOT_PASSED',
      message: passed
        ? `What passed on ${env} is version ${passed.says.slice(0, 12)}, not ${artifact?.version}.`
        : `Commit ${commit.slice(0, 10)} has never passed on ${env}.`,
      hint: hint`Release it there first: ${command('release', { env })}`,
      exit: EXIT.refused,
    });
  }
}
