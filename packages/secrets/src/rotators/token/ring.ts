import { Secret } from '@drydock/kit';

/** The tokens of a variable, first the one that is sent. */
export function tokensIn(value: Secret | null | undefined, list: boolean): Secret[] {
  const text = value?.reveal() ?? '';
  const tokens = (list ? text.split(',') : [text]).map((one) => one.trim()).filter(Boolean);
  return tokens.map((one) => new Secret(one, value?.label));
}

/** As the variable holds them; one that stands twice stands once. */
export function ringText(tokens: readonly Secret[], label: string): Secret {
  return new Secret([...new Set(tokens.map((one) => one.reveal()))].join(','), label);
}
