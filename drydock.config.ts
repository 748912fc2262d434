import { defineConfig } from '@drydock/kit';

/** The reference product, in the sandbox. A product of your own needs nothing but a file like this one. */
export default defineConfig({
  product: 'marketplace',
  // The sandbox writes its values; a file of your own beside this one wins over them.
  envDirs: ['.drydock/sandbox/env', '.'],
  // The environments are the runbook's three, with its parity table: what is so by itself is not said again.
  features: {
    variable: 'FEATURE_FLAGS',
    all: ['reviews', 'certificates', 'demo-banner'],
    minimal: ['reviews', 'certificates'],
  },
  variables: {
    NODE_ENV: { example: 'production', about: "Node's own mode", required: ['development', 'staging', 'production'] },
    PUBLIC_URL: {
      kind: 'url',
      example: 'https://staging.shop.example',
      about: 'where people reach the product',
      required: ['staging', 'production'],
    },
    DATABASE_URL: {
      kind: 'postgres',
      secret: true,
      example: 'postgresql://app:password@db.internal:5432/shop',
      about: "the product's database role",
      required: ['development', 'staging', 'production'],
    },
    OPS_DATABASE_URL: {
      for: 'operator',
      kind: 'postgres',
      secret: true,
      example: 'postgresql://owner:password@db.internal:5432/shop',
      about: 'the role that owns the schema',
      required: ['staging', 'production'],
    },
    ROTATOR_DATABASE_URL: {
      for: 'operator',
      kind: 'postgres',
      secret: true,
      example: 'postgresql://rotator:password@db.internal:5432/shop',
      about: "the role that makes and closes the database's logins",
    },
    REDIS_URL: {
      kind: 'redis',
      secret: true,
      example: 'redis://app:password@cache.internal:6379',
      about: 'cache and rate limits',
      required: ['staging', 'production'],
    },
    OPS_REDIS_URL: {
      for: 'operator',
      kind: 'redis',
      secret: true,
      example: 'redis://ops:password@cache.internal:6379',
      about: 'the user that changes passwords of Redis',
    },
    CHAIN_RPC_URL: {
      kind: 'url',
      example: 'https://rpc.example',
      about: 'the chain, one or more addresses',
      required: ['staging', 'production'],
    },
    CHAIN_ID: { kind: 'integer', example: '31337', about: 'the chain that is meant' },
    ESCROW_FACTORY_ADDRESS: {
      kind: 'address',
      example: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
      about: 'makes an escrow per job',
      required: ['staging', 'production'],
    },
    CERTIFICATE_ADDRESS: {
      kind: 'address',
      example: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
      about: 'certificates of finished jobs',
      required: ['staging', 'production'],
    },
    ESCROW_ADMIN_KEY: {
      kind: 'hex',
      secret: true,
      example: '0x…',
      about: "signs for the platform; in development for the operator's tasks too",
      required: ['staging', 'production'],
    },
    ESCROW_KEYSTORE: {
      for: 'operator',
      example: '/home/ops/keys/production.json',
      about: "the operator's encrypted key",
    },
    ESCROW_KEYSTORE_PASSWORD: { for: 'operator', secret: true, example: 'a long password', about: 'opens it' },
    ESCROW_SAFE_ADDRESS: {
      for: 'operator',
      kind: 'address',
      example: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
      about: 'the multisig that --propose safe addresses',
    },
    JWT_ACCESS_KEYS: {
      secret: true,
      example: 'kid1:base64url,kid0:base64url',
      about: 'the first signs, all verify',
      required: ['staging', 'production'],
    },
    JWT_REFRESH_KEYS: {
      secret: true,
      example: 'kid1:base64url,kid0:base64url',
      about: 'the first signs, all verify',
      required: ['staging', 'production'],
    },
    ADMIN_TOKEN: {
      kind: 'list',
      secret: true,
      example: 'a long random text',
      about: 'opens /api/admin; the first is sent, all are accepted',
      required: ['staging', 'production'],
    },
    FEATURE_FLAGS: { kind: 'list', example: 'reviews,certificates', about: 'feature flags that are on' },
    SENTRY_DSN: {
      secret: true,
      example: 'https://key@sentry.example/1',
      about: 'where errors are reported',
      required: ['staging', 'production'],
    },
    SENTRY_AUTH_TOKEN: {
      for: 'operator',
      secret: true,
      example: 'sntryu_…',
      about: "makes and disables Sentry's client keys",
    },
    SENTRY_TRACES_SAMPLE_RATE: { kind: 'number', example: '0.05', about: 'share of requests that are traced' },
    POSTHOG_KEY: { example: 'phc_…', about: 'project key, public by design' },
    POSTHOG_API_KEY: {
      for: 'operator',
      secret: true,
      example: 'phx_…',
      about: "personal API key, replaces the project's keys",
    },
    POSTHOG_PROJECT_ID: { for: 'operator', kind: 'integer', example: '12345', about: "the project's number" },
    POSTHOG_HOST: { kind: 'url', example: 'https://eu.posthog.com', about: 'where product events go' },
    S3_ENDPOINT: { for: 'operator', kind: 'url', example: 'https://s3.example', about: 'store of the backups' },
    S3_ACCESS_KEY_ID: { for: 'operator', example: 'AKIA…', about: 'store of the backups' },
    S3_SECRET_ACCESS_KEY: { for: 'operator', secret: true, example: 'secret', about: 'store of the backups' },
    BACKUP_BUCKET: { for: 'operator', example: 'shop-backups', about: 'store of the backups' },
    BACKUP_RECIPIENTS: {
      for: 'operator',
      example: 'age1…',
      about: 'public keys that backups are encrypted to',
      required: ['staging', 'production'],
    },
    BACKUP_IDENTITY: {
      for: 'operator',
      secret: true,
      example: 'AGE-SECRET-KEY-1…',
      about: 'opens backups; not on the host that makes them',
    },
    BACKUP_SIGNER: {
      for: 'operator',
      example: 'MCowBQYDK2VwAyEA…',
      about: 'public key of the host that makes backups',
      required: ['staging', 'production'],
    },
    BACKUP_SIGNING_KEY: {
      for: 'operator',
      secret: true,
      example: 'MC4CAQAwBQYDK2VwBCIEI…',
      about: 'signs backups; only on the host that makes them',
    },
    PROXY_SOCKET: { for: 'operator', example: '/run/haproxy/admin.sock', about: "HAProxy's runtime API" },
    PROXY_STATE_FILE: {
      for: 'operator',
      example: '/var/lib/haproxy/servers.state',
      about: 'what HAProxy loads when it starts',
    },
    RELEASE_FOLDER: {
      for: 'operator',
      example: '/var/lib/drydock',
      about: 'where versions lie and run on this host, for all checkouts',
    },
  },
  database: { seed: { module: 'prisma/seed.ts', productionAllowlist: ['0x70997970C51812dc3A010C7d01b50e0d17dc79C8'] } },
  backups: {
    stores: [{ kind: 'file', path: '.drydock/backups' }],
    // A product of your own names the key itself: backup:keygen prints the line. The sandbox makes a new one in each checkout.
    signers: [{ name: 'sandbox', variable: 'BACKUP_SIGNER' }],
  },
  // The sandbox's anvil makes a block for each transaction, and none besides: no block comes on top, and the newest is old.
  chain: { chainId: 31_337, confirmations: 1, maxBlockAgeMs: null },
  secrets: {
    rotate: {
      database: { kind: 'postgres', variable: 'DATABASE_URL', rotator: 'ROTATOR_DATABASE_URL' },
      'operator-database': { kind: 'postgres', variable: 'OPS_DATABASE_URL', rotator: 'ROTATOR_DATABASE_URL' },
      redis: { kind: 'redis' },
      'operator-redis': { kind: 'redis', variable: 'OPS_REDIS_URL', operator: 'OPS_REDIS_URL' },
      'admin-token': { kind: 'token', list: true, lastUsed: { metric: 'admin_token_former_used_seconds' } },
    },
  },
  release: {
    baseBranch: 'main',
    // Nobody uses the sandbox: what there is to see is seen at once. A gate would wait for traffic that does not come.
    watch: { seconds: 3 },
    artifact: {
      include: [
        'package.json',
        'pnpm-lock.yaml',
        'pnpm-workspace.yaml',
        'prisma',
        'packages/marketplace',
        'packages/escrow/package.json',
        'packages/escrow/artifacts',
      ],
      build: [
        {
          command: [
            'pnpm',
            'install',
            '--frozen-lockfile',
            '--prod',
            '--prefer-offline',
            '--filter',
            '@drydock/marketplace...',
          ],
        },
        { command: ['prisma', 'generate', '--schema', '{artifact}/prisma/schema.prisma'], cwd: 'checkout' },
      ],
      packages: ['packages/marketplace'],
      // Types, source maps and the sources beside what they were made into, and Prisma's engines for other databases.
      exclude: [
        '**/node_modules/**/*.{d.ts,d.mts,d.cts,map}',
        '**/node_modules/viem/**/*.ts',
        '**/node_modules/ox/**/*.ts',
        '**/node_modules/abitype/**/*.ts',
        '**/node_modules/zod/src',
        '**/node_modules/@prisma/client/runtime/*.{cockroachdb,mysql,sqlite,sqlserver}.*',
        '**/node_modules/@openzeppelin/contracts',
      ],
    },
    app: { command: ['node', 'packages/marketplace/src/server.ts'] },
    flow: { command: ['node', 'e2e/flow.ts'] },
    // By itself the marketplace listens on this machine alone.
    kubernetes: { variables: { HOST: '0.0.0.0' } },
  },
});
