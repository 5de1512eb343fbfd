// A neighbour that counts with Curator. Arguments: servers, session timeout (ms), format (int64 or int32), path. Commands are lines on stdin; what happens
// are lines of JSON on stdout.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.retry.RetryNTimes;

public class CuratorCounter {
  private interface Number {
    long get() throws Exception;

    long add(long difference) throws Exception;

    void set(long value) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], Integer.parseInt(args[1]), 15_000, new RetryNTimes(100, 50));
    client.start();
    client.blockUntilConnected();
    Number number = args[2].equals("int64") ? atomicLong(client, args[3]) : sharedCount(client, args[3]);
    tell("\"event\":\"connected\"");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.replace("\"", "").trim().split(" ");
      switch (words[0]) {
        case "get":
          value(number.get());
          break;
        case "add":
          value(number.add(Long.parseLong(words[1])));
          break;
        case "set":
          number.set(Long.parseLong(words[1]));
          value(number.get());
          break;
        case "turns":
          for (int turn = 0; turn < Integer.parseInt(words[1]); turn += 1) tell("\"event\":\"counted\",\"value\":\"" + number.add(1) + "\"");
          tell("\"event\":\"done\"");
          break;
        default:
          throw new IllegalArgumentException(line);
      }
    }
    System.exit(0);
  }

  private static Number atomicLong(CuratorFramework client, String path) {
    DistributedAtomicLong number = new DistributedAtomicLong(client, path, new RetryNTimes(1_000, 0));
    return new Number() {
      public long get() throws Exception {
        return number.get().postValue();
      }

      public long add(long difference) throws Exception {
        for (;;) {
          AtomicValue<Long> value = number.add(difference);
          if (value.succeeded()) return value.postValue();
        }
      }

      public void set(long value) throws Exception {
        number.forceSet(value);
      }
    };
  }

  private static Number sharedCount(CuratorFramework client, String path) throws Exception {
    SharedCount number = new SharedCount(client, path, 0);
    number.start();
    return new Number() {
      public long get() throws Exception {
        // What it knows is brought by a watch, later: the node itself is asked.
        return java.nio.ByteBuffer.wrap(client.getData().forPath(path)).getInt();
      }

      public long add(long difference) throws Exception {
        for (;;) {
          VersionedValue<Integer> before = number.getVersionedValue();
          int next = (int) (before.getValue() + difference);
          if (number.trySetCount(before, next)) return next;
        }
      }

      public void set(long value) throws Exception {
        number.setCount((int) value);
      }
    };
  }

  private static void value(long value) {
    tell("\"event\":\"value\",\"value\":\"" + value + "\"");
  }

  private static void tell(String fields) {
    System.out.println("{" + fields + "}");
  }
}
