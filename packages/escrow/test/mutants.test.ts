// Uses anvil: copies of the contracts with a fault planted in each, of which the random calls find every one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleRounds } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileSources } from '../src/contracts/compile.ts';
import { withFuzzer } from './fuzz/run.ts';

const test = suite('faults planted in the contracts');
const FOLDER = join(import.meta.dirname, '../contracts');
const FILES = ['EscrowFactory.sol', 'MilestoneEscrow.sol'] as const;

interface Mutant {
  what: string;
  file: (typeof FILES)[number];
  /** What stands there, and what stands there instead. */
  change: [string, string][];
}

const escrow = (what: string, ...change: [string, string][]): Mutant => ({ what, file: 'MilestoneEscrow.sol', change });
const factory = (what: string, ...change: [string, string][]): Mutant => ({ what, file: 'EscrowFactory.sol', change });

const MUTANTS: Mutant[] = [
  escrow('recover pays out the whole balance', [
    'uint256 amount = surplus();',
    'uint256 amount = address(this).balance;',
  ]),
  escrow('a milestone is paid twice', ['if (released[index]) revert AlreadyReleased(index);', '']),
  escrow('credits count as surplus', ['- unreleased - credited', '- unreleased']),
  escrow('anybody releases', [
    'if (msg.sender != client && !factory.hasRole(OPERATOR_ROLE, msg.sender)) revert NotAllowed(msg.sender);',
    '',
  ]),
  escrow('the client may not release', ['msg.sender != client && ', '']),
  escrow('anybody rolls back', ['if (!factory.hasRole(ADMIN_ROLE, msg.sender)) revert NotAllowed(msg.sender);', '']),
  escrow('an operator rolls back', [
    '!factory.hasRole(ADMIN_ROLE, msg.sender)',
    '!factory.hasRole(OPERATOR_ROLE, msg.sender)',
  ]),
  escrow('a rollback leaves the sum of what is unreleased', ['        unreleased = 0;\n', '']),
  escrow('what was there before counts as the job’s', [
    'unreleased = msg.value;',
    'unreleased = address(this).balance;',
  ]),
  escrow('the surplus goes to whoever calls', ['address to = client;', 'address to = msg.sender;']),
  escrow('a credit is not forgotten', ['        credit[msg.sender] = 0;\n', '']),
  escrow('a credit stays in the sum', ['        credited -= amount;\n', '']),
  escrow('withdrawTo pays whoever calls', ['_withdraw(to);', '_withdraw(msg.sender);']),
  escrow('a recipient may burn all the gas', ['to.call{value: amount, gas: 100_000}', 'to.call{value: amount}']),
  escrow('who refuses stops the payment', [
    'if (paid) return;\n        credit',
    'if (!paid) revert PaymentFailed();\n        return;\n        credit',
  ]),
  escrow('who refuses loses it', ['        credit[to] += amount;\n', '']),
  escrow('it can be initialised again', ['        payable\n        initializer\n', '        payable\n']),
  factory('anybody creates', ['        onlyRole(OPERATOR_ROLE)\n', '']),
  factory('it creates while it is paused', ['        whenNotPaused\n', '']),
  factory('the funding is not looked at', ['if (msg.value != total) revert WrongFunding(msg.value, total);', '']),
  factory('an escrow without milestones', ['if (milestones.length == 0) revert NoMilestones();', '']),
  factory('the admin pauses, and no pauser', [
    'function pause() external onlyRole(PAUSER_ROLE)',
    'function pause() external onlyRole(DEFAULT_ADMIN_ROLE)',
  ]),
  factory('anybody empties the factory', [
    'external onlyRole(DEFAULT_ADMIN_ROLE) {\n        uint256 amount',
    'external {\n        uint256 amount',
  ]),
];

function copyOf({ what, file, change }: Mutant, name: string): Record<string, string> {
  const texts = Object.fromEntries(FILES.map((one) => [one, readFileSync(join(FOLDER, one), 'utf8')]));
  for (const [from, to] of change) {
    assert.is(texts[file]?.split(from).length, 2, `${what}: the source has it once: ${from}`);
    texts[file] = texts[file]?.replace(from, to) ?? '';
  }
  return Object.fromEntries(FILES.map((one) => [`${name}/${one}`, texts[one] ?? '']));
}

test('each of them dies', async () => {
  const wanted = sampleRounds(MUTANTS, 3);
  const texts = Object.assign({}, ...wanted.map((mutant, i) => copyOf(mutant, `m${i}`))) as Record<string, string>;
  const factories = (await compileSources(texts, FOLDER)).filter(
    ({ contractName }) => contractName === 'EscrowFactory',
  );
  assert.is(factories.length, wanted.length);
  const alive: string[] = [];
  await withFuzzer(async (tried) => {
    for (const [i, { what }] of wanted.entries()) {
      const { bytecode = '0x' } = factories[i] ?? {};
      const outcome = await tried(bytecode, { runs: 60, length: 100, seed: 20_261_127, shrink: false }).then(
        () => 'alive',
        (error: Error) => (error.cause as Error | undefined)?.message ?? error.message,
      );
      if (outcome === 'alive') alive.push(what);
      // It was found by a call or a sum, and not by a mistake of the test.
      else assert.match(outcome, /must (go through|be refused|be )/, what);
    }
  });
  assert.equal(alive, []);
});

test.run();
