import { type Environment, type Finding, type LoadedConfig, type OpsError, Secret, usageError } from '@drydock/kit';
import { type SecretsConfig, secretsConfig } from '../config.ts';
import { makeCheckoutKey, readCheckoutKey } from './checkout-key.ts';
import { keysIn, readIdentity, recipientsOf } from './identity.ts';
import { encrypterTo, open, seal } from './seal.ts';

type Member = SecretsConfig['team']['recipients'][number];

/** Those whom values of one environment are encrypted to. */
export interface Team {
  /** As the config calls them; empty where it names nobody, and the key of this checkout stands for all. */
  readonly members: readonly Member[];
  /** Public keys of age. Where the config names nobody that of this checkout, which is made here if it has none yet. */
  recipients(): Promise<readonly string[]>;
  /** All that the operator has to open with; undefined where that is nothing. */
  identity(): Secret | undefined;
  /** What whoever seals hears before: that nobody else could open it, or that they could not. Changes nothing. */
  warnings(): Promise<Finding[]>;
  seal(text: string): Promise<string>;
  /** `what` is how a refusal calls it. NO_KEY where the operator has none, WRONG_KEY where theirs is another one. */
  open(sealed: string, what: string): Promise<string>;
}

export function teamOf(config: LoadedConfig, environment: Environment): Team {
  const { recipients: all, identity: variable } = secretsConfig(config).team;
  const members = membersOf(all, environment.name);
  const own = () => {
    const value = environment.get(variable);
    return value === undefined ? undefined : readIdentity(value, variable, config.root);
  };
  const recipients = async () =>
    members.length > 0 ? members.map(({ recipient }) => recipient) : recipientsOf(await makeCheckoutKey(config.root));
  const identity = () => {
    // What was sealed before there was a team is still opened.
    const held = [own(), readCheckoutKey(config.root)].filter((one) => one !== undefined);
    const [first] = held;
    return first && new Secret(held.flatMap((one) => keysIn(one.reveal())).join('\n'), first.label);
  };
  return {
    members,
    recipients,
    identity,
    warnings: async () =>
      members.length > 0 ? warnStranger(members, own(), variable, environment.name) : [alone(environment.name)],
    seal: async (text) => seal(text, await recipients()),
    async open(sealed, what) {
      const key = identity();
      if (!key) throw noKey(variable, what);
      return open(sealed, key, what);
    },
  };
}

/** Those of the config who can open what is sealed for an environment. */
export function membersOf(all: readonly Member[], env: string): Member[] {
  return all.filter(({ environments }) => environments === undefined || environments.includes(env));
}

function alone(env: string): Finding {
  return {
    level: 'warn',
    code: 'TEAM_EMPTY',
    message: `secrets.team names nobody for ${env}: what is encrypted can be opened in this checkout alone, and nobody else can go on.`,
    hint: "Let each of the team make a key (age-keygen), and put the public halves into the config: secrets: { team: { recipients: [{ name: 'ada', recipient: 'age1…' }] } }",
  };
}

async function warnStranger(
  members: readonly Member[],
  own: Secret | undefined,
  variable: string,
  env: string,
): Promise<Finding[]> {
  await encrypterTo(members.map(({ recipient }) => recipient));
  const ours = own ? await recipientsOf(own) : [];
  if (members.some(({ recipient }) => ours.includes(recipient))) return [];
  return [
    {
      level: 'warn',
      code: 'TEAM_WITHOUT_YOU',
      message: `${own ? `Your key, ${variable}, is not among those of the team for ${env}` : `${variable} is not set`}: what is encrypted now you could not open again, and ${members.map(({ name }) => name).join(' or ')} would have to go on.`,
      hint: own
        ? `Have its public half put into secrets.team: ${ours[0]}`
        : `Name your key: ${variable}=~/.config/age/key.txt`,
    },
  ];
}

function noKey(variable: string, what: string): OpsError {
  return usageError(
    'NO_KEY',
    `There is no key to open ${what} with: ${variable} is not set, and this checkout has none of its own.`,
    `Name the file with your key, 0600: ${variable}=~/.config/age/key.txt`,
  );
}
