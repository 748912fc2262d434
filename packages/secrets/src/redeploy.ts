import { type Environment, environmentSettings, exec, type LoadedConfig, OpsError, posixLine } from '@drydock/kit';
import type { SecretsConfig } from './config.ts';
import type { Product } from './product.ts';

const NAME = 'the product';

/** One that a command of its own starts again. What each of its instances was started with cannot be seen from here. */
export function commandProduct(
  config: LoadedConfig,
  environment: Environment,
  { command, timeoutMs }: NonNullable<SecretsConfig['redeploy']>,
): Product {
  const [program = '', ...args] = command;
  const addresses = () => environment.get(environmentSettings(config, environment.name).url)?.split(',') ?? [];
  return {
    describe: async () => `what this command starts again: ${posixLine(command)}`,
    async redeploy({ signal, onLine, each }) {
      environment.reread();
      const late = AbortSignal.timeout(timeoutMs);
      const env = environment.forChild('operator');
      try {
        await exec(program, args, { cwd: config.root, env, onLine, signal: AbortSignal.any([signal, late]) });
      } catch (thrown) {
        signal.throwIfAborted();
        if (!late.aborted) throw thrown;
        throw new OpsError({
          code: 'REDEPLOY_TOO_SLOW',
          message: `${posixLine(command)} did not come to its end within ${timeoutMs / 1_000} s, and was ended.`,
          hint: 'See what it waits for, or let it take longer: secrets.redeploy.timeoutMs',
          cause: thrown,
        });
      }
      for (const address of addresses()) await each({ name: NAME, address: address.trim() });
    },
    uses: async () => [{ instance: NAME, host: addresses()[0] ?? 'unknown', uses: undefined }],
    addresses: async () => addresses().map((address) => address.trim()),
  };
}
