import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { command, counted, type Environment, type Finding, type LoadedConfig, parseEnv } from '@drydock/kit';
import { atRestOf, textOf } from '../at-rest/files.ts';
import { readOpeners } from '../at-rest/list.ts';
import { secretsConfig } from '../config.ts';
import { withSecretRecord } from '../record/record.ts';
import { isSecret } from '../secret-variable.ts';
import { within } from '../status/bounded.ts';
import { EnvFiles } from '../store/dotenv.ts';
import { previousOf } from '../store/previous.ts';
import { countRecipients } from '../team/seal.ts';
import { membersOf } from '../team/team.ts';

/** One place in which an environment's secrets lie, and who can open it. */
export type Holding = {
  env: string;
  what: string;
  /** Names as secrets.team has them; null where it cannot be told by names. */
  who: string[] | null;
  says: string;
};

export interface Holdings {
  holdings: Holding[];
  findings: Finding[];
}

const RECORD_MS = 5_000;

/** Everything that this checkout can see; what is kept elsewhere is named. */
export async function holdingsOf(config: LoadedConfig, environment: Environment): Promise<Holdings> {
  const env = environment.name;
  const members = membersOf(secretsConfig(config).team.recipients, env);
  const team = members.length > 0 ? members.map(({ name }) => name) : ['this checkout'];
  const found = [
    await atRest(config, env, members),
    await pending(config, environment, team, members.length),
    files(config, env),
    kept(config, env, team),
    elsewhere(config, env),
  ];
  return { holdings: found.flatMap(({ holdings }) => holdings), findings: found.flatMap(({ findings }) => findings) };
}

async function atRest(
  config: LoadedConfig,
  env: string,
  members: readonly { name: string; recipient: string }[],
): Promise<Holdings> {
  const holdings: Holding[] = [];
  const findings: Finding[] = [];
  for (const rest of atRestOf(config, env)) {
    if (textOf(rest.sealed) === undefined) continue;
    const { openers, keys } = await readOpeners(rest);
    holdings.push({
      env,
      what: rest.sealedName,
      who: openers?.map(({ name }) => name) ?? null,
      says: openers
        ? 'at rest'
        : keys === undefined
          ? 'at rest; its bytes are not what was written'
          : `at rest; ${counted(keys, 'key')}, whose cannot be told`,
    });
    if (!openers)
      findings.push({
        level: 'warn',
        code: 'SEALED_FOR_UNKNOWN',
        message: `Who can open ${rest.sealedName} cannot be told: its list of recipients is missing, or is another version's.`,
        hint: command('secrets:seal', { env, overwrite: true }),
      });
    else if (members.length > 0 && !sameKeys(openers, members))
      findings.push({
        level: 'warn',
        code: 'SEALED_FOR_OTHERS',
        message: `${rest.sealedName} is encrypted to ${listed(openers)}; secrets.team says ${listed(members)}.`,
        hint: command('secrets:seal', { env, overwrite: true }),
      });
  }
  return { holdings, findings };
}

/** Values on their way, and the ones before them until those are retired: in the environment's database. */
async function pending(
  config: LoadedConfig,
  environment: Environment,
  team: string[],
  keys: number,
): Promise<Holdings> {
  const env = environment.name;
  const read = await within(
    withSecretRecord(config, environment, (record) => record.generations()),
    RECORD_MS,
  );
  if ('why' in read) {
    // Without a database there is no record.
    if (/^\w+ is not set for /.test(read.why)) return { holdings: [], findings: [] };
    const message = `Whether values of ${env} are on their way cannot be told: ${read.why}`;
    return { holdings: [], findings: [{ level: 'warn', code: 'UNKNOWN', message }] };
  }
  const sealed = read.told.filter((one) => one.sealed !== null);
  const others = [];
  for (const one of sealed) if (keys > 0 && (await countRecipients(one.sealed ?? '')) !== keys) others.push(one.name);
  return {
    holdings: sealed.map(({ name, generation, state }) => ({
      env,
      what: `${name}, generation ${generation}`,
      who: team,
      says: `${state}, in the database`,
    })),
    findings: others.map((name) => ({
      level: 'warn',
      code: 'SEALED_FOR_OTHERS',
      message: `A value of ${name} of ${env} was encrypted when secrets.team named others: whose keys open it cannot be told.`,
    })),
  };
}

function files(config: LoadedConfig, env: string): Holdings {
  const holdings: Holding[] = [];
  const findings: Finding[] = [];
  for (const file of new EnvFiles(config, env).all()) {
    const secrets = Object.entries(parseEnv(textOf(file) ?? '')).filter(([name, value]) =>
      isSecret(config, name, value),
    );
    if (secrets.length === 0) continue;
    const { mode, uid, gid } = statSync(file);
    const [all, group] = [(mode & 0o004) !== 0, (mode & 0o040) !== 0 && gid !== uid];
    const name = relative(config.root, file);
    const readers = all ? 'everybody on this machine' : group ? `the group ${gid}` : `uid ${uid} alone`;
    holdings.push({ env, what: name, who: null, says: `in the clear (0${(mode & 0o777).toString(8)}): ${readers}` });
    if (all || group)
      findings.push({
        level: 'warn',
        code: 'ENV_FILE_READABLE',
        message: `${name}, which holds ${counted(secrets.length, 'secret')} of ${env}, can be read by ${readers}.`,
        hint: `chmod 600 ${name}`,
      });
  }
  return { holdings, findings };
}

function kept(config: LoadedConfig, env: string, team: string[]): Holdings {
  const versions = previousOf(config, env).length;
  const says = `${counted(versions, 'version')} of before, in this checkout`;
  return { holdings: versions > 0 ? [{ env, what: '.drydock/secrets/previous', who: team, says }] : [], findings: [] };
}

function elsewhere(config: LoadedConfig, env: string): Holdings {
  const { rotate, stores } = secretsConfig(config);
  const used = new Set(Object.values(rotate).flatMap((secret) => secret.stores));
  const holdings = Object.entries(stores).flatMap(([name, { kind }]): Holding[] =>
    kind !== 'env' && used.has(name)
      ? [{ env, what: name, who: null, says: 'whomever it lets in: it is not asked' }]
      : [],
  );
  return { holdings, findings: [] };
}

function sameKeys(a: readonly { recipient: string }[], b: readonly { recipient: string }[]): boolean {
  const keys = (list: readonly { recipient: string }[]) =>
    [...new Set(list.map(({ recipient }) => recipient))].sort().join();
  return keys(a) === keys(b);
}

function listed(people: readonly { name: string }[]): string {
  return people.map(({ name }) => name).join(', ') || 'nobody';
}
