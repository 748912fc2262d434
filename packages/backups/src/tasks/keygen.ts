import { defineReadTask } from '@drydock/kit';

export const keygenTask = defineReadTask({
  name: 'backup:keygen',
  summary: 'Makes an age key pair for backups and prints both halves; nothing is kept.',
  description:
    'The public half goes to BACKUP_RECIPIENTS on the hosts that back up. The private half (AGE-SECRET-KEY-…) belongs in the\npassword manager of those who restore, and on no host that backs up.',
  perEnvironment: false,
  async run({ out }) {
    const { generateIdentity, identityToRecipient } = await import('age-encryption');
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    out.line(`public   ${recipient}`);
    out.line(`private  ${identity}`);
    return { verdict: 'Keep the private half away from this host.', data: { recipient } };
  },
});
