// A neighbour that uses Curator. Arguments: servers, session timeout (ms), what it takes, path, permits. Commands are lines on stdin; what happens are lines
// of JSON on stdout. Times are microseconds of CLOCK_MONOTONIC, which all processes of a machine share.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.retry.RetryNTimes;

public class CuratorNeighbour {
  /** Something that can be held. */
  private interface Held {
    boolean acquire(long waitMs) throws Exception;

    void release() throws Exception;
  }

  private final CuratorFramework client;
  private final Held held;
  private long sinceUs;

  private CuratorNeighbour(String[] args) throws Exception {
    client = CuratorFrameworkFactory.newClient(args[0], Integer.parseInt(args[1]), 15_000, new RetryNTimes(100, 50));
    client.start();
    client.blockUntilConnected();
    held = heldOf(args[2], args[3], args.length > 4 ? Integer.parseInt(args[4]) : 1);
  }

  private Held heldOf(String kind, String path, int permits) {
    switch (kind) {
      case "mutex":
        return of(new InterProcessMutex(client, path));
      case "read":
        return of(new InterProcessReadWriteLock(client, path).readLock());
      case "write":
        return of(new InterProcessReadWriteLock(client, path).writeLock());
      default:
        return semaphore(new InterProcessSemaphoreV2(client, path, permits));
    }
  }

  private Held of(InterProcessMutex lock) {
    return new Held() {
      public boolean acquire(long waitMs) throws Exception {
        return lock.acquire(waitMs, TimeUnit.MILLISECONDS);
      }

      public void release() throws Exception {
        lock.release();
      }
    };
  }

  private Held semaphore(InterProcessSemaphoreV2 semaphore) {
    return new Held() {
      private Lease lease;

      public boolean acquire(long waitMs) throws Exception {
        lease = semaphore.acquire(waitMs, TimeUnit.MILLISECONDS);
        return lease != null;
      }

      public void release() {
        semaphore.returnLease(lease);
      }
    };
  }

  public static void main(String[] args) throws Exception {
    CuratorNeighbour neighbour = new CuratorNeighbour(args);
    tell("\"event\":\"connected\"");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.replace("\"", "").trim().split(" ");
      neighbour.obey(words[0], words.length > 1 ? words[1] : "");
    }
    System.exit(0);
  }

  private void obey(String command, String argument) throws Exception {
    switch (command) {
      case "acquire":
        acquire(120_000);
        break;
      case "try":
        acquire(argument.isEmpty() ? 0 : Long.parseLong(argument));
        break;
      case "release":
        release();
        break;
      case "turns":
        for (int turn = 0; turn < Integer.parseInt(argument); turn += 1) {
          acquire(120_000);
          Thread.sleep(2);
          release();
        }
        tell("\"event\":\"done\"");
        break;
      case "revoke":
        Revoker.attemptRevoke(client, argument);
        tell("\"event\":\"asked\"");
        break;
      default:
        throw new IllegalArgumentException(command);
    }
  }

  private void acquire(long waitMs) throws Exception {
    boolean isHeld = held.acquire(waitMs);
    sinceUs = System.nanoTime() / 1_000;
    tell(isHeld ? "\"event\":\"held\"" : "\"event\":\"busy\"");
  }

  private void release() throws Exception {
    tell("\"event\":\"turn\",\"first\":" + sinceUs + ",\"last\":" + System.nanoTime() / 1_000);
    held.release();
    tell("\"event\":\"released\"");
  }

  private static void tell(String fields) {
    System.out.println("{" + fields + "}");
  }
}
