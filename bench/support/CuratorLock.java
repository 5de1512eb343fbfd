// The same with Curator's InterProcessMutex: see kazoo_lock.py.
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryNTimes;

public class CuratorLock {
  private static final List<Double> SAMPLES = Collections.synchronizedList(new ArrayList<>());
  private static volatile long releasedNs;

  public static void main(String[] args) throws Exception {
    int waiters = Integer.parseInt(args[2]);
    int rounds = Integer.parseInt(args[3]);
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 10_000, 15_000, new RetryNTimes(100, 50));
    client.start();
    client.blockUntilConnected();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < waiters; i += 1) {
      InterProcessMutex lock = new InterProcessMutex(client, args[1]);
      Thread thread = new Thread(() -> {
        try {
          if (waiters == 1) alone(lock, rounds);
          else takeTurns(lock, rounds);
        } catch (Exception failed) {
          throw new IllegalStateException(failed);
        }
      });
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) thread.join();
    for (double sample : SAMPLES) System.out.println(sample);
    System.exit(0);
  }

  private static void alone(InterProcessMutex lock, int rounds) throws Exception {
    for (int round = 0; round < rounds; round += 1) {
      long began = System.nanoTime();
      lock.acquire();
      lock.release();
      SAMPLES.add((System.nanoTime() - began) / 1e6);
    }
  }

  private static void takeTurns(InterProcessMutex lock, int rounds) throws Exception {
    while (SAMPLES.size() < rounds) {
      lock.acquire();
      long now = System.nanoTime();
      if (releasedNs != 0 && SAMPLES.size() < rounds) SAMPLES.add((now - releasedNs) / 1e6);
      releasedNs = System.nanoTime();
      lock.release();
    }
  }
}
