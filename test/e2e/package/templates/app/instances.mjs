// Prints what differs between the package as `import` gives it and as `require` gives it: nothing, or each
// class would exist twice.
import { createRequire } from 'node:module';
import { JobRun, MasterOnly, NotMasterError, ZookeeperModule } from 'nestjs-cluster-cron';
import * as imported from 'nestjs-cluster-cron';
import * as importedStore from 'nestjs-cluster-cron/locks';
import { ELECTIONS, runJob } from 'nestjs-cluster-cron/testing';
import * as importedKit from 'nestjs-cluster-cron/testing';

const require = createRequire(import.meta.url);
const required = require('nestjs-cluster-cron');
const requiredKit = require('nestjs-cluster-cron/testing');
const requiredStore = require('nestjs-cluster-cron/locks');
const differences = [];
for (const [left, right] of [
  [required, imported],
  [requiredKit, importedKit],
  [requiredStore, importedStore],
]) {
  for (const name of Object.keys(left)) if (left[name] !== right[name]) differences.push(name);
}

/** Decorated by what `import` gave, run by what `require` gave. */
class Jobs {
  send(run) {
    return run;
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Jobs.prototype, 'send');
MasterOnly()(Jobs.prototype, 'send', descriptor);
Object.defineProperty(Jobs.prototype, 'send', descriptor);
const run = await requiredKit.runJob(new Jobs(), 'send');

console.log(
  JSON.stringify({
    differences,
    names: [required, requiredKit, requiredStore].flatMap(Object.keys).length,
    run: run instanceof JobRun && run instanceof required.JobRun,
    named: [ZookeeperModule, NotMasterError, runJob].every((each) => typeof each === 'function') && typeof ELECTIONS === 'symbol',
  }),
);
