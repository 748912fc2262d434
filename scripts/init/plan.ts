import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { LoadedConfig } from '@drydock/kit';

import type { Answers } from './answers.ts';
import { newConfig } from './config.ts';
import { exampleFor } from './examples.ts';
import { ignoring, withLines } from './ignore.ts';
import type { Found } from './look.ts';
import { findMissing, type Missing } from './missing.ts';
import { isInstalled, newScripts, rawText, withScripts } from './scripts.ts';

/** A file as it is to be. `before`: its text when this was planned; null where there was none. */
export type FileChange = { path: string; before: string | null; content: string; adds: string[] };

export type InitPlan = {
  product: string;
  environments: string[];
  found: { what: string; value: string; seenIn: string }[];
  files: FileChange[];
  /** What a person, or a run before, has written already. */
  there: string[];
  findings: Missing[];
};

/** Reads, and writes nothing. No value of a variable is in it. `ofFound`: as if there were no config yet. */
export async function planInit(
  found: Found,
  { taken: answers, ofFound }: { taken: Answers; ofFound: Answers },
  { file: configFile, written }: Pick<LoadedConfig, 'file' | 'written'>,
): Promise<InitPlan> {
  const { folder } = found;
  const known = existsSync(configFile);
  const config = newConfig(found, known ? ofFound : answers, isInstalled(found) ? 'drydock' : undefined);
  const scripts = newScripts(found, answers);
  const ignore = await ignoring(found, answers.environments);
  const files: FileChange[] = [];
  const there: string[] = [];
  const fresh = (path: string, content: string) => {
    if (folder.has(path)) there.push(path);
    else files.push({ path, before: null, content, adds: content.trimEnd().split('\n') });
  };
  if (ignore && ignore.lines.length > 0) {
    const before = folder.has('.gitignore') ? rawText(folder.root, '.gitignore') : null;
    files.push({ path: '.gitignore', before, content: withLines(before ?? '', ignore.lines), adds: ignore.lines });
  }
  for (const env of answers.environments) fresh(`.env.${env}.example`, exampleFor(env, found, answers));
  if (Object.keys(scripts).length > 0) {
    const before = rawText(folder.root, 'package.json');
    const adds = Object.entries(scripts).map(([name, line]) => `${JSON.stringify(name)}: ${JSON.stringify(line)}`);
    files.push({ path: 'package.json', before, content: withScripts(before, scripts), adds });
  } else there.push('the npm scripts');
  // Last: with it the product has its config, whatever was killed before.
  if (known) there.push(basename(configFile));
  else fresh(folder.name(configFile), config.text);
  return {
    product: answers.name,
    environments: answers.environments,
    found: rowsOf(found, answers),
    files,
    there,
    findings: [
      ...findMissing(found, answers, ignore?.tracked ?? []),
      ...(known ? offered(config.sections.filter(({ key }) => !(key in written))) : []),
    ],
  };
}

function rowsOf(found: Found, { health }: Answers): InitPlan['found'] {
  const { name, prisma, variables, environments, start, services, git } = found;
  const named = (kind: string) => variables.filter((one) => one.kind === kind);
  const addresses = (kind: string, what: string) =>
    named(kind).map(({ name: variable, seenIn }) => ({ what, value: variable, seenIn: seenIn.join(', ') }));
  const secrets = variables.filter(({ secret, kind }) => secret && kind === 'text').map((one) => one.name);
  return [
    { what: 'product', value: name.value, seenIn: name.seenIn },
    { what: 'Prisma schema', value: prisma.schema, seenIn: prisma.seenIn },
    { what: 'migrations', value: `${prisma.migrationCount} in ${prisma.migrations}`, seenIn: '' },
    ...addresses('postgres', 'database'),
    ...addresses('redis', 'Redis'),
    ...(secrets.length > 0 ? [{ what: 'secrets', value: secrets.join(', '), seenIn: 'by their names' }] : []),
    { what: 'environments', value: environments.value.join(', '), seenIn: environments.seenIn },
    ...(found.health && found.health.value === health
      ? [{ what: 'health', value: found.health.value, seenIn: found.health.seenIn }]
      : []),
    ...(start ? [{ what: 'start', value: start.value.join(' '), seenIn: start.seenIn }] : []),
    ...services.map(({ value, seenIn }) => ({ what: 'service', value, seenIn })),
    ...(git ? [] : [{ what: 'git', value: 'no repository', seenIn: '' }]),
  ];
}

/** A config that is there is a person's: what this would have written besides is shown, and written nowhere. */
function offered(sections: { text: string }[]): Missing[] {
  if (sections.length === 0) return [];
  return [
    {
      level: 'info',
      code: 'CONFIG_THERE',
      message: 'drydock.config.ts is yours, and was left as it is. What was found and it does not say:',
      recipe: sections.flatMap(({ text }) => text.trimEnd().split('\n')),
    },
  ];
}
