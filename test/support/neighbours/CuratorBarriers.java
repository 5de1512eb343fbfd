// A neighbour that uses Curator's barriers. Arguments: servers, session timeout (ms), `single` or `double`, path, members. Commands are lines on stdin; what
// happens are lines of JSON on stdout.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.retry.RetryNTimes;

public class CuratorBarriers {
  private static final int LIMIT_SECONDS = 120;

  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], Integer.parseInt(args[1]), 15_000, new RetryNTimes(100, 50));
    client.start();
    client.blockUntilConnected();
    DistributedBarrier single = new DistributedBarrier(client, args[3]);
    DistributedDoubleBarrier both = new DistributedDoubleBarrier(client, args[3], Integer.parseInt(args[4]));
    tell("connected");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      switch (line.replace("\"", "").trim()) {
        case "set":
          single.setBarrier();
          tell("set");
          break;
        case "open":
          single.removeBarrier();
          tell("open");
          break;
        case "wait":
          tell(single.waitOnBarrier(LIMIT_SECONDS, TimeUnit.SECONDS) ? "passed" : "late");
          break;
        case "enter":
          tell(both.enter(LIMIT_SECONDS, TimeUnit.SECONDS) ? "entered" : "late");
          break;
        default:
          tell(both.leave(LIMIT_SECONDS, TimeUnit.SECONDS) ? "left" : "late");
      }
    }
    System.exit(0);
  }

  private static void tell(String event) {
    System.out.println("{\"event\":\"" + event + "\"}");
  }
}
