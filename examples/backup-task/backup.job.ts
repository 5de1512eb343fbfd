import { Inject, Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { type JobRun, MasterOnly } from 'nestjs-cluster-cron';
import { Backup, type BackupFiles } from './backup.js';

/** Injects the `BackupFiles`. */
export const BACKUP_FILES = Symbol('which files are backed up (BackupModule.forRoot)');

/** What is kept in ZooKeeper from run to run, and from replica to replica. */
interface State {
  readonly lastCommit: number;
}

/**
 * The distributed backup task. Every server registers for it by being a replica of this service; the master does the
 * work; when it dies, a standby goes on from `lastCommit`.
 *
 * Nothing is to be done about a run that was cut short: the next tick, at most a second later,
 * goes on at the checkpoint.
 */
@Injectable()
export class BackupJob {
  constructor(@Inject(BACKUP_FILES) private readonly files: BackupFiles) {}

  @Cron('* * * * * *')
  @MasterOnly({ name: 'backup', misfire: 'run-latest', maxSilenceMs: 60_000 })
  async copy(run: JobRun): Promise<void> {
    const saved = await run.checkpoint.get<State>();
    let lastCommit = saved?.lastCommit ?? 0;
    await using backup = await Backup.open(this.files);
    await backup.check(lastCommit);
    for (;;) {
      run.assertMaster();
      const reached = await backup.step(lastCommit);
      if (reached === lastCommit) return;
      lastCommit = reached;
      // First the bytes, then the word that they are there. ZooKeeper refuses the word of a
      // master that has been deposed.
      await run.checkpoint.set({ lastCommit } satisfies State);
      run.progress(await backup.fraction(lastCommit), `lastCommit ${lastCommit}`);
    }
  }
}
