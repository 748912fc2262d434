#!/usr/bin/env node
import { defineReadTask, main } from '@drydock/kit';
import { backupsSection } from '../src/config/backups.ts';
import { makeSigningKey } from '../src/signature.ts';

const task = defineReadTask({
  name: 'backup:keygen',
  summary: 'Makes the keys of backups, one pair to encrypt and one to sign, and prints them; nothing is kept.',
  description:
    'To encrypt (age): the public half goes to BACKUP_RECIPIENTS on the hosts that back up; the private half (AGE-SECRET-KEY-…) into the\n' +
    'password manager of those who restore, and on no host that backs up.\n' +
    'To sign (Ed25519), the other way round: the secret half goes to BACKUP_SIGNING_KEY on the host that backs up, and nowhere else; the\n' +
    'public half into backups.signers of drydock.config.ts, where restores, drills and verify look who made a backup.',
  examples: ['npm run backup:keygen'],
  perEnvironment: false,
  async run({ config, out }) {
    const { generateIdentity, identityToRecipient } = await import('age-encryption');
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    const { key, secret } = makeSigningKey();
    const { recipients, identity: identityName, signingKey } = backupsSection.of(config);
    out.line(`to encrypt  public   ${recipient}   (${recipients}, on the host that backs up)`);
    out.line(`            private  ${identity}   (${identityName}, with those who restore)`);
    out.line(`to sign     secret   ${secret}   (${signingKey}, on the host that backs up)`);
    out.line(`            public   { name: 'host', key: '${key}' }   (backups.signers in drydock.config.ts)`);
    return {
      verdict: `Keep ${identityName} away from the host that backs up, and ${signingKey} on it alone.`,
      data: { recipient, signer: key },
    };
  },
});

export default task;
await main(task, import.meta);
