import { createPublicKey } from 'node:crypto';
import { type Environment, EXIT, installOnDemand, OpsError } from '@drydock/kit';
import { fromDerBytes } from 'ox/Signature';
import {
  type Hash,
  type Hex,
  hashMessage,
  hashTypedData,
  keccak256,
  type LocalAccount,
  parseSignature,
  recoverAddress,
  serializeSignature,
  serializeTransaction,
} from 'viem';
import { publicKeyToAddress, toAccount } from 'viem/accounts';
import type { KeyConfig } from '../config/escrow.ts';

type KmsKey = Extract<KeyConfig, { kind: 'kms' }>;

/** An account whose key never leaves AWS KMS: it signs digests there. */
export async function kmsAccount(config: KmsKey, environment: Environment): Promise<LocalAccount> {
  const { GetPublicKeyCommand, KMSClient, SignCommand } = await loadSdk();
  const keyId = environment.require(config.keyId);
  const kms = new KMSClient(clientOptions(config, environment));
  const ask = async <T>(doing: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (cause) {
      throw kmsError(doing, config.keyId, cause);
    }
  };

  const { PublicKey, KeySpec } = await ask('give its public key', () =>
    kms.send(new GetPublicKeyCommand({ KeyId: keyId })),
  );
  if (KeySpec !== 'ECC_SECG_P256K1' || !PublicKey)
    throw kmsError(
      'sign for an Ethereum account',
      config.keyId,
      new Error(`its kind is ${KeySpec}, not ECC_SECG_P256K1`),
    );
  const address = publicKeyToAddress(pointOf(PublicKey));

  const signDigest = async (hash: Hash): Promise<Hex> => {
    const { Signature } = await ask('sign', () =>
      kms.send(
        new SignCommand({
          KeyId: keyId,
          Message: Buffer.from(hash.slice(2), 'hex'),
          MessageType: 'DIGEST',
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      ),
    );
    const { r, s } = lowS(fromDerBytes(Signature ?? new Uint8Array()));
    for (const yParity of [0, 1] as const) {
      const signature = serializeSignature({ r, s, yParity });
      if ((await recoverAddress({ hash, signature })) === address) return signature;
    }
    throw kmsError('sign', config.keyId, new Error('what it signed does not belong to its public key'));
  };

  return toAccount({
    address,
    sign: ({ hash }) => signDigest(hash),
    signMessage: async ({ message }) => signDigest(hashMessage(message)),
    signTypedData: async (data) => signDigest(hashTypedData(data as never)),
    async signTransaction(transaction, { serializer = serializeTransaction } = {}) {
      const signature = await signDigest(keccak256(await serializer(transaction)));
      return serializer(transaction, parseSignature(signature)) as never;
    },
  }) as LocalAccount;
}

/** Few keys lie there: an installation may do without the package. */
async function loadSdk() {
  try {
    return await import('@aws-sdk/client-kms');
  } catch (cause) {
    throw new OpsError({
      code: 'PACKAGE_MISSING',
      message: 'A key of AWS KMS needs the package @aws-sdk/client-kms, which is not installed here.',
      hint: `Install it: ${installOnDemand('@aws-sdk/client-kms') ?? 'npm run prepare-machine (an installation for production alone leaves it out)'}`,
      exit: EXIT.usage,
      cause,
    });
  }
}

/** The toolkit's variables first; what is not set there AWS's own chain of credentials finds. */
function clientOptions(config: KmsKey, environment: Environment) {
  const [region, endpoint] = [environment.get(config.region), environment.get(config.endpoint)];
  const accessKeyId = environment.get('AWS_ACCESS_KEY_ID');
  const secretAccessKey = environment.get('AWS_SECRET_ACCESS_KEY');
  const sessionToken = environment.get('AWS_SESSION_TOKEN');
  return {
    ...(region ? { region } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
  };
}

/** The uncompressed point of a DER public key (RFC 5480). */
function pointOf(der: Uint8Array): Hex {
  const { x = '', y = '' } = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  });
  return `0x04${hex(x)}${hex(y)}`;
}

const hex = (base64url: string) => Buffer.from(base64url, 'base64url').toString('hex').padStart(64, '0');

/** Half the order of secp256k1: chains take the lower of the two possible s alone (EIP-2), KMS gives either. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

function lowS({ r, s }: { r: bigint; s: bigint }): { r: Hex; s: Hex } {
  const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, '0')}`;
  return { r: word(r), s: word(s > ORDER / 2n ? ORDER - s : s) };
}

function kmsError(doing: string, variable: string, cause: unknown): OpsError {
  const { name, message } = cause as Error;
  return new OpsError({
    code: 'KMS_FAILED',
    message: `The KMS key of ${variable} does not ${doing} (${name === 'Error' ? message : `${name}: ${message}`}).`,
    hint: 'Check the key id, the region and the credentials: kms:GetPublicKey and kms:Sign are needed.',
    cause,
  });
}
