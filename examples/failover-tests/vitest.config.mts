import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Nest reads the types of constructors' parameters from what the compiler writes beside decorators.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: { globals: true, include: ['*.spec.ts'], setupFiles: ['reflect-metadata'] },
});
