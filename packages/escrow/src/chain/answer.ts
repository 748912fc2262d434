const QUANTITY = /^0x[0-9a-f]+$/i;
const DATA = /^0x(?:[0-9a-f]{2})*$/i;

const isQuantity = (answer: unknown) =>
  (typeof answer === 'string' && QUANTITY.test(answer)) || typeof answer === 'number';
const isData = (answer: unknown) => typeof answer === 'string' && DATA.test(answer);
const isObject = (answer: unknown) => typeof answer === 'object' && answer !== null;
const orNull = (is: (answer: unknown) => boolean) => (answer: unknown) => answer === null || is(answer);

/** What an answer to each method looks like (execution-apis). Only what may not be there is ever `null`. */
const SHAPES: Record<string, (answer: unknown) => boolean> = {
  eth_blockNumber: isQuantity,
  eth_chainId: isQuantity,
  eth_gasPrice: isQuantity,
  eth_maxPriorityFeePerGas: isQuantity,
  eth_getBalance: isQuantity,
  eth_getTransactionCount: isQuantity,
  eth_estimateGas: isQuantity,
  eth_call: isData,
  eth_getCode: isData,
  eth_sendRawTransaction: isData,
  eth_getLogs: Array.isArray,
  eth_getBlockByNumber: orNull(isObject),
  eth_getTransactionByHash: orNull(isObject),
  eth_getTransactionReceipt: orNull(isObject),
};

/** Is it an answer at all? A node that is overloaded, and what stands before it, say `null` and worse: that is not "no". */
export function isAnswer(method: string, answer: unknown): boolean {
  const is = SHAPES[method];
  return is === undefined || is(answer);
}
