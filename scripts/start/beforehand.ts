import { type LoadedConfig, temporaryFolder } from '@drydock/kit';
import {
  baseBranchOf,
  freeDisk,
  readBase,
  readCheckout,
  refuseDirty,
  refuseOutdated,
  releaseConfig,
} from '@drydock/release';

/** What a tree is built in, and kept as. */
const LEAST_WORK_MIB = 512;

/** What git and the disk say at once, the release would say when the sandbox is up. */
export async function refuseUnreleasable(
  config: LoadedConfig,
  { root, allowDirty }: { root: string; allowDirty: boolean },
): Promise<void> {
  const checkout = await readCheckout(root);
  if (!allowDirty) refuseDirty(checkout);
  const { baseBranch = await baseBranchOf(root) } = releaseConfig(config);
  refuseOutdated(checkout, baseBranch, await readBase(checkout, baseBranch, { asked: false }));
  for (const folder of new Set([root, temporaryFolder()])) freeDisk(folder, LEAST_WORK_MIB);
}
