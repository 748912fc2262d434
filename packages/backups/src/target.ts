import {
  command,
  type Environment,
  hint,
  type LoadedConfig,
  operatorUrl,
  type Secret,
  type TaskContext,
  temporaryFolder,
  together,
  usageError,
} from '@drydock/kit';
import { backupsSection } from './config/backups.ts';
import { RECIPIENT } from './crypt/age.ts';
import { openSigner, type Signer } from './signature.ts';
import { openStores } from './store/open.ts';
import type { Store } from './store/types.ts';
import { type Pinned, signersOf } from './trust.ts';

/** What is backed up, to whom it is encrypted, and where it goes. */
export interface BackupTarget {
  env: string;
  product: string;
  /** The product's checkout: its commit is kept in the manifest. */
  root: string;
  url: Secret;
  recipients: string[];
  /** Undefined where backups are not signed. */
  signer: Signer | undefined;
  pinned: Pinned[];
  stores: Store[];
  level: number;
  checksums: boolean;
  /** Days for which the stores themselves keep it. */
  lockDays: number;
  actor: string;
  reason: string | undefined;
}

type Context = Pick<TaskContext, 'config' | 'environment' | 'actor' | 'reason'>;

export function backupTarget({ config, environment, actor, reason }: Context, checksums = true): BackupTarget {
  const { compressionLevel, stores } = backupsSection.of(config);
  const [url, recipients, signing, opened] = together([
    () => operatorUrl(config, environment),
    () => recipientsOf(config, environment),
    () => signerOf(config, environment),
    () => openStores(config, environment),
  ]);
  // What streams out of pg_dump goes through a pipe that lies there.
  temporaryFolder();
  return {
    env: environment.name,
    product: config.product,
    root: config.root,
    url,
    recipients,
    ...signing,
    stores: opened,
    level: compressionLevel,
    checksums,
    lockDays: Math.max(0, ...stores.map((store) => (store.kind === 's3' ? (store.objectLockDays ?? 0) : 0))),
    actor,
    reason,
  };
}

/** Whether there are any: the config has a section of them, or somebody is named who can open them. */
export function makesBackups(config: LoadedConfig, environment: Environment): boolean {
  return config.written.backups !== undefined || environment.has(backupsSection.of(config).recipients);
}

function recipientsOf(config: LoadedConfig, environment: Environment): string[] {
  const variable = backupsSection.of(config).recipients;
  if (!environment.has(variable))
    throw usageError(
      'VARIABLE_MISSING',
      `${variable} is not set for ${environment.name}: nobody is named who could open a backup; ${environment.sought(variable)}.`,
      hint`Make a pair of keys, and put the public one there: ${command('backup:keygen')}`,
    );
  const keys = environment
    .require(
      variable,
      hint`Make a pair (${command('backup:keygen')}), and set its public half: ${variable}='age1…' in .env.${environment.name}.local`,
    )
    .split(',')
    .map((key) => key.trim())
    .filter(Boolean);
  const bad = keys.find((key) => !RECIPIENT.test(key));
  if (bad)
    throw usageError(
      'RECIPIENT_MALFORMED',
      `${variable} holds "${bad}", which is no age public key${/^(ssh-|age1[a-z0-9]+1)/.test(bad) ? ', but one of ssh or of a plugin: here are age’s own alone' : ''}.`,
      hint`Make a pair: ${command('backup:keygen')}`,
    );
  return keys;
}

/** A backup that its own config would not open again is none: that is said before, not at the restore. */
function signerOf(config: LoadedConfig, environment: Environment): Pick<BackupTarget, 'signer' | 'pinned'> {
  const variable = backupsSection.of(config).signingKey;
  const pinned = signersOf(config, environment);
  const signer = environment.has(variable) ? openSigner(environment.secret(variable)) : undefined;
  if (pinned.length === 0 || pinned.some(({ key }) => key === signer?.key)) return { signer, pinned };
  if (!signer)
    throw usageError(
      'SIGNING_KEY_MISSING',
      `backups.signers names who signs backups, and ${variable} is not set for ${environment.name}: nothing made here would be opened.`,
      hint`Put the secret half into the environment of this host; a new pair: ${command('backup:keygen')}`,
    );
  throw usageError(
    'SIGNER_UNKNOWN',
    `${variable} signs as ${signer.key}, which backups.signers does not name: nothing made here would be opened.`,
    `Add it to drydock.config.ts: { name: '…', key: '${signer.key}' }`,
  );
}
