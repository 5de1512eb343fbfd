import { CONTRACT } from './contract.js';
import { ModelSubject } from './model.subject.js';
import { contractOf } from './statements.js';

for (const seed of [1, 2, 3, 4, 5]) {
  contractOf(`the model of ZooKeeper (choices ${seed})`, CONTRACT, () => Promise.resolve(new ModelSubject(seed)));
}
