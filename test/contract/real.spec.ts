import { CONTRACT } from './contract.js';
import { RealSubject } from './real.subject.js';
import { contractOf } from './statements.js';

contractOf('a real ZooKeeper server', CONTRACT, () => RealSubject.start());
