import { ClusterCronError } from '../../support/errors.js';

/** The application has no ZooKeeper: `standalone`, or the testing kit. */
export class NoEnsembleError extends ClusterCronError {
  constructor() {
    super('ZK_NO_ENSEMBLE', 'This application has no ZooKeeper (standalone, or the testing kit). In a test use startTestZookeeper.');
  }
}

/** A change was asked for of nodes that this library keeps for itself. Nothing was sent. */
export class OwnNodeError extends ClusterCronError {
  constructor(readonly path: string) {
    super(
      'ZK_OWN_NODE',
      `The node ${path} is kept by this library, and changing it may stop jobs or give a lock to two. If that is meant, say { ownNodes: true }.`,
    );
  }
}
