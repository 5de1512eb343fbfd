import 'reflect-metadata';
import { afterEach } from 'vitest';
import { forgetDismissed, keepEvidence } from './evidence.js';

afterEach((context) => {
  if (context.task.result?.state === 'fail') {
    const directory = keepEvidence(context.task.file.name, context.task.name);
    if (directory !== undefined) console.error(`Evidence of "${context.task.name}": ${directory}`);
  }
  forgetDismissed();
});
