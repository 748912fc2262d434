import type { Finding } from '@drydock/kit';
import type { Abi, AbiEvent, AbiFunction, AbiParameter } from 'viem';
import { type Kind, type Required, type RequiredEvent, type RequiredFunction, TYPES } from './required.ts';

/** What the ABIs lack of what the config says that they have; the chain is not asked. */
export function checkAbis(abis: Record<Required['contract'], Abi>, required: Required[]): Finding[] {
  return required.flatMap((one) =>
    one.type === 'function' ? checkFunction(abis[one.contract], one) : checkEvent(abis[one.contract], one),
  );
}

const shown = ({ contract, type, name }: Required) => `The ABI of the ${contract} has no ${type} ${name}`;
const types = (parameters: readonly AbiParameter[]) => parameters.map(({ type }) => type).join(', ');

function checkFunction(abi: Abi, one: RequiredFunction): Finding[] {
  if (one.ungiven.length > 0)
    return [
      wrong(
        'ARGUMENT_NOT_KNOWN',
        `${one.key} gives ${one.name} ${one.ungiven.join(' and ')}, which is not known where it is called.`,
        'There it can be given jobId and salt.',
      ),
    ];
  const named = abi.filter((item): item is AbiFunction => item.type === 'function' && item.name === one.name);
  if (named.length === 0) return [lacks(abi, one)];
  const fits = named.filter(
    ({ inputs }) => inputs.length === one.inputs.length && inputs.every(({ type }, i) => is(type, one.inputs[i])),
  );
  const [found] = fits;
  if (!found)
    return [
      wrong(
        'ABI_ARGUMENTS',
        `${one.name} of the ${one.contract} takes (${types(named[0]?.inputs ?? [])}), and ${one.key} gives it ${one.inputs.length === 0 ? 'nothing' : wantedOf(one.inputs)}.`,
        `Name in ${one.key} what it takes, in its order.`,
      ),
    ];
  if (one.output === undefined) return [];
  if (found.outputs.length === 1 && is(found.outputs[0]?.type ?? '', one.output)) return [];
  return [
    wrong(
      'ABI_RETURNS',
      `${one.name} of the ${one.contract} answers with (${types(found.outputs)}), and ${one.key} wants ${TYPES[one.output].shown}.`,
      `Name another function in ${one.key}${one.needed ? '' : ', or null'}.`,
    ),
  ];
}

function checkEvent(abi: Abi, one: RequiredEvent): Finding[] {
  const found = abi.find((item): item is AbiEvent => item.type === 'event' && item.name === one.name);
  if (!found) return [lacks(abi, one)];
  const findings: Finding[] = [];
  for (const { name, kind } of one.parameters) {
    const parameter = found.inputs.find((input) => input.name === name);
    if (!parameter || !is(parameter.type, kind))
      findings.push(
        wrong(
          'ABI_PARAMETER',
          `The event ${one.name} of the ${one.contract} has (${found.inputs.map((input) => `${input.type} ${input.name ?? ''}`.trim()).join(', ')}), and ${one.key} wants ${TYPES[kind].shown} called ${name}.`,
          `${one.key} names the parameters as the ABI does.`,
        ),
      );
    else if (parameter.indexed && parameter.type === 'string')
      findings.push(
        wrong(
          'ABI_PARAMETER',
          `${name} of the event ${one.name} is indexed, and an indexed string is on the chain as its hash alone.`,
          'Set escrow.created.jobId to null; escrows without a job are not looked for then.',
        ),
      );
  }
  const [first] = found.inputs;
  if (one.first && !(first && is(first.type, one.first)))
    findings.push(
      wrong(
        'ABI_PARAMETER',
        `The first parameter of the event ${one.name} of the ${one.contract} is ${first?.type ?? 'not there'}, and ${one.key} wants ${TYPES[one.first].shown}.`,
        `Set ${one.key} to null: what it tells is not told then.`,
      ),
    );
  return findings;
}

function is(type: string, kind: Kind | undefined): boolean {
  return kind !== undefined && TYPES[kind].pattern.test(type);
}

function wantedOf(kinds: Kind[]): string {
  return `(${kinds.map((kind) => TYPES[kind].shown).join(', ')})`;
}

function lacks(abi: Abi, one: Required): Finding {
  const known = abi.flatMap((item) => (item.type === one.type ? [item.name] : []));
  const hint = `It has: ${known.join(', ') || 'none'}.`;
  if (one.needed) return wrong('ABI_LACKS', `${shown(one)}, which ${one.key} names: ${one.about}.`, hint);
  return { level: 'info', code: 'ABI_LACKS', message: `${shown(one)}: not done without it: ${one.about}.`, hint };
}

function wrong(code: string, message: string, hint: string): Finding {
  return { level: 'error', code, message, hint };
}
