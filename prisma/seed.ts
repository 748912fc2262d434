import type { SeedModule } from '@drydock/db/seed';

/** Nobody can sign in with it: argon2 refuses what is no hash. */
const NO_PASSWORD = 'set a password first';

const DEMO_CLIENT = {
  id: 'demo-client',
  email: 'demo-client@example.test',
  wallet: '0x90F79bf6EB2c4f870365E785982E1f101E93b906',
};
const DEMO_JOBS = ['Paint the hull', 'Step the mast', 'Caulk the deck'];

/** What an admin and demo data are in the marketplace. */
const seed: SeedModule = {
  async admins(client, wallets) {
    let created = 0;
    for (const wallet of wallets) {
      const { rowCount } = await client.query(
        `INSERT INTO "User" ("id", "email", "passwordHash", "wallet", "displayName", "isAdmin") VALUES ($1, $2, $3, $4, 'Admin', true)
         ON CONFLICT ("wallet") DO UPDATE SET "isAdmin" = true WHERE NOT "User"."isAdmin"`,
        [`admin-${wallet}`, `${wallet.toLowerCase()}@admin.invalid`, NO_PASSWORD, wallet],
      );
      created += rowCount ?? 0;
    }
    return { created };
  },
  async demo(client) {
    const { id, email, wallet } = DEMO_CLIENT;
    const user = await client.query(
      `INSERT INTO "User" ("id", "email", "passwordHash", "wallet", "displayName") VALUES ($1, $2, $3, $4, 'Demo client') ON CONFLICT DO NOTHING`,
      [id, email, NO_PASSWORD, wallet],
    );
    let created = user.rowCount ?? 0;
    for (const [n, title] of DEMO_JOBS.entries()) {
      const job = await client.query(
        `INSERT INTO "Job" ("id", "title", "description", "clientId") VALUES ($1, $2, 'A job to look at.', $3) ON CONFLICT DO NOTHING`,
        [`demo-job-${n}`, title, id],
      );
      await client.query(
        `INSERT INTO "Milestone" ("id", "jobId", "position", "title", "amount") VALUES ($1, $2, 0, 'All of it', 1000000000000000) ON CONFLICT DO NOTHING`,
        [`demo-milestone-${n}`, `demo-job-${n}`],
      );
      created += job.rowCount ?? 0;
    }
    return { created };
  },
};

export default seed;
