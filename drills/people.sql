SELECT id, wallet FROM "User" LIMIT 1;
