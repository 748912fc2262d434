import { command, exec, hint, type LoadedConfig, OpsError, usageError } from '@drydock/kit';
import picomatch from 'picomatch';
import { releaseConfig } from '../config.ts';

/** Names of declared secrets that the hole may have opened; `none` says that somebody has thought of it. */
export function impactedSecrets({ variables }: Pick<LoadedConfig, 'variables'>, texts: readonly string[]): string[] {
  const secrets = Object.entries(variables).flatMap(([name, { secret }]) => (secret ? [name] : []));
  const named = texts.flatMap((text) => text.split(',')).map((name) => name.trim());
  const all = `Declared are: ${secrets.join(', ') || 'none'}.`;
  if (named.length === 0)
    throw usageError(
      'SECRETS_UNSAID',
      'Which secrets are impacted? A hotfix says so.',
      `Add --secrets NAME,…, or --secrets none. ${all}`,
    );
  if (named.includes('none')) {
    if (named.length === 1) return [];
    throw usageError('SECRETS_UNSAID', '--secrets says none, and names some.', all);
  }
  const bad = named.find((name) => !secrets.includes(name));
  if (bad === undefined) return named;
  throw usageError('SECRET_UNKNOWN', `${bad} is not declared as a secret.`, all);
}

/** Files of the fix that are tests; refused without one, unless it is said why. `since`: the commit that serves. */
export async function regressionTests(
  config: LoadedConfig,
  { since, noTest }: { since: string | undefined; noTest: string | undefined },
): Promise<string[]> {
  const { tests } = releaseConfig(config).hotfix;
  const git = (args: string[]) => exec('git', args, { cwd: config.root, okCodes: [1, 128] });
  const known = since !== undefined && (await git(['cat-file', '-e', `${since}^{commit}`])).code === 0;
  const from = known ? since : 'HEAD^';
  const { stdout, code, stderr } = await git(['diff', '--name-only', '-z', '--diff-filter=ACMR', from, 'HEAD']);
  if (code !== 0 && noTest === undefined)
    throw usageError(
      'DIFF_UNKNOWN',
      `What the fix changes cannot be told: ${stderr.trim().split('\n')[0]}.`,
      'Fetch more of the history: git fetch --unshallow origin',
    );
  const isTest = picomatch(tests, { dot: true });
  const found = code === 0 ? stdout.split('\0').filter((file) => file && isTest(file)) : [];
  if (found.length > 0 || noTest !== undefined) return found;
  throw new OpsError({
    code: 'NO_REGRESSION_TEST',
    message: `No test is new or changed since ${from.slice(0, 10)}: what was broken could break again.`,
    hint: hint`Add one to the commit, or say why there is none: ${command('release:hotfix', { noTest: '…' })}`,
    exit: 4,
  });
}
