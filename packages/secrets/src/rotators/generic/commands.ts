import { exec, OpsError, type Secret } from '@drydock/kit';
import type { RotatorContext } from '../types.ts';
import type { GenericSecret } from './config.ts';

type Context = Pick<RotatorContext<GenericSecret>, 'config' | 'environment' | 'secret' | 'name' | 'signal' | 'onLine'>;

export interface Given {
  old: Secret | null;
  next: Secret | null;
  /** Of one instance. */
  address?: string;
}

/** One of the product's own commands: values in its environment alone, all that it says masked, and ended when its time is over. */
export async function runCommand(
  { config, environment, secret, name, signal, onLine }: Context,
  [program = '', ...args]: readonly string[],
  { old, next, address }: Given,
  okCodes: number[] = [],
): Promise<{ code: number; stdout: string }> {
  const bound = AbortSignal.timeout(secret.timeoutMs);
  const env = {
    ...environment.forChild('operator'),
    OLD: old?.reveal() ?? '',
    NEW: next?.reveal() ?? '',
    ...(address === undefined ? {} : { ADDRESS: address }),
  };
  try {
    return await exec(program, args, {
      cwd: config.root,
      env,
      signal: AbortSignal.any([signal, bound]),
      onLine,
      okCodes,
    });
  } catch (cause) {
    if (signal.aborted || !bound.aborted) throw cause;
    throw new OpsError({
      code: 'COMMAND_SLOW',
      message: `${[program, ...args].join(' ')} of ${name} did not end within ${secret.timeoutMs} ms, and was ended with all that it had begun.`,
      hint: `Run it by hand to see why, or allow more: \`timeoutMs\` of ${name} in drydock.config.ts.`,
      cause,
    });
  }
}
