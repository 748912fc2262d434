import { askChoice, askText, askYesNo, type FlagValues, flag, type LoadedConfig, usageError } from '@drydock/kit';
import type { Found } from './look.ts';

/** Each is a question too, where it is not given and somebody can be asked. */
export const initFlags = {
  name: flag.text({ value: 'NAME', about: "the product's name (default: that of package.json)" }),
  schema: flag.text({
    value: 'PATH',
    about: 'Prisma schema, file or folder, where there are several or none is found',
  }),
  environments: flag.text({
    value: 'A,B,C',
    about: 'environments in the order of promotion (default: those with .env files, or the runbook’s three)',
  }),
  health: flag.text({ value: 'PATH', about: 'where the product tells how it is, or "none" (default: what is found)' }),
  release: flag.choice(['yes', 'no'], {
    about: 'whether it is released by Drydock too (default: yes where a start command is found)',
  }),
};
export type InitFlags = FlagValues<typeof initFlags>;

/** What is taken: what was said, or else what a config says that is there, or else what was found. */
export interface Answers {
  name: string;
  environments: string[];
  health: string | undefined;
  release: boolean;
}

/** Of a config that is there, by which a second run goes. */
export type Known = Pick<LoadedConfig, 'product' | 'environments' | 'written'>;

const NAME = /^(?!local$)[a-z][a-z0-9-]{0,39}$/;

export function answersOf(found: Found, flags: InitFlags, known: Known | undefined): Answers {
  const environments =
    flags.environments
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean) ?? found.environments.value;
  const bad = environments.find((name) => !NAME.test(name));
  if (bad !== undefined || environments.length === 0)
    throw usageError(
      'USAGE',
      `"${bad ?? ''}" is no name of an environment: lower-case letters, digits and dashes, and not "local".`,
      'For example: --environments development,staging,production',
    );
  if (flags.health !== undefined && flags.health !== 'none' && !flags.health.startsWith('/'))
    throw usageError(
      'USAGE',
      `--health must be a path that begins with /, or "none", not "${flags.health}".`,
      'For example: --health /healthz',
    );
  const health = flags.health ?? (known ? healthIn(known) : found.health?.value);
  return {
    name: flags.name ?? known?.product ?? found.name.value,
    environments,
    health: health === 'none' ? undefined : health,
    release: flags.release ? flags.release === 'yes' : known ? 'release' in known.written : found.start !== undefined,
  };
}

function healthIn({ written }: Known): string | undefined {
  const health = written.health as { path?: string } | undefined;
  return health === undefined ? undefined : (health.path ?? '/api/admin/health');
}

/** Only what a look cannot settle. */
export async function askFor(found: Found, flags: InitFlags, signal: AbortSignal): Promise<Partial<InitFlags>> {
  const answers: Partial<InitFlags> = {};
  if (flags.environments === undefined)
    answers.environments = await askText(
      'Which environments are there, in the order of promotion?',
      signal,
      found.environments.value.join(','),
    );
  if (flags.health === undefined)
    answers.health = await askText(
      found.health
        ? `Where does the product tell how it is? (seen in ${found.health.seenIn})`
        : 'Where does the product tell how it is? ("none" if nowhere)',
      signal,
      found.health?.value ?? 'none',
    );
  if (flags.release === undefined && found.start)
    answers.release = (await askYesNo(
      'Shall Drydock release it too, behind HAProxy on a machine of yours?',
      signal,
      true,
    ))
      ? 'yes'
      : 'no';
  return answers;
}

/** Among several schemas a person chooses; where nobody can be asked, the flag does. */
export function chooser(flags: InitFlags, ask: AbortSignal | undefined): (schemas: string[]) => Promise<string> {
  return async (schemas) => {
    if (flags.schema !== undefined) return flags.schema;
    if (schemas.length <= 1) return schemas[0] ?? '';
    if (ask) return askChoice('Which of these schemas is operated?', schemas, ask);
    throw usageError(
      'SCHEMAS_SEVERAL',
      `There are several Prisma schemas: ${schemas.join(', ')}.`,
      `Say which one is operated: --schema ${schemas[0]}`,
    );
  };
}
