#!/usr/bin/env node
import { counted, defineReadTask, type Finding, flag, main } from '@drydock/kit';
import { chainOf } from '../src/config/chain.ts';
import { escrowSection } from '../src/config/escrow.ts';
import { jobFlag } from '../src/flags.ts';

const task = defineReadTask({
  name: 'escrow:check-config',
  summary:
    'Says what the contracts lack of what the tasks need: functions, events, arguments, types, and whether each answers.',
  description:
    'The ABIs first, without a chain. Then, where the variables of RPC and factory are set, the factory is asked all that the tasks ask it,\n' +
    'and so is the newest escrow that it made: is there code, does each view answer, does the address follow from the id of its job. Reads\n' +
    'only, and needs neither key nor database. Exit 3 if something is lacking, or the job of --job has no escrow to ask; what was not looked at is said.',
  examples: [
    'npm run escrow:check-config',
    'npm run escrow:check-config -- --env production --job 42',
    'npm run escrow:check-config -- --offline --json',
  ],
  flags: {
    job: jobFlag,
    offline: flag.boolean({ about: 'look at the ABIs alone' }),
  },
  async run(ctx) {
    const { config, environment, env, flags } = ctx;
    const { askContracts, checkAbis, loadAbi, openSession, requiredOf } = await import('../src/check/room.ts');
    const required = requiredOf(escrowSection.of(config));
    const abis = { factory: loadAbi(config, 'factory'), escrow: loadAbi(config, 'escrow') };
    const findings = checkAbis(abis, required);
    const wrong = () => findings.filter(({ level }) => level === 'error').length;
    const chain = chainOf(config);
    const unset = chain ? [chain.rpcUrl, chain.escrowFactory].filter((variable) => !environment.has(variable)) : [];
    const why = flags.offline
      ? '--offline'
      : wrong() > 0
        ? 'the ABIs do not fit'
        : !chain
          ? 'the config has no section chain'
          : unset.length > 0
            ? `${unset.join(' and ')} ${unset.length === 1 ? 'is' : 'are'} not set for ${env}`
            : undefined;
    let answered = 0;
    let escrow: string | undefined;
    if (why === undefined) {
      const asked = await askContracts(await openSession(ctx, { database: false }), required, flags.job);
      findings.push(...asked.findings);
      ({ answered, escrow } = asked);
    } else findings.push(notAsked(why));
    const lacking = wrong();
    const looked = `${counted(required.length, 'function or event', 'functions and events')} of the ABIs${answered > 0 ? `, ${answered} of them answered by the contracts of ${env}` : ''}`;
    return {
      verdict:
        lacking === 0
          ? `The config fits the contracts: ${looked}${why === undefined ? '' : '; the chain was not asked'}.`
          : `${lacking} of what the tasks need ${lacking === 1 ? 'is' : 'are'} not there; looked at: ${looked}.`,
      ok: lacking === 0,
      findings,
      data: {
        required: required.map(({ contract, type, key, name, needed }) => ({ contract, type, key, name, needed })),
        answered,
        escrow: escrow ?? null,
        chain: why === undefined,
      },
    };
  },
});

function notAsked(why: string): Finding {
  return {
    level: 'info',
    code: 'CHAIN_NOT_ASKED',
    message: `The chain was not asked (${why}): whether there is code, and whether each call is answered, was not looked at.`,
  };
}

export default task;
await main(task, import.meta);
