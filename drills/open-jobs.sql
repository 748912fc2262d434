-- The jobs list, as the product reads it.
SELECT j.id, j.title, u."displayName" FROM "Job" j JOIN "User" u ON u.id = j."clientId" WHERE j.status = 'OPEN' ORDER BY j."createdAt" DESC LIMIT 20;
