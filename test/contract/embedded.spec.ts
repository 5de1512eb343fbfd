import { startTestZookeeper } from '../../src/testing/zookeeper/start.js';
import { CONTRACT } from './contract.js';
import { RealSubject } from './real.subject.js';
import { contractOf } from './statements.js';

contractOf('the test ZooKeeper', CONTRACT, () => RealSubject.start(() => startTestZookeeper({ tickTimeMs: 500 })));
