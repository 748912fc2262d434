exports.defineConfig = (config) => config;
