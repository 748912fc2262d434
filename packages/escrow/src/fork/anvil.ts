import { createRequire } from 'node:module';
import { installOnDemand, OpsError } from '@drydock/kit';

const NAMES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/** The binary inside anvil's platform package; its install script, which would link it, stays off. */
export function anvilPath(): string {
  const platform = `${process.platform}-${NAMES[process.arch] ?? process.arch}`;
  try {
    const anvil = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json');
    return createRequire(anvil).resolve(`@foundry-rs/anvil-${platform}/bin/anvil`);
  } catch (cause) {
    throw new OpsError({
      code: 'TOOL_MISSING',
      message: `anvil is not installed, or has no build for ${platform}.`,
      hint: `Install it: ${installOnDemand('@foundry-rs/anvil') ?? 'npm run prepare-machine'}`,
      exit: 2,
      cause,
    });
  }
}
